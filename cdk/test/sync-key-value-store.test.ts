/**
 * The task that keeps a KeyValueStore in step: its state, its entry in the operation table, its permissions, its
 * mistakes.
 */
import { App, Aws, CfnParameter, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import {
  CallRetryMode,
  KeyValueEntries,
  KeyValueFormat,
  SyncKeyValueStore,
  SyncKeyValueStoreProps,
  SyncMode,
} from '../src';
import { aslProblems, errorsOf, HERE, newStack, statementsOf, tableOf } from './support';

const STORE = 'arn:aws:cloudfront::123456789012:key-value-store/0123';
const ACTIONS = ['DescribeKeyValueStore', 'ListKeys', 'UpdateKeys'];

type Changes = Partial<Omit<SyncKeyValueStoreProps, 'keyValueStore'>>;

function stackWith(changes: Changes | ((stack: Stack) => Changes) = {}): Stack {
  const stack = newStack();
  const more = typeof changes === 'function' ? changes(stack) : changes;
  const keyValueStore = cloudfront.KeyValueStore.fromKeyValueStoreArn(stack, 'Store', STORE);
  const task = new SyncKeyValueStore(stack, 'Task', {
    keyValueStore,
    entries: KeyValueEntries.of({ 'covers/1': '2030-01-31T00:00:00Z' }),
    mode: SyncMode.EXCLUSIVE,
    ...more,
  });
  new sfn.StateMachine(stack, 'Machine', { definitionBody: sfn.DefinitionBody.fromChainable(task) });
  return stack;
}

function stateOf(stack: Stack): any {
  return stack.resolve((stack.node.findChild('Task') as sfn.TaskStateBase).toStateJson());
}

/** Every statement but the one that lets the state machine run the function. */
function granted(stack: Stack) {
  return statementsOf(stack).filter(({ Action }) => Action !== 'lambda:InvokeFunction');
}

const objects = (stack: Stack) => s3.Bucket.fromBucketName(stack, 'Objects', 'exports');

test('the function is told the procedure, the store and what it is to hold', () => {
  const stack = stackWith({ keyPrefix: 'covers/', dryRun: true, retry: { mode: CallRetryMode.NONE } });
  expect(stateOf(stack).Parameters).toEqual({
    region: 'ap-northeast-1',
    procedure: 'keyValueStore.sync',
    parameters: {
      KvsARN: STORE,
      Items: [{ Key: 'covers/1', Value: '2030-01-31T00:00:00Z' }],
      mode: 'exclusive',
      keyPrefix: 'covers/',
      dryRun: true,
    },
    retry: { mode: 'none' },
  });
  expect(errorsOf(stack)).toEqual([]);
  expect(aslProblems(stack)).toEqual([]);
});

test('the table lists the own Region and signatures for every Region', () => {
  expect(tableOf(stackWith())).toEqual([{ procedure: 'keyValueStore.sync', regions: ['*global*', 'ap-northeast-1'] }]);
});

test('the role may read and write this store, wherever the request is signed for', () => {
  expect(granted(stackWith())).toEqual(
    ACTIONS.map((action) => ({
      Action: `cloudfront-keyvaluestore:${action}`,
      Effect: 'Allow',
      Resource: STORE,
    })),
  );
});

test('it goes on where the time was over, and repeats what passes', () => {
  const { Retry } = stateOf(stackWith());
  expect(Retry).toMatchObject([
    { ErrorEquals: expect.arrayContaining(['Lambda.TooManyRequestsException']) as unknown },
    { ErrorEquals: ['CrossRegion.Incomplete'], IntervalSeconds: 1, MaxAttempts: 20, BackoffRate: 1 },
    {
      ErrorEquals: expect.arrayContaining([
        'ThrottlingException',
        'CrossRegion.OutcomeUnknown',
        'CrossRegion.SourceChanged',
      ]) as unknown,
    },
  ]);
});

test('a store and a state machine of one stack', () => {
  const stack = newStack();
  const task = new SyncKeyValueStore(stack, 'Task', {
    keyValueStore: new cloudfront.KeyValueStore(stack, 'Store'),
    entries: KeyValueEntries.of({}),
    mode: SyncMode.MERGE,
  });
  new sfn.StateMachine(stack, 'Machine', { definitionBody: sfn.DefinitionBody.fromChainable(task) });
  expect(errorsOf(stack)).toEqual([]);
  const [store] = Object.keys(Template.fromStack(stack).findResources('AWS::CloudFront::KeyValueStore'));
  expect(stateOf(stack).Parameters.parameters.KvsARN).toEqual({ 'Fn::GetAtt': [store, 'Arn'] });
});

test('entries from state', () => {
  const stack = stackWith({ entries: KeyValueEntries.fromState(sfn.JsonPath.objectAt('$.items')) });
  expect(stateOf(stack).Parameters.parameters).toMatchObject({ 'Items.$': '$.items' });
  expect(errorsOf(stack)).toEqual([]);
});

test('entries from an object', () => {
  const entries = (stack: Stack) =>
    KeyValueEntries.fromBucket(objects(stack), 'releases.csv', { format: KeyValueFormat.CSV, region: 'us-west-2' });
  const stack = stackWith((it) => ({ entries: entries(it) }));
  expect(stateOf(stack).Parameters.parameters.itemsFrom).toEqual({
    Bucket: 'exports',
    Key: 'releases.csv',
    region: 'us-west-2',
    format: 'csv',
  });
  expect(tableOf(stack)).toEqual([
    {
      procedure: 'keyValueStore.sync',
      regions: ['*global*', 'ap-northeast-1', 'us-west-2'],
      sources: [{ bucket: 'exports', keyPrefix: 'releases.csv' }],
    },
  ]);
  expect(granted(stack)).toContainEqual({
    Action: 's3:GetObject',
    Effect: 'Allow',
    Resource: { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':s3:::exports/releases.csv']] },
    Condition: { StringEquals: { 'aws:RequestedRegion': 'us-west-2' } },
  });
  expect(errorsOf(stack)).toEqual([]);
});

test('a version of an object whose key comes from state, in an encrypted bucket', () => {
  const stack = stackWith((it) => ({
    entries: KeyValueEntries.fromBucket(
      new s3.Bucket(it, 'Objects', { encryptionKey: new kms.Key(it, 'Key') }),
      sfn.JsonPath.stringAt('$.key'),
      { format: KeyValueFormat.JSON, keyPrefix: 'out/', versionId: sfn.JsonPath.stringAt('$.version') },
    ),
  }));
  expect(stateOf(stack).Parameters.parameters.itemsFrom).toMatchObject({
    'Key.$': '$.key',
    'VersionId.$': '$.version',
  });
  const actions = granted(stack).map(({ Action }) => Action);
  expect(actions).toContain('s3:GetObjectVersion');
  expect(actions).toContain('kms:Decrypt');
  expect(actions).not.toContain('s3:GetObject');
  expect(JSON.stringify(granted(stack))).toContain('/out/*');
  expect(errorsOf(stack)).toEqual([]);
});

test('an encrypted bucket in another Region takes its own key and no other', () => {
  const app = new App();
  const there = new Stack(app, 'There', { env: { ...HERE, region: 'us-west-2' }, crossRegionReferences: true });
  const here = new Stack(app, 'Here', { env: HERE, crossRegionReferences: true });
  const bucket = new s3.Bucket(there, 'Bucket', { bucketName: 'exports', encryptionKey: new kms.Key(there, 'Key') });
  new SyncKeyValueStore(here, 'Task', {
    keyValueStore: cloudfront.KeyValueStore.fromKeyValueStoreArn(here, 'Store', STORE),
    entries: KeyValueEntries.fromBucket(bucket, 'a', { format: KeyValueFormat.JSON }),
    mode: SyncMode.MERGE,
  });
  expect(errorsOf(here)).toEqual([]);
  const decrypts = statementsOf(here).filter(({ Action }) => Action === 'kms:Decrypt');
  expect(decrypts).toHaveLength(1);
  expect(decrypts[0].Resource).not.toBe('*');
});

test('a bound is found in a key as far as both are known', () => {
  const keyPrefix = (stack: Stack) => new CfnParameter(stack, 'Prefix').valueAsString;
  const stack = stackWith((it) => ({
    entries: KeyValueEntries.fromBucket(objects(it), 'in/1', { format: KeyValueFormat.JSON, keyPrefix: keyPrefix(it) }),
  }));
  expect(errorsOf(stack)).toEqual([]);
});

test('a key that IAM takes for many is fine where no statement names it', () => {
  const stack = stackWith((it) => ({
    entries: KeyValueEntries.fromBucket(objects(it), 'in/a*b', { format: KeyValueFormat.JSON, keyPrefix: 'in/' }),
  }));
  expect(errorsOf(stack)).toEqual([]);
  expect(JSON.stringify(granted(stack))).toContain(':s3:::exports/in/*"');
});

test('entries that come from different objects are different permissions', () => {
  const stack = newStack();
  const keyValueStore = cloudfront.KeyValueStore.fromKeyValueStoreArn(stack, 'Store', STORE);
  const bucket = objects(stack);
  for (const key of ['a', 'b', 'b']) {
    new SyncKeyValueStore(stack, `Task${stack.node.children.length}`, {
      keyValueStore,
      entries: KeyValueEntries.fromBucket(bucket, key, { format: KeyValueFormat.JSON }),
      mode: SyncMode.MERGE,
    });
  }
  expect(tableOf(stack)).toMatchObject([
    { sources: [{ bucket: 'exports', keyPrefix: 'a' }] },
    { sources: [{ bucket: 'exports', keyPrefix: 'b' }] },
  ]);
});

test('JSONata', () => {
  const stack = newStack();
  const task = SyncKeyValueStore.jsonata(stack, 'Task', {
    keyValueStore: cloudfront.KeyValueStore.fromKeyValueStoreArn(stack, 'Store', STORE),
    entries: KeyValueEntries.fromState('{% $states.input.items %}'),
    mode: SyncMode.MERGE,
    outputs: { etag: '{% $states.result.ETag %}' },
  });
  new sfn.StateMachine(stack, 'Machine', { definitionBody: sfn.DefinitionBody.fromChainable(task) });
  expect(stateOf(stack).Arguments.parameters.Items).toBe('{% $states.input.items %}');
  expect(aslProblems(stack)).toEqual([]);
  expect(errorsOf(stack)).toEqual([]);
});

describe('mistakes', () => {
  const from = (key: string, options: { keyPrefix?: string; region?: string }) => (stack: Stack) => ({
    entries: KeyValueEntries.fromBucket(objects(stack), key, { format: KeyValueFormat.JSON, ...options }),
  });
  const cases: [string, Changes | ((stack: Stack) => Changes), string][] = [
    ['a long key', { entries: KeyValueEntries.of({ ['é'.repeat(257)]: '' }) }, 'must have 1 to 512 bytes, not 514'],
    ['an empty key', { entries: KeyValueEntries.of({ '': '' }) }, 'must have 1 to 512 bytes, not 0'],
    ['a long value', { entries: KeyValueEntries.of({ k: 'v'.repeat(1025) }) }, 'must have 0 to 1024 bytes, not 1025'],
    ['a key out of bounds', { keyPrefix: 'icons/' }, 'the key `covers/1` does not begin with `keyPrefix`'],
    ['an empty prefix', { keyPrefix: '' }, '`keyPrefix` is empty: leave it out'],
    ['too many attempts', { retry: { maxAttempts: 11 } }, '`retry.maxAttempts` must be an integer from 1 to 10'],
    ['a key from state', from(sfn.JsonPath.stringAt('$.key'), {}), '`keyPrefix` of the entries is missing'],
    ['a key from JSONata', from('{% $key %}', {}), '`keyPrefix` of the entries is missing'],
    ['a key beside its prefix', from('in/1', { keyPrefix: 'out/' }), '`keyPrefix` of the entries is not what `in/1`'],
    ['a key that IAM takes for many', from('in/*', {}), '`key` of the entries holds `*`, `?` or `${`'],
    ['such a key beside a token', from(`${Aws.REGION}/*`, {}), '`key` of the entries holds `*`'],
    ['such a bound', from(sfn.JsonPath.stringAt('$.key'), { keyPrefix: '?' }), '`keyPrefix` of the entries holds `*`'],
    [
      'a bound from state',
      from(sfn.JsonPath.stringAt('$.key'), { keyPrefix: '{% $prefix %}' }),
      '`keyPrefix` of the entries must not come from state',
    ],
    ['no object', from('', {}), '`key` of the entries is empty'],
    ['a key that S3 does not have', from('k'.repeat(1025), {}), '`key` of the entries has more than 1024 bytes'],
    ['no Region', from('in/1', { region: 'us-west' }), '`us-west` is no Region of AWS'],
    [
      'a Region from state',
      from('a', { region: sfn.JsonPath.stringAt('$.region') }),
      '`region` of the entries must not',
    ],
  ];
  test.each(cases)('%s', (_, changes, message) => {
    expect(errorsOf(stackWith(changes))).toEqual([expect.stringContaining(message)]);
  });

  test('a store from state', () => {
    const stack = newStack();
    new SyncKeyValueStore(stack, 'Task', {
      keyValueStore: cloudfront.KeyValueStore.fromKeyValueStoreArn(stack, 'Store', sfn.JsonPath.stringAt('$.store')),
      entries: KeyValueEntries.of({}),
      mode: SyncMode.MERGE,
    });
    expect(errorsOf(stack)).toEqual(['`keyValueStore` must not come from state: policies are written at synth']);
  });
});
