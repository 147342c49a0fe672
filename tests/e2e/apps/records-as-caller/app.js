/**
 * Records of an S3 object into a stream of another Region, in calls of a few seconds that go on where the one before
 * stopped. With the caller's own credentials: where signatures and policies are enforced, the local AWS does not let the
 * CDK's own deployment roles be assumed.
 */
const { App, CfnOutput, CliCredentialsStackSynthesizer, Duration, Stack } = require('aws-cdk-lib');
const { Stream } = require('aws-cdk-lib/aws-kinesis');
const { Bucket } = require('aws-cdk-lib/aws-s3');
const { Choice, Condition, DefinitionBody, JsonPath, StateMachine, Succeed } = require('aws-cdk-lib/aws-stepfunctions');
const { CrossRegionFunction, PutAggregatedRecords } = require('../../../../cdk');

const app = new App();
const stack = new Stack(app, 'Records', {
  env: { account: '000000000000', region: 'ap-northeast-1' },
  synthesizer: new CliCredentialsStackSynthesizer(),
});
const bucket = new Bucket(stack, 'Exports', { bucketName: 'exports' });
const stream = Stream.fromStreamArn(stack, 'Copy', 'arn:aws:kinesis:us-west-2:000000000000:stream/copy');
const handler = new CrossRegionFunction(stack, 'Handler', { timeout: Duration.seconds(3) });
const key = JsonPath.stringAt('$$.Execution.Input.key');
const put = (id, start) =>
  new PutAggregatedRecords(stack, id, {
    stream,
    recordsFrom: { bucket, key, keyPrefix: 'days/', ...start },
    partial: true,
    handler,
  });

const first = put('Put');
const next = put('Go on', { start: JsonPath.objectAt('$.next') });
const isDone = new Choice(stack, 'Is all put')
  .when(Condition.isNull('$.next'), new Succeed(stack, 'Done'))
  .otherwise(next);
next.next(isDone);
const { stateMachineArn } = new StateMachine(stack, 'Machine', {
  definitionBody: DefinitionBody.fromChainable(first.next(isDone)),
});
new CfnOutput(stack, 'StateMachineArn', { value: stateMachineArn });
