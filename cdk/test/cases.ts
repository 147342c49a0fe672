/**
 * Tasks as users of aws-cdk-lib's construct write them, one for each thing that it can do.
 */
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Duration } from 'aws-cdk-lib';
import { CallAwsServiceCrossRegionProps } from '../src';

export const CASES: Record<string, Partial<CallAwsServiceCrossRegionProps>> = {
  'a plain call': {},
  'no parameters': { action: 'listBuckets', parameters: undefined, iamResources: ['*'] },
  'an IAM action of its own': { iamAction: 's3:GetObjectVersion' },
  'an endpoint': { endpoint: 'https://bucket.vpce-1.s3.us-west-2.vpce.amazonaws.com' },
  'parameters from state': {
    parameters: {
      'Bucket': sfn.JsonPath.stringAt('$.bucket'),
      'Key': sfn.JsonPath.format('{}/{}', sfn.JsonPath.stringAt('$.folder'), sfn.JsonPath.executionName),
      'PartNumber': sfn.JsonPath.numberAt('$.part'),
      'VersionId.$': '$.version',
    },
  },
  'nested parameters from state': {
    service: 'dynamodb',
    action: 'putItem',
    parameters: {
      TableName: 'orders',
      Item: { id: { S: sfn.JsonPath.stringAt('$.id') }, lines: { L: sfn.JsonPath.objectAt('$.lines') } },
    },
  },
  'a Region from state': { region: sfn.JsonPath.stringAt('$.region') },
  'no retry of service exceptions': { retryOnServiceExceptions: false },
  'a task token': {
    integrationPattern: sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
    service: 'sqs',
    action: 'sendMessage',
    parameters: { QueueUrl: 'https://queue', MessageBody: sfn.JsonPath.taskToken },
    heartbeatTimeout: sfn.Timeout.duration(Duration.minutes(5)),
  },
  'JSONata': {
    queryLanguage: sfn.QueryLanguage.JSONATA,
    parameters: { Bucket: '{% $states.input.bucket %}', Key: 'one.png' },
    outputs: { body: '{% $states.result.Body %}' },
    assign: { last: '{% $states.result.ETag %}' },
  },
  'JSONata with a task token': {
    queryLanguage: sfn.QueryLanguage.JSONATA,
    integrationPattern: sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN,
    service: 'sqs',
    action: 'sendMessage',
    parameters: { QueueUrl: 'https://queue', MessageBody: '{% $states.context.Task.Token %}' },
  },
  'every prop of a task': {
    comment: 'reads a cover',
    stateName: 'Read a cover',
    inputPath: '$.in',
    outputPath: '$.out',
    resultPath: '$.cover',
    resultSelector: { body: sfn.JsonPath.stringAt('$.Body') },
    taskTimeout: sfn.Timeout.at('$.seconds'),
    heartbeatTimeout: sfn.Timeout.duration(Duration.seconds(20)),
    credentials: { role: sfn.TaskRole.fromRoleArnJsonPath('$.role') },
  },
  'further statements': {
    additionalIamStatements: [
      new iam.PolicyStatement({ actions: ['kms:Decrypt'], resources: ['arn:aws:kms:us-west-2:123456789012:key/1'] }),
    ],
  },
};
