/**
 * What the library's checks cost: a stack of 100 tasks against the same stack with the construct that this
 * library replaces, which checks nothing.
 */
import { App, Stack } from 'aws-cdk-lib';
import * as peer from 'aws-cdk-lib/aws-stepfunctions-tasks';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { CallAwsServiceCrossRegion } from '../src';
import { HERE } from './support';

/** Seconds of processor time that 100 tasks may cost more: what else the machine does at the time does not count. */
const BUDGET = 2;

/** The largest catalogs among them. */
const CALLS = [
  { service: 'ec2', action: 'describeInstances', parameters: { InstanceIds: ['i-1'] } },
  { service: 's3', action: 'getObject', parameters: { Bucket: 'covers', Key: 'one.png' } },
  { service: 'dynamodb', action: 'putItem', parameters: { TableName: 't', Item: { id: { S: 'order-17' } } } },
  { service: 'sagemaker', action: 'describeEndpoint', parameters: { EndpointName: 'e' } },
  { service: 'rds', action: 'describeDBClusters', parameters: { DBClusterIdentifier: 'c' } },
];

type Task = typeof CallAwsServiceCrossRegion | typeof peer.CallAwsServiceCrossRegion;

function seconds(task: Task): number {
  const start = process.cpuUsage();
  const app = new App();
  const stack = new Stack(app, 'Stack', { env: HERE });
  let chain: sfn.Chain | undefined;
  for (let i = 0; i < 100; i++) {
    const call = CALLS[i % CALLS.length];
    const state = new task(stack, `Task${i}`, { ...call, region: 'us-west-2', iamResources: ['*'] });
    chain = chain ? chain.next(state) : sfn.Chain.start(state);
  }
  new sfn.StateMachine(stack, 'StateMachine', { definitionBody: sfn.DefinitionBody.fromChainable(chain!) });
  app.synth();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1_000_000;
}

test('100 tasks cost less than two seconds more', () => {
  // The first synthesis loads the CDK's modules, whichever construct it is for.
  seconds(peer.CallAwsServiceCrossRegion);
  const theirs = seconds(peer.CallAwsServiceCrossRegion);
  const ours = seconds(CallAwsServiceCrossRegion);
  console.info(`100 tasks: ${ours.toFixed(2)} s, with the construct of aws-cdk-lib ${theirs.toFixed(2)} s`);
  expect(ours - theirs).toBeLessThan(BUDGET);
});
