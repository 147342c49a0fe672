/**
 * The task that sets routing controls: its state, its entry in the operation table, its permissions, its mistakes.
 */
import { Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import {
  CallRetryMode,
  ClusterEndpoints,
  RoutingControlState,
  SetRoutingControls,
  SetRoutingControlsProps,
} from '../src';
import { aslProblems, errorsOf, newStack, statementsOf, tableOf } from './support';

const REGIONS = ['us-east-1', 'us-west-2', 'eu-west-1', 'ap-northeast-1', 'ap-southeast-2'];
const urls = REGIONS.map((region) => `https://c1.route53-recovery-cluster.${region}.amazonaws.com/v1`);
const wildcards = REGIONS.map((region) => `https://*.route53-recovery-cluster.${region}.amazonaws.com/v1`);
const arn = (name: string) => `arn:aws:route53-recovery-control::123456789012:controlpanel/1/routingcontrol/${name}`;

const CONTROLS: SetRoutingControlsProps = {
  clusterEndpoints: ClusterEndpoints.of(...urls.map((endpoint) => ({ endpoint }))),
  routingControls: [
    { routingControlArn: arn('tokyo'), state: RoutingControlState.OFF },
    { routingControlArn: arn('osaka'), state: RoutingControlState.ON },
  ],
};

function stackWith(changes: Partial<SetRoutingControlsProps> = {}): Stack {
  const stack = newStack();
  new SetRoutingControls(stack, 'Task', { ...CONTROLS, ...changes });
  return stack;
}

function eventOf(stack: Stack): any {
  const state = (stack.node.findChild('Task') as sfn.TaskStateBase).toStateJson() as any;
  return stack.resolve(state.Parameters ?? state.Arguments);
}

test('the function is told the procedure, the endpoints and the states', () => {
  const stack = stackWith({ safetyRulesToOverride: ['rule'], retry: { mode: CallRetryMode.NONE } });
  expect(eventOf(stack)).toEqual({
    region: 'us-east-1',
    procedure: 'routingControl.set',
    parameters: {
      ClusterEndpoints: urls.map((Endpoint) => ({ Endpoint })),
      UpdateRoutingControlStateEntries: [
        { RoutingControlArn: arn('tokyo'), RoutingControlState: 'Off' },
        { RoutingControlArn: arn('osaka'), RoutingControlState: 'On' },
      ],
      SafetyRulesToOverride: ['rule'],
    },
    retry: { mode: 'none' },
  });
  expect(errorsOf(stack)).toEqual([]);
});

test('the table lists the endpoints and their Regions in one entry', () => {
  expect(tableOf(stackWith())).toEqual([
    { procedure: 'routingControl.set', regions: [...REGIONS].sort(), endpoints: [...urls].sort() },
  ]);
});

test('tasks that need the same are one entry, beside those of calls', () => {
  const stack = stackWith();
  new SetRoutingControls(stack, 'Back', CONTROLS);
  expect(tableOf(stack)).toHaveLength(1);
});

test('the role may set and read these controls', () => {
  expect(statementsOf(stackWith())).toEqual(
    ['UpdateRoutingControlStates', 'GetRoutingControlState'].map((action) => ({
      Action: `route53-recovery-cluster:${action}`,
      Effect: 'Allow',
      Resource: [arn('tokyo'), arn('osaka')],
    })),
  );
});

test('endpoints from state are bound by the one wildcard that there is', () => {
  const clusterEndpoints = ClusterEndpoints.fromState(sfn.JsonPath.objectAt('$.endpoints'));
  const stack = stackWith({ clusterEndpoints });
  expect(eventOf(stack).parameters).toMatchObject({ 'ClusterEndpoints.$': '$.endpoints' });
  expect(tableOf(stack)).toEqual([
    { procedure: 'routingControl.set', regions: [...REGIONS].sort(), endpoints: [...wildcards].sort() },
  ]);
  const two = ClusterEndpoints.fromState(sfn.JsonPath.objectAt('$.e'), { regions: ['us-east-1', 'eu-west-1'] });
  expect(tableOf(stackWith({ clusterEndpoints: two }))).toMatchObject([{ regions: ['eu-west-1', 'us-east-1'] }]);
});

test('endpoints from a parameter are read when the stack is deployed', () => {
  const stack = newStack();
  const clusterEndpoints = ClusterEndpoints.fromSsmParameter(stack, '/arc/endpoints');
  new sfn.StateMachine(stack, 'Machine', {
    definitionBody: sfn.DefinitionBody.fromChainable(
      new SetRoutingControls(stack, 'Task', { ...CONTROLS, clusterEndpoints }),
    ),
  });
  const template = Template.fromStack(stack).toJSON();
  expect(Object.values(template.Parameters as object)).toContainEqual({
    Type: 'AWS::SSM::Parameter::Value<String>',
    Default: '/arc/endpoints',
  });
  const [lambda] = Object.values(Template.fromStack(stack).findResources('AWS::Lambda::Function'));
  const table = JSON.stringify(lambda.Properties.Environment.Variables.OPERATION_TABLE);
  for (const at of [0, 1, 2, 3, 4]) {
    expect(table).toContain(`{"Fn::Select":[${at},{"Fn::Split":[","`);
  }
});

test('a token that nobody is told is not waited for', () => {
  const stack = stackWith({ integrationPattern: sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN });
  expect(errorsOf(stack)).toEqual([
    expect.stringContaining('`integrationPattern` cannot be WAIT_FOR_TASK_TOKEN: nobody is told the token'),
  ]);
});

test('JSONata', () => {
  const stack = newStack();
  const endpoints = '{% $states.input.endpoints %}';
  const task = SetRoutingControls.jsonata(stack, 'Task', {
    clusterEndpoints: ClusterEndpoints.fromState(endpoints),
    routingControls: CONTROLS.routingControls,
    outputs: { left: '{% $states.result.Unanswered.Region %}' },
  });
  new sfn.StateMachine(stack, 'Machine', { definitionBody: sfn.DefinitionBody.fromChainable(task) });
  expect(eventOf(stack).parameters.ClusterEndpoints).toBe(endpoints);
  expect(aslProblems(stack)).toEqual([]);
});

describe('mistakes', () => {
  const cluster = (...endpoints: { endpoint: string; region?: string }[]) => ({
    clusterEndpoints: ClusterEndpoints.of(...endpoints),
  });
  const control = (name: string) => ({ routingControlArn: arn(name), state: RoutingControlState.ON });
  const cases: [string, Partial<SetRoutingControlsProps>, string][] = [
    ['no endpoints', cluster(), '`clusterEndpoints` has 0 endpoints, and a cluster has 5'],
    ['plain http', cluster({ endpoint: 'http://a.example.com/v1', region: 'us-east-1' }), 'only https is allowed'],
    ['an unknown Region', cluster({ endpoint: urls[0], region: 'us-east' }), '`us-east` is no Region of AWS'],
    ['no Region', cluster({ endpoint: 'https://a.example.com/v1' }), '`region` of the cluster endpoint'],
    ['no controls', { routingControls: [] }, '`routingControls` must have 1 to 10 controls, not 0'],
    ['11 controls', { routingControls: [...'abcdefghijk'].map(control) }, 'must have 1 to 10 controls, not 11'],
    ['a control twice', { routingControls: [control('a'), control('a')] }, 'twice'],
    [
      'a control that is no ARN',
      { routingControls: [{ ...control('a'), routingControlArn: 'tokyo' }] },
      '`tokyo`, which is neither an ARN nor',
    ],
    ['a control that IAM takes for many', { routingControls: [control('*')] }, '`routingControlArn` holds `*`'],
    ['too many rounds', { retry: { maxAttempts: 11 } }, '`retry.maxAttempts` must be an integer from 1 to 10'],
    [
      'a control from state',
      { routingControls: [{ ...control('a'), routingControlArn: sfn.JsonPath.stringAt('$.arn') }] },
      '`iamResources` is missing: a control comes from state',
    ],
  ];
  test.each(cases)('%s', (_, changes, message) => {
    expect(errorsOf(stackWith(changes))).toContainEqual(expect.stringContaining(message));
  });

  test('a control from state is fine with a bound', () => {
    const routingControls = [{ ...control('a'), routingControlArn: sfn.JsonPath.stringAt('$.arn') }];
    expect(errorsOf(stackWith({ routingControls, iamResources: [arn('*')] }))).toEqual([]);
  });

  test('the job pattern', () => {
    expect(() => stackWith({ integrationPattern: sfn.IntegrationPattern.RUN_JOB })).toThrow(
      'The RUN_JOB integration pattern is not supported for SetRoutingControls',
    );
  });
});
