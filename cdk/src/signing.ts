/**
 * For which Regions a call is signed, which is what IAM and the operation table judge.
 *
 * In: the service, the parameters, the Regions that the task may name. Out: the Regions for the operation
 * table, and those for IAM's `aws:RequestedRegion`; none for IAM where no list would be right.
 */
import { Service } from './catalog';
import { partitionOf } from './region';

/** In the operation table: signatures that hold in every Region at once (SigV4A). */
export const EVERY_REGION = '*global*';

/** In the operation table: any Region of the function's partition. */
export const ANY_REGION = '*';

interface SignedForAll {
  readonly service: string;
  /** Only where this member fits; always where there is none. */
  readonly member?: string;
  readonly pattern?: RegExp;
}

const SIGNED_FOR_ALL: readonly SignedForAll[] = [
  { service: 'cloudfront-keyvaluestore' },
  { service: 'events', member: 'EndpointId', pattern: /./ },
  { service: 's3', member: 'Bucket', pattern: /^arn:[^:]+:s3::[^:]*:accesspoint[:/].+\.mrap$/ },
];

export interface Signed {
  readonly table: string[];
  readonly iam?: string[];
}

/** @param regions undefined for any */
export function signedFor(regions: readonly string[] | undefined, service?: Service, parameters = {}): Signed {
  const holdsEverywhere = regions?.includes(EVERY_REGION) === true || isSignedForAll(service, parameters);
  const table = [...(regions ?? [ANY_REGION]), ...(holdsEverywhere ? [EVERY_REGION] : [])];
  if (regions === undefined || holdsEverywhere) {
    return { table };
  }
  const global = service?.globalRegions;
  if (global === undefined) {
    return { table, iam: [...regions] };
  }
  const signed: (string | undefined)[] = regions.map((region) => global[partitionOf(region) ?? '']);
  // Of a token's partition, and of one that the rules are silent about, the signing Region is not known.
  return signed.includes(undefined) ? { table } : { table, iam: [...new Set(signed as string[])] };
}

function isSignedForAll(service: Service | undefined, parameters: Readonly<Record<string, unknown>>): boolean {
  return SIGNED_FOR_ALL.some(({ service: id, member, pattern }) => {
    const value = member === undefined ? undefined : parameters[member];
    return id === service?.id && (pattern === undefined || (typeof value === 'string' && pattern.test(value)));
  });
}
