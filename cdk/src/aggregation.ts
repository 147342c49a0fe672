/**
 * How user records become records of a Kinesis stream, in the words of whoever writes a task.
 */
import { Size } from 'aws-cdk-lib/core';

/**
 * How user records become records of a stream.
 */
export interface AggregationOptions {
  /**
   * How much a record of the stream is filled with, data and keys.
   *
   * @default - 25,000 bytes, for which a stream in provisioned mode bills one payload unit
   */
  readonly targetSize?: Size;

  /**
   * The size of records that the stream is set to take.
   *
   * @default - 1 MiB
   */
  readonly maxRecordSize?: Size;

  /**
   * Whether the records of a partition key are to come into the stream in the order in which they stand.
   *
   * Costs a request for each record that a shard gets, so use it where the order matters.
   *
   * @default false
   */
  readonly ordered?: boolean;
}
