/**
 * Which version of a resource a call is good for, as its ETag names it.
 *
 * In: an ETag, or the action that tells it. Out: the event's `ifMatch`. What a task means with it says `etag.ts`.
 */

/**
 * What to accept where the last writer wins.
 */
export interface IfMatchLatestOptions {
  /**
   * Accept that what others have written since the parameters were made is lost.
   *
   * It must be written where the action replaces a whole configuration: the parameters then undo every change that
   * their maker had not seen.
   *
   * @default false
   */
  readonly overwrite?: boolean;
}

/**
 * Which version of a resource a call is good for.
 */
export class IfMatch {
  /**
   * The version with this ETag, which mostly comes from state: optimistic locking.
   *
   * If the resource has another one by now, the task fails with `CrossRegion.StaleETag`, and nothing is written. The
   * call is not repeated: what was computed from the old version must not overwrite the new one. Catch the error, and
   * read and compute again.
   */
  public static etag(value: string): IfMatch {
    return new IfMatch({ etag: value });
  }

  /**
   * Whichever version there is when the call is made: the last writer wins.
   *
   * The function asks for the ETag, writes, and asks again if somebody came in between, until its time is over.
   *
   * @param action the action of the same service that tells the ETag, such as `describeKeyValueStore`
   * @param parameters its parameters
   */
  public static latest(
    action: string,
    parameters?: { [key: string]: any },
    options: IfMatchLatestOptions = {},
  ): IfMatch {
    return new IfMatch({ describe: { action, parameters }, overwrites: options.overwrite });
  }

  /**
   * What tells the latest ETag.
   *
   * @internal
   */
  readonly _describe?: { readonly action: string; readonly parameters?: { [key: string]: any } };

  /**
   * That the loss of what others write is accepted in words.
   *
   * @internal
   */
  readonly _overwrites: boolean;

  private readonly value?: string;

  private constructor(source: {
    readonly etag?: string;
    readonly describe?: { readonly action: string; readonly parameters?: { [key: string]: any } };
    readonly overwrites?: boolean;
  }) {
    this.value = source.etag;
    this._describe = source.describe;
    this._overwrites = source.overwrites ?? false;
  }

  /**
   * The event's field.
   *
   * @internal
   */
  public _render(): Record<string, unknown> {
    return this._describe ? { describe: this._describe, overwrite: true } : { etag: this.value };
  }
}
