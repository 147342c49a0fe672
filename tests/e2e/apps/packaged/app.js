/** What a user of the npm package writes first. */
const { App, CfnOutput, Stack } = require('aws-cdk-lib');
const { DefinitionBody, StateMachine } = require('aws-cdk-lib/aws-stepfunctions');
const { CallAwsServiceCrossRegion } = require('cdk-cross-region-tasks');

const app = new App();
const stack = new Stack(app, 'Packaged', { env: { account: '000000000000', region: 'ap-northeast-1' } });
const task = new CallAwsServiceCrossRegion(stack, 'WhoAmI', {
  service: 'sts',
  action: 'getCallerIdentity',
  region: 'us-west-2',
});
const machine = new StateMachine(stack, 'StateMachine', { definitionBody: DefinitionBody.fromChainable(task) });
new CfnOutput(stack, 'StateMachineArn', { value: machine.stateMachineArn });
