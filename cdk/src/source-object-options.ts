/**
 * An S3 object that a task reads its input from, in the words of whoever writes the task.
 */

/**
 * Which object is read, beside its bucket and key.
 */
export interface SourceObjectOptions {
  /**
   * The version of the object.
   *
   * @default - the latest one
   */
  readonly versionId?: string;

  /**
   * What the keys of all objects begin with that may be read. It is needed where `key` comes from state, or
   * holds what stands for more than itself in IAM: `*`, `?` or `${`.
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
