/**
 * What it takes to store a result in S3.
 *
 * In: a bucket, and the key of the object, which may come from state. Out: the event's field, the place in the
 * operation table, the IAM statements for writing there, and what is wrong with it.
 */
import * as iam from 'aws-cdk-lib/aws-iam';
import { Token } from 'aws-cdk-lib/core';
import { holdsState, wordingOf } from './expression';
import { keyStatements } from './key-statement';
import { keyProblems, keysWithin, prefixProblems } from './object-key';
import { bucketPlace, ResultPlace } from './operation-table';
import { inRegions } from './permissions';
import { regionProblem } from './region';
import { ResultTo } from './result-to';
import { wildcardProblems } from './wildcards';

/** What storing a result takes. */
export interface StoringPlan {
  readonly places: ResultPlace[];
  readonly statements: iam.PolicyStatement[];
  readonly problems: string[];
  /** What the function is told of other stacks. */
  readonly sent: string[];
}

/**
 * The event's field.
 */
export function renderResultTo(resultTo: ResultTo | undefined): Record<string, unknown> | undefined {
  return (
    resultTo && {
      bucket: resultTo.bucket.bucketName,
      key: resultTo.key,
      region: regionOf(resultTo),
      when: resultTo.when,
    }
  );
}

/**
 * What the function may write, and nothing else.
 */
export function planStoring(resultTo: ResultTo | undefined): StoringPlan {
  if (!resultTo) {
    return { places: [], statements: [], problems: [], sent: [] };
  }
  const { bucket, key, keyPrefix } = resultTo;
  const region = regionOf(resultTo);
  const fromState = holdsState(key);
  const prefix = fromState ? (keyPrefix ?? '') : key;
  const objects = new iam.PolicyStatement({
    actions: ['s3:AbortMultipartUpload', 's3:PutObject'],
    resources: [bucket.arnForObjects(keysWithin(prefix, key))],
    conditions: inRegions([region]),
  });
  // To write encrypted parts, S3 reads the ones before.
  const ofKey = keyStatements(bucket.encryptionKey, ['kms:Decrypt', 'kms:GenerateDataKey']);
  return {
    places: [{ ...bucketPlace(bucket.bucketName, prefix), region }],
    statements: [objects, ...ofKey],
    problems: resultToProblems(resultTo, region, fromState),
    sent: [bucket.bucketName, region],
  };
}

function resultToProblems({ key, keyPrefix }: ResultTo, region: string, fromState: boolean): string[] {
  const problems: string[] = [];
  if (fromState && keyPrefix === undefined) {
    problems.push(
      '`resultTo.key` comes from state: say in `resultTo.keyPrefix` how it begins (the empty string for the whole bucket)',
    );
  }
  if (!fromState && keyPrefix !== undefined) {
    problems.push('`resultTo.keyPrefix` bounds a `key` from state, but `key` is known: leave it out');
  }
  if (keyPrefix !== undefined) {
    const name = '`resultTo.keyPrefix`';
    problems.push(...prefixProblems(name, keyPrefix), ...textProblems(name, keyPrefix));
  }
  if (!fromState) {
    const name = '`resultTo.key`';
    problems.push(...(key === '' ? [`${name} is empty`] : keyProblems(name, key)), ...textProblems(name, key));
  }
  if (holdsState(region)) {
    problems.push('`resultTo.region` must not come from state: the operation table is written at synth');
  } else if (!Token.isUnresolved(region)) {
    const problem = regionProblem(region);
    problems.push(...(problem ? [`\`resultTo.region\`: ${problem}`] : []));
  }
  return problems;
}

/** What the handler refuses, and what a statement would not take literally. */
function textProblems(name: string, text: string): string[] {
  const problems: string[] = [];
  const wording = wordingOf(text);
  if (/\p{Cc}/u.test(wording)) {
    problems.push(`${name} holds control characters`);
  }
  if (wording.split('/').some((part) => part === '.' || part === '..')) {
    problems.push(`${name} holds \`.\` or \`..\` between slashes: it could be taken for another key`);
  }
  return [...problems, ...wildcardProblems(name, text)];
}

function regionOf({ bucket, region }: ResultTo): string {
  return region ?? bucket.env.region;
}
