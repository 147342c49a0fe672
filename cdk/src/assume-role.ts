/**
 * A role in whose name the function makes a call, in any account of the partition.
 *
 * In: the role, or the roles that it may be, and what STS is told beside it. Out: the event's `assumeRole`, the roles
 * for the operation table, the statement that lets the function's role assume them, and what is wrong with it all.
 */
import * as iam from 'aws-cdk-lib/aws-iam';
import { Token } from 'aws-cdk-lib/core';
import { holdsState, isFromState, isLiteral } from './expression';
import { inRegions } from './permissions';
import { partitionOf } from './region';
import { wildcardProblems } from './wildcards';

/**
 * What AWS STS is told when a role is assumed.
 */
export interface AssumeRoleOptions {
  /**
   * The external id that the role's trust policy asks for. It may come from state.
   *
   * @default - no external id
   */
  readonly externalId?: string;

  /**
   * The name under which the calls appear in the logs of the role's account: 2 to 64 letters, digits and `_+=,.@-`.
   * It may come from state.
   *
   * Credentials are kept for one name at a time, so a name that differs with every execution makes every execution
   * ask for its own.
   *
   * @default - a name that the function chooses
   */
  readonly sessionName?: string;

  /**
   * Session tags. Values may come from state. They need `sts:TagSession` in the role's trust policy, too.
   *
   * @default - no tags
   */
  readonly tags?: { [key: string]: string };
}

/**
 * A role in whose name a call is made.
 *
 * The function's role gets `sts:AssumeRole` on exactly this role, and nothing else for the call. What the call needs,
 * the role itself must have (`grantCall` of the task), and its trust policy must let the function's role assume it.
 * The function asks for credentials once and keeps them until shortly before they expire.
 */
export class AssumeRole {
  /**
   * A role of this app, or one that was imported.
   */
  public static of(role: iam.IRole, options: AssumeRoleOptions = {}): AssumeRole {
    return new AssumeRole(role.roleArn, [role.roleArn], options);
  }

  /**
   * A role by its ARN.
   */
  public static fromArn(roleArn: string, options: AssumeRoleOptions = {}): AssumeRole {
    return new AssumeRole(roleArn, [roleArn], options);
  }

  /**
   * A role that comes from state, such as that of the account that is a Map's item.
   *
   * @param roleArn the JSONPath or JSONata of the ARN
   * @param roles the roles that it may be
   */
  public static fromState(roleArn: string, roles: iam.IRole[], options: AssumeRoleOptions = {}): AssumeRole {
    return new AssumeRole(
      roleArn,
      roles.map((role) => role.roleArn),
      options,
    );
  }

  private constructor(
    private readonly roleArn: string,
    private readonly roleArns: string[],
    private readonly options: AssumeRoleOptions,
  ) {}

  /**
   * The roles that the call may be made in the name of.
   *
   * @internal
   */
  public get _roleArns(): string[] {
    return this.roleArns;
  }

  /**
   * The event's field.
   *
   * @internal
   */
  public _render(): Record<string, unknown> {
    return { roleArn: this.roleArn, ...this.options };
  }

  /**
   * What lets the function's role assume the role.
   *
   * @param regions where, undefined for anywhere: STS is asked in the Region of the call
   *
   * @internal
   */
  public _statement(regions: readonly string[] | undefined): iam.PolicyStatement {
    const tags = Object.keys(this.options.tags ?? {});
    return new iam.PolicyStatement({
      actions: ['sts:AssumeRole', ...(tags.length > 0 ? ['sts:TagSession'] : [])],
      resources: this.roleArns,
      conditions: regions && inRegions(regions),
    });
  }

  /**
   * Why it cannot be.
   *
   * @param regions the literal Regions of the call, whose partition is the role's
   *
   * @internal
   */
  public _problems(regions: readonly string[]): string[] {
    const { externalId, sessionName, tags = {} } = this.options;
    const problems = [
      ...this.roleArns.map((arn) =>
        holdsState(arn)
          ? 'must not come from state but by AssumeRole.fromState, which names the roles that it may be'
          : roleProblem(arn, regions),
      ),
      ...this.roleArns.flatMap((arn) => wildcardProblems('the ARN of the role', arn)),
      this.roleArns.length === 0 ? 'names no role that it may be' : undefined,
      this.roleArns.length > 0 && !this.roleArns.includes(this.roleArn) && !isFromState(this.roleArn)
        ? '`roleArn` of AssumeRole.fromState does not come from state: write AssumeRole.of or AssumeRole.fromArn'
        : undefined,
      spelled('externalId', externalId, 2, 1224, /^[\w+=,.@:/-]*$/, '_+=,.@:/-'),
      spelled('sessionName', sessionName, 2, 64, /^[\w+=,.@-]*$/, '_+=,.@-'),
      ...Object.entries(tags).map(([key, value]) =>
        typeof value === 'string' || Token.isUnresolved(value) ? undefined : `tag \`${key}\` must be a string`,
      ),
    ];
    return problems.filter((problem) => problem !== undefined).map((problem) => `\`assumeRole\`: ${problem}`);
  }
}

function roleProblem(arn: string, regions: readonly string[]): string | undefined {
  if (!isLiteral(arn)) {
    return undefined;
  }
  const partition = /^arn:([\w-]+):iam::\d{12}:role\/[!-~]*[^/\s]$/.exec(arn)?.[1];
  if (partition === undefined) {
    return `\`${arn}\` is not the ARN of a role, such as \`arn:aws:iam::123456789012:role/name\``;
  }
  const foreign = regions.find((region) => isLiteral(region) && ![undefined, partition].includes(partitionOf(region)));
  return foreign && `\`${arn}\` is in another partition than \`${foreign}\`, which credentials do not reach`;
}

function spelled(name: string, value: string | undefined, least: number, most: number, form: RegExp, signs: string) {
  const isWrong =
    value !== undefined && isLiteral(value) && (value.length < least || value.length > most || !form.test(value));
  return isWrong ? `\`${name}\` must be ${least} to ${most} letters, digits and \`${signs}\`` : undefined;
}
