/**
 * The use of a KMS key by a service that the function asks for something.
 *
 * In: the key, which may be known by an alias only, and actions. Out: the IAM statement for it, or none without a key.
 * It is not bound to a Region: the service asks in its own name.
 */
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import { Stack } from 'aws-cdk-lib/core';

export function keyStatements(key: kms.IKey | undefined, actions: string[]): iam.PolicyStatement[] {
  if (key === undefined) {
    return [];
  }
  if (!isAlias(key)) {
    return [new iam.PolicyStatement({ actions, resources: [key.keyArn] })];
  }
  // IAM knows a key by its own ARN, and not by that of an alias.
  const target = targetOf(key);
  if (target) {
    return keyStatements(target, actions);
  }
  const { region, account } = key.env;
  const any = Stack.of(key).formatArn({ service: 'kms', region, account, resource: 'key', resourceName: '*' });
  const conditions = { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': key.aliasName } };
  return [new iam.PolicyStatement({ actions, resources: [any], conditions })];
}

function isAlias(key: kms.IKey): key is kms.IAlias {
  return 'aliasName' in key;
}

/** An alias that was imported by its name throws where it is asked. */
function targetOf(alias: kms.IAlias): kms.IKey | undefined {
  try {
    return alias.aliasTargetKey;
  } catch {
    return undefined;
  }
}
