/**
 * Parameters that do not fit the input of their operation, found at synth with the path of each fault.
 */
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Aws, Lazy, Token } from 'aws-cdk-lib';
import { CallAwsServiceCrossRegionProps, Spelling } from '../src';
import { errorsOf, stackWith } from './support';

type Parameters = Record<string, unknown>;

function faults(service: string, action: string, parameters: Parameters, more = {}): string[] {
  const changes: Partial<CallAwsServiceCrossRegionProps> = {
    service,
    action,
    parameters,
    iamResources: ['*'],
    ...more,
  };
  return errorsOf(stackWith(changes));
}

const putItem = (item: unknown) => faults('dynamodb', 'putItem', { TableName: 'orders', Item: item });
const getObject = (parameters: Parameters) =>
  faults('s3', 'getObject', { Bucket: 'covers', Key: 'one.png', ...parameters });

describe('members', () => {
  test('a misspelled one, with the near name', () => {
    expect(faults('s3', 'getObject', { bucket: 'covers', Key: 'one.png' })).toEqual([
      'unknown member `parameters.bucket`; did you mean `Bucket`?',
      'missing required member `parameters.Bucket`',
    ]);
  });

  test('of another spelling at any depth', () => {
    expect(putItem({ lines: { L: [{ M: { sku: { s: 'A-1' } } }] } })).toEqual([
      'unknown member `parameters.Item.lines.L[0].M.sku.s`; did you mean `S`?',
    ]);
  });

  test('every fault at once', () => {
    expect(faults('dynamodb', 'query', { TableNme: 'orders', Limit: '5', ConsistentRead: 'yes' })).toEqual([
      'unknown member `parameters.TableNme`; did you mean `TableName`?',
      '`parameters.Limit` must be an integer of 32 bits; it is a string',
      '`parameters.ConsistentRead` must be true or false; it is a string',
      'missing required member `parameters.TableName`',
    ]);
  });

  test('null and undefined are absent', () => {
    expect(faults('s3', 'getObject', { Bucket: null, Key: undefined })).toEqual([
      'missing required member `parameters.Bucket`',
      'missing required member `parameters.Key`',
    ]);
    expect(getObject({ VersionId: null })).toEqual([]);
  });

  test('of an action that takes none', () => {
    expect(faults('iam', 'generateCredentialReport', {})).toEqual([]);
    expect(faults('iam', 'generateCredentialReport', { Force: true, Now: true })).toEqual([
      '`parameters` must be left out: the action takes none, not `Force`, `Now`',
    ]);
  });

  test("in Step Functions' own spelling, where the task says so", () => {
    const own = { spelling: Spelling.STEP_FUNCTIONS };
    const parameters = { DbClusterIdentifier: 'orders' };
    expect(faults('rds', 'describeDBClusters', parameters, own)).toEqual([]);
    expect(faults('rds', 'describeDBClusters', parameters)).toEqual([
      'unknown member `parameters.DbClusterIdentifier`; did you mean `DBClusterIdentifier`?',
    ]);
    expect(faults('rds', 'stopDBCluster', { DBClusterIdentifier: 'orders' }, own)).toEqual([
      'unknown member `parameters.DBClusterIdentifier`; did you mean `DbClusterIdentifier`?',
      'missing required member `parameters.DbClusterIdentifier`',
    ]);
    expect(
      faults('rds-data', 'executeStatement', { 'ResourceArn': 'a', 'SecretArn.$': '$.s', 'Sql': 'q' }, own),
    ).toEqual([]);
  });

  test("in Step Functions' own spelling at any depth, but not in the keys of maps", () => {
    const item = { DBName: { Ss: ['a'] }, gone: { Nul: true }, deep: { M: { aKey: { Bool: false } } } };
    const putItem = (Item: object) =>
      faults('dynamodb', 'putItem', { TableName: 'orders', Item }, { spelling: Spelling.STEP_FUNCTIONS });
    expect(putItem(item)).toEqual([]);
    expect(putItem({ id: { SS: ['a'] } })).toEqual(['unknown member `parameters.Item.id.SS`; did you mean `Ss`?']);
  });

  test("values as Step Functions' own integrations take them", () => {
    const own = { spelling: Spelling.STEP_FUNCTIONS };
    const execution = (Input: unknown) => faults('sfn', 'startExecution', { StateMachineArn: 'a', Input }, own);
    const record = (Data: unknown) => faults('kinesis', 'putRecord', { StreamName: 's', PartitionKey: 'p', Data }, own);
    const object = (Body: unknown) => faults('s3', 'putObject', { Bucket: 'b', Key: 'k', Body }, own);
    for (const value of [{ key: ['value'] }, ['value'], 'text']) {
      expect([...execution(value), ...record(value), ...object(value)]).toEqual([]);
    }
    expect([...object(false), ...object(0)]).toEqual([]);
    expect(execution(7)).toEqual(['`parameters.Input` must be a string; it is a number']);
    expect(record(7)).toEqual([
      '`parameters.Data` must be binary: write {"$base64": …}, {"$text": …} or {"$json": …}; it is a number',
    ]);
    expect(record(Buffer.from('bytes'))).toEqual([
      '`parameters.Data` must be binary: write {"$base64": …}, {"$text": …} or {"$json": …}; it is a Buffer',
    ]);
  });
});

describe('literals', () => {
  const wrong: [string, () => string[], string][] = [
    ['a number for a string', () => getObject({ Key: 7 }), '`parameters.Key` must be a string; it is a number'],
    [
      'an object for a string',
      () => faults('sqs', 'sendMessage', { QueueUrl: 'https://q', MessageBody: { a: 1 } }),
      '`parameters.MessageBody` must be a string (to send a value as JSON text, write {"$json": …}); it is an object',
    ],
    [
      'base64 for a string',
      () => faults('sqs', 'sendMessage', { QueueUrl: 'https://q', MessageBody: { $base64: 'AAEC' } }),
      '`parameters.MessageBody` must be a string: `$base64` is for binary members only',
    ],
    [
      'a fraction for an integer',
      () => getObject({ PartNumber: 1.5 }),
      '`parameters.PartNumber` must be an integer of 32 bits; it is a number',
    ],
    [
      'an integer out of range',
      () => getObject({ PartNumber: 2 ** 31 }),
      '`parameters.PartNumber` must be an integer of 32 bits; it is a number',
    ],
    [
      'a time without offset',
      () => getObject({ IfModifiedSince: '2030-01-31T09:30:00' }),
      '`parameters.IfModifiedSince` must be a time: ISO 8601 with offset, such as "2030-01-31T09:30:00Z", or seconds ' +
        'since 1970; it is a string',
    ],
    [
      'an object for a list',
      () => faults('ec2', 'describeRegions', { RegionNames: { a: 1 } }),
      '`parameters.RegionNames` must be an array; it is an object',
    ],
    ['an array for a map', () => putItem([]), '`parameters.Item` must be an object; it is an array'],
    [
      'a string for a structure',
      () => putItem({ id: 'order-17' }),
      '`parameters.Item.id` must be an object; it is a string',
    ],
    [
      'null in a list',
      () => faults('ec2', 'describeRegions', { RegionNames: [null] }),
      '`parameters.RegionNames[0]` must not be null',
    ],
    [
      'a plain string for binary',
      () => putItem({ id: { B: 'AAEC' } }),
      '`parameters.Item.id.B` must be binary: write {"$base64": …}, {"$text": …} or {"$json": …}; it is a string',
    ],
    [
      'a Buffer for binary',
      () => putItem({ id: { B: Buffer.from('x') } }),
      '`parameters.Item.id.B` must be binary: write {"$base64": …}, {"$text": …} or {"$json": …}; it is a Buffer',
    ],
    [
      'text that is not base64',
      () => putItem({ id: { B: { $base64: 'AAE' } } }),
      '`parameters.Item.id.B.$base64` must be a base64 string; it is a string',
    ],
    [
      'a number for text',
      () => putItem({ id: { B: { $text: 7 } } }),
      '`parameters.Item.id.B.$text` must be a string; it is a number',
    ],
    [
      'a number for a body',
      () => faults('s3', 'putObject', { Bucket: 'covers', Key: 'one', Body: 7 }),
      '`parameters.Body` must be a body: a text, an object or array to be sent as JSON, or {"$base64": …}; it is a number',
    ],
    [
      'two members of a union',
      () =>
        faults('bedrock-runtime', 'converse', {
          modelId: 'm',
          messages: [
            {
              role: 'user',
              content: [{ text: 'a', image: { format: 'png', source: { bytes: { $base64: 'AAEC' } } } }],
            },
          ],
        }),
      'must have exactly one of',
    ],
  ];

  test.each(wrong)('%s', (_, call, message) => {
    const found = call();
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(message);
  });

  const right: [string, () => string[]][] = [
    ['numbers', () => getObject({ PartNumber: 1 })],
    ['times', () => getObject({ IfModifiedSince: '2030-01-31T09:30:00.5+09:00' })],
    ['seconds since 1970', () => getObject({ IfModifiedSince: 1_900_000_000.5 })],
    ['dates', () => getObject({ IfModifiedSince: new Date(0) })],
    ['numbers that are none', () => faults('cloudwatch', 'putMetricAlarm', { ...ALARM, Threshold: 'NaN' })],
    ['bytes', () => putItem({ id: { B: { $base64: 'AAEC/w==' } } })],
    ['the bytes of a text', () => putItem({ id: { B: { $text: 'é' } } })],
    ['the bytes of JSON', () => putItem({ id: { B: { $json: { any: [1, null] } } } })],
    ['text of JSON', () => faults('sqs', 'sendMessage', { QueueUrl: 'https://q', MessageBody: { $json: [1] } })],
    ['a text body', () => faults('s3', 'putObject', { Bucket: 'covers', Key: 'one', Body: 'text' })],
    ['a JSON body', () => faults('s3', 'putObject', { Bucket: 'covers', Key: 'one', Body: [{ a: 1 }] })],
    ['a binary body', () => faults('s3', 'putObject', { Bucket: 'covers', Key: 'one', Body: { $base64: 'AAEC' } })],
  ];
  const ALARM = { AlarmName: 'a', EvaluationPeriods: 1, ComparisonOperator: 'LessThanThreshold' };

  test.each(right)('%s', (_, call) => {
    expect(call()).toEqual([]);
  });

  test('a secret is not repeated in a message', () => {
    const found = faults('kms', 'encrypt', { KeyId: 'k', Plaintext: 'hunter2' });
    expect(found).toHaveLength(1);
    expect(found[0]).not.toContain('hunter2');
  });
});

describe('what is not known at synth passes', () => {
  const values: [string, unknown][] = [
    ['JSONPath', sfn.JsonPath.stringAt('$.x')],
    ['a JSONPath function', sfn.JsonPath.stringToJson(sfn.JsonPath.stringAt('$.x'))],
    ['JSONPath to an object', sfn.JsonPath.objectAt('$.x')],
    ['JSONPath to a list', sfn.JsonPath.listAt('$.x')],
    ['JSONPath to a number', sfn.JsonPath.numberAt('$.x')],
    ['JSONata', '{% $states.input.x %}'],
    ['a token', Aws.ACCOUNT_ID],
    ['a token within a text', `a-${Aws.REGION}-b`],
    ['a token of a number', Token.asNumber({ Ref: 'Number' })],
    ['a token of a list', Token.asList({ Ref: 'List' })],
    ['a lazy value', Lazy.any({ produce: () => 7 })],
  ];

  test.each(values)('%s', (_, value) => {
    expect(putItem(value)).toEqual([]);
    expect(putItem({ id: { B: value } })).toEqual([]);
    expect(putItem({ id: { B: { $base64: value } } })).toEqual([]);
    expect(getObject({ Key: value, PartNumber: value, IfModifiedSince: value })).toEqual([]);
    expect(faults('ec2', 'describeRegions', { RegionNames: value, DryRun: value })).toEqual([]);
    expect(faults('ec2', 'describeRegions', { RegionNames: [value] })).toEqual([]);
  });

  test('keys that JSONPath fills in', () => {
    expect(faults('s3', 'getObject', { 'Bucket.$': '$.bucket', 'Key.$': '$.key' })).toEqual([]);
    expect(putItem({ 'id.$': '$.id', 'binary': { B: { '$text.$': '$.text' } } })).toEqual([]);
    expect(faults('s3', 'getObject', { 'Buket.$': '$.bucket', 'Key': 'k' })).toEqual([
      'unknown member `parameters.Buket`; did you mean `Bucket`?',
      'missing required member `parameters.Bucket`',
    ]);
  });

  test('no keys in JSONata, which knows no such keys', () => {
    const more = { queryLanguage: sfn.QueryLanguage.JSONATA };
    expect(faults('s3', 'getObject', { 'Bucket': 'b', 'Key': 'k', 'VersionId.$': '$.v' }, more)).toEqual([
      'unknown member `parameters.VersionId.$`; did you mean `VersionId`?',
    ]);
  });
});
