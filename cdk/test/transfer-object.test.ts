/**
 * The task that copies objects: its state, its entry in the operation table, its permissions, its mistakes.
 */
import { Stack } from 'aws-cdk-lib';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Duration } from 'aws-cdk-lib/core';
import { AssumeRole, TransferObject, TransferObjectProps, TransferPlace } from '../src';
import { aslProblems, errorsOf, newStack, statementsOf, tableOf } from './support';

const READER = 'arn:aws:iam::111122223333:role/reader';

type Changes = (stack: Stack) => Partial<TransferObjectProps>;

function propsOf(stack: Stack): TransferObjectProps {
  return {
    source: { bucket: s3.Bucket.fromBucketName(stack, 'Source', 'tokyo'), key: 'in/one', region: 'ap-northeast-1' },
    target: { bucket: s3.Bucket.fromBucketName(stack, 'Target', 'oregon'), key: 'out/one', region: 'us-west-2' },
  };
}

function stackWith(changes: (props: TransferObjectProps, stack: Stack) => Partial<TransferObjectProps> = () => ({})) {
  const stack = newStack();
  const props = propsOf(stack);
  new TransferObject(stack, 'Task', { ...props, ...changes(props, stack) });
  return stack;
}

function stateOf(stack: Stack): any {
  return stack.resolve((stack.node.findChild('Task') as sfn.TaskStateBase).toStateJson());
}

test('the function is told both sides', () => {
  const stack = stackWith(({ source, target }) => ({
    source: { ...source, versionId: 'v1', ifMatch: '"e"' },
    target: { ...target, ifNoneMatch: true, storageClass: s3.StorageClass.INFREQUENT_ACCESS },
    stream: true,
    abandonedAfter: Duration.hours(2),
  }));
  expect(stateOf(stack).Parameters).toEqual({
    region: 'us-west-2',
    procedure: 's3.transfer',
    parameters: {
      source: { bucket: 'tokyo', key: 'in/one', region: 'ap-northeast-1', versionId: 'v1', ifMatch: '"e"' },
      target: { bucket: 'oregon', key: 'out/one', ifNoneMatch: '*', storageClass: 'STANDARD_IA' },
      path: 'stream',
      abandonedAfterSeconds: 7200,
    },
  });
  expect(errorsOf(stack)).toEqual([]);
  expect(statementsOf(stack)[0].Action).toEqual(['s3:GetObject', 's3:GetObjectVersion', 's3:GetObjectVersionTagging']);
});

test('what an invocation does not finish the next one goes on with', () => {
  expect(stateOf(stackWith(() => ({ maxAttempts: 9 }))).Retry).toContainEqual(
    expect.objectContaining({ ErrorEquals: ['CrossRegion.Incomplete'], MaxAttempts: 8 }),
  );
});

test('the table lists both Regions, what may be read and what may be written', () => {
  expect(tableOf(stackWith())).toEqual([
    {
      procedure: 's3.transfer',
      regions: ['ap-northeast-1', 'us-west-2'],
      sources: [{ bucket: 'tokyo', keyPrefix: 'in/one' }],
      results: [{ bucket: 'oregon', keyPrefix: 'out/one' }],
    },
  ]);
});

test('the role may read the one object and write the other', () => {
  const both = { StringEquals: { 'aws:RequestedRegion': ['us-west-2', 'ap-northeast-1'] } };
  const target = { StringEquals: { 'aws:RequestedRegion': 'us-west-2' } };
  const arn = (rest: string) => ({ 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, `:s3:::${rest}`]] });
  expect(statementsOf(stackWith())).toEqual([
    {
      Action: ['s3:GetObject', 's3:GetObjectTagging'],
      Effect: 'Allow',
      Resource: arn('tokyo/in/one'),
      Condition: both,
    },
    { Action: 's3:ListBucket', Effect: 'Allow', Resource: arn('tokyo'), Condition: both },
    {
      Action: ['s3:AbortMultipartUpload', 's3:GetObject', 's3:ListMultipartUploadParts', 's3:PutObject'],
      Effect: 'Allow',
      Resource: arn('oregon/out/one'),
      Condition: target,
    },
    {
      Action: ['s3:ListBucket', 's3:ListBucketMultipartUploads'],
      Effect: 'Allow',
      Resource: arn('oregon'),
      Condition: target,
    },
  ]);
});

test('a prefix, with a manifest', () => {
  const stack = stackWith(({ source, target }) => ({
    source: { ...source, key: undefined, prefix: 'in/' },
    target: { ...target, key: undefined },
    manifestPrefix: 'list/run-',
  }));
  expect(errorsOf(stack)).toEqual([]);
  expect(stateOf(stack).Parameters.parameters.manifest).toEqual({ keyPrefix: 'list/run-' });
  expect(tableOf(stack)).toMatchObject([
    {
      sources: [{ bucket: 'tokyo', keyPrefix: 'in/' }],
      results: [
        { bucket: 'oregon', keyPrefix: 'in/' },
        { bucket: 'oregon', keyPrefix: 'list/run-' },
      ],
    },
  ]);
  expect(JSON.stringify(statementsOf(stack))).toContain(':s3:::oregon/list/run-*');
});

test('a side in the name of a role needs nothing of the function but to assume it', () => {
  const stack = stackWith(({ source }) => ({ source: { ...source, assumeRole: AssumeRole.fromArn(READER) } }));
  expect(tableOf(stack)).toMatchObject([{ roles: ['*own*', READER] }]);
  const statements = JSON.stringify(statementsOf(stack));
  expect(statements).toContain('sts:AssumeRole');
  expect(statements).not.toContain('tokyo');
  const neither = stackWith(({ source, target }) => {
    const assumeRole = AssumeRole.fromArn(READER);
    return { source: { ...source, assumeRole }, target: { ...target, assumeRole } };
  });
  expect(tableOf(neither)).toMatchObject([{ roles: [READER] }]);
  expect(JSON.stringify(statementsOf(neither))).not.toContain('s3:');
});

test('keys of KMS', () => {
  const stack = stackWith(({ target }, scope) => ({
    target: { ...target, bucket: new s3.Bucket(scope, 'Own', { encryptionKey: new kms.Key(scope, 'Key') }) },
  }));
  expect(statementsOf(stack)).toContainEqual(
    expect.objectContaining({ Action: ['kms:Decrypt', 'kms:GenerateDataKey'] }),
  );
});

test('a key that the bucket knows by an alias is named itself', () => {
  const stack = stackWith(({ source, target }, scope) => {
    const bucket = (id: string) =>
      new s3.Bucket(scope, id, { encryptionKey: new kms.Key(scope, `${id}Key`).addAlias(id) });
    return { source: { ...source, bucket: bucket('From') }, target: { ...target, bucket: bucket('To') } };
  });
  const ofKeys = statementsOf(stack).filter(({ Action }) => Action.includes('kms:Decrypt'));
  expect(ofKeys.map(({ Resource }) => Resource)).toEqual(
    ['FromKey', 'ToKey'].map((id) => stack.resolve((stack.node.findChild(id) as kms.Key).keyArn) as unknown),
  );
});

test('a key from state is bound by what it begins with', () => {
  const stack = stackWith(({ source, target }) => ({
    source: { ...source, key: sfn.JsonPath.stringAt('$.key'), keyPrefix: 'in/' },
    target: { ...target, key: undefined },
  }));
  expect(errorsOf(stack)).toEqual([]);
  expect(tableOf(stack)).toMatchObject([
    { sources: [{ bucket: 'tokyo', keyPrefix: 'in/' }], results: [{ bucket: 'oregon', keyPrefix: 'in/' }] },
  ]);
  expect(JSON.stringify(statementsOf(stack))).toContain(':s3:::tokyo/in/*');
  expect(stateOf(stack).Parameters.parameters.source['key.$']).toBe('$.key');
});

test('the copy that has the key of its source is all that is written', () => {
  const stack = stackWith(({ target }) => ({ target: { ...target, key: undefined } }));
  expect(JSON.stringify(statementsOf(stack)[2])).toContain(':s3:::oregon/in/one"');
});

describe('keys that IAM takes for many', () => {
  const assumeRole = AssumeRole.fromArn(READER);
  const message = (name: string) =>
    `\`${name}\` holds \`*\`, \`?\` or \`\${\`, which stand for more than themselves in IAM`;

  test.each<[string, (props: TransferObjectProps) => Partial<TransferObjectProps>, string]>([
    ['the source', ({ source }) => ({ source: { ...source, key: 'in/*' } }), 'source.key'],
    ['the target', ({ target }) => ({ target: { ...target, key: 'out/?' } }), 'target.key'],
    [
      'the source, whose key the copy has',
      ({ source, target }) => ({
        source: { ...source, key: 'in/*' },
        target: { ...target, key: undefined },
      }),
      'source.key',
    ],
    [
      'the copy alone, as another reads the source',
      ({ source, target }) => ({
        source: { ...source, key: 'in/*', assumeRole },
        target: { ...target, key: undefined },
      }),
      'source.key',
    ],
    [
      'all keys of the source',
      ({ source, target }) => ({
        source: { ...source, key: undefined, prefix: 'in/${aws:username}/' },
        target: { ...target, key: undefined, prefix: 'out/' },
      }),
      'source.prefix',
    ],
    [
      'the bound of a key from state',
      ({ source }) => ({ source: { ...source, key: sfn.JsonPath.stringAt('$.key'), keyPrefix: '*' } }),
      'source.keyPrefix',
    ],
    [
      'the manifest',
      ({ source, target }) => ({
        source: { ...source, key: undefined, prefix: 'in/' },
        target: { ...target, key: undefined },
        manifestPrefix: 'run-?/',
      }),
      'manifestPrefix',
    ],
  ])('are refused: %s', (_, changes, name) => {
    expect(errorsOf(stackWith(changes))).toEqual([message(name)]);
  });

  test('are fine where no statement names them', () => {
    const bounded = stackWith(({ source }) => ({ source: { ...source, key: 'in/a*b', keyPrefix: 'in/' } }));
    expect(errorsOf(bounded)).toEqual([]);
    expect(JSON.stringify(statementsOf(bounded))).toContain(':s3:::tokyo/in/*"');
    const another = stackWith(({ source, target }) => ({
      source: { ...source, key: 'in/a*b', assumeRole },
      target: { ...target, key: undefined, assumeRole },
    }));
    expect(errorsOf(another)).toEqual([]);
  });
});

test('JSONata', () => {
  const stack = newStack();
  const { source, target } = propsOf(stack);
  const task = TransferObject.jsonata(stack, 'Task', {
    source: { ...source, key: '{% $states.input.key %}', keyPrefix: '' },
    target: { ...target, key: undefined },
    outputs: { etag: '{% $states.result.ETag %}' },
  });
  new sfn.StateMachine(stack, 'Machine', { definitionBody: sfn.DefinitionBody.fromChainable(task) });
  expect(errorsOf(stack)).toEqual([]);
  expect(aslProblems(stack)).toEqual([]);
  expect(tableOf(stack)).toMatchObject([{ sources: [{ bucket: 'tokyo' }], results: [{ bucket: 'oregon' }] }]);
});

describe('mistakes', () => {
  const side = (name: 'source' | 'target', changes: Partial<TransferPlace> & Record<string, unknown>) =>
    ((props: TransferObjectProps) => ({ [name]: { ...props[name], ...changes } })) as unknown as Changes;
  const cases: [string, Changes | ((props: TransferObjectProps) => Partial<TransferObjectProps>), string][] = [
    ['no keys', side('source', { key: undefined }), '`source` has neither `key` nor `prefix`'],
    ['both', side('source', { prefix: 'a' }), '`source` has both `key` and `prefix`'],
    [
      'one and many',
      side('target', { key: undefined, prefix: 'a' }),
      '`target` must have `key` where the source has it',
    ],
    ['an empty key', side('target', { key: '' }), '`target.key` is empty'],
    ['an unbound key', side('source', { key: sfn.JsonPath.stringAt('$.k') }), '`source.keyPrefix` is missing'],
    [
      'a key out of bounds',
      side('source', { keyPrefix: 'out/' }),
      '`source.keyPrefix` is not what `in/one` begins with',
    ],
    ['a long key', side('source', { key: 'k'.repeat(1025) }), '`source.key` has more than 1024 bytes'],
    [
      'a bound from state',
      side('target', { keyPrefix: sfn.JsonPath.stringAt('$.p') }),
      '`target.keyPrefix` must not come from state',
    ],
    [
      'a bound of no key',
      side('target', { key: undefined, keyPrefix: 'out/' }),
      '`target.keyPrefix` bounds a `key` or `prefix` of the target, which has neither',
    ],
    [
      'a manifest from state',
      () => ({ manifestPrefix: sfn.JsonPath.stringAt('$.p') }),
      '`manifestPrefix` must not come from state',
    ],
    ['an unknown Region', side('target', { region: 'us-west2' }), '`us-west2` is no Region of AWS'],
    [
      'a Region from state',
      side('source', { region: sfn.JsonPath.stringAt('$.r') }),
      '`region` must not come from state',
    ],
    ['plain http', side('source', { endpoint: 'http://example.com' }), 'only https is allowed'],
    [
      'an endpoint from JSONPath',
      side('source', { endpoint: sfn.JsonPath.stringAt('$.e') }),
      '`endpoint` must not come from state',
    ],
    ['an endpoint from JSONata', side('target', { endpoint: '{% $e %}' }), '`endpoint` must not come from state'],
    ['no role', side('source', { assumeRole: AssumeRole.fromArn('reader') }), 'is not the ARN of a role'],
    ['two conditions', side('target', { ifMatch: '"e"', ifNoneMatch: true }), 'cannot both hold'],
    ['a manifest of one', () => ({ manifestPrefix: 'x' }), '`manifestPrefix` is for a task that copies a prefix'],
    [
      'a manifest anywhere',
      ({ source, target }: TransferObjectProps) => ({
        source: { ...source, key: undefined, prefix: 'in/' },
        target: { ...target, key: undefined },
        manifestPrefix: '',
      }),
      '`manifestPrefix` is empty',
    ],
    ['an age', () => ({ abandonedAfter: Duration.days(32) }), '`abandonedAfter` must be 31 days or less'],
    ['no attempts', () => ({ maxAttempts: 0 }), '`maxAttempts` must be an integer from 1 on'],
    [
      'attempts from state',
      () => ({ maxAttempts: sfn.JsonPath.numberAt('$.n') }),
      '`maxAttempts` must not come from state',
    ],
    [
      'a token',
      () => ({
        integrationPattern: sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
        taskTimeout: sfn.Timeout.duration(Duration.hours(1)),
      }),
      'cannot be WAIT_FOR_TASK_TOKEN',
    ],
  ];
  test.each(cases)('%s', (_, changes, message) => {
    const stack = stackWith(changes as (props: TransferObjectProps) => Partial<TransferObjectProps>);
    expect(errorsOf(stack)).toContainEqual(expect.stringContaining(message));
  });
});
