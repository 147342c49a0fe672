/**
 * Results that go to S3 instead of back to the state machine.
 */
import * as s3 from 'aws-cdk-lib/aws-s3';

/**
 * Which results go to S3.
 */
export enum ResultToWhen {
  /** Every one. */
  ALWAYS = 'always',

  /** Those that are larger than the function hands back, or than its record can keep. */
  OVER_LIMIT = 'overLimit',
}

/**
 * Where a result is stored.
 */
export interface ResultTo {
  /**
   * The bucket. The function's own role writes to it, also where the call is made in the name of another.
   */
  readonly bucket: s3.IBucket;

  /**
   * The key of the object. One that is there already is overwritten: where executions run at the same time, it
   * has to tell them apart, as the execution's name does.
   *
   * It may come from state, if `keyPrefix` says how it begins.
   */
  readonly key: string;

  /**
   * What a `key` from state begins with: it bounds the operation table and the IAM statement. The empty string is the
   * whole bucket.
   *
   * @default - `key` itself; required where that comes from state
   */
  readonly keyPrefix?: string;

  /**
   * The Region of the bucket.
   *
   * @default - the Region of the bucket's stack, or the one that it was imported with
   */
  readonly region?: string;

  /**
   * Which results are stored.
   *
   * @default ResultToWhen.ALWAYS
   */
  readonly when?: ResultToWhen;
}
