/**
 * What is known of a value at synth: a literal, a value that CloudFormation fills in at deployment (a
 * token), or one that comes from the state machine's state while it runs (JSONPath, JSONata).
 */
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Token, Tokenization } from 'aws-cdk-lib/core';

/** Whether the string is a JSONPath reference or a JSONata expression. */
export function isFromState(value: string): boolean {
  return sfn.JsonPath.isEncodedJsonPath(value) || isJsonata(value);
}

/** Whether any part of the string comes from state. */
export function holdsState(value: string): boolean {
  const tokens = Tokenization.reverseString(value).tokens;
  return isJsonata(value) || tokens.some((token) => sfn.JsonPath.isEncodedJsonPath(token.toString()));
}

/** The same of a number. */
export function isNumberFromState(value: number): boolean {
  const token = Tokenization.reverseNumber(value);
  return token !== undefined && sfn.JsonPath.isEncodedJsonPath(token.toString());
}

/** Whether the value can be looked at now. */
export function isLiteral(value: unknown): boolean {
  return !Token.isUnresolved(value) && !(typeof value === 'string' && isJsonata(value));
}

/** What is known of the string's wording now: the string, with a blank in place of each token. */
export function wordingOf(value: string): string {
  const known = Tokenization.reverseString(value).mapTokens({ mapToken: () => ' ' });
  return isJsonata(value) ? ' ' : String(known.join({ join: (left = '', right = '') => `${left}${right}` }));
}

/** What stands between the marks of a JSONata expression; nothing where the string is none. */
export function insideJsonata(value: string): string | undefined {
  return /^\{%(.*)%\}$/s.exec(value)?.[1].trim();
}

function isJsonata(value: string): boolean {
  return insideJsonata(value) !== undefined;
}
