/**
 * How often a state runs, and the Retry that makes it so.
 *
 * In: a number of attempts, which may be a token. Out: the `MaxAttempts` of a Retry, and why the number cannot be.
 */
import { Token } from 'aws-cdk-lib/core';
import { isNumberFromState } from './expression';

/** A Retry counts repetitions: the first attempt is none. */
export function retriesOf(attempts: number): number {
  return Token.isUnresolved(attempts) ? attempts : Math.max(0, attempts - 1);
}

/** A number of things of which there is at least one. */
export function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 1;
}

export function attemptProblems(maxAttempts: number | undefined): string[] {
  if (maxAttempts !== undefined && isNumberFromState(maxAttempts)) {
    return ['`maxAttempts` must not come from state: Step Functions takes a number only'];
  }
  return maxAttempts === undefined || Token.isUnresolved(maxAttempts) || isCount(maxAttempts)
    ? []
    : [`\`maxAttempts\` must be an integer from 1 on, not ${maxAttempts}`];
}
