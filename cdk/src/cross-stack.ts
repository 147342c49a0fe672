/**
 * A task and its function in two stacks: what cannot be deployed, or cannot work.
 *
 * In: the two constructs, and the strings of the task that end up in the function's stack. Out: problems.
 */
import { Reference, Stack, Token, Tokenization } from 'aws-cdk-lib/core';
import { IConstruct } from 'constructs';

export function crossStackProblems(task: IConstruct, handler: IConstruct, values: readonly string[]): string[] {
  const here = Stack.of(task);
  const there = Stack.of(handler);
  if (here === there) {
    return [];
  }
  const problems: string[] = [];
  const regions = [here.region, there.region];
  if (!regions.some((region) => Token.isUnresolved(region)) && here.region !== there.region) {
    problems.push(
      `the function \`${handler.node.path}\` is in \`${there.region}\`, but Step Functions invokes only functions of ` +
        `its own Region, \`${here.region}\`: create a CrossRegionFunction there`,
    );
  }
  if (values.some((value) => refersTo(value, here))) {
    problems.push(
      `a resource of the stack \`${here.node.path}\` is named, and its state machine uses the function ` +
        `\`${handler.node.path}\` of the stack \`${there.node.path}\`, so that each stack would have to be deployed ` +
        `before the other: create a CrossRegionFunction in \`${here.node.path}\`, or write the name or ARN out`,
    );
  }
  return problems;
}

function refersTo(value: string, stack: Stack): boolean {
  return Tokenization.reverseString(value).tokens.some(
    (token) => Reference.isReference(token) && Stack.of(token.target) === stack,
  );
}
