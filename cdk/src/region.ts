/**
 * Region names, as the partitions of AWS form them, and where services have endpoints.
 *
 * In: a literal, the service. Out: why it cannot be the Region of a call, or nothing. A name that fits a partition's
 * pattern passes, known or not: Regions are opened more often than the catalog is made anew.
 */
import { Token } from 'aws-cdk-lib/core';
import { EndpointOptions } from './call-options';
import { Service } from './catalog';
import { holdsState } from './expression';

/** How each partition names its Regions, from the partition table that the AWS SDKs share. */
const REGIONS_OF_PARTITION: Readonly<Record<string, RegExp>> = {
  'aws': /^(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+$/,
  'aws-cn': /^cn-\w+-\d+$/,
  'aws-eusc': /^eusc-(de)-\w+-\d+$/,
  'aws-iso': /^us-iso-\w+-\d+$/,
  'aws-iso-b': /^us-isob-\w+-\d+$/,
  'aws-iso-e': /^eu-isoe-\w+-\d+$/,
  'aws-iso-f': /^us-isof-\w+-\d+$/,
  'aws-us-gov': /^us-gov-\w+-\d+$/,
};

export function partitionOf(region: string): string | undefined {
  return Object.keys(REGIONS_OF_PARTITION).find((partition) => REGIONS_OF_PARTITION[partition].test(region));
}

export function regionProblem(region: string): string | undefined {
  if (region.startsWith('$')) {
    return `\`${region}\` is no Region; for a Region from state write sfn.JsonPath.stringAt('${region}')`;
  }
  return partitionOf(region) === undefined ? `\`${region}\` is no Region of AWS, such as \`us-west-2\`` : undefined;
}

/**
 * Why a Region that a task names cannot be, be it from state.
 *
 * @param name as messages call it
 * @param service where the call goes, if that is to be looked at
 */
export function regionProblems(region: string, name = '`region`', service?: Service): string[] {
  if (holdsState(region)) {
    return [`${name} must not come from state: the operation table is written at synth`];
  }
  const problem = Token.isUnresolved(region)
    ? undefined
    : (regionProblem(region) ?? (service && unresolvedProblem(region, service)));
  return problem ? [problem] : [];
}

/** Why the service's endpoint rules, without a custom endpoint, end in an error. */
export function unresolvedProblem(
  region: string,
  service: Service,
  endpointOptions: EndpointOptions = {},
): string | undefined {
  const refusal = service.unresolved?.find(
    ({ options = [], regions }) =>
      options.every((option) => endpointOptions[option] === true) && (regions?.includes(region) ?? true),
  );
  if (!refusal) {
    return undefined;
  }
  const options = (refusal.options ?? []).map((option) => `\`endpointOptions.${option}\``).join(' and ');
  return `\`${service.id}\` has no endpoint in \`${region}\`${options && ` with ${options}`}: ${refusal.reason}`;
}
