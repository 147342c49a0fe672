/**
 * The task that ingests a data source: its state, its entry in the operation table, its permissions, its mistakes.
 */
import { Duration, Stack } from 'aws-cdk-lib';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { CallRetryMode, IngestionJoin, IngestKnowledgeBase, IngestKnowledgeBaseProps } from '../src';
import { aslProblems, errorsOf, newStack, statementsOf, tableOf } from './support';

const MANUALS: IngestKnowledgeBaseProps = {
  region: 'us-west-2',
  knowledgeBaseId: 'KB12345678',
  dataSourceId: 'DS12345678',
};

function stackWith(changes: Partial<IngestKnowledgeBaseProps> = {}): Stack {
  const stack = newStack();
  new IngestKnowledgeBase(stack, 'Task', { ...MANUALS, ...changes });
  return stack;
}

function stateOf(stack: Stack): any {
  return stack.resolve((stack.node.findChild('Task') as sfn.TaskStateBase).toStateJson());
}

test('the function is told the procedure, the data source and the moment', () => {
  expect(stateOf(stackWith()).Parameters).toEqual({
    region: 'us-west-2',
    procedure: 'knowledgeBase.ingest',
    parameters: {
      'knowledgeBaseId': 'KB12345678',
      'dataSourceId': 'DS12345678',
      'since.$': '$$.State.EnteredTime',
    },
  });
  const stack = stackWith({
    since: sfn.JsonPath.stringAt('$.uploadedAt'),
    join: IngestionJoin.RUNNING_SINCE,
    description: 'nightly',
    retry: { mode: CallRetryMode.NONE },
  });
  expect(stateOf(stack).Parameters).toMatchObject({
    parameters: { 'since.$': '$.uploadedAt', 'join': 'runningSince', 'description': 'nightly' },
    retry: { mode: 'none' },
  });
  expect(errorsOf(stack)).toEqual([]);
});

test('JSONata', () => {
  const stack = newStack();
  const task = IngestKnowledgeBase.jsonata(stack, 'Task', {
    ...MANUALS,
    dataSourceId: '{% $states.input.dataSourceId %}',
    outputs: { documents: '{% $states.result.ingestionJob.statistics.numberOfDocumentsScanned %}' },
  });
  new sfn.StateMachine(stack, 'Machine', { definitionBody: sfn.DefinitionBody.fromChainable(task) });
  expect(stateOf(stack).Arguments.parameters.since).toBe('{% $states.context.State.EnteredTime %}');
  expect(aslProblems(stack)).toEqual([]);
});

test('the state looks again, and again after what passes', () => {
  const retriers = (changes: Partial<IngestKnowledgeBaseProps> = {}) =>
    stateOf(stackWith({ retryOnServiceExceptions: false, ...changes })).Retry;
  const passing = {
    ErrorEquals: [
      'CrossRegion.Unreachable',
      'CrossRegion.OutcomeUnknown',
      'CrossRegion.DeadlineExceeded',
      'CrossRegion.MalformedResponse',
      'InternalServerException',
    ],
    IntervalSeconds: 10,
    MaxAttempts: 6,
    BackoffRate: 2,
    MaxDelaySeconds: 60,
  };
  const waiting = { ErrorEquals: ['CrossRegion.NotReady', 'ThrottlingException'], BackoffRate: 1 };
  expect(retriers()).toEqual([{ ...waiting, IntervalSeconds: 30, MaxAttempts: 719 }, passing]);
  expect(retriers({ interval: Duration.minutes(5), maxAttempts: 1 })).toEqual([
    { ...waiting, IntervalSeconds: 300, MaxAttempts: 0 },
    passing,
  ]);
  expect(stateOf(stackWith()).Retry[0].ErrorEquals).toContain('Lambda.ServiceException');
});

test('the table has one entry for the same Region', () => {
  const stack = stackWith();
  new IngestKnowledgeBase(stack, 'Other', { ...MANUALS, dataSourceId: 'DS87654321' });
  expect(tableOf(stack)).toEqual([{ procedure: 'knowledgeBase.ingest', regions: ['us-west-2'] }]);
});

test('the role may list, start and get jobs of this knowledge base, in its Region', () => {
  const arn = {
    'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, ':bedrock:us-west-2:123456789012:knowledge-base/KB12345678']],
  };
  const expected = (resource: unknown) =>
    ['ListIngestionJobs', 'StartIngestionJob', 'GetIngestionJob'].map((action) => ({
      Action: `bedrock:${action}`,
      Effect: 'Allow',
      Resource: resource,
      Condition: { StringEquals: { 'aws:RequestedRegion': 'us-west-2' } },
    }));
  expect(statementsOf(stackWith())).toEqual(expected(arn));
  const any = 'arn:aws:bedrock:us-west-2:123456789012:knowledge-base/*';
  const fromState = { knowledgeBaseId: sfn.JsonPath.stringAt('$.knowledgeBaseId'), iamResources: [any] };
  expect(statementsOf(stackWith(fromState))).toEqual(expected(any));
  expect(errorsOf(stackWith(fromState))).toEqual([]);
});

describe('mistakes', () => {
  const cases: [string, Partial<IngestKnowledgeBaseProps>, string][] = [
    ['an unknown Region', { region: 'us-west' }, '`us-west` is no Region of AWS'],
    ['a Region from state', { region: sfn.JsonPath.stringAt('$.region') }, '`region` must not come from state'],
    [
      'a knowledge base from state',
      { knowledgeBaseId: sfn.JsonPath.stringAt('$.base') },
      '`iamResources` is missing: `knowledgeBaseId` comes from state',
    ],
    ['an id that IAM takes for many', { knowledgeBaseId: '*' }, '`knowledgeBaseId` holds `*`, `?` or `${`'],
    ['no id', { dataSourceId: '' }, '`dataSourceId` is empty'],
    ['a resource that is no ARN', { iamResources: ['KB12345678'] }, 'neither an ARN nor'],
    [
      'resources from state',
      { iamResources: [sfn.JsonPath.stringAt('$.arn')] },
      '`iamResources` must not come from state: policies are written at synth',
    ],
    ['a moment without offset', { since: '2026-11-25T10:11:12' }, '`since` must be ISO 8601 with an offset'],
    ['a long description', { description: 'x'.repeat(145) }, '`description` must have 1 to 144 characters, not 145'],
    ['an empty description', { description: '' }, '`description` must have 1 to 144 characters, not 0'],
    ['a short interval', { interval: Duration.millis(500) }, '`interval` must be 1 second or more'],
    ['no look', { maxAttempts: 0 }, '`maxAttempts` must be an integer from 1 on, not 0'],
    ['looks from state', { maxAttempts: sfn.JsonPath.numberAt('$.n') }, '`maxAttempts` must not come from state'],
    ['too many attempts', { retry: { maxAttempts: 11 } }, '`retry.maxAttempts` must be an integer from 1 to 10'],
    [
      'a token that nobody is told',
      { integrationPattern: sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN },
      '`integrationPattern` cannot be WAIT_FOR_TASK_TOKEN',
    ],
  ];
  test.each(cases)('%s', (_, changes, message) => {
    expect(errorsOf(stackWith(changes))).toContainEqual(expect.stringContaining(message));
  });

  test('the job pattern', () => {
    expect(() => stackWith({ integrationPattern: sfn.IntegrationPattern.RUN_JOB })).toThrow(
      'The RUN_JOB integration pattern is not supported for IngestKnowledgeBase',
    );
  });
});
