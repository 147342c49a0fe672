/**
 * cdk-nag's AwsSolutions pack: what the library creates is clean, and what it suppresses says why.
 */
import { App, Aspects, Stack } from 'aws-cdk-lib';
import { Annotations, Match } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { AwsSolutionsChecks } from 'cdk-nag';
import { CallAwsServiceCrossRegion, CrossRegionFunction } from '../src';
import { GET_OBJECT, HERE } from './support';

function findings(build: (stack: Stack) => void): string[] {
  const app = new App();
  const stack = new Stack(app, 'Stack', { env: HERE });
  build(stack);
  Aspects.of(app).add(new AwsSolutionsChecks());
  const annotations = Annotations.fromStack(stack);
  const pattern = Match.stringLikeRegexp('AwsSolutions-');
  return [...annotations.findError('*', pattern), ...annotations.findWarning('*', pattern)].map(
    ({ entry }) => (entry.data as string).split(':')[0],
  );
}

const DESCRIBE_REGIONS = { service: 'ec2', action: 'describeRegions', parameters: {}, iamResources: undefined };
const ONE_OBJECT = { ...GET_OBJECT, iamResources: ['arn:aws:s3:::covers/one.png'] };

test('a plain task', () => {
  expect(findings((stack) => new CallAwsServiceCrossRegion(stack, 'Task', ONE_OBJECT))).toEqual([]);
});

test('a task whose action has no resources', () => {
  const build = (stack: Stack) => new CallAwsServiceCrossRegion(stack, 'Task', { ...GET_OBJECT, ...DESCRIBE_REGIONS });
  expect(findings(build)).toEqual([]);
});

test('a function in a VPC, with tracing', () => {
  const build = (stack: Stack) => {
    const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', {
      vpcId: 'vpc-12345678',
      availabilityZones: ['ap-northeast-1a'],
      privateSubnetIds: ['subnet-12345678'],
    });
    new CrossRegionFunction(stack, 'Function', { vpc, tracing: lambda.Tracing.ACTIVE });
  };
  expect(findings(build)).toEqual([]);
});

test("a user's own wildcard is still found, also beside one of the library", () => {
  const build = (stack: Stack) => {
    const handler = new CrossRegionFunction(stack, 'Function', { tracing: lambda.Tracing.ACTIVE });
    new CallAwsServiceCrossRegion(stack, 'All', { ...GET_OBJECT, ...DESCRIBE_REGIONS, handler });
    new CallAwsServiceCrossRegion(stack, 'Task', { ...GET_OBJECT, iamResources: ['*'], handler });
  };
  expect(findings(build)).toEqual(['AwsSolutions-IAM5[Resource']);
});
