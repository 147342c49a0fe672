/**
 * Directory buckets of Amazon S3: their own actions, and the session that is opened first.
 */
import { Aws } from 'aws-cdk-lib';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsServiceCrossRegionProps } from '../src';
import { errorsOf, stackWith, statementsOf, tableOf } from './support';

type Changes = Partial<CallAwsServiceCrossRegionProps>;

const BUCKET = 'covers--usw2-az1--x-s3';
const ARN = `arn:aws:s3express:us-west-2:123456789012:bucket/${BUCKET}`;
const SESSION = 's3express:CreateSession';

function permitted(changes: Changes) {
  const stack = stackWith({ iamResources: [ARN], ...changes });
  expect(errorsOf(stack)).toEqual([]);
  const actions = statementsOf(stack).flatMap((statement) => statement.Action);
  return { actions, table: tableOf(stack)[0].actions };
}

const on = (Bucket: unknown, rest: object = { Key: 'one.png' }) => ({ parameters: { Bucket, ...rest } });

test.each<[string, Changes]>([
  ['an object', on(BUCKET)],
  ['an object by an access point', on('reader--usw2-az1--xa-s3')],
  ['a version, which such buckets do not have', on(BUCKET, { Key: 'one.png', VersionId: 'v' })],
])('%s is read in a session', (_, changes) => {
  expect(permitted(changes)).toEqual({ actions: [SESSION], table: ['createSession', 'getObject'] });
});

test('other buckets are not', () => {
  for (const bucket of ['covers', 'a--x-s3-b', 'x-s3']) {
    expect(permitted(on(bucket))).toEqual({ actions: ['s3:GetObject'], table: ['getObject'] });
  }
});

test('the bucket itself has actions of its own, and no session', () => {
  const policy = { action: 'getBucketPolicy', ...on(BUCKET, {}) };
  expect(permitted(policy)).toEqual({ actions: ['s3express:GetBucketPolicy'], table: ['getBucketPolicy'] });
  const create = {
    action: 'createBucket',
    ...on(BUCKET, { CreateBucketConfiguration: { Tags: [{ Key: 'k', Value: 'v' }] } }),
  };
  expect(permitted(create).actions).toEqual(['s3express:CreateBucket', 's3express:TagResource']);
  const session = { action: 'createSession', ...on(BUCKET, {}) };
  expect(permitted(session)).toEqual({ actions: [SESSION], table: ['createSession'] });
});

test('what such a bucket has no action for is asked for', () => {
  expect(errorsOf(stackWith({ action: 'getBucketCors', ...on(BUCKET, {}) }))).toEqual([
    '`iamAction` is missing: which action permits `GetBucketCors` is not known',
  ]);
});

describe('copies', () => {
  const copy = (to: string, from: unknown): Changes => ({
    action: 'copyObject',
    parameters: { Bucket: to, Key: 'k', CopySource: from },
  });

  test.each<[string, string, unknown, string[]]>([
    ['into one', BUCKET, 'covers/k', [SESSION, 's3:GetObject']],
    ['into one from a version', BUCKET, 'covers/k?versionId=v', [SESSION, 's3:GetObjectVersion']],
    ['out of one', 'covers', `${BUCKET}/k`, ['s3:PutObject', SESSION]],
    ['out of one with a slash', 'covers', `/${BUCKET}/k`, ['s3:PutObject', SESSION]],
    ['between two', BUCKET, `${BUCKET}/k`, [SESSION]],
    [
      'out of an access point',
      'covers',
      'arn:aws:s3express:us-west-2:123456789012:accesspoint/r--usw2-az1--xa-s3/object/k',
      ['s3:PutObject', SESSION],
    ],
    ['neither', 'covers', 'covers/k', ['s3:GetObject', 's3:PutObject']],
  ])('%s', (_, to, from, actions) => {
    expect(permitted(copy(to, from))).toEqual({ actions, table: ['copyObject'] });
  });

  test('into one from state', () => {
    const source = sfn.JsonPath.stringAt('$.source');
    const expected = [SESSION, 's3:GetObject', 's3:GetObjectVersion'];
    expect(permitted(copy(BUCKET, source)).actions).toEqual(expected);
    const parameters = { 'Bucket': BUCKET, 'Key': 'k', 'CopySource.$': '$.source' };
    expect(permitted({ action: 'copyObject', parameters }).actions).toEqual(expected);
  });
});

describe('a bucket that is not known', () => {
  const state = on(sfn.JsonPath.stringAt('$.bucket'));

  test('is taken for one of the usual kind', () => {
    expect(permitted(state)).toEqual({ actions: ['s3:GetObject'], table: ['getObject'] });
  });

  test('is one if the action says so', () => {
    const expected = { actions: [SESSION], table: ['createSession', 'getObject'] };
    expect(permitted({ ...state, iamAction: SESSION })).toEqual(expected);
    expect(permitted({ ...on(`b-${Aws.ACCOUNT_ID}`), iamAction: SESSION })).toEqual(expected);
  });

  test('shows its kind by its end', () => {
    const expected = { actions: [SESSION], table: ['createSession', 'getObject'] };
    expect(permitted(on(`b-${Aws.ACCOUNT_ID}--usw2-az1--x-s3`))).toEqual(expected);
  });

  test('may be of either kind', () => {
    const both = { ...state, iamResources: ['arn:aws:s3:::covers/*'], iamResourcesByAction: { [SESSION]: [ARN] } };
    expect(permitted(both)).toEqual({ actions: [SESSION, 's3:GetObject'], table: ['createSession', 'getObject'] });
  });

  test('is none for an operation that opens no session', () => {
    const policy = { ...on(sfn.JsonPath.stringAt('$.bucket'), {}), action: 'getBucketPolicy', iamAction: SESSION };
    expect(permitted(policy).table).toEqual(['getBucketPolicy']);
  });
});

test('an action on sessions alone makes no known bucket one', () => {
  expect(permitted({ iamAction: SESSION }).table).toEqual(['getObject']);
});
