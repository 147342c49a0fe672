/**
 * Text of users' that becomes part of a resource in an IAM statement.
 *
 * In: the text, and how messages call it. Out: why the statement would be wider than the text. What a token stands for is
 * not known yet, and passes.
 */
import { wordingOf } from './expression';

/** Any characters, any one character, a policy variable. */
const WILDCARD = /[*?]|\$\{/;

export function wildcardProblems(name: string, text: string): string[] {
  return WILDCARD.test(wordingOf(text))
    ? [`${name} holds \`*\`, \`?\` or \`\${\`, which stand for more than themselves in IAM`]
    : [];
}
