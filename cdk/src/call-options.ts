/**
 * The vocabulary of a call's settings: what a task says about how the call is made and what comes back.
 */
import { Duration } from 'aws-cdk-lib/core';

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
   * @default - what the function says; without that, derived from the time the function has left, and with
   * `failover` one second at most
   */
  readonly connect?: Duration;

  /**
   * Time for one attempt, from connecting to the last byte of the answer.
   *
   * @default - what the function says; without that, derived from the time the function has left
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
   * read-only operations, operations that carry an idempotency token, and those that `failover` declares
   * repeatable.
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
   * @default - what the function says; without that, CallRetryMode.SDK
   */
  readonly mode?: CallRetryMode;

  /**
   * How often the call is sent at most, the first time included. With `failover`, at each target.
   *
   * @default - what the function says; without that, 3
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
 * How far to go on with an operation that answers in pages.
 */
export interface Paginate {
  /**
   * How many pages are read at most.
   *
   * @default - all
   */
  readonly maxPages?: number;

  /**
   * How many items there are before no further page is asked for. Pages are never cut, so there may be more.
   *
   * @default - all
   */
  readonly maxItems?: number;

  /**
   * Whether the task succeeds with the pages that were read where the function's time or the size of a result end
   * first. Otherwise it fails with `CrossRegion.Incomplete`.
   *
   * In any case `$metadata.resume`, or `resume` beside a `select`ed `result`, has the parameters to go on with, and
   * is null where there is nothing to go on to.
   *
   * @default false
   */
  readonly partial?: boolean;
}
