/**
 * The example apps: each synthesizes without a complaint, and needs no hand-written IAM actions.
 */
import { App, Stack } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { ExactlyOnceOnUpload } from '../examples/exactly-once-on-upload/app';
import { KnowledgeBaseIngestion } from '../examples/knowledge-base-ingestion/app';
import { MainJob } from '../examples/main-job/app';
import { aslProblems, HERE, statementsOf, tableOf } from './support';

const EXAMPLES = { ExactlyOnceOnUpload, MainJob, KnowledgeBaseIngestion };

describe.each(Object.entries(EXAMPLES))('%s', (id, example) => {
  let stack: Stack;
  beforeAll(() => {
    stack = new example(new App(), id, { env: HERE });
  });

  test('has no errors and no warnings', () => {
    Annotations.fromStack(stack).hasNoError('*', Match.anyValue());
    Annotations.fromStack(stack).hasNoWarning('*', Match.anyValue());
  });

  test('is a state machine that Step Functions understands', () => {
    Template.fromStack(stack).resourceCountIs('AWS::StepFunctions::StateMachine', 1);
    expect(aslProblems(stack)).toEqual([]);
  });

  test('calls what it says, and nothing else', () => {
    expect({ table: tableOf(stack), statements: statementsOf(stack) }).toMatchSnapshot();
  });
});
