/**
 * The task that copies an object, or all objects of a prefix, between buckets in any two Regions.
 *
 * In: where it is read and where it is written. Out: a state that runs the handler's procedure `s3.transfer`, its entry
 * in the operation table, the IAM statements for the two buckets, and the retries with which a copy goes on that one
 * invocation does not finish.
 */
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Duration } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { AssumeRole } from './assume-role';
import { attemptProblems, retriesOf } from './attempts';
import { CallRetry, CallTimeouts, EndpointOptions } from './call-options';
import { CrossRegionFunction } from './cross-region-function';
import { CrossRegionTask } from './cross-region-task';
import { endpointProblem } from './endpoint';
import { holdsState, isLiteral } from './expression';
import { keyStatements } from './key-statement';
import { boundOf, boundProblems, boundWildcards, keysWithin, Naming, prefixProblems } from './object-key';
import { bucketPlace } from './operation-table';
import { inRegions } from './permissions';
import { Plan } from './plan';
import { regionProblems } from './region';
import { renderSettings, settingProblems } from './settings';
import { wildcardProblems } from './wildcards';

/**
 * Where one side of a transfer is.
 */
export interface TransferPlace {
  /**
   * The bucket.
   */
  readonly bucket: s3.IBucket;

  /**
   * The key of the object. It may come from state, bounded by `keyPrefix`.
   *
   * @default - the task copies a prefix; of the target, the key of the source
   */
  readonly key?: string;

  /**
   * What the keys of all objects begin with that are copied; of the target, what stands in its place. It may come from
   * state, bounded by `keyPrefix`.
   *
   * @default - the task copies one object; of the target, the prefix of the source
   */
  readonly prefix?: string;

  /**
   * What every key begins with that may be used: the bound for a `key` or `prefix` that comes from state, or that holds
   * what stands for more than itself in IAM, `*`, `?` or `${`.
   *
   * @default - `key` or `prefix`; if that comes from state, it must be given
   */
  readonly keyPrefix?: string;

  /**
   * In whose name this side is used. The role must have what the side needs.
   *
   * @default - the function's own
   */
  readonly assumeRole?: AssumeRole;

  /**
   * Where S3's API is for this side.
   *
   * @default - S3's own endpoint in the side's Region
   */
  readonly endpoint?: string;
}

/**
 * What is copied.
 */
export interface TransferSource extends TransferPlace {
  /**
   * The Region of the bucket.
   *
   * @default - that of the target
   */
  readonly region?: string;

  /**
   * A version of the object.
   *
   * @default - the current one
   */
  readonly versionId?: string;

  /**
   * The ETag that the object must have.
   *
   * @default - any
   */
  readonly ifMatch?: string;
}

/**
 * Where it goes.
 */
export interface TransferTarget extends TransferPlace {
  /**
   * The Region of the bucket.
   */
  readonly region: string;

  /**
   * The ETag of the object that must stand there.
   *
   * @default - whatever stands there is overwritten
   */
  readonly ifMatch?: string;

  /**
   * Whether another object that stands there is an error.
   *
   * @default false
   */
  readonly ifNoneMatch?: boolean;

  /**
   * The storage class.
   *
   * @default - S3's own
   */
  readonly storageClass?: s3.StorageClass;
}

interface TransferObjectOptions {
  /**
   * What is copied.
   */
  readonly source: TransferSource;

  /**
   * Where it goes.
   */
  readonly target: TransferTarget;

  /**
   * Whether the bytes pass through the function, also where S3 could copy by itself.
   *
   * @default false
   */
  readonly stream?: boolean;

  /**
   * With what the keys begin under which a task that copies a prefix says what was copied, in the target bucket.
   *
   * @default - it is not written down
   */
  readonly manifestPrefix?: string;

  /**
   * How old an upload to the same key must be that nobody goes on with, to be aborted: at most 31 days.
   *
   * @default Duration.days(1)
   */
  readonly abandonedAfter?: Duration;

  /**
   * How many invocations one copy may take.
   *
   * @default 50
   */
  readonly maxAttempts?: number;

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
   * How long one request may take, of which a part of an object is one.
   *
   * @default - the time the function has left
   */
  readonly timeouts?: CallTimeouts;

  /**
   * How often a request is made.
   *
   * @default - three times
   */
  readonly retry?: CallRetry;

  /**
   * Variants of S3's endpoints.
   *
   * @default - none
   */
  readonly endpointOptions?: EndpointOptions;
}

/**
 * Properties of a task that copies objects, with JSONPath.
 */
export interface TransferObjectJsonPathProps extends sfn.TaskStateJsonPathBaseProps, TransferObjectOptions {}

/**
 * Properties of a task that copies objects, with JSONata.
 */
export interface TransferObjectJsonataProps extends sfn.TaskStateJsonataBaseProps, TransferObjectOptions {}

/**
 * Properties of a task that copies objects.
 */
export interface TransferObjectProps extends sfn.TaskStateBaseProps, TransferObjectOptions {}

const PROCEDURE = 's3.transfer';
const ATTEMPTS = 50;
const LONGEST_ABANDONED = Duration.days(31);

/** Errors that another attempt may not meet; it goes on from where the one before it was. */
const PASSING = [
  'CrossRegion.Unreachable',
  'CrossRegion.OutcomeUnknown',
  'CrossRegion.SourceChanged',
  'NoSuchUpload',
  'SlowDown',
  'InternalError',
  'ServiceUnavailable',
];

/**
 * A Step Functions task that copies an object, or all objects of a prefix, to another bucket, whatever its Region.
 *
 * S3 itself copies where one principal reads and writes; where a role or an endpoint differs, the bytes pass through the
 * function. What an invocation does not finish, the next one goes on with, as the state's own Retry makes it.
 * The result says what the checksum was compared with.
 */
export class TransferObject extends CrossRegionTask {
  /**
   * A task that copies objects, with JSONPath.
   */
  public static jsonPath(scope: Construct, id: string, props: TransferObjectJsonPathProps) {
    return new TransferObject(scope, id, props);
  }

  /**
   * A task that copies objects, with JSONata.
   */
  public static jsonata(scope: Construct, id: string, props: TransferObjectJsonataProps) {
    return new TransferObject(scope, id, { ...props, queryLanguage: sfn.QueryLanguage.JSONATA });
  }

  constructor(
    scope: Construct,
    id: string,
    private readonly props: TransferObjectProps,
  ) {
    super(scope, id, 'TransferObject', props);
    this._apply(plan(props));
    this.addRetry({
      errors: ['CrossRegion.Incomplete'],
      interval: Duration.seconds(1),
      maxAttempts: retriesOf(props.maxAttempts ?? ATTEMPTS),
      backoffRate: 1,
    });
    this.addRetry({ errors: PASSING, interval: Duration.seconds(5), maxAttempts: 5, backoffRate: 2 });
  }

  /**
   * What the function is told.
   *
   * @internal
   */
  protected _event(): Record<string, unknown> {
    const { source, target, stream, manifestPrefix, abandonedAfter } = this.props;
    return {
      region: target.region,
      procedure: PROCEDURE,
      parameters: {
        source: {
          ...placeOf(source),
          region: source.region,
          versionId: source.versionId,
          ifMatch: source.ifMatch,
        },
        target: {
          ...placeOf(target),
          ifMatch: target.ifMatch,
          ifNoneMatch: target.ifNoneMatch ? '*' : undefined,
          storageClass: target.storageClass?.value,
        },
        path: stream ? 'stream' : undefined,
        manifest: manifestPrefix === undefined ? undefined : { keyPrefix: manifestPrefix },
        abandonedAfterSeconds: abandonedAfter?.toSeconds(),
      },
      ...renderSettings(this.props),
    };
  }
}

function placeOf({ bucket, key, prefix, assumeRole, endpoint }: TransferPlace): Record<string, unknown> {
  return { bucket: bucket.bucketName, key, prefix, assumeRole: assumeRole?._render(), endpoint };
}

function plan(props: TransferObjectProps): Plan {
  const { source, target, manifestPrefix } = props;
  const regions = [...new Set([target.region, source.region ?? target.region])];
  const endpoints = [source.endpoint, target.endpoint].filter((endpoint) => endpoint !== undefined);
  const sides = [source, target];
  const assumed = [...new Set(sides.flatMap((side) => side.assumeRole ?? []))];
  // An entry that lists roles permits calls in the function's own name only where it says so.
  const isOwn = sides.some((side) => side.assumeRole === undefined);
  const roles = assumed.flatMap((role) => role._roleArns);
  const read = boundOf(source);
  const written = props[writtenSide(props)];
  const results = [...new Set([boundOf(written), ...(manifestPrefix === undefined ? [] : [manifestPrefix])])];
  const scoped = [
    ...(source.assumeRole ? [] : reading(source, read, regions)),
    ...(target.assumeRole ? [] : writing(target, results, written.key)),
    ...assumed.map((role) => role._statement(regions)),
  ];
  return {
    permission: {
      procedure: PROCEDURE,
      regions,
      endpoints,
      roles: roles.length > 0 && isOwn ? ['*own*', ...roles] : roles,
      sources: [bucketPlace(source.bucket.bucketName, read)],
      results: results.map((prefix) => bucketPlace(target.bucket.bucketName, prefix)),
    },
    scoped,
    unscoped: [],
    problems: problemsOf(props, regions, endpoints),
    warnings: [],
    sent: [source.bucket.bucketName, target.bucket.bucketName],
  };
}

/** The side that says which keys are written. */
function writtenSide({ target }: TransferObjectProps): 'source' | 'target' {
  return target.key === undefined && target.prefix === undefined ? 'source' : 'target';
}

/** S3 reads for whoever asks it to copy, and is asked in the target's Region. */
function reading({ bucket, versionId, key }: TransferSource, bound: string, regions: string[]): iam.PolicyStatement[] {
  return [
    statement(
      // Who may not read tags is not told how many there are.
      versionId === undefined
        ? ['s3:GetObject', 's3:GetObjectTagging']
        : ['s3:GetObject', 's3:GetObjectVersion', 's3:GetObjectVersionTagging'],
      [bucket.arnForObjects(keysWithin(bound, key))],
      regions,
    ),
    // To list a prefix; and without it, what is missing would be what is forbidden.
    statement(['s3:ListBucket'], [bucket.bucketArn], regions),
    ...keyStatements(bucket.encryptionKey, ['kms:Decrypt']),
  ];
}

function writing({ bucket, region }: TransferTarget, bounds: string[], key?: string): iam.PolicyStatement[] {
  const objects = bounds.map((bound) => bucket.arnForObjects(keysWithin(bound, key)));
  return [
    statement(['s3:AbortMultipartUpload', 's3:GetObject', 's3:ListMultipartUploadParts', 's3:PutObject'], objects, [
      region,
    ]),
    statement(['s3:ListBucket', 's3:ListBucketMultipartUploads'], [bucket.bucketArn], [region]),
    // To write encrypted parts, S3 reads the ones before.
    ...keyStatements(bucket.encryptionKey, ['kms:Decrypt', 'kms:GenerateDataKey']),
  ];
}

function statement(actions: string[], resources: string[], regions: string[]): iam.PolicyStatement {
  return new iam.PolicyStatement({ actions, resources, conditions: inRegions(regions) });
}

function problemsOf(props: TransferObjectProps, regions: string[], endpoints: string[]): string[] {
  const { source, target, manifestPrefix, abandonedAfter, maxAttempts } = props;
  const problems = settingProblems(props);
  problems.push(
    ...regions.flatMap((region) => regionProblems(region)),
    ...endpoints.filter((endpoint) => isLiteral(endpoint)).flatMap((endpoint) => endpointProblem(endpoint) ?? []),
    ...endpoints
      .filter((endpoint) => holdsState(endpoint))
      .map(() => '`endpoint` must not come from state: the operation table is written at synth'),
    ...[source, target].flatMap((side) => side.assumeRole?._problems(regions) ?? []),
    ...placeProblems('source', source),
    ...(writtenSide(props) === 'target' ? placeProblems('target', target) : []),
    ...prefixProblems('`manifestPrefix`', manifestPrefix ?? ''),
    ...statementProblems(props),
  );
  if (source.key === undefined && source.prefix === undefined) {
    problems.push('`source` has neither `key` nor `prefix`');
  }
  const isPrefix = source.prefix !== undefined;
  if ((target.key !== undefined && isPrefix) || (target.prefix !== undefined && !isPrefix)) {
    problems.push('`target` must have `key` where the source has it, or else `prefix`');
  }
  if (writtenSide(props) === 'source' && target.keyPrefix !== undefined) {
    problems.push('`target.keyPrefix` bounds a `key` or `prefix` of the target, which has neither');
  }
  if (manifestPrefix === '') {
    problems.push('`manifestPrefix` is empty');
  }
  if (!isPrefix && manifestPrefix !== undefined) {
    problems.push('`manifestPrefix` is for a task that copies a prefix');
  }
  if (isPrefix && [source.versionId, source.ifMatch, target.ifMatch].some((it) => it !== undefined)) {
    problems.push('`versionId` and `ifMatch` are for a task that copies one object');
  }
  if (target.ifMatch !== undefined && target.ifNoneMatch) {
    problems.push('`ifMatch` and `ifNoneMatch` of the target cannot both hold');
  }
  if (abandonedAfter && !abandonedAfter.isUnresolved() && abandonedAfter.toSeconds() > LONGEST_ABANDONED.toSeconds()) {
    problems.push('`abandonedAfter` must be 31 days or less');
  }
  return [...new Set([...problems, ...attemptProblems(maxAttempts)])];
}

function placeProblems(name: string, place: TransferPlace): string[] {
  const both = place.key !== undefined && place.prefix !== undefined;
  return [...(both ? [`\`${name}\` has both \`key\` and \`prefix\``] : []), ...boundProblems(place, namingOf(name))];
}

/** Why the function's own role could read or write more. A role that is assumed has its statements from elsewhere. */
function statementProblems(props: TransferObjectProps): string[] {
  const { source, target, manifestPrefix = '' } = props;
  const written = writtenSide(props);
  return [
    ...(source.assumeRole ? [] : boundWildcards(source, namingOf('source'))),
    ...(target.assumeRole
      ? []
      : [
          ...boundWildcards(props[written], namingOf(written)),
          ...wildcardProblems('`manifestPrefix`', manifestPrefix),
        ]),
  ];
}

function namingOf(side: string): Naming {
  return (member) => `\`${side}.${member}\``;
}
