/**
 * IAM actions that depend on the parameters of a call: a version id, tags, a role that is passed on.
 *
 * In: the catalog's rules of the operation, the parameters as written. Out: the operation's actions with the
 * rules applied, and the members that pass a role. Where a reference to state hides whether a member is there,
 * the call may need either: both stay.
 */
import { isLiteral } from './expression';

export interface Rule {
  /** Path of members; `[]` stands for any element of a list: `TransactItems[].Put`. */
  readonly member: string;
  /** Only where the text holds this. */
  readonly contains?: string;
  /** Actions that are needed besides. */
  readonly add?: readonly string[];
  /** Actions, and what is needed in place of each. */
  readonly replace?: Readonly<Record<string, string>>;
  /** The member names a role that the service will assume. */
  readonly passRole?: boolean;
}

export interface Needs {
  readonly actions: string[];
  /** Paths of members that pass a role. */
  readonly passing: string[];
}

export function applyRules(actions: readonly string[], rules: readonly Rule[], parameters: unknown): Needs {
  const needed = new Set(actions);
  const passing: string[] = [];
  for (const rule of rules) {
    const given = presence(parameters, rule.member.split('.'), rule.contains);
    if (given === 'absent') {
      continue;
    }
    rule.add?.forEach((action) => needed.add(action));
    for (const [action, replacement] of Object.entries(rule.replace ?? {})) {
      needed.add(replacement);
      if (given === 'present') {
        needed.delete(action);
      }
    }
    if (rule.passRole) {
      passing.push(rule.member);
    }
  }
  return { actions: [...needed], passing };
}

type Presence = 'absent' | 'present' | 'unknown';

function presence(value: unknown, path: readonly string[], contains?: string): Presence {
  if (value === undefined || value === null) {
    return 'absent';
  }
  const isEnd = path.length === 0;
  if (!isLiteral(value)) {
    return isEnd && contains === undefined ? 'present' : 'unknown';
  }
  if (isEnd) {
    return contains === undefined || (typeof value === 'string' && value.includes(contains)) ? 'present' : 'absent';
  }
  const [segment, ...rest] = path;
  const name = segment.replace(/\[\]$/, '');
  const isList = name !== segment;
  const members = Object.entries(value).map(([key, member]) => [key.toLowerCase(), member] as const);
  const find = (key: string) => members.find(([member]) => member === key.toLowerCase())?.[1] as unknown;
  if (find(`${name}.$`) !== undefined) {
    return rest.length === 0 && contains === undefined ? 'present' : 'unknown';
  }
  const member = find(name);
  if (!isList || !Array.isArray(member) || !isLiteral(member)) {
    return presence(member, rest, contains);
  }
  const elements = member.map((element) => presence(element, rest, contains));
  return elements.includes('present') ? 'present' : elements.includes('unknown') ? 'unknown' : 'absent';
}
