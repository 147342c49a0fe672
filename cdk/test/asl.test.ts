/**
 * Every kind of task makes a definition that Step Functions' language knows.
 */
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsServiceCrossRegion } from '../src';
import { CASES } from './cases';
import { aslProblems, GET_OBJECT, newStack } from './support';

test.each(Object.entries(CASES))('%s', (_, changes) => {
  const stack = newStack();
  const task = new CallAwsServiceCrossRegion(stack, 'Task', { ...GET_OBJECT, ...changes });
  new sfn.StateMachine(stack, 'StateMachine', { definitionBody: sfn.DefinitionBody.fromChainable(task) });
  expect(aslProblems(stack)).toEqual([]);
});

test('the validator finds what is wrong', () => {
  const stack = newStack();
  const state = new sfn.CustomState(stack, 'State', { stateJson: { Type: 'Task', Parameters: {} } });
  new sfn.StateMachine(stack, 'StateMachine', { definitionBody: sfn.DefinitionBody.fromChainable(state) });
  expect(aslProblems(stack)).not.toEqual([]);
});
