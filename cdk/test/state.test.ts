/**
 * The complete state and the complete policies of every kind of task.
 */
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsServiceCrossRegion } from '../src';
import { CASES } from './cases';
import { GET_OBJECT, newStack, statementsOf } from './support';

test.each(Object.entries(CASES))('%s', (_, changes) => {
  const stack = newStack();
  const task = new CallAwsServiceCrossRegion(stack, 'Task', { ...GET_OBJECT, ...changes });
  expect(stack.resolve(task.toStateJson())).toMatchSnapshot('state');

  new sfn.StateMachine(stack, 'StateMachine', { definitionBody: sfn.DefinitionBody.fromChainable(task) });
  expect(statementsOf(stack)).toMatchSnapshot('policies');
});

test('the factories choose the query language', () => {
  const stack = newStack();
  const jsonPath = CallAwsServiceCrossRegion.jsonPath(stack, 'JsonPath', { ...GET_OBJECT, resultPath: '$.cover' });
  const jsonata = CallAwsServiceCrossRegion.jsonata(stack, 'Jsonata', {
    ...GET_OBJECT,
    outputs: '{% $states.result %}',
  });
  expect(stack.resolve(jsonPath.toStateJson())).toMatchObject({ ResultPath: '$.cover', Parameters: {} });
  expect(stack.resolve(jsonata.toStateJson())).toMatchObject({
    QueryLanguage: 'JSONata',
    Output: '{% $states.result %}',
    Arguments: {},
  });
});
