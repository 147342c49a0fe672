/**
 * The tasks on aggregated records of Kinesis: their states, their entries in the operation table, their permissions,
 * their mistakes.
 */
import { App, CfnParameter, Size, Stack } from 'aws-cdk-lib';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import {
  CallRetryMode,
  CrossRegionFunction,
  DeaggregateRecords,
  PutAggregatedRecords,
  PutAggregatedRecordsProps,
  RecordDataAs,
  RecordsObject,
  RelayStream,
  RelayStreamProps,
} from '../src';
import { aslProblems, errorsOf, HERE, newStack, statementsOf, tableOf } from './support';

const OREGON = 'arn:aws:kinesis:us-west-2:123456789012:stream/copy';
const TOKYO = 'arn:aws:kinesis:ap-northeast-1:123456789012:stream/orders';

const streamOf = (stack: Stack, arn: string) => kinesis.Stream.fromStreamArn(stack, arn, arn);

function putting(changes: Partial<PutAggregatedRecordsProps> = {}): Stack {
  const stack = newStack();
  const records = sfn.JsonPath.objectAt('$.records');
  new PutAggregatedRecords(stack, 'Task', { stream: streamOf(stack, OREGON), records, ...changes });
  return stack;
}

/** A stack whose one task puts the records of an object in Tokyo, or as the changes have it. */
function puttingFrom(changes: Partial<RecordsObject> = {}, others: Partial<PutAggregatedRecordsProps> = {}): Stack {
  const stack = newStack();
  const recordsFrom = { bucket: s3.Bucket.fromBucketName(stack, 'Exports', 'exports'), key: 'day.jsonl', ...changes };
  new PutAggregatedRecords(stack, 'Task', { stream: streamOf(stack, OREGON), recordsFrom, ...others });
  return stack;
}

function relaying(changes: Partial<RelayStreamProps> = {}): Stack {
  const stack = newStack();
  new RelayStream(stack, 'Task', {
    source: streamOf(stack, TOKYO),
    destination: streamOf(stack, OREGON),
    checkpoint: sfn.JsonPath.objectAt('$.checkpoint'),
    ...changes,
  });
  return stack;
}

function eventOf(stack: Stack): any {
  const state = (stack.node.findChild('Task') as sfn.TaskStateBase).toStateJson() as any;
  return stack.resolve(state.Parameters ?? state.Arguments);
}

const allowed = (region: string, arn: string, actions: string[]) =>
  actions.map((action) => ({
    Action: `kinesis:${action}`,
    Condition: { StringEquals: { 'aws:RequestedRegion': region } },
    Effect: 'Allow',
    Resource: arn,
  }));

describe('PutAggregatedRecords', () => {
  test('the function is told the stream, the records and how they are aggregated', () => {
    const stack = putting({
      targetSize: Size.kibibytes(100),
      maxRecordSize: Size.mebibytes(2),
      ordered: true,
      partial: true,
      retry: { mode: CallRetryMode.SAFE },
    });
    expect(eventOf(stack)).toEqual({
      region: 'us-west-2',
      procedure: 'kinesis.putAggregated',
      parameters: {
        'StreamARN': OREGON,
        'Records.$': '$.records',
        'partial': true,
        'targetSize': 102400,
        'MaxRecordSizeInKiB': 2048,
        'ordered': true,
      },
      retry: { mode: 'safe' },
    });
    expect(errorsOf(stack)).toEqual([]);
  });

  test('what is left out is not written', () => {
    expect(eventOf(putting()).parameters).toEqual({ 'StreamARN': OREGON, 'Records.$': '$.records' });
  });

  test('the Region is that of the stream, in the table and in the policy', () => {
    const stack = putting();
    expect(tableOf(stack)).toEqual([{ procedure: 'kinesis.putAggregated', regions: ['us-west-2'] }]);
    expect(statementsOf(stack)).toEqual(allowed('us-west-2', OREGON, ['ListShards', 'PutRecords']));
  });

  test('whoever reads the records may be told the token that the state waits for', () => {
    const integrationPattern = sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN;
    const told = [{ PartitionKey: 'a', Data: { $text: sfn.JsonPath.taskToken } }];
    for (const [records, errors] of [
      [told, 0],
      [sfn.JsonPath.objectAt('$.records'), 1],
    ] as const) {
      const stack = newStack();
      const stream = kinesis.Stream.fromStreamArn(stack, 'Stream', OREGON);
      new PutAggregatedRecords(stack, 'Task', { stream, records, integrationPattern });
      expect(errorsOf(stack)).toHaveLength(errors);
    }
  });

  test('a stream that is encrypted needs its key', () => {
    const stack = newStack();
    const encryptionKey = new kms.Key(stack, 'Key');
    const stream = new kinesis.Stream(stack, 'Stream', { encryption: kinesis.StreamEncryption.KMS, encryptionKey });
    new PutAggregatedRecords(stack, 'Task', { stream, records: sfn.JsonPath.objectAt('$.records') });
    expect(statementsOf(stack).at(-1)).toMatchObject({ Action: 'kms:GenerateDataKey' });
    expect(eventOf(stack).region).toBe(HERE.region);
  });

  test('JSONata', () => {
    const stack = newStack();
    const records = '{% $states.input.records %}';
    const task = PutAggregatedRecords.jsonata(stack, 'Task', {
      stream: streamOf(stack, OREGON),
      records,
      outputs: { left: '{% $states.result.left %}' },
    });
    new sfn.StateMachine(stack, 'Machine', { definitionBody: sfn.DefinitionBody.fromChainable(task) });
    expect(eventOf(stack).parameters.Records).toBe(records);
    expect(aslProblems(stack)).toEqual([]);
  });

  const mistakes: [string, Partial<PutAggregatedRecordsProps>, string][] = [
    ['a target of nothing', { targetSize: Size.bytes(0) }, '`targetSize` must be from 1 byte to the size of a record'],
    ['a target beyond a record', { targetSize: Size.mebibytes(2) }, '`targetSize` must be from 1 byte'],
    ['records too small', { maxRecordSize: Size.kibibytes(1) }, '`maxRecordSize` must be from 1 to 10 MiB'],
    ['records too large', { maxRecordSize: Size.mebibytes(11) }, '`maxRecordSize` must be from 1 to 10 MiB'],
    ['no records', { records: undefined }, '`records` or `recordsFrom` is missing'],
    ['too many attempts', { retry: { maxAttempts: 11 } }, '`retry.maxAttempts` must be an integer from 1 to 10'],
  ];
  test.each(mistakes)('%s', (_, changes, message) => {
    expect(errorsOf(putting(changes))).toContainEqual(expect.stringContaining(message));
  });

  test('a stream in no Region of AWS', () => {
    const stack = newStack();
    const stream = streamOf(stack, 'arn:aws:kinesis:us-east:123456789012:stream/copy');
    new PutAggregatedRecords(stack, 'Task', { stream, records: [] });
    expect(errorsOf(stack)).toContainEqual(expect.stringContaining('`us-east` is no Region of AWS'));
  });

  test('a stream from state', () => {
    const stream = streamOf(newStack(), sfn.JsonPath.stringAt('$.stream'));
    expect(errorsOf(putting({ stream }))).toEqual(['a stream must not come from state: policies are written at synth']);
  });

  test('the job pattern', () => {
    expect(() => putting({ integrationPattern: sfn.IntegrationPattern.RUN_JOB })).toThrow(
      'The RUN_JOB integration pattern is not supported for PutAggregatedRecords',
    );
  });
});

describe('PutAggregatedRecords from an object', () => {
  const arn = (rest: string) => ({ 'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, `:s3:::${rest}`]] });
  const fromKey = sfn.JsonPath.stringAt('$.key');

  test('the function is told the object, and where to go on', () => {
    const start = sfn.JsonPath.objectAt('$.next');
    const stack = puttingFrom({ key: fromKey, keyPrefix: 'days/', versionId: 'v1', start }, { partial: true });
    expect(eventOf(stack)).toEqual({
      region: 'us-west-2',
      procedure: 'kinesis.putAggregated',
      parameters: {
        StreamARN: OREGON,
        recordsFrom: {
          'Bucket': 'exports',
          'Key.$': '$.key',
          'VersionId': 'v1',
          'region': HERE.region,
          'format': 'jsonLines',
          'start.$': '$.next',
        },
        partial: true,
      },
    });
    expect(errorsOf(stack)).toEqual([]);
  });

  test('what is left out is not written', () => {
    expect(eventOf(puttingFrom()).parameters).toEqual({
      StreamARN: OREGON,
      recordsFrom: { Bucket: 'exports', Key: 'day.jsonl', region: HERE.region, format: 'jsonLines' },
    });
  });

  test('the table lists both Regions and the object, and the role may read it', () => {
    const stack = puttingFrom();
    expect(tableOf(stack)).toEqual([
      {
        procedure: 'kinesis.putAggregated',
        regions: [HERE.region, 'us-west-2'],
        sources: [{ bucket: 'exports', keyPrefix: 'day.jsonl' }],
      },
    ]);
    expect(statementsOf(stack)).toEqual([
      ...allowed('us-west-2', OREGON, ['ListShards', 'PutRecords']),
      {
        Action: 's3:GetObject',
        Condition: { StringEquals: { 'aws:RequestedRegion': HERE.region } },
        Effect: 'Allow',
        Resource: arn('exports/day.jsonl'),
      },
    ]);
  });

  test('a version, a Region and a bound are what the role is given', () => {
    const stack = puttingFrom({ key: fromKey, keyPrefix: 'days/', versionId: 'v1', region: 'eu-west-1' });
    expect(tableOf(stack)).toMatchObject([
      { regions: ['eu-west-1', 'us-west-2'], sources: [{ bucket: 'exports', keyPrefix: 'days/' }] },
    ]);
    expect(statementsOf(stack).at(-1)).toMatchObject({
      Action: 's3:GetObjectVersion',
      Condition: { StringEquals: { 'aws:RequestedRegion': 'eu-west-1' } },
      Resource: arn('exports/days/*'),
    });
  });

  test('an object of an encrypted bucket needs its key', () => {
    const stack = newStack();
    const bucket = new s3.Bucket(stack, 'Exports', { encryptionKey: new kms.Key(stack, 'Key') });
    new PutAggregatedRecords(stack, 'Task', {
      stream: streamOf(stack, OREGON),
      recordsFrom: { bucket, key: 'day.jsonl' },
    });
    expect(statementsOf(stack).at(-1)).toMatchObject({ Action: 'kms:Decrypt' });
    expect(errorsOf(stack)).toEqual([]);
  });

  test('a function of another stack cannot be told of a bucket of this one', () => {
    const app = new App();
    const here = new Stack(app, 'Here', { env: HERE });
    new PutAggregatedRecords(here, 'Task', {
      stream: streamOf(here, OREGON),
      recordsFrom: { bucket: new s3.Bucket(here, 'Bucket'), key: 'day.jsonl' },
      handler: new CrossRegionFunction(new Stack(app, 'There', { env: HERE }), 'Function'),
    });
    expect(errorsOf(here)).toEqual([expect.stringContaining('a resource of the stack `Here` is named')]);
  });

  test('a first call and those that go on are one permission, those from elsewhere others', () => {
    const stack = newStack();
    const stream = streamOf(stack, OREGON);
    const bucket = s3.Bucket.fromBucketName(stack, 'Exports', 'exports');
    const add = (id: string, from: object) =>
      new PutAggregatedRecords(stack, id, { stream, recordsFrom: { bucket, key: 'a', ...from } });
    add('Put', {});
    add('GoOn', { start: sfn.JsonPath.objectAt('$.next') });
    add('Other', { key: 'b' });
    new PutAggregatedRecords(stack, 'State', { stream, records: sfn.JsonPath.objectAt('$.records') });
    expect(tableOf(stack).map(({ sources }) => sources)).toEqual([
      [{ bucket: 'exports', keyPrefix: 'a' }],
      [{ bucket: 'exports', keyPrefix: 'b' }],
      undefined,
    ]);
  });

  test('a state machine goes on until nothing is left', () => {
    const stack = newStack();
    const stream = streamOf(stack, OREGON);
    const from = { bucket: s3.Bucket.fromBucketName(stack, 'Exports', 'exports'), key: 'day.jsonl' };
    const put = new PutAggregatedRecords(stack, 'Put', { stream, recordsFrom: from, partial: true });
    const goOn = new PutAggregatedRecords(stack, 'GoOn', {
      stream,
      recordsFrom: { ...from, start: sfn.JsonPath.objectAt('$.next') },
      partial: true,
    });
    const isDone = new sfn.Choice(stack, 'IsDone')
      .when(sfn.Condition.isNull('$.next'), new sfn.Succeed(stack, 'Done'))
      .otherwise(goOn);
    put.next(isDone);
    goOn.next(isDone);
    new sfn.StateMachine(stack, 'Machine', { definitionBody: sfn.DefinitionBody.fromChainable(put) });
    expect(aslProblems(stack)).toEqual([]);
    expect(errorsOf(stack)).toEqual([]);
  });

  test('JSONata', () => {
    const stack = newStack();
    const task = PutAggregatedRecords.jsonata(stack, 'Task', {
      stream: streamOf(stack, OREGON),
      recordsFrom: {
        bucket: s3.Bucket.fromBucketName(stack, 'Exports', 'exports'),
        key: '{% $states.input.key %}',
        keyPrefix: '',
        start: '{% $next %}',
      },
      partial: true,
      assign: { next: '{% $states.result.next %}' },
    });
    new sfn.StateMachine(stack, 'Machine', { definitionBody: sfn.DefinitionBody.fromChainable(task) });
    expect(eventOf(stack).parameters.recordsFrom).toMatchObject({
      Key: '{% $states.input.key %}',
      start: '{% $next %}',
    });
    expect(tableOf(stack)).toMatchObject([{ sources: [{ bucket: 'exports' }] }]);
    expect(errorsOf(stack)).toEqual([]);
    expect(aslProblems(stack)).toEqual([]);
  });

  test('beside records in the state', () => {
    expect(errorsOf(puttingFrom({}, { records: [] }))).toEqual([
      '`records` and `recordsFrom` are both there: leave one out',
    ]);
  });

  const mistakes: [string, Partial<RecordsObject>, string][] = [
    ['a key from state', { key: fromKey }, '`recordsFrom.keyPrefix` is missing: the key comes from state'],
    ['a key beside its prefix', { keyPrefix: 'days/' }, '`recordsFrom.keyPrefix` is not what `day.jsonl` begins with'],
    ['a bound from state', { key: fromKey, keyPrefix: fromKey }, '`recordsFrom.keyPrefix` must not come from state'],
    ['a key that IAM takes for many', { key: '*.jsonl' }, '`recordsFrom.key` holds `*`, `?` or `${`'],
    ['such a bound', { key: fromKey, keyPrefix: '*' }, '`recordsFrom.keyPrefix` holds `*`'],
    ['no key', { key: '' }, '`recordsFrom.key` is empty'],
    ['no Region', { region: 'us-west' }, '`us-west` is no Region of AWS'],
    ['a Region from state', { region: fromKey }, '`recordsFrom.region` must not come from state'],
  ];
  test.each(mistakes)('%s', (_, changes, message) => {
    expect(errorsOf(puttingFrom(changes))).toEqual([expect.stringContaining(message)]);
  });
});

describe('DeaggregateRecords', () => {
  test('it acts in the Region of its stack, and may call nothing', () => {
    const stack = newStack();
    new DeaggregateRecords(stack, 'Task', {
      records: sfn.JsonPath.objectAt('$.Records'),
      dataAs: RecordDataAs.JSON,
      hashKeyRange: { startingHashKey: sfn.JsonPath.stringAt('$.first'), endingHashKey: '7' },
    });
    expect(eventOf(stack)).toEqual({
      region: HERE.region,
      procedure: 'kinesis.deaggregate',
      parameters: {
        'Records.$': '$.Records',
        'dataAs': 'json',
        'HashKeyRange': { 'StartingHashKey.$': '$.first', 'EndingHashKey': '7' },
      },
    });
    expect(tableOf(stack)).toEqual([{ procedure: 'kinesis.deaggregate', regions: [HERE.region] }]);
    expect(statementsOf(stack)).toEqual([]);
    expect(errorsOf(stack)).toEqual([]);
  });

  test('JSONata', () => {
    const stack = newStack();
    const task = DeaggregateRecords.jsonata(stack, 'Task', { records: '{% $states.input.Records %}' });
    new sfn.StateMachine(stack, 'Machine', { definitionBody: sfn.DefinitionBody.fromChainable(task) });
    expect(eventOf(stack).parameters).toEqual({ Records: '{% $states.input.Records %}' });
    expect(aslProblems(stack)).toEqual([]);
  });
});

describe('RelayStream', () => {
  test('the function is told both streams and the checkpoint', () => {
    const stack = relaying({
      startAt: '2026-11-25T00:00:00Z',
      pageLimit: 1000,
      keepOutsideRange: true,
      ordered: true,
    });
    expect(eventOf(stack)).toEqual({
      region: 'us-west-2',
      procedure: 'kinesis.relay',
      parameters: {
        'source': {
          region: 'ap-northeast-1',
          StreamARN: TOKYO,
          ShardIteratorType: 'AT_TIMESTAMP',
          Timestamp: '2026-11-25T00:00:00Z',
          Limit: 1000,
        },
        'StreamARN': OREGON,
        'checkpoint.$': '$.checkpoint',
        'outsideRange': 'keep',
        'ordered': true,
      },
    });
    expect(errorsOf(stack)).toEqual([]);
  });

  test('one entry lists both Regions, and each stream has its own actions', () => {
    const stack = relaying();
    expect(tableOf(stack)).toEqual([{ procedure: 'kinesis.relay', regions: ['ap-northeast-1', 'us-west-2'] }]);
    expect(statementsOf(stack)).toEqual([
      ...allowed('ap-northeast-1', TOKYO, ['ListShards', 'GetShardIterator', 'GetRecords']),
      ...allowed('us-west-2', OREGON, ['ListShards', 'PutRecords']),
    ]);
  });

  test.each(['source', 'destination'])('a %s from state', (side) => {
    const stream = streamOf(newStack(), sfn.JsonPath.stringAt('$.stream'));
    expect(errorsOf(relaying({ [side]: stream }))).toEqual([
      'a stream must not come from state: policies are written at synth',
    ]);
  });

  test('a page whose size is known at deployment', () => {
    const pageLimit = new CfnParameter(newStack(), 'Limit', { type: 'Number' }).valueAsNumber;
    expect(errorsOf(relaying({ pageLimit }))).toEqual([]);
  });

  test.each([0, 10_001, 1.5])('a page of %d records', (pageLimit) => {
    expect(errorsOf(relaying({ pageLimit }))).toContainEqual('`pageLimit` must be from 1 to 10,000');
  });
});
