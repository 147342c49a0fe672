/**
 * A task that was written for Step Functions' own integration: all that reads or writes its names stays as it was.
 */
import { App, Stack } from 'aws-cdk-lib';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsService } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { CallAwsServiceCrossRegion, Spelling } from '../src';
import { errorsOf } from './support';

const tasks = {
  'a result and an error': {
    service: 'rds',
    action: 'describeDBClusters',
    parameters: { 'DbClusterIdentifier.$': '$.cluster' },
    resultSelector: { 'status.$': '$.DbClusters[0].Status' },
    caught: 'Rds.DbClusterNotFoundException',
  },
  'members in camel case': {
    service: 'bedrockagent',
    action: 'startIngestionJob',
    parameters: { KnowledgeBaseId: 'KB1', DataSourceId: 'DS1' },
    resultSelector: { 'id.$': '$.IngestionJob.IngestionJobId' },
    caught: 'BedrockAgent.ConflictException',
  },
  'types of DynamoDB': {
    service: 'dynamodb',
    action: 'putItem',
    parameters: { TableName: 'orders', Item: { DBName: { Ss: ['a'] }, gone: { Nul: true }, open: { Bool: true } } },
    resultSelector: { 'old.$': '$.Attributes.DBName.Ss' },
    caught: 'DynamoDb.DynamoDbException',
  },
  'an object for a string': {
    service: 'sfn',
    action: 'startExecution',
    parameters: { StateMachineArn: 'arn:aws:states:us-west-2:123456789012:stateMachine:m', Input: { a: [1] } },
    resultSelector: { 'started.$': '$.StartDate' },
    caught: 'Sfn.SfnException',
  },
};

test.each(Object.entries(tasks))('%s', (_, { caught, ...task }) => {
  const stack = new Stack(new App(), 'Stack', { env: { account: '123456789012', region: 'ap-northeast-1' } });
  const props = { ...task, iamResources: ['*'] };
  const recover = new sfn.Pass(stack, 'Recover');
  const caughtBy = { errors: [caught], resultPath: '$.error' };
  const own = new CallAwsService(stack, 'Own', props).addCatch(recover, caughtBy);
  const ours = new CallAwsServiceCrossRegion(stack, 'Ours', {
    ...props,
    region: 'us-west-2',
    spelling: Spelling.STEP_FUNCTIONS,
  }).addCatch(recover, caughtBy);

  const before = stack.resolve(own.toStateJson()) as Record<string, unknown>;
  const after = stack.resolve(ours.toStateJson()) as Record<string, any>;
  expect(after.Parameters.parameters).toEqual(before.Parameters);
  expect(after.ResultSelector).toEqual(before.ResultSelector);
  expect(after.Catch).toEqual(before.Catch);
  expect(after.Parameters.spelling).toBe('stepFunctions');
  expect(errorsOf(stack)).toEqual([]);
});
