/**
 * The task that unpacks records of a Kinesis stream.
 *
 * In: records in the state, as Lambda, Pipes or `GetRecords` tell them. Out: a state that runs the handler's procedure
 * `kinesis.deaggregate`, and its entry in the operation table. It makes no call, so it needs no permission.
 */
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { CrossRegionFunction } from './cross-region-function';
import { CrossRegionTask } from './cross-region-task';

/**
 * How payloads are told.
 */
export enum RecordDataAs {
  /** As base64. */
  BASE64 = 'base64',

  /** As text; what is not UTF-8 as `{ $base64: … }`. */
  TEXT = 'text',

  /** As the JSON value; what is no JSON as `{ $base64: … }`. */
  JSON = 'json',
}

/**
 * The range of hash keys of a shard, as `ListShards` tells it.
 */
export interface ShardHashKeyRange {
  /**
   * The first hash key, a decimal number of 128 bits.
   */
  readonly startingHashKey: string;

  /**
   * The last hash key.
   */
  readonly endingHashKey: string;
}

interface DeaggregateRecordsOptions {
  /**
   * The records: the `Records` of a Lambda event or of an answer of `GetRecords`, or the list that Pipes hand over.
   *
   * A reference to the state, such as `sfn.JsonPath.objectAt('$.Records')`, or a JSONata expression.
   */
  readonly records: any;

  /**
   * How payloads are told.
   *
   * @default RecordDataAs.BASE64
   */
  readonly dataAs?: RecordDataAs;

  /**
   * The range of the shard that the records come from. Aggregated records of which a user record lies outside are left
   * out, as the Kinesis Client Library does: they were written while shards were split, and were sent again.
   *
   * @default - all records are unpacked
   */
  readonly hashKeyRange?: ShardHashKeyRange;

  /**
   * Whether to retry on faults of the Lambda service, as `CallAwsServiceCrossRegion` does.
   *
   * @default true
   */
  readonly retryOnServiceExceptions?: boolean;

  /**
   * The function that unpacks.
   *
   * @default - the stack's `CrossRegionFunction.of(this)`
   */
  readonly handler?: CrossRegionFunction;
}

/**
 * Properties of a task that unpacks records, with JSONPath.
 */
export interface DeaggregateRecordsJsonPathProps extends sfn.TaskStateJsonPathBaseProps, DeaggregateRecordsOptions {}

/**
 * Properties of a task that unpacks records, with JSONata.
 */
export interface DeaggregateRecordsJsonataProps extends sfn.TaskStateJsonataBaseProps, DeaggregateRecordsOptions {}

/**
 * Properties of a task that unpacks records.
 */
export interface DeaggregateRecordsProps extends sfn.TaskStateBaseProps, DeaggregateRecordsOptions {}

const PROCEDURE = 'kinesis.deaggregate';

/**
 * A Step Functions task that takes the user records out of records of a Kinesis stream which the Kinesis Producer
 * Library, or `PutAggregatedRecords`, has aggregated. Others pass as they are.
 *
 * The result has `Records`, each with `SequenceNumber` and `SubSequenceNumber`; `faults`, user records whose keys cannot
 * be told; and `outsideRange`.
 */
export class DeaggregateRecords extends CrossRegionTask {
  /**
   * A task that unpacks records, with JSONPath.
   */
  public static jsonPath(scope: Construct, id: string, props: DeaggregateRecordsJsonPathProps) {
    return new DeaggregateRecords(scope, id, props);
  }

  /**
   * A task that unpacks records, with JSONata.
   */
  public static jsonata(scope: Construct, id: string, props: DeaggregateRecordsJsonataProps) {
    return new DeaggregateRecords(scope, id, { ...props, queryLanguage: sfn.QueryLanguage.JSONATA });
  }

  constructor(
    scope: Construct,
    id: string,
    private readonly props: DeaggregateRecordsProps,
  ) {
    super(scope, id, 'DeaggregateRecords', props);
    this._apply({
      permission: { procedure: PROCEDURE, regions: [Stack.of(this).region], endpoints: [] },
      scoped: [],
      unscoped: [],
      problems: [],
      warnings: [],
    });
  }

  /**
   * What the function is told.
   *
   * @internal
   */
  protected _event(): Record<string, unknown> {
    const { records, dataAs, hashKeyRange } = this.props;
    return {
      region: Stack.of(this).region,
      procedure: PROCEDURE,
      parameters: {
        Records: records,
        dataAs,
        HashKeyRange: hashKeyRange && {
          StartingHashKey: hashKeyRange.startingHashKey,
          EndingHashKey: hashKeyRange.endingHashKey,
        },
      },
    };
  }
}
