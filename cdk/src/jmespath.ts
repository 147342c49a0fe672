/**
 * Whether an expression is JMESPath that the handler takes.
 *
 * In: an expression. Out: why the handler would refuse it. The grammar is that of Powertools for AWS Lambda, whose
 * parser and the handler's are held against the same list of expressions (`tests/data/expressions.json`).
 */
import { JMESPathTypeError, search } from '@aws-lambda-powertools/jmespath';
import { isLiteral } from './expression';

/** The handler's own bounds. */
const LONGEST = 2048;
const DEEPEST = 256;

export function jmespathProblem(expression: string): string | undefined {
  if (Buffer.byteLength(expression) > LONGEST) {
    return `an expression has at most ${LONGEST} bytes`;
  }
  if (expression.replace(/[^([{!&|.<>=]/g, '').length > DEEPEST) {
    return `an expression has at most ${DEEPEST} brackets, dots and operators`;
  }
  if (/^\s*&/.test(expression)) {
    return 'not JMESPath: `&` makes an argument of a function, not a value';
  }
  try {
    search(expression, {});
  } catch (error) {
    // What a function makes of no data says nothing about the expression.
    return error instanceof JMESPathTypeError ? undefined : `not JMESPath: ${(error as Error).message}`;
  }
  return undefined;
}

/** The problem of an expression that is known at synth, under the prop's name. */
export function expressionProblems(name: string, expression: string): string[] {
  const problem = isLiteral(expression) ? jmespathProblem(expression) : undefined;
  return problem ? [`\`${name}\`: ${problem}`] : [];
}
