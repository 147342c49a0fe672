/**
 * What a user writes about permissions, before it becomes a policy.
 *
 * In: the props. Out: why IAM would refuse the resources and conditions, or never match them; actions that are none are
 * refused by the CDK. Tokens pass.
 */
import { Token } from 'aws-cdk-lib/core';
import { holdsState } from './expression';

export interface PolicyProps {
  readonly iamResources?: readonly string[];
  readonly iamResourcesByAction?: Readonly<Record<string, readonly string[]>>;
  readonly iamConditions?: Readonly<Record<string, unknown>>;
}

const RESOURCE = /^(\*$|arn:)/;

export function policyPropProblems(props: PolicyProps): string[] {
  const own = Object.entries(props.iamResourcesByAction ?? {});
  return [
    ...misfits('iamResources', props.iamResources ?? []),
    ...own.flatMap(([, resources]) => misfits('iamResourcesByAction', resources)),
    ...own
      .filter(([, resources]) => resources.length === 0)
      .map(([action]) => `\`iamResourcesByAction\` names no resources for \`${action}\`: name them, or leave it out`),
    ...stateProblems('`iamConditions`', textsOf(props.iamConditions)),
  ];
}

/** Policies are written before there is any state. */
export function stateProblems(name: string, texts: readonly string[]): string[] {
  return texts.some(holdsState) ? [`${name} must not come from state: policies are written at synth`] : [];
}

function misfits(name: string, resources: readonly string[]): string[] {
  return resources
    .filter((resource) => !Token.isUnresolved(resource) && !holdsState(resource) && !RESOURCE.test(resource))
    .map((resource) => `\`${name}\` holds \`${resource}\`, which is neither an ARN nor \`*\``);
}

/** Every string in the value, at any depth. */
function textsOf(value: unknown): string[] {
  if (typeof value === 'string') {
    return [value];
  }
  return typeof value === 'object' && value !== null && !Token.isUnresolved(value)
    ? Object.values(value).flatMap(textsOf)
    : [];
}
