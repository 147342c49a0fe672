/**
 * The function that tasks run on.
 */
import * as fs from 'fs';
import * as path from 'path';
import { App, Duration, Size, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { CallAwsServiceCrossRegion, CallRetryMode, CrossRegionFunction } from '../src';
import { GET_OBJECT, HERE, newStack, stackWith, statementsOf, tableOf } from './support';

describe('by default', () => {
  test('it is small, and asks nothing of Lambda that tasks do not need', () => {
    const template = Template.fromStack(stackWith({}));
    template.hasResourceProperties('AWS::Lambda::Function', {
      Runtime: 'provided.al2023',
      Handler: 'bootstrap',
      Architectures: ['x86_64'],
      MemorySize: 128,
      Timeout: 30,
      LoggingConfig: { LogGroup: Match.anyValue() },
      ReservedConcurrentExecutions: Match.absent(),
      TracingConfig: Match.absent(),
      VpcConfig: Match.absent(),
      Environment: { Variables: { RESULT_LIMIT: Match.absent(), METRICS: Match.absent() } },
      KmsKeyArn: Match.absent(),
    });
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', { MaximumRetryAttempts: 0 });
    template.resourceCountIs('AWS::IAM::ManagedPolicy', 0);
    template.hasResourceProperties('AWS::IAM::Role', { ManagedPolicyArns: Match.absent() });
  });

  test('there is one per stack', () => {
    const stack = newStack();
    expect(CrossRegionFunction.of(new Construct(stack, 'Inner'))).toBe(CrossRegionFunction.of(stack));
    new CallAwsServiceCrossRegion(stack, 'A', GET_OBJECT);
    new CallAwsServiceCrossRegion(stack, 'B', GET_OBJECT);
    Template.fromStack(stack).resourceCountIs('AWS::Lambda::Function', 1);
    expect(CrossRegionFunction.of(newStack())).not.toBe(CrossRegionFunction.of(stack));
  });

  test('its name must be free', () => {
    const stack = newStack();
    new Construct(stack, 'CrossRegionFunction');
    expect(() => CrossRegionFunction.of(stack)).toThrow(
      'the stack `Stack` already has a construct `CrossRegionFunction` of another kind, which leaves no name for the ' +
        'default function: rename it, or give the tasks a CrossRegionFunction as `handler`',
    );
  });
});

describe('with props', () => {
  test('they reach the function', () => {
    const stack = newStack();
    new CrossRegionFunction(stack, 'Function', {
      memorySize: 256,
      timeout: Duration.minutes(15),
      description: 'mine',
      resultLimit: Size.kibibytes(100),
      metrics: true,
      retry: { mode: CallRetryMode.SAFE, maxAttempts: 5 },
      timeouts: { connect: Duration.millis(500), attempt: Duration.seconds(10) },
      tracing: lambda.Tracing.ACTIVE,
      reservedConcurrentExecutions: 7,
      retryAttempts: 1,
      maxEventAge: Duration.minutes(5),
      environmentEncryption: new kms.Key(stack, 'Key'),
      logGroup: new logs.LogGroup(stack, 'Logs', { logGroupName: 'mine' }),
    });
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::Lambda::Function', {
      MemorySize: 256,
      Timeout: 900,
      Description: 'mine',
      Environment: {
        Variables: {
          OPERATION_TABLE: '[]',
          RESULT_LIMIT: '102400',
          METRICS: 'true',
          CONNECT_TIMEOUT_MS: '500',
          ATTEMPT_TIMEOUT_MS: '10000',
          RETRY_MODE: 'safe',
          RETRY_MAX_ATTEMPTS: '5',
        },
      },
      TracingConfig: { Mode: 'Active' },
      ReservedConcurrentExecutions: 7,
      KmsKeyArn: { 'Fn::GetAtt': [Match.stringLikeRegexp('Key'), 'Arn'] },
    });
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
      MaximumRetryAttempts: 1,
      MaximumEventAgeInSeconds: 300,
    });
    template.resourceCountIs('AWS::Logs::LogGroup', 1);
  });

  test('its role may read the encrypted environment', () => {
    const stack = newStack();
    const environmentEncryption = kms.Key.fromKeyArn(stack, 'Key', 'arn:aws:kms:ap-northeast-1:123456789012:key/1');
    new CrossRegionFunction(stack, 'Function', { environmentEncryption });
    expect(statementsOf(stack)).toEqual([
      expect.objectContaining({
        Action: 'kms:Decrypt',
        Resource: 'arn:aws:kms:ap-northeast-1:123456789012:key/1',
      }),
    ]);
  });

  test('in a VPC', () => {
    const stack = newStack();
    const vpc = new ec2.Vpc(stack, 'Vpc');
    const fn = new CrossRegionFunction(stack, 'Function', { vpc, allowAllOutbound: false });
    fn.connections.allowToAnyIpv4(ec2.Port.tcp(443));
    const template = Template.fromStack(stack);
    template.hasResourceProperties('AWS::Lambda::Function', {
      VpcConfig: { SubnetIds: Match.anyValue(), SecurityGroupIds: [Match.anyValue()] },
    });
    template.hasResourceProperties('AWS::EC2::SecurityGroup', {
      SecurityGroupEgress: [Match.objectLike({ FromPort: 443, ToPort: 443 })],
    });
    expect(statementsOf(stack)[0].Action).toContain('ec2:CreateNetworkInterface');
  });

  test('in subnets and security groups of its own', () => {
    const stack = newStack();
    const vpc = new ec2.Vpc(stack, 'Vpc');
    new CrossRegionFunction(stack, 'Function', {
      vpc,
      vpcSubnets: { subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
      securityGroups: [ec2.SecurityGroup.fromSecurityGroupId(stack, 'Group', 'sg-12345678')],
    });
    Template.fromStack(stack).hasResourceProperties('AWS::Lambda::Function', {
      VpcConfig: { SecurityGroupIds: ['sg-12345678'] },
    });
  });

  test('outside of a VPC it has no connections', () => {
    expect(() => new CrossRegionFunction(newStack(), 'Function').connections).toThrow(
      'Only VPC-associated Lambda Functions have security groups to manage',
    );
  });

  test('an architecture whose binary the package lacks', () => {
    const make = () => new CrossRegionFunction(newStack(), 'F', { architecture: lambda.Architecture.ARM_64 });
    expect(make).toThrow(
      'this package of cdk-cross-region-tasks carries no binary for `arm64` (it has x86_64): choose another ' +
        '`architecture`, or build one with `make package ARCH=arm64`',
    );
  });
});

describe('its role', () => {
  test('may be one of the stack', () => {
    const stack = newStack();
    const role = new iam.Role(stack, 'Mine', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') });
    const handler = new CrossRegionFunction(stack, 'Function', { role });
    new CallAwsServiceCrossRegion(stack, 'Task', { ...GET_OBJECT, handler });
    expect(handler.role).toBe(role);
    Template.fromStack(stack).resourceCountIs('AWS::IAM::Role', 1);
    expect(statementsOf(stack).map(({ Action }) => Action)).toEqual(['s3:GetObject']);
  });

  test('may be imported, and then gets the statements', () => {
    const stack = newStack();
    const role = iam.Role.fromRoleArn(stack, 'Mine', 'arn:aws:iam::123456789012:role/mine');
    const handler = new CrossRegionFunction(stack, 'Function', { role });
    new CallAwsServiceCrossRegion(stack, 'Task', { ...GET_OBJECT, handler });
    new CallAwsServiceCrossRegion(stack, 'All', { ...GET_OBJECT, ...DESCRIBE_REGIONS, handler });
    const template = Template.fromStack(stack);
    template.resourceCountIs('AWS::IAM::Role', 0);
    template.allResourcesProperties('AWS::IAM::Policy', { Roles: ['mine'] });
    expect(statementsOf(stack).map(({ Action }) => Action)).toEqual(['s3:GetObject', 'ec2:DescribeRegions']);
  });

  test('may be imported as it is', () => {
    const stack = newStack();
    const role = iam.Role.fromRoleArn(stack, 'Mine', 'arn:aws:iam::123456789012:role/mine', { mutable: false });
    const handler = new CrossRegionFunction(stack, 'Function', { role });
    new CallAwsServiceCrossRegion(stack, 'Task', { ...GET_OBJECT, handler });
    new CallAwsServiceCrossRegion(stack, 'All', { ...GET_OBJECT, ...DESCRIBE_REGIONS, handler });
    Template.fromStack(stack).resourceCountIs('AWS::IAM::Policy', 0);
  });

  test('may be shared by two functions', () => {
    const stack = newStack();
    const role = new iam.Role(stack, 'Mine', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') });
    for (const id of ['A', 'B']) {
      const handler = new CrossRegionFunction(stack, id, { role });
      new CallAwsServiceCrossRegion(stack, `Task${id}`, { ...GET_OBJECT, ...DESCRIBE_REGIONS, handler });
    }
    expect(statementsOf(stack).map(({ Action }) => Action)).toEqual(['ec2:DescribeRegions']);
  });

  test('is what a grant is made to', () => {
    const stack = newStack();
    const fn = new CrossRegionFunction(stack, 'Function');
    new kms.Key(stack, 'Key').grantDecrypt(fn);
    expect(statementsOf(stack)).toEqual([expect.objectContaining({ Action: 'kms:Decrypt' })]);
  });

  test('others may be let invoke the function', () => {
    const stack = newStack();
    const user = new iam.User(stack, 'User');
    new CrossRegionFunction(stack, 'Function').grantInvoke(user);
    expect(statementsOf(stack)).toEqual([expect.objectContaining({ Action: 'lambda:InvokeFunction' })]);
  });
});

const DESCRIBE_REGIONS = { service: 'ec2', action: 'describeRegions', parameters: {}, iamResources: undefined };

describe('several side by side', () => {
  test('have only the tables and permissions of their own tasks', () => {
    const stack = newStack();
    const tables: Record<string, string> = {};
    for (const action of ['getObject', 'putObject']) {
      const handler = new CrossRegionFunction(stack, action);
      new CallAwsServiceCrossRegion(stack, `Task-${action}`, { ...GET_OBJECT, action, handler });
    }
    const template = Template.fromStack(stack);
    for (const fn of Object.values(template.findResources('AWS::Lambda::Function'))) {
      const role = (fn.Properties.Role as { 'Fn::GetAtt': string[] })['Fn::GetAtt'][0];
      tables[role.slice(0, 9)] = fn.Properties.Environment.Variables.OPERATION_TABLE as string;
    }
    expect(tables.getObject).toContain('"actions":["getObject"]');
    expect(tables.putObject).toContain('"actions":["putObject"]');
    for (const policy of Object.values(template.findResources('AWS::IAM::Policy'))) {
      const text = JSON.stringify(policy.Properties);
      const [own, other] = text.includes('"getObjectRole') ? ['Get', 'Put'] : ['Put', 'Get'];
      expect(text).toContain(`s3:${own}Object"`);
      expect(text).not.toContain(`s3:${other}Object"`);
    }
  });

  test('in nested scopes of one stack share the default', () => {
    const stack = newStack();
    new CallAwsServiceCrossRegion(new Construct(stack, 'A'), 'Task', GET_OBJECT);
    new CallAwsServiceCrossRegion(new Construct(stack, 'B'), 'Task', { ...GET_OBJECT, action: 'putObject' });
    expect(tableOf(stack)).toMatchObject([{ actions: ['getObject', 'putObject'] }]);
  });
});

test('logical id and asset hash stay what they are', () => {
  const ids = [1, 2].map(() => {
    const app = new App();
    const stack = new Stack(app, 'Stack', { env: HERE });
    new CallAwsServiceCrossRegion(stack, 'Task', GET_OBJECT);
    const [[id, lambdaFunction]] = Object.entries(Template.fromStack(stack).findResources('AWS::Lambda::Function'));
    return { id, code: lambdaFunction.Properties.Code.S3Key as string };
  });
  expect(ids[0]).toEqual(ids[1]);
  expect(ids[0]).toMatchSnapshot();
});

test('only the binary is in the asset', () => {
  const app = new App();
  new CrossRegionFunction(new Stack(app, 'Stack', { env: HERE }), 'Function');
  const { directory } = app.synth();
  const assets = fs.readdirSync(directory).filter((name) => name.startsWith('asset.'));
  expect(assets.map((asset) => fs.readdirSync(path.join(directory, asset)))).toEqual([['bootstrap']]);
});
