/**
 * Pages, selections, waits and what batches left: the state that they make, and what is refused at synth.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Duration } from 'aws-cdk-lib';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsServiceCrossRegion, CallAwsServiceCrossRegionProps, WaitFor } from '../src';
import { jmespathProblem } from '../src/jmespath';
import { aslProblems, errorsOf, GET_OBJECT, newStack, stackWith } from './support';

type Changes = Partial<CallAwsServiceCrossRegionProps>;

interface State {
  readonly Parameters: Record<string, unknown>;
  readonly Retry: { readonly ErrorEquals: string[] }[];
}

const DESCRIBE_TABLE = { service: 'dynamodb', action: 'describeTable', parameters: { TableName: 't' } };
const LIST_OBJECTS = { action: 'listObjectsV2', parameters: { Bucket: 'b' } };
const DESCRIBE_JOB = {
  service: 'bedrock-agent',
  action: 'getIngestionJob',
  parameters: { knowledgeBaseId: 'k', dataSourceId: 'd', ingestionJobId: 'i' },
};

function stateOf(changes: Changes): State {
  const stack = newStack();
  const task = new CallAwsServiceCrossRegion(stack, 'Task', { ...GET_OBJECT, ...changes });
  new sfn.StateMachine(stack, 'StateMachine', { definitionBody: sfn.DefinitionBody.fromChainable(task) });
  expect(errorsOf(stack)).toEqual([]);
  expect(aslProblems(stack)).toEqual([]);
  return stack.resolve(task.toStateJson()) as State;
}

describe('the state', () => {
  test('has what is given, and nothing else', () => {
    expect(stateOf({ ...LIST_OBJECTS }).Parameters).not.toHaveProperty('paginate');
    const paginate = { maxPages: 10, partial: true };
    const { Parameters, Retry } = stateOf({ ...LIST_OBJECTS, paginate, select: 'Contents[].Key' });
    expect(Parameters).toMatchObject({ paginate, select: 'Contents[].Key' });
    expect(Retry).toHaveLength(1);
    const batch = { service: 'sqs', action: 'sendMessageBatch', parameters: { QueueUrl: 'q', Entries: [] } };
    expect(stateOf({ ...batch, retryUnprocessed: true }).Parameters).toMatchObject({ retryUnprocessed: true });
  });

  test('looks again with the delay of the waiter, as often as it', () => {
    const { Parameters, Retry } = stateOf({ ...DESCRIBE_TABLE, waitFor: WaitFor.waiter('tableExists') });
    expect(Parameters.waitFor).toEqual({ waiter: 'tableExists' });
    // The waiter looks 25 times, so 24 times again.
    expect(Retry.slice(1)).toEqual([
      { ErrorEquals: ['CrossRegion.NotReady'], IntervalSeconds: 20, MaxAttempts: 24, BackoffRate: 1 },
    ]);
  });

  test('looks again as the options say', () => {
    const waitFor = WaitFor.path('ingestionJob.status', {
      success: ['COMPLETE'],
      failure: ['FAILED', 'STOPPED'],
      interval: Duration.minutes(1),
      maxAttempts: 60,
      pollWithin: Duration.seconds(2),
    });
    const { Parameters, Retry } = stateOf({ ...DESCRIBE_JOB, waitFor });
    expect(Parameters.waitFor).toEqual({
      path: 'ingestionJob.status',
      success: ['COMPLETE'],
      failure: ['FAILED', 'STOPPED'],
      pollWithin_ms: 2000,
    });
    expect(Retry[1]).toEqual({
      ErrorEquals: ['CrossRegion.NotReady'],
      IntervalSeconds: 60,
      MaxAttempts: 59,
      BackoffRate: 1,
    });
  });

  test('looks for an hour at a path, unless told otherwise', () => {
    const waitFor = WaitFor.path('ingestionJob.status', { success: ['COMPLETE'] });
    expect(stateOf({ ...DESCRIBE_JOB, waitFor }).Retry[1]).toMatchObject({ IntervalSeconds: 30, MaxAttempts: 119 });
  });

  test('may take an expression from state', () => {
    const { Parameters } = stateOf({ ...LIST_OBJECTS, select: sfn.JsonPath.stringAt('$.select') });
    expect(Parameters).toMatchObject({ 'select.$': '$.select' });
    stateOf({ ...LIST_OBJECTS, queryLanguage: sfn.QueryLanguage.JSONATA, select: '{% $states.input.x %}' });
  });
});

describe('refused at synth', () => {
  const wrong: [string, Changes, string][] = [
    [
      'an unknown waiter',
      { ...DESCRIBE_TABLE, waitFor: WaitFor.waiter('tableExist') },
      'has no waiter `tableExist`; did you mean `tableExists`',
    ],
    [
      'a waiter of another action',
      { ...DESCRIBE_TABLE, waitFor: WaitFor.waiter('bucketExists') },
      'it has `tableExists`',
    ],
    [
      'an action without waiters',
      { waitFor: WaitFor.waiter('x'), action: 'listBuckets', parameters: {} },
      '`WaitFor.path` waits',
    ],
    [
      'a wait on what does more than read',
      { ...DESCRIBE_TABLE, action: 'deleteTable', waitFor: WaitFor.waiter('tableNotExists') },
      '`waitFor`: `deleteTable` does more than read, and each look would do it again',
    ],
    ['nothing to wait for', { waitFor: WaitFor.path('a', { success: [] }) }, '`success` is empty'],
    ['a path that is none', { waitFor: WaitFor.path('a..b', { success: [1] }) }, '`waitFor`: not JMESPath: '],
    [
      'too short an interval',
      { waitFor: WaitFor.path('a', { success: [1], interval: Duration.millis(10) }) },
      '`pollWithin`',
    ],
    [
      'no look',
      { waitFor: WaitFor.path('a', { success: [1], maxAttempts: 0 }) },
      '`maxAttempts` must be an integer from 1 on',
    ],
    [
      'looks from state',
      { waitFor: WaitFor.path('a', { success: [1], maxAttempts: sfn.JsonPath.numberAt('$.n') }) },
      '`waitFor`: `maxAttempts` must not come from state',
    ],
    [
      'too long a function',
      { waitFor: WaitFor.path('a', { success: [1], pollWithin: Duration.hours(1) }) },
      '15 minutes',
    ],
    ['a selection that is none', { select: 'Contents[' }, '`select`: not JMESPath: '],
    ['pages of one answer', { paginate: {} }, '`paginate`: `getObject` does not answer in pages'],
    [
      'no page',
      { ...LIST_OBJECTS, paginate: { maxPages: 0 } },
      '`paginate.maxPages` must be an integer from 1 on, not 0',
    ],
    ['half an item', { ...LIST_OBJECTS, paginate: { maxItems: 0.5 } }, '`paginate.maxItems` must be an integer'],
    ['what is no batch', { retryUnprocessed: true }, '`retryUnprocessed`: `getObject` does not name what it left'],
    [
      'a wait for pages',
      { ...LIST_OBJECTS, paginate: {}, waitFor: WaitFor.path('a', { success: [1] }) },
      'does not go with `waitFor`',
    ],
  ];

  test.each(wrong)('%s', (_, changes, message) => {
    expect(errorsOf(stackWith(changes)).join('\n')).toContain(message);
  });
});

describe('JMESPath', () => {
  const { taken, refused } = JSON.parse(
    readFileSync(join(__dirname, '../../tests/data/expressions.json'), 'utf8'),
  ) as Record<string, string[]>;

  test.each(taken)('%s is taken', (expression) => {
    expect(jmespathProblem(expression)).toBeUndefined();
  });

  test.each(refused)('%s is refused', (expression) => {
    expect(jmespathProblem(expression)).toMatch(/^not JMESPath: /);
  });

  test('is bounded as in the handler', () => {
    expect(jmespathProblem('a'.repeat(2049))).toMatch(/2048 bytes/);
    expect(jmespathProblem('a' + '.a'.repeat(257))).toMatch(/256 brackets/);
    expect(jmespathProblem('a' + '.a'.repeat(256))).toBeUndefined();
  });
});
