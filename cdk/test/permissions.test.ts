/**
 * The IAM statements of a call: its actions, resources, Regions.
 */
import { Aws, CfnParameter } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsServiceCrossRegion, CallAwsServiceCrossRegionProps } from '../src';
import { errorsOf, GET_OBJECT, newStack, stackWith, Statement, statementsOf, warningsOf } from './support';

type Changes = Partial<CallAwsServiceCrossRegionProps>;

/** The statement of a call with resources that stand for any. */
function statementOf(changes: Changes): Statement {
  const stack = stackWith({ iamResources: ['arn:aws:any:::thing'], ...changes });
  expect(errorsOf(stack)).toEqual([]);
  const statements = statementsOf(stack);
  expect(statements).toHaveLength(1);
  return statements[0];
}

const IN_OREGON = { StringEquals: { 'aws:RequestedRegion': 'us-west-2' } };

describe('actions', () => {
  const derived: [string, string, Record<string, unknown>, string | string[]][] = [
    ['s3', 'listObjectsV2', { Bucket: 'b' }, 's3:ListBucket'],
    ['s3', 'headObject', { Bucket: 'b', Key: 'k' }, 's3:GetObject'],
    ['s3', 'getObject', { Bucket: 'b', Key: 'k', VersionId: 'v' }, 's3:GetObjectVersion'],
    ['s3', 'copyObject', { Bucket: 'b', Key: 'k', CopySource: 'a/k' }, ['s3:GetObject', 's3:PutObject']],
    [
      's3',
      'copyObject',
      { Bucket: 'b', Key: 'k', CopySource: 'a/k?versionId=v' },
      ['s3:PutObject', 's3:GetObjectVersion'],
    ],
    [
      's3',
      'copyObject',
      { Bucket: 'b', Key: 'k', CopySource: sfn.JsonPath.stringAt('$.source') },
      ['s3:GetObject', 's3:PutObject', 's3:GetObjectVersion'],
    ],
    ['s3', 'putObject', { Bucket: 'b', Key: 'k', Tagging: 'a=b' }, ['s3:PutObject', 's3:PutObjectTagging']],
    ['s3', 'putObject', { Bucket: 'b', Key: 'k', ACL: 'private' }, ['s3:PutObject', 's3:PutObjectAcl']],
    ['s3', 'createMultipartUpload', { Bucket: 'b', Key: 'k' }, 's3:PutObject'],
    ['s3', 'abortMultipartUpload', { Bucket: 'b', Key: 'k', UploadId: 'u' }, 's3:AbortMultipartUpload'],
    ['s3', 'listParts', { Bucket: 'b', Key: 'k', UploadId: 'u' }, 's3:ListMultipartUploadParts'],
    ['s3', 'deleteObjects', { Bucket: 'b', Delete: { Objects: [{ Key: 'k' }] } }, 's3:DeleteObject'],
    ['sqs', 'sendMessageBatch', { QueueUrl: 'q', Entries: [] }, 'sqs:SendMessage'],
    ['bedrock-runtime', 'converse', { modelId: 'm' }, 'bedrock:InvokeModel'],
    ['dynamodb', 'transactGetItems', { TransactItems: [{ Get: { TableName: 't', Key: {} } }] }, 'dynamodb:GetItem'],
    [
      'dynamodb',
      'createTable',
      { TableName: 't', Tags: [{ Key: 'k', Value: 'v' }] },
      ['dynamodb:CreateTable', 'dynamodb:TagResource'],
    ],
    ['lambda', 'invoke', { FunctionName: 'f' }, 'lambda:InvokeFunction'],
    ['bedrock-agent', 'getIngestionJob', INGESTION(), 'bedrock:GetIngestionJob'],
    ['cloudwatch-logs', 'createLogGroup', { logGroupName: 'g' }, 'logs:CreateLogGroup'],
    ['sfn', 'startExecution', { stateMachineArn: 'a' }, 'states:StartExecution'],
    [
      'dynamodb',
      'transactWriteItems',
      { TransactItems: [{ Delete: { TableName: 't', Key: {} } }] },
      'dynamodb:DeleteItem',
    ],
  ];

  function INGESTION() {
    return { knowledgeBaseId: 'k', dataSourceId: 'd', ingestionJobId: 'i' };
  }

  test.each(derived)('%s %s %j', (service, action, parameters, expected) => {
    expect(statementOf({ service, action, parameters })).toEqual({
      Action: expected,
      Effect: 'Allow',
      Resource: 'arn:aws:any:::thing',
      Condition: IN_OREGON,
    });
  });

  test('of transactions whose items come from state are all that items may need', () => {
    const { Action } = statementOf({
      service: 'dynamodb',
      action: 'transactWriteItems',
      parameters: { TransactItems: sfn.JsonPath.objectAt('$.items') },
    });
    expect([...Action].sort()).toEqual([
      'dynamodb:ConditionCheckItem',
      'dynamodb:DeleteItem',
      'dynamodb:PutItem',
      'dynamodb:UpdateItem',
    ]);
  });

  test('may be written out', () => {
    expect(statementOf({ iamAction: 's3:*' }).Action).toBe('s3:*');
  });

  test('that cannot be derived are asked for, with near names', () => {
    const call = { service: 'kms', action: 'getKeyLastUsage', parameters: { KeyId: 'k' } };
    expect(errorsOf(stackWith(call))).toEqual([
      '`iamAction` is missing: which action permits `GetKeyLastUsage` is not known; near names are ' +
        '`kms:GetKeyPolicy`, `kms:GetPublicKey`, `kms:GetKeyRotationStatus`',
    ]);
    expect(errorsOf(stackWith({ ...call, iamAction: 'kms:GetKeyLastUsage' }))).toEqual([]);
    const unlike = { service: 'kms', action: 'encapsulate', parameters: { KeyId: 'k', EncapsulationAlgorithm: 'a' } };
    expect(errorsOf(stackWith(unlike))).toEqual([
      '`iamAction` is missing: which action permits `Encapsulate` is not known',
    ]);
  });

  test('are asked for where the operation is a token', () => {
    const stack = newStack();
    const action = new CfnParameter(stack, 'Action').valueAsString;
    new CallAwsServiceCrossRegion(stack, 'Task', { ...GET_OBJECT, action });
    expect(errorsOf(stack)).toEqual([
      '`iamAction` is missing: it cannot be derived where `service` or `action` is a token',
    ]);
  });
});

describe('resources', () => {
  test('may be left out where the action has none', () => {
    const call = { service: 'ec2', action: 'describeRegions', parameters: {} };
    expect(statementOf({ ...call, iamResources: undefined })).toMatchObject({ Resource: '*', Condition: IN_OREGON });
    expect(statementOf({ ...call, iamResources: ['*'] })).toMatchObject({ Resource: '*' });
  });

  test('are asked for where it has', () => {
    expect(errorsOf(stackWith({ iamResources: undefined }))).toEqual([
      '`iamResources` is missing: `s3:GetObject` takes ' +
        '`arn:${Partition}:s3:${Region}:${Account}:accesspoint/${AccessPointName}/object/${ObjectName}`, ' +
        '`arn:${Partition}:s3:::${BucketName}/${ObjectName}`',
    ]);
    expect(errorsOf(stackWith({ iamResources: undefined, iamAction: 's3:GetObject' }))).toEqual([
      '`iamResources` is missing: `s3:GetObject` takes ARNs',
    ]);
  });

  test('must not be an empty list', () => {
    expect(errorsOf(stackWith({ iamResources: [] }))).toEqual([
      "`iamResources` is empty: name the resources, or write ['*'], or leave it out where the IAM action has none",
    ]);
  });

  test('that can never match are refused', () => {
    const call = { service: 'ec2', action: 'describeRegions', parameters: {} };
    expect(errorsOf(stackWith({ ...call, iamResources: ['arn:aws:ec2:us-west-2:123456789012:instance/*'] }))).toEqual([
      "`ec2:DescribeRegions` has no resources in IAM: leave `iamResources` out, or write ['*']",
    ]);
  });

  test('may differ per action', () => {
    const stack = stackWith({
      action: 'copyObject',
      parameters: { Bucket: 'to', Key: 'k', CopySource: 'from/k' },
      iamResources: ['arn:aws:s3:::to/*'],
      iamResourcesByAction: { 's3:GetObject': ['arn:aws:s3:::from/*'] },
    });
    expect(errorsOf(stack)).toEqual([]);
    expect(statementsOf(stack)).toEqual([
      { Action: 's3:GetObject', Effect: 'Allow', Resource: 'arn:aws:s3:::from/*', Condition: IN_OREGON },
      { Action: 's3:PutObject', Effect: 'Allow', Resource: 'arn:aws:s3:::to/*', Condition: IN_OREGON },
    ]);
  });

  test('per action may stand alone', () => {
    const stack = stackWith({
      iamResources: undefined,
      iamResourcesByAction: { 's3:GetObject': ['arn:aws:s3:::covers/*'] },
    });
    expect(errorsOf(stack)).toEqual([]);
    expect(statementsOf(stack)).toHaveLength(1);
  });
});

describe('Regions', () => {
  const conditionOf = (changes: Changes) => statementOf(changes).Condition;
  const region = sfn.JsonPath.stringAt('$.region');

  test('from state are bound by `regions`', () => {
    expect(conditionOf({ region, regions: ['us-west-2', 'eu-west-1'] })).toEqual({
      StringEquals: { 'aws:RequestedRegion': ['us-west-2', 'eu-west-1'] },
    });
  });

  test('from state without bounds are any, with a warning', () => {
    const stack = stackWith({ region });
    expect(statementsOf(stack)[0]).not.toHaveProperty('Condition');
    expect(warningsOf(stack)).toEqual([
      expect.stringContaining(
        '`region` comes from state and may be any Region: list the Regions that it may be in `regions`',
      ),
    ]);
  });

  test('of global services are those of the signature', () => {
    const role = { service: 'iam', action: 'getRole', parameters: { RoleName: 'r' } };
    expect(conditionOf(role)).toEqual({ StringEquals: { 'aws:RequestedRegion': 'us-east-1' } });
    const networks = { service: 'networkmanager', action: 'describeGlobalNetworks', parameters: {} };
    expect(conditionOf({ ...networks, region: 'us-east-1' })).toEqual(IN_OREGON);
  });

  test('of global services are those of the partition', () => {
    const role = { service: 'iam', action: 'getRole', parameters: { RoleName: 'r' } };
    expect(conditionOf({ ...role, region: 'cn-northwest-1' })).toEqual({
      StringEquals: { 'aws:RequestedRegion': 'cn-north-1' },
    });
    expect(conditionOf({ ...role, region: 'us-gov-east-1' })).toEqual({
      StringEquals: { 'aws:RequestedRegion': 'us-gov-west-1' },
    });
    expect(conditionOf({ ...role, region: sfn.JsonPath.stringAt('$.r'), regions: ['us-west-2', 'eu-west-1'] })).toEqual(
      {
        StringEquals: { 'aws:RequestedRegion': 'us-east-1' },
      },
    );
  });

  test('of global services where the rules name none are not said', () => {
    const role = { service: 'iam', action: 'getRole', parameters: { RoleName: 'r' } };
    expect(conditionOf({ ...role, region: 'eusc-de-east-1' })).toBeUndefined();
    expect(conditionOf({ ...role, region: Aws.REGION })).toBeUndefined();
  });

  test('of signatures that hold everywhere are not said', () => {
    const key = { service: 'cloudfront-keyvaluestore', action: 'getKey', parameters: { KvsARN: 'a', Key: 'k' } };
    expect(conditionOf({ ...key, region: 'us-east-1' })).toBeUndefined();
    const bucket = 'arn:aws:s3::123456789012:accesspoint/m.mrap';
    expect(conditionOf({ parameters: { Bucket: bucket, Key: 'k' } })).toBeUndefined();
    const entries = [{ Detail: { $json: {} }, DetailType: 't', Source: 's' }];
    const events = { service: 'eventbridge', action: 'putEvents', parameters: { EndpointId: 'e', Entries: entries } };
    expect(conditionOf(events)).toBeUndefined();
  });

  test('may be tokens', () => {
    const stack = newStack();
    const token = new CfnParameter(stack, 'Region').valueAsString;
    new CallAwsServiceCrossRegion(stack, 'Task', { ...GET_OBJECT, region: token });
    expect(errorsOf(stack)).toEqual([]);
    expect(statementsOf(stack)[0].Condition).toEqual({ StringEquals: { 'aws:RequestedRegion': { Ref: 'Region' } } });
  });
});

describe('conditions', () => {
  test('are added to the one on the Region', () => {
    const iamConditions = {
      StringEquals: { 's3:ExistingObjectTag/public': 'yes' },
      Bool: { 'aws:SecureTransport': 'true' },
    };
    expect(statementOf({ iamConditions }).Condition).toEqual({
      StringEquals: { 's3:ExistingObjectTag/public': 'yes', 'aws:RequestedRegion': 'us-west-2' },
      Bool: { 'aws:SecureTransport': 'true' },
    });
  });
});

describe('roles that are passed on', () => {
  const call = {
    service: 'sfn',
    action: 'createStateMachine',
    parameters: { name: 'n', definition: { $json: {} }, roleArn: 'arn:aws:iam::123456789012:role/kb' },
  };

  test('must be named', () => {
    expect(errorsOf(stackWith(call))).toEqual([
      '`passRoles` is missing: `parameters.roleArn` hands a role to the service, which needs iam:PassRole on it (an empty list: none is handed over)',
    ]);
  });

  test('are granted, without a Region', () => {
    const stack = newStack();
    const role = iam.Role.fromRoleArn(stack, 'Role', call.parameters.roleArn);
    new CallAwsServiceCrossRegion(stack, 'Task', { ...GET_OBJECT, ...call, passRoles: [role] });
    expect(errorsOf(stack)).toEqual([]);
    expect(statementsOf(stack)[1]).toEqual({
      Action: 'iam:PassRole',
      Effect: 'Allow',
      Resource: call.parameters.roleArn,
    });
  });

  test('may be said to be none', () => {
    expect(errorsOf(stackWith({ ...call, passRoles: [] }))).toEqual([]);
  });
});
