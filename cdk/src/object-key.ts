/**
 * Keys of S3 objects as a task names them, and the bound that the operation table and IAM statements have of them.
 *
 * In: a key, or what keys begin with, which may come from state; the `keyPrefix` that then bounds it; how messages call
 * these. Out: the bound, and why there is none, or none that is right.
 */
import { holdsState, isLiteral } from './expression';
import { wildcardProblems } from './wildcards';

/** What a task says of keys. */
export interface Keys {
  /** The one key. */
  readonly key?: string;
  /** What all keys begin with, where there is not one `key`. */
  readonly prefix?: string;
  /** What `key` or `prefix` begins with. */
  readonly keyPrefix?: string;
}

/** How messages call a member of the prop that says it. */
export type Naming = (member: string) => string;

/** Bytes of a key. */
const KEY_LIMIT = 1024;

/** What every key begins with, as far as that is known before there is state. */
export function boundOf({ key, prefix, keyPrefix }: Keys): string {
  const said = key ?? prefix ?? '';
  return keyPrefix ?? (holdsState(said) ? '' : said);
}

/** The keys within the bound, as a statement names them. */
export function keysWithin(bound: string, key: string | undefined): string {
  return key === bound ? bound : `${bound}*`;
}

/** Why no object can have it as its key, or as what its key begins with. */
export function keyProblems(name: string, text: string): string[] {
  return isLiteral(text) && Buffer.byteLength(text) > KEY_LIMIT ? [`${name} has more than ${KEY_LIMIT} bytes`] : [];
}

/** Why it bounds no keys. */
export function prefixProblems(name: string, prefix: string): string[] {
  return holdsState(prefix)
    ? [`${name} must not come from state: the operation table and policies are written at synth`]
    : keyProblems(name, prefix);
}

/** Why there is no bound, or it is not one of these keys. */
export function boundProblems(keys: Keys, naming: Naming): string[] {
  const { key, prefix, keyPrefix } = keys;
  const said = key ?? prefix;
  const problems = key === '' ? [`${naming('key')} is empty`] : keyProblems(naming(saidIn(keys)), said ?? '');
  if (keyPrefix !== undefined) {
    problems.push(...prefixProblems(naming('keyPrefix'), keyPrefix));
    if (said !== undefined && isLiteral(said) && isLiteral(keyPrefix) && !said.startsWith(keyPrefix)) {
      problems.push(`${naming('keyPrefix')} is not what \`${said}\` begins with`);
    }
  } else if (said !== undefined && holdsState(said)) {
    problems.push(
      `${naming('keyPrefix')} is missing: the key comes from state, and the operation table and policies are written ` +
        "at synth. Say what all keys begin with ('' for the whole bucket)",
    );
  }
  return problems;
}

/** Why a statement on the keys within the bound would hold for others. */
export function boundWildcards(keys: Keys, naming: Naming): string[] {
  const member = keys.keyPrefix === undefined ? saidIn(keys) : 'keyPrefix';
  return wildcardProblems(naming(member), boundOf(keys));
}

function saidIn({ key }: Keys): 'key' | 'prefix' {
  return key === undefined ? 'prefix' : 'key';
}
