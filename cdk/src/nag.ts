/**
 * Notes for cdk-nag, written as the metadata that it reads, so that the library does not depend on it.
 *
 * In: a policy that has to say `*`, and why. Out: its AwsSolutions-IAM5 finding on `*` is suppressed, and
 * no other.
 */
import * as iam from 'aws-cdk-lib/aws-iam';
import { CfnResource } from 'aws-cdk-lib/core';

const KEY = 'cdk_nag';

interface Notes {
  readonly rules_to_suppress: { readonly id: string; readonly reason: string; readonly applies_to: string[] }[];
}

export function acceptWildcard(policy: iam.Policy, reason: string): void {
  const resource = policy.node.defaultChild as CfnResource;
  const known = (resource.getMetadata(KEY) as Notes | undefined)?.rules_to_suppress ?? [];
  if (known.some((note) => note.reason === reason)) {
    return;
  }
  const note = { id: 'AwsSolutions-IAM5', reason, applies_to: ['Resource::*'] };
  resource.addMetadata(KEY, { rules_to_suppress: [...known, note] } satisfies Notes);
}
