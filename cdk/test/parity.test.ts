/**
 * Against the construct that this library replaces: the same props make the same state, but for one more retried
 * fault, and what it throws is thrown. Runs with the current aws-cdk-lib only; older ones can do less.
 */
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import * as peer from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Stack } from 'aws-cdk-lib';
import { CallAwsServiceCrossRegion, CallAwsServiceCrossRegionProps } from '../src';
import { CASES } from './cases';
import { GET_OBJECT, newStack, stackWith } from './support';

type Props = CallAwsServiceCrossRegionProps & peer.CallAwsServiceCrossRegionProps;
type Task = new (stack: Stack, id: string, props: Props) => sfn.TaskStateBase;

function stateOf(task: Task, changes: Partial<Props>): string {
  const stack = newStack();
  const state = new task(stack, 'Task', { ...GET_OBJECT, ...changes });
  const json = JSON.stringify(stack.resolve(state.toStateJson()), undefined, 2);
  return json.replace(/"Fn::GetAtt": \[\s*"[^"]+",\s*"Arn"\s*\]/g, '"Fn::GetAtt": ["Function", "Arn"]');
}

test.each(Object.entries(CASES))('%s', (_, changes) => {
  const ours = stateOf(CallAwsServiceCrossRegion, changes);
  const withoutThrottling = ours.replace(/,\s*"Lambda.TooManyRequestsException"/, '');
  expect(withoutThrottling).toBe(stateOf(peer.CallAwsServiceCrossRegion, changes));
});

test('the query language of the state machine is that of the task', () => {
  const states = [CallAwsServiceCrossRegion, peer.CallAwsServiceCrossRegion].map((task) => {
    const stack = newStack();
    const state = new task(stack, 'Task', { ...GET_OBJECT, parameters: { Bucket: '{% $b %}', Key: 'k' } });
    return stack.resolve(state.toStateJson(sfn.QueryLanguage.JSONATA)) as Record<string, unknown>;
  });
  expect(states[0].Arguments).toEqual(states[1].Arguments);
  expect(states[0]).not.toHaveProperty('Parameters');
});

describe('what the peer throws', () => {
  const messages: Record<string, Partial<Props>> = {
    'The RUN_JOB integration pattern is not supported for CallAwsServiceCrossRegion': {
      integrationPattern: sfn.IntegrationPattern.RUN_JOB,
    },
    'action must be camelCase, got: GetObject': { action: 'GetObject' },
    'action must be camelCase, got: ': { action: '' },
  };

  test.each(Object.entries(messages))('%s', (message, changes) => {
    for (const task of [CallAwsServiceCrossRegion, peer.CallAwsServiceCrossRegion] as Task[]) {
      expect(() => new task(newStack(), 'Task', { ...GET_OBJECT, ...changes })).toThrow(message);
    }
  });

  test('a second construct of the same id', () => {
    const stack = stackWith({});
    const again = () => new CallAwsServiceCrossRegion(stack, 'Task', GET_OBJECT);
    expect(again).toThrow("There is already a Construct with name 'Task'");
  });
});
