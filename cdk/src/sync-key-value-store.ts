/**
 * The task that keeps a CloudFront KeyValueStore in step.
 *
 * In: the store, the entries that are wanted of it, and what becomes of others. Out: a state that runs the handler's
 * procedure `keyValueStore.sync` and goes on until the store is as wanted, its entry in the operation table, and the
 * IAM statements for the store and for the object that the entries come from.
 */
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Duration, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { CallRetry, CallTimeouts } from './call-options';
import { findOperation, findService } from './catalog';
import { CrossRegionFunction } from './cross-region-function';
import { CrossRegionTask } from './cross-region-task';
import { isLiteral } from './expression';
import { KeyValueEntries } from './key-value-entries';
import { statementsFor } from './permissions';
import { Plan } from './plan';
import { stateProblems } from './policy-props';
import { renderSettings, settingProblems } from './settings';
import { EVERY_REGION } from './signing';

/**
 * What becomes of keys that are not among the wanted entries.
 */
export enum SyncMode {
  /** They are deleted. */
  EXCLUSIVE = 'exclusive',

  /** They stay. */
  MERGE = 'merge',
}

interface SyncKeyValueStoreOptions {
  /**
   * The store.
   */
  readonly keyValueStore: cloudfront.IKeyValueStore;

  /**
   * The entries that it is to hold.
   */
  readonly entries: KeyValueEntries;

  /**
   * What becomes of keys that are not among the entries.
   */
  readonly mode: SyncMode;

  /**
   * What all keys begin with that the task may touch. Others are neither deleted nor may be among the entries.
   *
   * @default - all keys of the store
   */
  readonly keyPrefix?: string;

  /**
   * Tell what would be written, and write nothing.
   *
   * @default false
   */
  readonly dryRun?: boolean;

  /**
   * Whether to retry on faults of the Lambda service, as `CallAwsServiceCrossRegion` does.
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
   * @default - derived from the time the function has left
   */
  readonly timeouts?: CallTimeouts;

  /**
   * How the function repeats a single request.
   *
   * @default - as the function says; without that, as every AWS SDK does
   */
  readonly retry?: CallRetry;
}

/**
 * Properties of a task that keeps a KeyValueStore in step, with JSONPath.
 */
export interface SyncKeyValueStoreJsonPathProps extends sfn.TaskStateJsonPathBaseProps, SyncKeyValueStoreOptions {}

/**
 * Properties of a task that keeps a KeyValueStore in step, with JSONata.
 */
export interface SyncKeyValueStoreJsonataProps extends sfn.TaskStateJsonataBaseProps, SyncKeyValueStoreOptions {}

/**
 * Properties of a task that keeps a KeyValueStore in step.
 */
export interface SyncKeyValueStoreProps extends sfn.TaskStateBaseProps, SyncKeyValueStoreOptions {}

const PROCEDURE = 'keyValueStore.sync';
const SERVICE = 'cloudfront-keyvaluestore';
const ACTIONS = ['describeKeyValueStore', 'listKeys', 'updateKeys'];

/** The function's time was over, and another attempt goes on from what is still different. */
const GOES_ON: sfn.RetryProps = {
  errors: ['CrossRegion.Incomplete'],
  interval: Duration.seconds(1),
  backoffRate: 1,
  maxAttempts: 20,
};

/** Faults that pass. A repetition looks at the store anew, so it does no harm whatever became of the last request. */
const PASSES: sfn.RetryProps = {
  errors: [
    'CrossRegion.Unreachable',
    'CrossRegion.OutcomeUnknown',
    'CrossRegion.SourceChanged',
    'CrossRegion.ChecksumMismatch',
    'InternalError',
    'InternalServerException',
    'SlowDown',
    'ThrottlingException',
    'TooManyRequestsException',
  ],
  interval: Duration.seconds(5),
  backoffRate: 2,
  maxDelay: Duration.minutes(1),
  maxAttempts: 5,
  jitterStrategy: sfn.JitterType.FULL,
};

/**
 * A Step Functions task that brings a CloudFront KeyValueStore to the entries that are wanted of it.
 *
 * Only what differs is written, each write under the ETag that the one before it left. Runs that overlap do no harm:
 * the store ends as one of them wanted it. Where the function's time does not suffice, the task goes on in another
 * invocation, up to twenty times, and faults that pass are retried, since every attempt begins with a look at the store.
 *
 * The result says what was done: `put`, `deleted`, `unchanged`, `batches`, `conflicts`, `dryRun`, and of the store
 * `ETag` and `TotalSizeInBytes`. Edges learn of it within a minute or so: `WaitForEdge` waits for that.
 */
export class SyncKeyValueStore extends CrossRegionTask {
  /**
   * A task that keeps a KeyValueStore in step, with JSONPath.
   */
  public static jsonPath(scope: Construct, id: string, props: SyncKeyValueStoreJsonPathProps) {
    return new SyncKeyValueStore(scope, id, props);
  }

  /**
   * A task that keeps a KeyValueStore in step, with JSONata.
   */
  public static jsonata(scope: Construct, id: string, props: SyncKeyValueStoreJsonataProps) {
    return new SyncKeyValueStore(scope, id, { ...props, queryLanguage: sfn.QueryLanguage.JSONATA });
  }

  /** A store is in no Region: this one is named in errors, log and metrics. */
  private readonly region: string;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: SyncKeyValueStoreProps,
  ) {
    super(scope, id, 'SyncKeyValueStore', props);
    this.region = Stack.of(this).region;
    this._apply(plan(props, this.region));
    this.addRetry(GOES_ON);
    this.addRetry(PASSES);
  }

  /**
   * What the function is told.
   *
   * @internal
   */
  protected _event(): Record<string, unknown> {
    const { keyValueStore, entries, mode, keyPrefix, dryRun } = this.props;
    return {
      region: this.region,
      procedure: PROCEDURE,
      parameters: {
        KvsARN: keyValueStore.keyValueStoreArn,
        ...entries._event,
        mode,
        keyPrefix,
        dryRun,
      },
      ...renderSettings(this.props),
    };
  }
}

function plan(props: SyncKeyValueStoreProps, region: string): Plan {
  const { entries, keyPrefix, keyValueStore } = props;
  const service = findService(SERVICE)!;
  // Signed for every Region at once, so that no condition on one Region would hold.
  const needed = ACTIONS.map((action) =>
    statementsFor({
      operation: findOperation(service, action)![1],
      iamResources: [keyValueStore.keyValueStoreArn],
    }),
  );
  const reading = entries._reading;
  return {
    permission: {
      procedure: PROCEDURE,
      regions: [region, EVERY_REGION, ...reading.regions],
      endpoints: [],
      sources: reading.places,
    },
    scoped: [...needed.flatMap(({ scoped }) => scoped), ...reading.statements],
    unscoped: needed.flatMap(({ unscoped }) => unscoped),
    problems: [
      ...entries._problems,
      ...prefixProblems(entries, keyPrefix),
      ...settingProblems(props),
      ...stateProblems('`keyValueStore`', [keyValueStore.keyValueStoreArn]),
      ...needed.flatMap(({ problems }) => problems),
    ],
    warnings: [],
  };
}

function prefixProblems(entries: KeyValueEntries, keyPrefix: string | undefined): string[] {
  if (keyPrefix === undefined || !isLiteral(keyPrefix)) {
    return [];
  }
  if (keyPrefix === '') {
    return ['`keyPrefix` is empty: leave it out'];
  }
  return entries._keys
    .filter((key) => isLiteral(key) && !key.startsWith(keyPrefix))
    .map((key) => `the key \`${key}\` does not begin with \`keyPrefix\``);
}
