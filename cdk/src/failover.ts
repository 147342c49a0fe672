/**
 * Where a call goes if its first target does not serve it.
 *
 * In: Regions, or targets with what is theirs alone. Out: the event's field, and what is wrong with the targets
 * beside each other. What each target means for the operation table and IAM, `plan` says.
 */
import { Token } from 'aws-cdk-lib/core';
import { AssumeRole } from './assume-role';

/**
 * What justifies the next target, beside faults that kept the request from being sent, which always do.
 */
export enum FailoverOn {
  /** No usable answer, or one with status 500, 502, 503 or 504. */
  TRANSIENT = 'transient',

  /** Too many requests. */
  THROTTLING = 'throttling',
}

/**
 * When a call goes on to the next target.
 */
export interface FailoverOptions {
  /**
   * What justifies the next target, beside faults that kept the request from being sent, which always do.
   *
   * @default [FailoverOn.TRANSIENT]
   */
  readonly on?: FailoverOn[];

  /**
   * Whether the call does no harm when it takes effect at more than one target.
   *
   * Without it, a call that is not read-only goes on only if it was certainly not carried out; otherwise it fails
   * with `CrossRegion.NotRepeatable`. Idempotency tokens do not help: services compare them within one Region.
   *
   * @default false
   */
  readonly repeatable?: boolean;
}

/**
 * One place where a call may go after its first.
 */
export interface FailoverTarget {
  /**
   * The Region to call. It may come from state, if the task's `regions` say which ones are allowed.
   */
  readonly region: string;

  /**
   * The endpoint to call there. It may come from state, if the task's `endpoints` say which ones are allowed.
   *
   * @default - the service's own endpoint
   */
  readonly endpoint?: string;

  /**
   * Parameters that take the place of the task's own of the same names: buckets, queues and ARNs differ from
   * Region to Region.
   *
   * @default - the task's own
   */
  readonly parameters?: { [key: string]: any };

  /**
   * The resources of the IAM statement for this target.
   *
   * @default - the task's own `iamResources`
   */
  readonly iamResources?: string[];

  /**
   * The role in whose name this target is called, where the task has an `assumeRole`, too.
   *
   * @default - the task's own `assumeRole`
   */
  readonly assumeRole?: AssumeRole;
}

/**
 * The targets of a call after its first.
 */
export class Failover {
  /**
   * The same call in other Regions, in this order.
   */
  public static regions(regions: string[], options: FailoverOptions = {}): Failover {
    return new Failover(
      regions.map((region) => ({ region })),
      options,
    );
  }

  /**
   * The call at other targets, in this order.
   */
  public static targets(targets: FailoverTarget[], options: FailoverOptions = {}): Failover {
    return new Failover(targets, options);
  }

  /**
   * @internal
   */
  public readonly _targets: readonly FailoverTarget[];

  private readonly options: FailoverOptions;

  private constructor(targets: readonly FailoverTarget[], options: FailoverOptions) {
    this._targets = targets;
    this.options = options;
  }

  /**
   * The event's field.
   *
   * @internal
   */
  public _render(): Record<string, unknown> {
    return {
      targets: this._targets.map(({ region, endpoint, parameters, assumeRole }) => ({
        region,
        endpoint,
        parameters,
        assumeRole: assumeRole?._render(),
      })),
      on: this.options.on,
      repeatable: this.options.repeatable,
    };
  }
}

/** The handler shares its time among all targets. */
const MOST_TARGETS = 9;

/**
 * What is wrong with the targets beside each other; `first` is the task's own.
 */
export function failoverProblems(first: FailoverTarget, failover?: Failover): string[] {
  if (failover === undefined) {
    return [];
  }
  const targets = failover._targets;
  if (targets.length === 0 || targets.length > MOST_TARGETS) {
    return [`\`failover\` must name 1 to ${MOST_TARGETS} targets beside the task's own, not ${targets.length}`];
  }
  const roles = targets.flatMap(({ assumeRole }, at) =>
    assumeRole && !first.assumeRole
      ? [
          `\`failover.targets[${at}].assumeRole\` needs an \`assumeRole\` of the task, too: its first target is called with it`,
        ]
      : [],
  );
  const all = [first, ...targets].map((target, at) => ({
    name: at === 0 ? "the task's own target" : `\`failover.targets[${at - 1}]\``,
    identity: identity(target, at === 0 ? {} : first.parameters),
  }));
  const doubled = all.flatMap(({ name, identity }, at) => {
    const same = all.slice(0, at).find((other) => other.identity === identity);
    return same ? [`${name} is the same as ${same.name}: name another Region, endpoint or parameters`] : [];
  });
  return [...roles, ...doubled];
}

/** What the target is told by. Tokens are told by their text, which stands for one value. */
function identity({ region, endpoint, parameters, assumeRole }: FailoverTarget, inherited = {}): string {
  const all = Object.entries({ ...inherited, ...parameters }).sort(([a], [b]) => (a < b ? -1 : 1));
  const values = all.map(([name, value]) => [name, Token.isUnresolved(value) ? String(value) : value]);
  return JSON.stringify([region, endpoint, values, assumeRole?._roleArns]);
}
