/**
 * The task that relays a Kinesis stream into another, aggregated.
 *
 * In: both streams, and the checkpoint in the state. Out: a state that runs the handler's procedure `kinesis.relay`, its
 * entry in the operation table, and the IAM statements for both streams.
 */
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Token } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { AggregationOptions } from './aggregation';
import { isCount } from './attempts';
import { CallRetry, CallTimeouts } from './call-options';
import { CrossRegionFunction } from './cross-region-function';
import { CrossRegionTask } from './cross-region-task';
import { Plan } from './plan';
import { renderSettings, settingProblems } from './settings';
import { aggregationProblems, renderAggregation, streamStatements } from './stream';

interface RelayStreamOptions extends AggregationOptions {
  /**
   * The stream to read, in any Region.
   */
  readonly source: kinesis.IStream;

  /**
   * The stream to write into, in any Region.
   */
  readonly destination: kinesis.IStream;

  /**
   * The `checkpoint` of the result before, or an empty object at the first time: a reference to the state, such as
   * `sfn.JsonPath.objectAt('$.checkpoint')`, or a JSONata expression.
   */
  readonly checkpoint: any;

  /**
   * Where shards are begun that the checkpoint does not name: a moment, ISO 8601 with an offset.
   *
   * Keep it as long as the checkpoint is kept: what is written between two of them would be lost.
   *
   * @default - at the oldest record that the source holds
   */
  readonly startAt?: string;

  /**
   * How many records are read at once, from 1 to 10,000.
   *
   * A page holds 10 MiB at most, and the function some ten times its size.
   *
   * @default 10,000
   */
  readonly pageLimit?: number;

  /**
   * Whether aggregated records are brought over of which a user record lies outside of its shard's range. The Kinesis
   * Client Library leaves them out: they were written while shards were split, and were sent again.
   *
   * @default false
   */
  readonly keepOutsideRange?: boolean;

  /**
   * Whether to retry on faults of the Lambda service, as `CallAwsServiceCrossRegion` does. A retry begins at the same
   * checkpoint, and repeats what was put since.
   *
   * @default true
   */
  readonly retryOnServiceExceptions?: boolean;

  /**
   * The function that makes the calls. It works until the source is read to its end, or until its time is over: give
   * it minutes.
   *
   * @default - the stack's `CrossRegionFunction.of(this)`
   */
  readonly handler?: CrossRegionFunction;

  /**
   * How long one request may take.
   *
   * @default - the time the function has left
   */
  readonly timeouts?: CallTimeouts;

  /**
   * How a request is repeated that got no usable answer.
   *
   * @default - as the SDKs do
   */
  readonly retry?: CallRetry;
}

/**
 * Properties of a task that relays a stream, with JSONPath.
 */
export interface RelayStreamJsonPathProps extends sfn.TaskStateJsonPathBaseProps, RelayStreamOptions {}

/**
 * Properties of a task that relays a stream, with JSONata.
 */
export interface RelayStreamJsonataProps extends sfn.TaskStateJsonataBaseProps, RelayStreamOptions {}

/**
 * Properties of a task that relays a stream.
 */
export interface RelayStreamProps extends sfn.TaskStateBaseProps, RelayStreamOptions {}

const PROCEDURE = 'kinesis.relay';
const MOST_RECORDS = 10_000;

/**
 * A Step Functions task that brings the records of a Kinesis stream into another one, aggregated in the format of the
 * Kinesis Producer Library, from a checkpoint to a checkpoint.
 *
 * The result has the next `checkpoint`, whether the end of the source was reached (`caughtUp`), and how much was put.
 * Nothing is lost however the task ends; what was put beyond the last checkpoint that was kept is put again.
 */
export class RelayStream extends CrossRegionTask {
  /**
   * A task that relays a stream, with JSONPath.
   */
  public static jsonPath(scope: Construct, id: string, props: RelayStreamJsonPathProps) {
    return new RelayStream(scope, id, props);
  }

  /**
   * A task that relays a stream, with JSONata.
   */
  public static jsonata(scope: Construct, id: string, props: RelayStreamJsonataProps) {
    return new RelayStream(scope, id, { ...props, queryLanguage: sfn.QueryLanguage.JSONATA });
  }

  constructor(
    scope: Construct,
    id: string,
    private readonly props: RelayStreamProps,
  ) {
    super(scope, id, 'RelayStream', props);
    this._apply(plan(props));
  }

  /**
   * What the function is told.
   *
   * @internal
   */
  protected _event(): Record<string, unknown> {
    const { source, destination, checkpoint, startAt, pageLimit, keepOutsideRange } = this.props;
    return {
      region: destination.env.region,
      procedure: PROCEDURE,
      parameters: {
        source: {
          region: source.env.region,
          StreamARN: source.streamArn,
          ShardIteratorType: startAt === undefined ? undefined : 'AT_TIMESTAMP',
          Timestamp: startAt,
          Limit: pageLimit,
        },
        StreamARN: destination.streamArn,
        checkpoint,
        outsideRange: keepOutsideRange ? 'keep' : undefined,
        ...renderAggregation(this.props),
      },
      ...renderSettings(this.props),
    };
  }
}

function plan(props: RelayStreamProps): Plan {
  const { source, destination, pageLimit } = props;
  const read = streamStatements(source, ['listShards', 'getShardIterator', 'getRecords'], ['kms:Decrypt']);
  const written = streamStatements(destination, ['listShards', 'putRecords'], ['kms:GenerateDataKey']);
  const isFitting = (limit: number) => Token.isUnresolved(limit) || (isCount(limit) && limit <= MOST_RECORDS);
  const limits = pageLimit === undefined || isFitting(pageLimit) ? [] : ['`pageLimit` must be from 1 to 10,000'];
  const regions = [...new Set([source.env.region, destination.env.region])];
  return {
    permission: { procedure: PROCEDURE, regions, endpoints: [] },
    scoped: [...read.scoped, ...written.scoped],
    unscoped: [],
    problems: [
      ...new Set([
        ...read.problems,
        ...written.problems,
        ...limits,
        ...aggregationProblems(props),
        ...settingProblems(props),
      ]),
    ],
    warnings: [],
  };
}
