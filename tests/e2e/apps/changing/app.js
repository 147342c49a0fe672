/**
 * A state machine whose tasks come from the variable TASKS, a JSON object of name → task props, so that a test can
 * add one, take one away, and look at what is left in the cloud.
 */
const { App, CfnOutput, Stack } = require('aws-cdk-lib');
const { Chain, DefinitionBody, Pass, StateMachine } = require('aws-cdk-lib/aws-stepfunctions');
const { CallAwsServiceCrossRegion } = require('../../../../cdk');

const app = new App();
const stack = new Stack(app, 'Changing', { env: { account: '000000000000', region: 'ap-northeast-1' } });
const tasks = Object.entries(JSON.parse(process.env.TASKS)).map(
  ([name, props]) => new CallAwsServiceCrossRegion(stack, name, { resultPath: `$.${name}`, ...props }),
);
const machine = new StateMachine(stack, 'StateMachine', {
  definitionBody: DefinitionBody.fromChainable(tasks.reduce((chain, task) => chain.next(task), Chain.start(new Pass(stack, 'Start')))),
});
new CfnOutput(stack, 'StateMachineArn', { value: machine.stateMachineArn });
