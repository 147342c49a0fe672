/**
 * The entries that a CloudFront KeyValueStore is to hold, and what is known of them at synth.
 *
 * In: literal entries, a reference to state, or an S3 object. Out: the event's part; for an object, what the operation
 * table must list and the IAM statement that lets the function read it; and what the handler would refuse.
 */
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { holdsState, isLiteral } from './expression';
import { BucketPlace } from './operation-table';
import { inRegions } from './permissions';
import { regionProblems } from './region';

/**
 * How the entries stand in an object.
 */
export enum KeyValueFormat {
  /**
   * One JSON document: an array of `{"Key": "…", "Value": "…"}`, or what CloudFront itself imports,
   * `{"data": [{"key": "…", "value": "…"}]}`.
   */
  JSON = 'json',

  /** An object `{"Key": "…", "Value": "…"}` on each line. */
  JSON_LINES = 'jsonLines',

  /** CSV as RFC 4180 has it, whose first line is `Key,Value`. */
  CSV = 'csv',
}

/**
 * Where an object with entries is, and how to read it.
 */
export interface KeyValueObjectOptions {
  /**
   * How the entries stand in the object.
   */
  readonly format: KeyValueFormat;

  /**
   * The version of the object.
   *
   * @default - the latest one
   */
  readonly versionId?: string;

  /**
   * What the keys of all objects begin with that may be read. It is needed where `key` comes from state.
   *
   * @default - only the object with this very key may be read
   */
  readonly keyPrefix?: string;

  /**
   * The Region of the bucket.
   *
   * @default - that of the stack of the bucket
   */
  readonly region?: string;
}

const KEY_LIMIT = 512;
const VALUE_LIMIT = 1024;

/**
 * The entries that a KeyValueStore is to hold.
 */
export class KeyValueEntries {
  /**
   * Entries that are known when the app is synthesized, each a key with its value.
   */
  public static of(entries: { [key: string]: string }): KeyValueEntries {
    const problems = Object.entries(entries).flatMap(([key, value]) => [
      ...sizeProblem(`the key \`${key}\``, key, 1, KEY_LIMIT),
      ...sizeProblem(`the value of \`${key}\``, value, 0, VALUE_LIMIT),
    ]);
    return new KeyValueEntries({
      event: { Items: Object.entries(entries).map(([Key, Value]) => ({ Key, Value })) },
      keys: Object.keys(entries),
      problems,
    });
  }

  /**
   * Entries in the state: a list of objects with `Key` and `Value`, as `ListKeys` has them in `Items`.
   *
   * There may be as many as a state holds, some four thousand.
   *
   * @param items a JSONPath reference, such as `sfn.JsonPath.objectAt('$.items')`, or a JSONata expression
   */
  public static fromState(items: any): KeyValueEntries {
    return new KeyValueEntries({ event: { Items: items }, keys: [], problems: [] });
  }

  /**
   * Entries in an S3 object of up to 16 MiB, which may fill a whole store.
   *
   * The function gets the right to read this object, or those whose keys begin with `keyPrefix`, and no other.
   */
  public static fromBucket(bucket: s3.IBucket, key: string, options: KeyValueObjectOptions): KeyValueEntries {
    const region = options.region ?? bucket.env.region;
    const problems: string[] = [];
    if (holdsState(key) && options.keyPrefix === undefined) {
      problems.push(
        '`keyPrefix` of the entries is missing: the key comes from state, and the operation table and policies are ' +
          'written at synth. Name what all keys begin with',
      );
    } else if (isLiteral(key) && !key.startsWith(options.keyPrefix ?? '')) {
      problems.push(`\`keyPrefix\` of the entries is not what \`${key}\` begins with`);
    }
    problems.push(...regionProblems(region, '`region` of the entries'));
    const event = {
      itemsFrom: {
        Bucket: bucket.bucketName,
        Key: key,
        VersionId: options.versionId,
        region,
        format: options.format,
      },
    };
    if (problems.length > 0) {
      return new KeyValueEntries({ event, keys: [], problems });
    }
    const statement = new iam.PolicyStatement({
      actions: [options.versionId === undefined ? 's3:GetObject' : 's3:GetObjectVersion'],
      resources: [bucket.arnForObjects(options.keyPrefix === undefined ? key : `${options.keyPrefix}*`)],
      conditions: inRegions([region]),
    });
    const source = { bucket: bucket.bucketName, keyPrefix: options.keyPrefix ?? key };
    return new KeyValueEntries({ event, keys: [], problems, object: { bucket, region, source, statement } });
  }

  /**
   * The event's part.
   *
   * @internal
   */
  readonly _event: Record<string, unknown>;

  /**
   * The keys, as far as they are known.
   *
   * @internal
   */
  readonly _keys: string[];

  /** @internal */
  readonly _problems: string[];

  /** @internal */
  readonly _object?: EntriesObject;

  private constructor(entries: {
    readonly event: Record<string, unknown>;
    readonly keys: string[];
    readonly problems: string[];
    readonly object?: EntriesObject;
  }) {
    this._event = entries.event;
    this._keys = entries.keys;
    this._problems = entries.problems;
    this._object = entries.object;
  }
}

/** What reading an object needs. */
interface EntriesObject {
  readonly bucket: s3.IBucket;
  readonly region: string;
  readonly source: Required<BucketPlace>;
  readonly statement: iam.PolicyStatement;
}

function sizeProblem(what: string, text: string, least: number, most: number): string[] {
  const size = Buffer.byteLength(text);
  return !isLiteral(text) || (size >= least && size <= most)
    ? []
    : [`${what} must have ${least} to ${most} bytes, not ${size}`];
}
