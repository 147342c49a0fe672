/**
 * How a task is kept from doing twice what it should do once.
 */
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import { Duration } from 'aws-cdk-lib/core';

/**
 * Options of idempotency tokens.
 */
export interface TokenOptions {
  /**
   * What tells two calls of this task apart where execution, state, entered time and the index of a Map's item
   * do not: required inside nested Maps, whose items may be entered in the same millisecond.
   *
   * @default - none
   */
  readonly discriminator?: string;
}

/**
 * What becomes of a call of which nobody knows whether an earlier attempt made it.
 */
export enum OnUncertain {
  /**
   * The task fails with `CrossRegion.StateUncertain`, unless the operation only reads or the service still knows
   * the token of the earlier attempt. A person or a check decides.
   */
  FAIL = 'fail',

  /** The call is made again: for calls that do no harm when they are made twice. */
  REPEAT = 'repeat',
}

/**
 * Options of idempotency records.
 */
export interface RecordOptions {
  /**
   * What tells one piece of work from another, mostly from state: an order's number, an upload's bucket, key and
   * version. Two executions with the same key share one record.
   *
   * @default - the step itself: repetitions by Retry and by Lambda share a record, other executions do not
   */
  readonly key?: string;

  /**
   * Whose keys these are: tasks with the same namespace and operation share their records.
   *
   * @default - the path of the task's construct
   */
  readonly namespace?: string;

  /**
   * For how long the outcome is kept and answered.
   *
   * @default Duration.days(1)
   */
  readonly expiresAfter?: Duration;

  /**
   * What repetitions must have in common; another payload under the same key is `CrossRegion.KeyReused`.
   *
   * @default - the Region and all parameters
   */
  readonly payload?: any;

  /**
   * What becomes of a call of which nobody knows whether an earlier attempt made it.
   *
   * @default OnUncertain.FAIL
   */
  readonly onUncertain?: OnUncertain;

  /**
   * As for tokens, where there is no `key`.
   *
   * @default - none
   */
  readonly discriminator?: string;
}

/**
 * How a task is kept from doing twice what it should do once.
 */
export class Idempotency {
  /**
   * Repetitions of a step carry the same idempotency token, so that the service does the work once. For operations
   * that take a token; it is the default.
   */
  public static tokens(options: TokenOptions = {}): Idempotency {
    return new Idempotency(true, options);
  }

  /**
   * The outcome is recorded in a DynamoDB table, and answered whenever the same key comes again. For any operation.
   *
   * The table's partition key is the string `id`; its TTL attribute, `expiration`. Results rest there, encrypted as
   * the table is.
   *
   * @param table a table of one Region, or a global table with strong consistency
   */
  public static record(table: dynamodb.ITable, options: RecordOptions = {}): Idempotency {
    if (!table) {
      throw new Error('Idempotency.record needs a DynamoDB table');
    }
    return new Idempotency(true, options, { table, options });
  }

  /**
   * Each attempt is a call of its own.
   */
  public static none(): Idempotency {
    return new Idempotency(false, {});
  }

  private constructor(
    /** @internal */
    readonly _sharesTokens: boolean,
    /** @internal */
    readonly _tokens: TokenOptions,
    /** @internal */
    readonly _record?: { readonly table: dynamodb.ITable; readonly options: RecordOptions },
  ) {}
}
