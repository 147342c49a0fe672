/**
 * What the tests look at in a synthesized stack.
 */
import { App, Stack, StackProps } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import validateAsl from 'asl-validator';
import { CallAwsServiceCrossRegion, CallAwsServiceCrossRegionProps } from '../src';

export const HERE = { account: '123456789012', region: 'ap-northeast-1' };

/** A call that nothing is wrong with. */
export const GET_OBJECT = {
  region: 'us-west-2',
  service: 's3',
  action: 'getObject',
  parameters: { Bucket: 'covers', Key: 'one.png' },
  iamResources: ['arn:aws:s3:::covers/*'],
} satisfies CallAwsServiceCrossRegionProps;

export function newStack(props: StackProps = { env: HERE }): Stack {
  return new Stack(new App(), 'Stack', props);
}

/** A stack with one task: `GET_OBJECT` with the given changes. */
export function stackWith(changes: Partial<CallAwsServiceCrossRegionProps>): Stack {
  const stack = newStack();
  new CallAwsServiceCrossRegion(stack, 'Task', { ...GET_OBJECT, ...changes });
  return stack;
}

/** The error annotations in the stack, without the construct path that each begins with. */
export function errorsOf(stack: Stack): string[] {
  return annotationsOf(stack, 'aws:cdk:error');
}

export function warningsOf(stack: Stack): string[] {
  return annotationsOf(stack, 'aws:cdk:warning');
}

/** From the metadata, which is where the CDK keeps annotations: to synthesize takes much longer. */
function annotationsOf(stack: Stack, type: string): string[] {
  return stack.node.findAll().flatMap(({ node }) =>
    node.metadata
      .filter((entry) => entry.type === type)
      .map((entry) => {
        const [path, ...message] = (entry.data as string).split(': ');
        expect(path).toBe(node.path);
        return message.join(': ');
      }),
  );
}

export interface Entry {
  readonly service: string;
  readonly actions: string[];
  readonly regions: string[];
  readonly endpoints?: string[];
  readonly roles?: string[];
  readonly sources?: { readonly bucket: string; readonly keyPrefix?: string }[];
  readonly results?: { readonly bucket: string; readonly keyPrefix?: string; readonly region: string }[];
}

/** The operation table of the stack's only function. */
export function tableOf(stack: Stack): Entry[] {
  const [lambda] = Object.values(Template.fromStack(stack).findResources('AWS::Lambda::Function'));
  const table: unknown = lambda.Properties.Environment.Variables.OPERATION_TABLE;
  return JSON.parse(typeof table === 'string' ? table : joined(table as Joined)) as Entry[];
}

interface Joined {
  readonly 'Fn::Join': [string, (string | { readonly Ref: string })[]];
}

/** The text that CloudFormation puts together: ARNs hold the partition. */
function joined({ 'Fn::Join': [separator, parts] }: Joined): string {
  return parts
    .map((part) => (typeof part === 'string' ? part : part.Ref.replace('AWS::Partition', 'aws')))
    .join(separator);
}

export interface Statement {
  readonly Action: string | string[];
  readonly Resource: unknown;
  readonly Condition?: Record<string, Record<string, unknown>>;
}

/** The statements of every policy in the stack, but for the one on the log group. */
export function statementsOf(stack: Stack): Statement[] {
  return Object.values(Template.fromStack(stack).findResources('AWS::IAM::Policy'))
    .flatMap((policy) => policy.Properties.PolicyDocument.Statement as Statement[])
    .filter((statement) => !statement.Action.includes('logs:PutLogEvents'));
}

export interface Definition {
  readonly StartAt: string;
  readonly States: Record<string, any>;
}

/** The definition of the stack's only state machine, with `ref` in place of what CloudFormation fills in. */
export function definitionOf(stack: Stack): Definition {
  const [machine] = Object.values(Template.fromStack(stack).findResources('AWS::StepFunctions::StateMachine'));
  const {
    'Fn::Join': [, parts],
  } = machine.Properties.DefinitionString as { 'Fn::Join': [string, unknown[]] };
  return JSON.parse(parts.map((part) => (typeof part === 'string' ? part : 'ref')).join('')) as Definition;
}

/** What the validator of Amazon States Language finds wrong with the stack's state machines. */
export function aslProblems(stack: Stack): string[] {
  return Object.values(Template.fromStack(stack).findResources('AWS::StepFunctions::StateMachine')).flatMap(
    (machine) => {
      const { isValid, errorsText } = validateAsl(JSON.parse(asText(machine.Properties.DefinitionString)));
      return isValid ? [] : [errorsText()];
    },
  );
}

/** A template's string, with ARNs in place of what CloudFormation fills in. */
function asText(value: unknown): string {
  if (typeof value === 'string') {
    return value;
  }
  const { 'Fn::Join': join, 'Ref': ref } = value as { 'Fn::Join'?: [string, unknown[]]; 'Ref'?: string };
  if (join) {
    return join[1].map(asText).join(join[0]);
  }
  return ref === 'AWS::Partition' ? 'aws' : 'arn:aws:lambda:ap-northeast-1:123456789012:function:f';
}
