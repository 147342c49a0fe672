/**
 * A call's settings, from CDK's vocabulary to the event's.
 *
 * In: props (Duration, enums). Out: the event's fields, durations in milliseconds, and why the handler would
 * refuse them. A setting that is not given is not written, so that a plain task's state stays as small as it was.
 */
import { Duration, Token } from 'aws-cdk-lib/core';
import {
  BodyAs,
  CallRetry,
  CallRetryMode,
  CallTimeouts,
  EndpointOptions,
  FunctionError,
  Spelling,
} from './call-options';
import { Failover } from './failover';

/**
 * Settings of one call beyond those of the construct that this library replaces.
 */
export interface CallSettings {
  readonly endpointOptions?: EndpointOptions;
  readonly timeouts?: CallTimeouts;
  readonly retry?: CallRetry;
  readonly failover?: Failover;
  readonly bodyAs?: BodyAs;
  readonly functionError?: FunctionError;
  readonly spelling?: Spelling;
}

/**
 * The event's fields for the settings that are given.
 */
export function renderSettings(settings: CallSettings): Record<string, unknown> {
  return {
    endpointOptions: settings.endpointOptions,
    timeouts: settings.timeouts && {
      connect_ms: settings.timeouts.connect?.toMilliseconds(),
      attempt_ms: settings.timeouts.attempt?.toMilliseconds(),
    },
    retry: settings.retry,
    failover: settings.failover?._render(),
    bodyAs: settings.bodyAs,
    functionError: settings.functionError,
    spelling: settings.spelling,
  };
}

const MOST_ATTEMPTS = 10;
const LONGEST = Duration.minutes(15);

/**
 * Why the handler would refuse the settings.
 */
export function settingProblems({ retry, timeouts }: Pick<CallSettings, 'retry' | 'timeouts'>): string[] {
  const problems: string[] = [];
  const attempts = retry?.maxAttempts;
  if (attempts !== undefined && !Token.isUnresolved(attempts)) {
    if (!Number.isInteger(attempts) || attempts < 1 || attempts > MOST_ATTEMPTS) {
      problems.push(`\`retry.maxAttempts\` must be an integer from 1 to ${MOST_ATTEMPTS}, not ${attempts}`);
    } else if (retry?.mode === CallRetryMode.NONE && attempts > 1) {
      problems.push('`retry.mode` is CallRetryMode.NONE, which makes one attempt: leave `retry.maxAttempts` out');
    }
  }
  for (const name of ['connect', 'attempt'] as const) {
    const timeout = timeouts?.[name];
    if (timeout && !timeout.isUnresolved() && !isWithinLife(timeout)) {
      problems.push(`\`timeouts.${name}\` must be between 1 millisecond and 15 minutes`);
    }
  }
  return problems;
}

/** A function lives 15 minutes at most. */
function isWithinLife(timeout: Duration): boolean {
  const milliseconds = timeout.toMilliseconds();
  return milliseconds >= 1 && milliseconds <= LONGEST.toMilliseconds();
}
