/**
 * The task that puts records into a Kinesis stream, aggregated.
 *
 * In: the stream, and the records, in the state or in an S3 object. Out: a state that runs the handler's procedure
 * `kinesis.putAggregated`, its entry in the operation table, and the IAM statements for the stream and the object.
 */
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { AggregationOptions } from './aggregation';
import { CallRetry, CallTimeouts } from './call-options';
import { CrossRegionFunction } from './cross-region-function';
import { CrossRegionTask } from './cross-region-task';
import { planReading, renderSource } from './object-source';
import { Plan } from './plan';
import { renderSettings, settingProblems } from './settings';
import { SourceObjectOptions } from './source-object-options';
import { aggregationProblems, renderAggregation, streamStatements } from './stream';

/**
 * An S3 object of records, of any size.
 */
export interface RecordsObject extends SourceObjectOptions {
  /**
   * The bucket.
   */
  readonly bucket: s3.IBucket;

  /**
   * The key of the object. It may come from state, bounded by `keyPrefix`.
   */
  readonly key: string;

  /**
   * Where to go on: the `next` of the call before, as a reference to the state, such as
   * `sfn.JsonPath.objectAt('$.next')`, or a JSONata expression.
   *
   * An object that has changed since is refused with `CrossRegion.SourceChanged`.
   *
   * @default - at the first line
   */
  readonly start?: any;
}

interface PutAggregatedRecordsOptions extends AggregationOptions {
  /**
   * The stream to write into, in any Region: `kinesis.Stream.fromStreamArn` names one that is not of this app.
   */
  readonly stream: kinesis.IStream;

  /**
   * The records: a list of objects with `PartitionKey`, `Data` and, where they have them, `ExplicitHashKey` and `Tags`.
   *
   * `Data` is base64, or one of `{ $text: … }`, `{ $json: … }`, `{ $base64: … }`. A reference to the state, such as
   * `sfn.JsonPath.objectAt('$.records')`, a JSONata expression, or the list itself.
   *
   * @default - they are read from `recordsFrom`
   */
  readonly records?: any;

  /**
   * The S3 object that has the records in place of `records`: on each line such an object as JSON.
   *
   * All lines are checked before the first record is put. The function gets the right to read this object, or those whose
   * keys begin with `keyPrefix`, and no other.
   *
   * @default - they are in `records`
   */
  readonly recordsFrom?: RecordsObject;

  /**
   * Whether the task succeeds once something was put, and tells what is left for another call.
   *
   * With `records`, `left` has those that could not be put, as they came. With `recordsFrom`, `next` says where to go on,
   * to be given back as `start`; it is null if all was put. Look at it afterwards. Without `partial` the task fails
   * instead, and whoever retries it puts all records again.
   *
   * @default false
   */
  readonly partial?: boolean;

  /**
   * Whether to retry on faults of the Lambda service, as `CallAwsServiceCrossRegion` does.
   *
   * After such a fault the records may be there already, and a retry puts them again.
   *
   * @default true
   */
  readonly retryOnServiceExceptions?: boolean;

  /**
   * The function that makes the calls.
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
   * How a request is repeated that got no usable answer. What a shard refuses is sent again in any case.
   *
   * @default - as the SDKs do: such a request is repeated, and its records may be in the stream twice
   */
  readonly retry?: CallRetry;
}

/**
 * Properties of a task that puts records, aggregated, with JSONPath.
 */
export interface PutAggregatedRecordsJsonPathProps
  extends sfn.TaskStateJsonPathBaseProps, PutAggregatedRecordsOptions {}

/**
 * Properties of a task that puts records, aggregated, with JSONata.
 */
export interface PutAggregatedRecordsJsonataProps extends sfn.TaskStateJsonataBaseProps, PutAggregatedRecordsOptions {}

/**
 * Properties of a task that puts records, aggregated.
 */
export interface PutAggregatedRecordsProps extends sfn.TaskStateBaseProps, PutAggregatedRecordsOptions {}

const PROCEDURE = 'kinesis.putAggregated';

/**
 * A Step Functions task that puts records into a Kinesis stream, many of them in each record of the stream, in the
 * format of the Kinesis Producer Library.
 *
 * The result says how many were `put`, in how many `records` of the stream and `requests`, and what they are billed for
 * in provisioned mode (`payloadUnits`).
 */
export class PutAggregatedRecords extends CrossRegionTask {
  /**
   * A task that puts records, aggregated, with JSONPath.
   */
  public static jsonPath(scope: Construct, id: string, props: PutAggregatedRecordsJsonPathProps) {
    return new PutAggregatedRecords(scope, id, props);
  }

  /**
   * A task that puts records, aggregated, with JSONata.
   */
  public static jsonata(scope: Construct, id: string, props: PutAggregatedRecordsJsonataProps) {
    return new PutAggregatedRecords(scope, id, { ...props, queryLanguage: sfn.QueryLanguage.JSONATA });
  }

  constructor(
    scope: Construct,
    id: string,
    private readonly props: PutAggregatedRecordsProps,
  ) {
    super(scope, id, 'PutAggregatedRecords', props);
    this._apply(plan(props));
  }

  /**
   * What the function is told.
   *
   * @internal
   */
  protected _event(): Record<string, unknown> {
    const { stream, records, recordsFrom, partial } = this.props;
    return {
      region: stream.env.region,
      procedure: PROCEDURE,
      parameters: {
        StreamARN: stream.streamArn,
        Records: records,
        recordsFrom: recordsFrom && {
          ...renderSource(recordsFrom),
          format: 'jsonLines',
          start: recordsFrom.start,
        },
        partial,
        ...renderAggregation(this.props),
      },
      ...renderSettings(this.props),
    };
  }
}

function plan(props: PutAggregatedRecordsProps): Plan {
  const { scoped, problems } = streamStatements(props.stream, ['listShards', 'putRecords'], ['kms:GenerateDataKey']);
  const reading = planReading(props.recordsFrom, (member) => `\`recordsFrom.${member}\``);
  return {
    permission: {
      procedure: PROCEDURE,
      regions: [props.stream.env.region, ...reading.regions],
      endpoints: [],
      sources: reading.places,
    },
    scoped: [...scoped, ...reading.statements],
    unscoped: [],
    problems: [
      ...problems,
      ...recordsProblems(props),
      ...reading.problems,
      ...aggregationProblems(props),
      ...settingProblems(props),
    ],
    warnings: [],
  };
}

function recordsProblems({ records, recordsFrom }: PutAggregatedRecordsProps): string[] {
  if (records !== undefined && recordsFrom) {
    return ['`records` and `recordsFrom` are both there: leave one out'];
  }
  return records === undefined && !recordsFrom ? ['`records` or `recordsFrom` is missing'] : [];
}
