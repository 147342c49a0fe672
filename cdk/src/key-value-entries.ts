/**
 * The entries that a CloudFront KeyValueStore is to hold, and what is known of them at synth.
 *
 * In: literal entries, a reference to state, or an S3 object. Out: the event's part; for an object, what it takes to read
 * it; and what the handler would refuse.
 */
import * as s3 from 'aws-cdk-lib/aws-s3';
import { isLiteral } from './expression';
import { NOTHING_READ, planReading, ReadingPlan, renderSource } from './object-source';
import { SourceObjectOptions } from './source-object-options';

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
export interface KeyValueObjectOptions extends SourceObjectOptions {
  /**
   * How the entries stand in the object.
   */
  readonly format: KeyValueFormat;
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
    return new KeyValueEntries({ event: { Items: items } });
  }

  /**
   * Entries in an S3 object, which may fill a whole store.
   *
   * The function gets the right to read this object, or those whose keys begin with `keyPrefix`, and no other.
   */
  public static fromBucket(bucket: s3.IBucket, key: string, options: KeyValueObjectOptions): KeyValueEntries {
    const object = { bucket, key, ...options };
    return new KeyValueEntries({
      event: { itemsFrom: { ...renderSource(object), format: options.format } },
      reading: planReading(object, (member) => `\`${member}\` of the entries`),
    });
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

  /**
   * What is wrong with them.
   *
   * @internal
   */
  readonly _problems: string[];

  /**
   * What it takes to read them.
   *
   * @internal
   */
  readonly _reading: ReadingPlan;

  private constructor(entries: {
    readonly event: Record<string, unknown>;
    readonly keys?: string[];
    readonly problems?: string[];
    readonly reading?: ReadingPlan;
  }) {
    const { event, keys = [], problems = [], reading = NOTHING_READ } = entries;
    this._event = event;
    this._keys = keys;
    this._problems = [...problems, ...reading.problems];
    this._reading = reading;
  }
}

function sizeProblem(what: string, text: string, least: number, most: number): string[] {
  const size = Buffer.byteLength(text);
  return !isLiteral(text) || (size >= least && size <= most)
    ? []
    : [`${what} must have ${least} to ${most} bytes, not ${size}`];
}
