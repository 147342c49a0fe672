/**
 * Results that go to S3: what the state says, what the function may write, and what is wrong with it.
 */
import { App, Aws, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import {
  AssumeRole,
  CallAwsServiceCrossRegion,
  CallAwsServiceCrossRegionProps,
  CrossRegionFunction,
  ResultTo,
  ResultToWhen,
  WaitFor,
} from '../src';
import { aslProblems, errorsOf, GET_OBJECT, HERE, newStack, statementsOf, tableOf } from './support';

const ENTRY = { service: 's3', actions: ['getObject'], regions: ['us-west-2'] };

/** A stack whose one task stores its result in a bucket of another stack's, by its name. */
function storing(resultTo: Partial<ResultTo>, changes: Partial<CallAwsServiceCrossRegionProps> = {}) {
  const stack = newStack();
  const bucket = s3.Bucket.fromBucketName(stack, 'Results', 'results');
  const task = new CallAwsServiceCrossRegion(stack, 'Task', {
    ...GET_OBJECT,
    ...changes,
    resultTo: { bucket, key: 'out/a.json', ...resultTo },
  });
  const state = task.toStateJson() as { Parameters?: Record<string, unknown>; Arguments?: Record<string, unknown> };
  return { stack, sent: (state.Parameters ?? state.Arguments)!.resultTo };
}

function writesOf(stack: Stack) {
  return statementsOf(stack).filter(({ Action }) => Action.includes('s3:PutObject'));
}

test('a known key is the one that the function may write', () => {
  const { stack, sent } = storing({});
  expect(errorsOf(stack)).toEqual([]);
  expect(sent).toEqual({ bucket: 'results', key: 'out/a.json', region: HERE.region });
  expect(tableOf(stack)).toEqual([
    { ...ENTRY, results: [{ bucket: 'results', keyPrefix: 'out/a.json', region: HERE.region }] },
  ]);
  expect(writesOf(stack)).toEqual([
    {
      Effect: 'Allow',
      Action: ['s3:AbortMultipartUpload', 's3:PutObject'],
      Resource: { 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':s3:::results/out/a.json']] },
      Condition: { StringEquals: { 'aws:RequestedRegion': HERE.region } },
    },
  ]);
});

test('a key from state is bounded by how it begins', () => {
  const keys = {
    [sfn.QueryLanguage.JSON_PATH]: sfn.JsonPath.format('out/{}.json', sfn.JsonPath.stringAt('$$.Execution.Name')),
    [sfn.QueryLanguage.JSONATA]: "{% 'out/' & $states.context.Execution.Name & '.json' %}",
  };
  for (const [queryLanguage, key] of Object.entries(keys)) {
    const language = queryLanguage as sfn.QueryLanguage;
    const told = { key, keyPrefix: 'out/', when: ResultToWhen.OVER_LIMIT };
    const { stack, sent } = storing(told, { queryLanguage: language });
    expect(errorsOf(stack)).toEqual([]);
    const task = stack.node.findChild('Task') as CallAwsServiceCrossRegion;
    new sfn.StateMachine(stack, 'Machine', { definitionBody: sfn.DefinitionBody.fromChainable(task) });
    expect(tableOf(stack)).toMatchObject([
      { results: [{ bucket: 'results', keyPrefix: 'out/', region: HERE.region }] },
    ]);
    expect(JSON.stringify(writesOf(stack))).toContain(':s3:::results/out/*');
    const where = { bucket: 'results', region: HERE.region, when: 'overLimit' };
    expect(sent).toEqual(
      language === sfn.QueryLanguage.JSONATA
        ? { ...where, key }
        : { ...where, 'key.$': "States.Format('out/{}.json', $$.Execution.Name)" },
    );
    expect(aslProblems(stack)).toEqual([]);
  }
});

test('the whole bucket has to be written out', () => {
  const key = sfn.JsonPath.stringAt('$.key');
  expect(errorsOf(storing({ key }).stack)).toEqual([
    expect.stringContaining('`resultTo.key` comes from state: say in `resultTo.keyPrefix` how it begins'),
  ]);
  const { stack } = storing({ key, keyPrefix: '' });
  expect(errorsOf(stack)).toEqual([]);
  expect(tableOf(stack)).toMatchObject([{ results: [{ bucket: 'results', region: HERE.region }] }]);
  expect(JSON.stringify(writesOf(stack))).toContain(':s3:::results/*');
});

test("the Region is the bucket's own", () => {
  const app = new App();
  const there = new Stack(app, 'There', { env: { ...HERE, region: 'eu-west-1' } });
  const bucket = new s3.Bucket(there, 'Bucket', { bucketName: 'results-of-mine' });
  const here = new Stack(app, 'Here', { env: HERE });
  const imported = s3.Bucket.fromBucketAttributes(here, 'Results', { bucketName: 'results', region: 'us-east-1' });
  const add = (id: string, resultTo: ResultTo) =>
    new CallAwsServiceCrossRegion(here, id, { ...GET_OBJECT, resultTo: { ...resultTo } });
  add('Owned', { bucket, key: 'a' });
  add('Imported', { bucket: imported, key: 'b' });
  add('Said', { bucket: imported, key: 'c', region: 'us-west-1' });
  expect(errorsOf(here)).toEqual([]);
  expect(tableOf(here).map(({ results }) => results)).toEqual([
    [{ bucket: 'results-of-mine', keyPrefix: 'a', region: 'eu-west-1' }],
    [{ bucket: 'results', keyPrefix: 'b', region: 'us-east-1' }],
    [{ bucket: 'results', keyPrefix: 'c', region: 'us-west-1' }],
  ]);
});

test('a bucket that is made in the same stack is named at deployment', () => {
  const stack = newStack();
  const key = new kms.Key(stack, 'Key');
  const bucket = new s3.Bucket(stack, 'Bucket', { encryptionKey: key });
  new CallAwsServiceCrossRegion(stack, 'Task', { ...GET_OBJECT, resultTo: { bucket, key: 'a' } });
  expect(errorsOf(stack)).toEqual([]);
  const [lambda] = Object.values(Template.fromStack(stack).findResources('AWS::Lambda::Function'));
  const table = JSON.stringify(lambda.Properties.Environment.Variables.OPERATION_TABLE);
  expect(table).toContain(`{"Ref":"${stack.getLogicalId(bucket.node.defaultChild as s3.CfnBucket)}"}`);
  // Parts of an encrypted object are read again when they are put together.
  expect(statementsOf(stack).filter(({ Action }) => Action.includes('kms:GenerateDataKey'))).toEqual([
    expect.objectContaining({ Action: ['kms:Decrypt', 'kms:GenerateDataKey'] }),
  ]);
});

test('the function stores in its own name, whoever makes the call', () => {
  const arn = 'arn:aws:iam::111122223333:role/reader';
  const { stack } = storing({}, { assumeRole: AssumeRole.fromArn(arn) });
  expect(errorsOf(stack)).toEqual([]);
  expect(statementsOf(stack).map(({ Action }) => Action)).toEqual([
    'sts:AssumeRole',
    ['s3:AbortMultipartUpload', 's3:PutObject'],
  ]);
  expect(tableOf(stack)).toMatchObject([{ roles: [arn], results: [{ bucket: 'results' }] }]);
});

test('calls whose results go to different places are entries of their own', () => {
  const stack = newStack();
  const bucket = s3.Bucket.fromBucketName(stack, 'Results', 'results');
  const add = (id: string, key?: string) =>
    new CallAwsServiceCrossRegion(stack, id, { ...GET_OBJECT, resultTo: key ? { bucket, key } : undefined });
  add('A', 'a');
  add('B', 'b');
  add('AgainA', 'a');
  add('None');
  const prefixes = tableOf(stack).map(({ results }) => results?.map(({ keyPrefix }) => keyPrefix));
  expect(prefixes).toEqual([undefined, ['a'], ['b']]);
});

test('without it, nothing is there', () => {
  const stack = newStack();
  const task = new CallAwsServiceCrossRegion(stack, 'Task', GET_OBJECT);
  expect(JSON.stringify(task.toStateJson())).not.toContain('resultTo');
  expect(tableOf(stack)).toEqual([ENTRY]);
});

test('a function of another stack cannot be told of a bucket of this one', () => {
  const app = new App();
  const there = new Stack(app, 'There', { env: HERE });
  const here = new Stack(app, 'Here', { env: HERE });
  new CallAwsServiceCrossRegion(here, 'Task', {
    ...GET_OBJECT,
    handler: new CrossRegionFunction(there, 'Function'),
    resultTo: { bucket: new s3.Bucket(here, 'Bucket'), key: 'a' },
  });
  expect(errorsOf(here)).toContainEqual(expect.stringContaining('a resource of the stack `Here` is named'));
});

const state = sfn.JsonPath.stringAt('$.x');
test.each<[string, Partial<ResultTo>, string]>([
  ['a bound for a key that is known', { keyPrefix: 'out/' }, '`key` is known: leave it out'],
  ['a bound from state', { key: state, keyPrefix: state }, '`resultTo.keyPrefix` must not come from state'],
  ['a Region from state', { region: state }, '`resultTo.region` must not come from state'],
  ['a Region that is none', { region: 'oregon' }, '`resultTo.region`: `oregon` is no Region of AWS'],
  ['no key', { key: '' }, '`resultTo.key` is empty'],
  ['a long key', { key: 'k'.repeat(1025) }, '`resultTo.key` has more than 1024 bytes'],
  ['a key of two lines', { key: 'a\nb' }, '`resultTo.key` holds control characters'],
  ['a way up', { key: 'out/../a' }, '`resultTo.key` holds `.` or `..` between slashes'],
  ['a bound that is a way up', { key: state, keyPrefix: '../' }, '`resultTo.keyPrefix` holds `.` or `..`'],
  ['a key that IAM takes for many', { key: 'out/*' }, '`resultTo.key` holds `*`'],
  ['such a key beside a token', { key: `${Aws.REGION}/*` }, '`resultTo.key` holds `*`'],
  ['a bound that IAM takes for more', { key: state, keyPrefix: 'o?t' }, '`resultTo.keyPrefix` holds `*`, `?`'],
])('wrong: %s', (_, resultTo, problem) => {
  expect(errorsOf(storing(resultTo).stack)).toEqual([expect.stringContaining(problem)]);
});

test('a wait looks at the answer itself', () => {
  const parameters = { Bucket: 'covers', Key: 'one.png' };
  const changes = { action: 'headObject', parameters, waitFor: WaitFor.waiter('objectExists') };
  expect(errorsOf(storing({}, changes).stack)).toEqual([
    '`resultTo` does not go with `waitFor`, which looks at the answer itself',
  ]);
});
