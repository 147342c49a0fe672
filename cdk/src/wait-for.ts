/**
 * The vocabulary of waits, and what each means for the event and for the state's Retry.
 */
import { Duration } from 'aws-cdk-lib/core';
import { attemptProblems, retriesOf } from './attempts';
import { Service } from './catalog';
import { isLiteral } from './expression';
import { expressionProblems } from './jmespath';
import { didYouMean } from './near';

/**
 * How often to look, and how.
 */
export interface WaitOptions {
  /**
   * Time between two looks of the state machine, each an invocation of the function.
   *
   * @default - the waiter's own; 30 seconds for a path
   */
  readonly interval?: Duration;

  /**
   * How often the state machine looks before the task fails with `CrossRegion.NotReady`.
   *
   * @default - the waiter's own; 120 for a path
   */
  readonly maxAttempts?: number;

  /**
   * How long each invocation looks again by itself, for what takes seconds. This is time that Lambda bills.
   *
   * @default - each invocation looks once
   */
  readonly pollWithin?: Duration;
}

/**
 * What the values at a path mean.
 */
export interface PathWaitOptions extends WaitOptions {
  /**
   * The values with which the wait is over.
   */
  readonly success: any[];

  /**
   * The values with which it never will be: the task fails with `CrossRegion.WaitFailed`.
   *
   * @default - none
   */
  readonly failure?: any[];
}

/**
 * What a task waits for: the state machine looks, waits, and looks again, so that waiting costs no Lambda time. Only
 * for operations that read: each look makes the call.
 */
export class WaitFor {
  /**
   * A waiter of the SDKs, such as `tableExists` of `describeTable`.
   *
   * @param name the waiter's name in camelCase
   */
  public static waiter(name: string, options: WaitOptions = {}): WaitFor {
    return new WaitFor({ waiter: name }, options);
  }

  /**
   * Values at a place in the result.
   *
   * @param path JMESPath over the result
   */
  public static path(path: string, options: PathWaitOptions): WaitFor {
    return new WaitFor({ path, success: options.success, failure: options.failure }, options);
  }

  private constructor(
    private readonly until: Until,
    private readonly options: WaitOptions,
  ) {}

  /**
   * The event's field.
   *
   * @internal
   */
  public _render(): Record<string, unknown> {
    return { ...this.until, pollWithin_ms: this.options.pollWithin?.toMilliseconds() };
  }

  /**
   * When to look again. Step Functions counts retries, waiters count looks.
   *
   * @internal
   */
  public _schedule(service?: Service): { readonly interval: Duration; readonly maxAttempts: number } {
    const waiter = this.until.waiter === undefined ? undefined : service && findWaiter(service, this.until.waiter);
    const looks = this.options.maxAttempts ?? waiter?.maxAttempts ?? PATH_LOOKS;
    return {
      interval: this.options.interval ?? Duration.seconds(waiter?.delay ?? PATH_SECONDS),
      maxAttempts: retriesOf(looks),
    };
  }

  /**
   * What the handler or Step Functions would refuse.
   *
   * @internal
   */
  public _problems(service: Service, action: string): string[] {
    const problems: string[] = [];
    const { waiter, path, success } = this.until;
    if (waiter !== undefined && isLiteral(waiter)) {
      const known = Object.keys(service.waiters).filter((name) => service.waiters[name].operation === action);
      if (!known.some((name) => name.toLowerCase() === waiter.toLowerCase())) {
        const near = didYouMean(waiter, known);
        problems.push(`\`waitFor\`: \`${action}\` has no waiter \`${waiter}\`${near || offered(known)}`);
      }
    }
    if (path !== undefined) {
      problems.push(...expressionProblems('waitFor', path));
    }
    if (success?.length === 0) {
      problems.push('`waitFor`: `success` is empty: name at least one value to wait for');
    }
    const { interval, maxAttempts, pollWithin } = this.options;
    problems.push(...attemptProblems(maxAttempts).map((problem) => `\`waitFor\`: ${problem}`));
    if (interval && !interval.isUnresolved() && interval.toSeconds({ integral: false }) < 1) {
      problems.push('`waitFor`: `interval` must be 1 second or more: for less there is `pollWithin`');
    }
    if (
      pollWithin &&
      !pollWithin.isUnresolved() &&
      pollWithin.toMilliseconds() > Duration.minutes(15).toMilliseconds()
    ) {
      problems.push('`waitFor`: `pollWithin` must not be above 15 minutes');
    }
    return problems;
  }
}

interface Until {
  readonly waiter?: string;
  readonly path?: string;
  readonly success?: any[];
  readonly failure?: any[];
}

const PATH_SECONDS = 30;
const PATH_LOOKS = 120;

function findWaiter(service: Service, name: string) {
  const known = Object.keys(service.waiters).find((it) => it.toLowerCase() === name.toLowerCase());
  return known === undefined ? undefined : service.waiters[known];
}

function offered(known: string[]): string {
  return known.length > 0
    ? `; it has ${known.map((name) => `\`${name}\``).join(', ')}`
    : '; `WaitFor.path` waits for values in the result';
}
