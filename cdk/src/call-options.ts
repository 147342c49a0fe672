/**
 * The handler's per-call settings as CDK types, and how they are written into the event.
 *
 * In: props in CDK vocabulary (Duration, enums). Out: the event's fields, durations in milliseconds.
 * A setting that is not given is not written, so that a plain task's state stays as small as it was.
 */
import { Duration, Token } from 'aws-cdk-lib/core';

/**
 * Which variant of a service's endpoint to call.
 */
export interface EndpointOptions {
  /**
   * Call the endpoint that uses FIPS 140 validated cryptography.
   *
   * @default false
   */
  readonly fips?: boolean;

  /**
   * Call the endpoint that is reachable over IPv4 and IPv6.
   *
   * @default false
   */
  readonly dualStack?: boolean;

  /**
   * Use S3 Transfer Acceleration.
   *
   * @default false
   */
  readonly accelerate?: boolean;

  /**
   * Address S3 buckets in the path, not in the host name.
   *
   * @default false
   */
  readonly pathStyle?: boolean;
}

/**
 * How long one attempt of a call may take. The function's own timeout bounds the call as a whole.
 */
export interface CallTimeouts {
  /**
   * Time to establish the connection.
   *
   * @default - derived from the time the function has left
   */
  readonly connect?: Duration;

  /**
   * Time for one attempt, from connecting to the last byte of the answer.
   *
   * @default - derived from the time the function has left
   */
  readonly attempt?: Duration;
}

/**
 * Which faults the function repeats by itself, before Step Functions gets to see them.
 */
export enum CallRetryMode {
  /**
   * What every AWS SDK does: transient faults and throttling, also of a write that got no answer.
   */
  SDK = 'sdk',

  /**
   * As `SDK`, but a call whose effect is uncertain is repeated only where that is harmless:
   * read-only operations and operations that carry an idempotency token.
   */
  SAFE = 'safe',

  /**
   * One attempt.
   */
  NONE = 'none',
}

/**
 * How the function repeats a call by itself.
 */
export interface CallRetry {
  /**
   * Which faults are repeated.
   *
   * @default CallRetryMode.SDK
   */
  readonly mode?: CallRetryMode;

  /**
   * How often the call is sent at most, the first time included.
   *
   * @default 3
   */
  readonly maxAttempts?: number;
}

/**
 * The form in which a body (S3 `Body`, Lambda `Payload`, …) appears in the result.
 */
export enum BodyAs {
  /**
   * JSON where the answer's Content-Type says so, else text where it is UTF-8, else base64.
   */
  AUTO = 'auto',

  /** A string. A body that is not UTF-8 is an error. */
  TEXT = 'text',

  /** The parsed value. A body that is not JSON is an error. */
  JSON = 'json',

  /** A base64 string. */
  BASE64 = 'base64',
}

/**
 * What happens when a Lambda function that the task invokes answers with an error.
 */
export enum FunctionError {
  /** The task fails with the remote error's name. */
  RAISE = 'raise',

  /** The task succeeds, and the output has `FunctionError` and the payload. */
  RETURN = 'return',
}

/**
 * The spelling of members and error names.
 */
export enum Spelling {
  /** That of the AWS API models, the AWS CLI, boto3, and the SDK for JavaScript. */
  MODEL = 'model',

  /**
   * That of Step Functions' own SDK integrations: `DbClusterIdentifier`, `S3.NoSuchKeyException`.
   */
  STEP_FUNCTIONS = 'stepFunctions',
}

/**
 * Settings of one call beyond those of the construct that this library replaces.
 *
 * @internal
 */
export interface CallSettings {
  readonly endpointOptions?: EndpointOptions;
  readonly timeouts?: CallTimeouts;
  readonly retry?: CallRetry;
  readonly bodyAs?: BodyAs;
  readonly functionError?: FunctionError;
  readonly spelling?: Spelling;
}

/**
 * The event's fields for the settings that are given.
 *
 * @internal
 */
export function renderSettings(settings: CallSettings): Record<string, unknown> {
  return {
    endpointOptions: settings.endpointOptions,
    timeouts: settings.timeouts && {
      connect_ms: settings.timeouts.connect?.toMilliseconds(),
      attempt_ms: settings.timeouts.attempt?.toMilliseconds(),
    },
    retry: settings.retry,
    bodyAs: settings.bodyAs,
    functionError: settings.functionError,
    spelling: settings.spelling,
  };
}

const MOST_ATTEMPTS = 10;
const LONGEST = Duration.minutes(15);

/**
 * Why the handler would refuse the settings.
 *
 * @internal
 */
export function settingProblems({ retry, timeouts }: CallSettings): string[] {
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
