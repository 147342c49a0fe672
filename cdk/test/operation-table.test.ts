/**
 * What a function's tasks write into its environment.
 */
import { App, CfnParameter, Size, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsServiceCrossRegion, CrossRegionFunction, CrossRegionFunctionProps } from '../src';
import { GET_OBJECT, HERE, newStack, stackWith, statementsOf, tableOf } from './support';

const ENTRY = { service: 's3', actions: ['getObject'], regions: ['us-west-2'] };

test('a task is one entry, under canonical names', () => {
  expect(tableOf(stackWith({}))).toEqual([ENTRY]);
  const spelled = stackWith({ service: 'Bedrock Agent', action: 'startingestionjob', parameters: undefined });
  expect(tableOf(spelled)).toEqual([{ ...ENTRY, service: 'bedrock-agent', actions: ['startIngestionJob'] }]);
});

test('entries that differ only in the action are one', () => {
  const stack = newStack();
  const add = (id: string, changes: object) => new CallAwsServiceCrossRegion(stack, id, { ...GET_OBJECT, ...changes });
  add('Put', { action: 'putObject' });
  add('Get', {});
  add('GetAgain', {});
  add('Head', { action: 'headObject', region: 'eu-west-1' });
  expect(tableOf(stack)).toEqual([
    { ...ENTRY, actions: ['headObject'], regions: ['eu-west-1'] },
    { ...ENTRY, actions: ['getObject', 'putObject'] },
  ]);
});

test('the order of the tasks makes no difference', () => {
  const tasks = [{}, { action: 'putObject' }, { action: 'headObject', region: 'eu-west-1' }];
  const table = (order: object[]) => {
    const stack = newStack();
    order.forEach((changes, i) => new CallAwsServiceCrossRegion(stack, `T${i}`, { ...GET_OBJECT, ...changes }));
    return tableOf(stack);
  };
  expect(table(tasks)).toEqual(table([...tasks].reverse()));
});

test('a Region from state is any of its bounds, or any at all', () => {
  const region = sfn.JsonPath.stringAt('$.region');
  expect(tableOf(stackWith({ region, regions: ['us-west-2', 'eu-west-1'] }))).toEqual([
    { ...ENTRY, regions: ['eu-west-1', 'us-west-2'] },
  ]);
  expect(tableOf(stackWith({ region }))).toEqual([{ ...ENTRY, regions: ['*'] }]);
});

test('an endpoint is permitted for its call only', () => {
  const endpoint = 'https://vpce-1.s3.us-west-2.vpce.amazonaws.com';
  expect(tableOf(stackWith({ endpoint }))).toEqual([{ ...ENTRY, endpoints: [endpoint] }]);
  const endpoints = ['https://b.example.com', 'https://a.example.com'];
  expect(tableOf(stackWith({ endpoint: sfn.JsonPath.stringAt('$.e'), endpoints }))).toEqual([
    { ...ENTRY, endpoints: ['https://a.example.com', 'https://b.example.com'] },
  ]);
});

test('a token is filled in at deployment', () => {
  const stack = newStack();
  const region = new CfnParameter(stack, 'Region').valueAsString;
  new CallAwsServiceCrossRegion(stack, 'Task', { ...GET_OBJECT, region });
  const [lambda] = Object.values(Template.fromStack(stack).findResources('AWS::Lambda::Function'));
  const text = JSON.stringify(ENTRY).split('"us-west-2"');
  expect(lambda.Properties.Environment.Variables.OPERATION_TABLE).toEqual({
    'Fn::Join': ['', [`[${text[0]}"`, { Ref: 'Region' }, `"${text[1]}]`]],
  });
});

test('a call with mistakes in its names is not permitted', () => {
  expect(tableOf(stackWith({ service: 's4' }))).toEqual([]);
});

test('a call that is signed for every Region at once says so', () => {
  const bucket = 'arn:aws:s3::123456789012:accesspoint/m.mrap';
  expect(tableOf(stackWith({ parameters: { Bucket: bucket, Key: 'k' } }))).toEqual([
    { ...ENTRY, regions: ['*global*', 'us-west-2'] },
  ]);
});

test('Regions that ARNs lead to', () => {
  expect(tableOf(stackWith({ regions: ['eu-west-1', '*global*'] }))).toEqual([
    { ...ENTRY, regions: ['*global*', 'eu-west-1', 'us-west-2'] },
  ]);
});

test('a call whose endpoint has to be asked for first', () => {
  const stack = stackWith({
    service: 'timestream-query',
    action: 'executeScheduledQuery',
    parameters: { ScheduledQueryArn: 'arn', InvocationTime: 0 },
  });
  expect(tableOf(stack)).toMatchObject([{ actions: ['describeEndpoints', 'executeScheduledQuery'] }]);
  expect(statementsOf(stack)).toEqual([
    expect.objectContaining({ Action: 'timestream:ExecuteScheduledQuery', Resource: GET_OBJECT.iamResources[0] }),
    expect.objectContaining({ Action: 'timestream:DescribeEndpoints', Resource: '*' }),
  ]);
});

describe('the 4 KB of an environment', () => {
  function synthesize(entries: number, props: CrossRegionFunctionProps = {}) {
    const app = new App();
    const stack = new Stack(app, 'Stack', { env: HERE });
    const handler = new CrossRegionFunction(stack, 'Function', props);
    for (let i = 0; i < entries; i++) {
      const region = `us-west-${i + (i < 30 ? 100 : 10)}`;
      new CallAwsServiceCrossRegion(stack, `T${i}`, { ...GET_OBJECT, region, handler });
    }
    return () => app.synth();
  }

  test('hold 61 entries', () => {
    expect(synthesize(61)).not.toThrow();
  });

  test('do not hold 62, and the message says what to do', () => {
    expect(synthesize(62)).toThrow(
      '[Stack/Function] the environment with the operation table takes 4138 bytes, more than the 4096 of a ' +
        'Lambda function: give some of the tasks a second CrossRegionFunction as `handler`',
    );
  });

  test('hold other variables, too', () => {
    expect(synthesize(61, { metrics: true, resultLimit: Size.kibibytes(100) })).toThrow('takes 4101 bytes');
  });
});
