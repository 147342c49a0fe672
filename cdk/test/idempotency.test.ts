/**
 * What a state tells of its step and its record: in both query languages, inside and outside of Maps.
 */
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Duration, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import {
  CallAwsServiceCrossRegion,
  CallAwsServiceCrossRegionProps,
  CrossRegionFunction,
  Idempotency,
  OnUncertain,
} from '../src';
import { aslProblems, errorsOf, GET_OBJECT, HERE, newStack, statementsOf, tableOf, warningsOf } from './support';

/** An operation that takes a token. */
const INGEST = {
  region: 'us-west-2',
  service: 'bedrock-agent',
  action: 'startIngestionJob',
  parameters: { knowledgeBaseId: 'KB', dataSourceId: 'DS' },
  iamResources: ['arn:aws:bedrock:us-west-2:123456789012:knowledge-base/KB'],
} satisfies CallAwsServiceCrossRegionProps;

const STEP = {
  'execution.$': '$$.Execution.Id',
  'state.$': '$$.State.Name',
  'enteredTime.$': '$$.State.EnteredTime',
};

type Json = Record<string, any>;

function task(stack: Stack, changes: Partial<CallAwsServiceCrossRegionProps> = {}): CallAwsServiceCrossRegion {
  return new CallAwsServiceCrossRegion(stack, 'Task', { ...INGEST, ...changes });
}

/** What the task sends, wherever in the chain's definition it stands. */
function sent(stack: Stack, chain: sfn.IChainable): Json {
  new sfn.StateMachine(stack, 'StateMachine', { definitionBody: sfn.DefinitionBody.fromChainable(chain) });
  expect(aslProblems(stack)).toEqual([]);
  const [machine] = Object.values(Template.fromStack(stack).findResources('AWS::StepFunctions::StateMachine'));
  const states = (definition: Json): Json[] =>
    Object.values(definition.States as Json).flatMap((state: Json) => [
      state,
      ...[state.ItemProcessor, state.Iterator, ...(state.Branches ?? [])].filter(Boolean).flatMap(states),
    ]);
  const definition = JSON.parse(
    (machine.Properties.DefinitionString['Fn::Join'][1] as unknown[])
      .map((part) => (typeof part === 'string' ? part : 'x'))
      .join(''),
  ) as Json;
  const state = states(definition).find((it) => it.Type === 'Task')!;
  return (state.Parameters ?? state.Arguments) as Json;
}

describe('tokens', () => {
  test('with JSONPath', () => {
    const stack = newStack();
    expect(sent(stack, task(stack)).invocation).toEqual(STEP);
  });

  test('with JSONata', () => {
    const stack = newStack();
    expect(sent(stack, task(stack, { queryLanguage: sfn.QueryLanguage.JSONATA })).invocation).toEqual({
      execution: '{% $states.context.Execution.Id %}',
      state: '{% $states.context.State.Name %}',
      enteredTime: '{% $states.context.State.EnteredTime %}',
    });
  });

  const withoutStep: Record<string, Partial<CallAwsServiceCrossRegionProps>> = {
    'an operation without a token': GET_OBJECT,
    'a token of the user': { parameters: { ...INGEST.parameters, clientToken: 'x'.repeat(33) } },
    'a token from state': { parameters: { ...INGEST.parameters, 'clientToken.$': '$.token' } },
    'none asked for': { idempotency: Idempotency.none() },
  };

  test.each(Object.entries(withoutStep))('%s: nothing is sent', (_, changes) => {
    const stack = newStack();
    expect(sent(stack, task(stack, changes))).not.toHaveProperty('invocation');
  });

  const maps: Record<string, (stack: Stack, inner: sfn.IChainable) => sfn.IChainable> = {
    'in a Map': (stack, inner) => new sfn.Map(stack, 'Map').itemProcessor(inner),
    'in the iterator of a Map': (stack, inner) => new sfn.Map(stack, 'Map').iterator(inner),
    'in a Parallel in a Map': (stack, inner) =>
      new sfn.Map(stack, 'Map').itemProcessor(new sfn.Parallel(stack, 'Parallel').branch(inner)),
    'in a Map in a Parallel': (stack, inner) =>
      new sfn.Parallel(stack, 'Parallel').branch(new sfn.Map(stack, 'Map').itemProcessor(inner)),
    'in a Map in a distributed Map': (stack, inner) =>
      new sfn.DistributedMap(stack, 'Distributed').itemProcessor(new sfn.Map(stack, 'Map').itemProcessor(inner)),
  };

  test.each(Object.entries(maps))('%s: the index is sent', (_, around) => {
    const stack = newStack();
    const inner = task(stack);
    const chain = around(stack, new sfn.Pass(stack, 'Before').next(inner));
    expect(sent(stack, chain).invocation).toEqual({ ...STEP, 'mapIndex.$': '$$.Map.Item.Index' });
    expect(errorsOf(stack)).toEqual([]);
  });

  test('in a Map, with JSONata', () => {
    const stack = newStack();
    const inner = task(stack, { queryLanguage: sfn.QueryLanguage.JSONATA });
    const { invocation } = sent(stack, new sfn.Map(stack, 'Map').itemProcessor(inner));
    expect(invocation.mapIndex).toBe('{% $states.context.Map.Item.Index %}');
  });

  const outside: Record<string, (stack: Stack, inner: sfn.IChainable) => sfn.IChainable> = {
    'in a Parallel': (stack, inner) => new sfn.Parallel(stack, 'Parallel').branch(inner),
    'in a distributed Map, whose items are executions': (stack, inner) =>
      new sfn.DistributedMap(stack, 'Distributed').itemProcessor(inner),
    'beside a Map': (stack, inner) => new sfn.Map(stack, 'Map').itemProcessor(new sfn.Pass(stack, 'Item')).next(inner),
  };

  test.each(Object.entries(outside))('%s: no index is sent', (_, around) => {
    const stack = newStack();
    expect(sent(stack, around(stack, task(stack))).invocation).toEqual(STEP);
    expect(errorsOf(stack)).toEqual([]);
  });

  test('nested Maps need a discriminator', () => {
    const nested = (changes: Partial<CallAwsServiceCrossRegionProps>) => {
      const stack = newStack();
      const inner = new sfn.Map(stack, 'Inner').itemProcessor(task(stack, changes));
      return { stack, event: sent(stack, new sfn.Map(stack, 'Outer').itemProcessor(inner)) };
    };
    const { stack } = nested({});
    expect(errorsOf(stack)).toEqual([
      '`idempotency` needs a `discriminator`: it stands in nested Maps, and equal items that are entered in the same ' +
        'millisecond would share a token, so that one of them would not be done',
    ]);
    const idempotency = Idempotency.tokens({ discriminator: sfn.JsonPath.stringAt('$.order') });
    const { stack: other, event } = nested({ idempotency });
    expect(errorsOf(other)).toEqual([]);
    expect(event.invocation).toEqual({
      ...STEP,
      'mapIndex.$': '$$.Map.Item.Index',
      'discriminator.$': '$.order',
    });
    expect(errorsOf(nested({ idempotency: Idempotency.none() }).stack)).toEqual([]);
  });

  test('a graph that nobody is found to own is not taken for one outside of Maps', () => {
    const stack = newStack();
    const inner = task(stack);
    const graph = new sfn.StateGraph(inner, 'Map of another library');
    graph.toGraphJson();
    expect(errorsOf(stack)).toEqual([expect.stringContaining('it is not known how many Maps are around it')]);
  });

  const varying: Record<string, Partial<CallAwsServiceCrossRegionProps>> = {
    '$$.Task.Token': { parameters: { ...INGEST.parameters, description: sfn.JsonPath.taskToken } },
    '$$.State.RetryCount': { parameters: { ...INGEST.parameters, 'description.$': '$$.State.RetryCount' } },
    'States.UUID()': { parameters: { ...INGEST.parameters, description: sfn.JsonPath.uuid() } },
    '$uuid()': {
      queryLanguage: sfn.QueryLanguage.JSONATA,
      parameters: { ...INGEST.parameters, description: '{% $uuid() %}' },
    },
    '$states.context.Task.Token': {
      queryLanguage: sfn.QueryLanguage.JSONATA,
      parameters: { ...INGEST.parameters, description: '{% $states.context.Task.Token %}' },
    },
  };

  test.each(Object.entries(varying))('%s makes another token with each attempt', (part, changes) => {
    const stack = newStack();
    task(stack, changes).toStateJson();
    expect(warningsOf(stack)).toEqual([expect.stringContaining(`\`parameters\` hold \`${part}`) as string]);
  });
});

describe('records', () => {
  function withRecords(props: Partial<dynamodb.TableProps> = {}): { stack: Stack; records: dynamodb.Table } {
    const stack = newStack();
    const records = new dynamodb.Table(stack, 'Records', {
      partitionKey: { name: 'id', type: dynamodb.AttributeType.STRING },
      timeToLiveAttribute: 'expiration',
      ...props,
    });
    return { stack, records };
  }

  test('by a key', () => {
    const { stack, records } = withRecords();
    const recorded = task(stack, {
      idempotency: Idempotency.record(records, {
        key: sfn.JsonPath.stringAt('$.order'),
        expiresAfter: Duration.hours(2),
        payload: { order: sfn.JsonPath.stringAt('$.order') },
        onUncertain: OnUncertain.REPEAT,
      }),
    });
    const event = sent(stack, recorded);
    expect(event.idempotency).toEqual({
      'namespace': 'Stack/Task',
      'key.$': '$.order',
      'expiresInSeconds': 7200,
      'payload': { 'order.$': '$.order' },
      'onUncertain': 'repeat',
    });
    expect(event).not.toHaveProperty('invocation');
    expect([...errorsOf(stack), ...warningsOf(stack)]).toEqual([]);
  });

  test('by the step', () => {
    const { stack, records } = withRecords();
    const event = sent(stack, task(stack, { ...GET_OBJECT, idempotency: Idempotency.record(records) }));
    expect(event.idempotency).toEqual({ namespace: 'Stack/Task' });
    expect(event.invocation).toEqual(STEP);
  });

  test('the function gets the table, and may write to it and nothing else', () => {
    const { stack, records } = withRecords();
    sent(stack, task(stack, { idempotency: Idempotency.record(records, { key: 'k' }) }));
    const table = { 'Fn::GetAtt': [stack.getLogicalId(records.node.defaultChild as dynamodb.CfnTable), 'Arn'] };
    Template.fromStack(stack).hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: { IDEMPOTENCY_TABLE: table } },
    });
    expect(tableOf(stack)).toMatchObject([{ actions: ['startIngestionJob'], idempotency: true }]);
    expect(statementsOf(stack)).toContainEqual({
      Action: ['dynamodb:DeleteItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
      Effect: 'Allow',
      Resource: table,
    });
  });

  test('the task waits for another attempt until its lease is over', () => {
    const waited = (timeout?: Duration) => {
      const { stack, records } = withRecords();
      const handler = new CrossRegionFunction(stack, 'Function', { timeout, idempotencyTable: records });
      const state = task(stack, {
        handler,
        idempotency: Idempotency.record(records, { key: 'k' }),
      }).toStateJson() as Json;
      const retry = (state.Retry as Json[]).find((it) => it.ErrorEquals[0] === 'CrossRegion.InProgress')!;
      let [total, wait] = [0, retry.IntervalSeconds as number];
      for (let attempt = 0; attempt < retry.MaxAttempts; attempt += 1) {
        total += wait;
        wait = Math.min(wait * (retry.BackoffRate as number), retry.MaxDelaySeconds as number);
      }
      return total;
    };
    expect(waited()).toBeGreaterThan(90);
    expect(waited(Duration.minutes(15))).toBeGreaterThan(960);
    expect(waited(Duration.minutes(15))).toBeLessThan(1200);
  });

  const wrongTables: Record<string, Partial<dynamodb.TableProps>> = {
    'another name': { partitionKey: { name: 'pk', type: dynamodb.AttributeType.STRING } },
    'another type': { partitionKey: { name: 'id', type: dynamodb.AttributeType.NUMBER } },
    'a sort key': { sortKey: { name: 'sk', type: dynamodb.AttributeType.STRING } },
  };

  test.each(Object.entries(wrongTables))('a table whose key has %s', (_, props) => {
    const { stack, records } = withRecords(props);
    task(stack, { idempotency: Idempotency.record(records, { key: 'k' }) });
    expect(errorsOf(stack)).toEqual([
      'the table of records must have the partition key `id`, a string, and no sort key',
    ]);
  });

  test('a table that forgets nothing', () => {
    const { stack, records } = withRecords({ timeToLiveAttribute: undefined });
    task(stack, { idempotency: Idempotency.record(records, { key: 'k' }) });
    expect(warningsOf(stack)).toEqual([expect.stringContaining('never forgets') as string]);
  });

  test('a global table whose replicas agree only in the end', () => {
    const stack = newStack();
    const records = new dynamodb.TableV2(stack, 'Records', {
      partitionKey: { name: 'id', type: dynamodb.AttributeType.STRING },
      timeToLiveAttribute: 'expiration',
      replicas: [{ region: 'us-west-2' }],
    });
    task(stack, { idempotency: Idempotency.record(records, { key: 'k' }) });
    expect(errorsOf(stack)).toEqual([]);
    expect(warningsOf(stack)).toEqual([expect.stringContaining(`the replica in \`${HERE.region}\``) as string]);
  });

  test('a function keeps its records in one table', () => {
    const { stack, records } = withRecords();
    const other = dynamodb.Table.fromTableName(stack, 'Other', 'other');
    const handler = new CrossRegionFunction(stack, 'Function', { idempotencyTable: records });
    task(stack, { handler, idempotency: Idempotency.record(other, { key: 'k' }) });
    expect(errorsOf(stack)).toEqual([
      'the function `Stack/Function` keeps its records in `Stack/Records`, not in `Stack/Other`: give the task another ' +
        'CrossRegionFunction as `handler`',
    ]);
  });

  test('what could not mean what it says', () => {
    const { stack, records } = withRecords();
    task(stack, {
      integrationPattern: sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
      idempotency: Idempotency.record(records, {
        key: '',
        namespace: sfn.JsonPath.stringAt('$.name'),
        expiresAfter: Duration.millis(1500),
      }),
    });
    expect(errorsOf(stack)).toEqual([
      '`idempotency` cannot be a record where the task waits for its token: a replayed answer calls nobody back',
      '`idempotency.namespace` must not come from state: `key` is what tells pieces of work apart',
      '`idempotency.key` is empty',
      '`idempotency.expiresAfter` must be whole seconds, from one second to ten years',
    ]);
    expect(() => Idempotency.record(undefined as unknown as dynamodb.ITable)).toThrow(
      'Idempotency.record needs a DynamoDB table',
    );
  });

  test('the key that encrypts the table may be used', () => {
    const { stack, records } = withRecords({ encryption: dynamodb.TableEncryption.CUSTOMER_MANAGED });
    sent(stack, task(stack, { idempotency: Idempotency.record(records, { key: 'k' }) }));
    const actions = statementsOf(stack).flatMap((statement) => statement.Action);
    expect(actions).toEqual(expect.arrayContaining(['kms:Decrypt', 'kms:Encrypt']));
  });
});
