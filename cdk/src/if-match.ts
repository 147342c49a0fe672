/**
 * Which version of a resource a call is good for, as its ETag names it.
 *
 * In: an ETag, or the action that tells it. Out: the event's `ifMatch`, the action that the function may call besides,
 * and what is wrong with it all.
 */
import { findOperation, Operation, Service } from './catalog';
import { didYouMean } from './near';

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
    return new IfMatch({ describe: { action, parameters } }, options.overwrite ?? false);
  }

  private constructor(
    private readonly source: {
      readonly etag?: string;
      readonly describe?: { readonly action: string; readonly parameters?: { [key: string]: any } };
    },
    private readonly overwrites = false,
  ) {}

  /**
   * The event's field.
   *
   * @internal
   */
  public _render(): Record<string, unknown> {
    return this.source.describe ? { ...this.source, overwrite: true } : this.source;
  }

  /**
   * What the task means with it.
   *
   * @internal
   */
  public _plan(service: Service, action: string, operation: Operation): IfMatchPlan {
    const problems: string[] = [];
    const member = etagMember(service, operation);
    if (member === undefined) {
      problems.push(`\`ifMatch\`: \`${action}\` takes no ETag`);
    }
    const { describe } = this.source;
    if (!describe) {
      return { member, problems };
    }
    if (!this.overwrites && replaces(service, action)) {
      problems.push(
        `\`ifMatch\`: \`${action}\` replaces what others have written since its parameters were made: use IfMatch.etag ` +
          'with the ETag that they were made from, or accept the loss with `overwrite`',
      );
    }
    const found = findOperation(service, describe.action);
    if (!found) {
      const near = didYouMean(describe.action, Object.keys(service.operations));
      problems.push(`\`ifMatch\`: \`${service.id}\` has no action \`${describe.action}\`${near}`);
    } else if (!found[1].readOnly) {
      problems.push(`\`ifMatch\`: \`${found[0]}\` does more than read, and may be called many times`);
    }
    const asked = found && { action: found[0], operation: found[1], parameters: describe.parameters ?? {} };
    return { member, asked, problems };
  }
}

export interface IfMatchPlan {
  /** The member of the parameters that the handler fills in. */
  readonly member?: string;
  /** What the function asks first. */
  readonly asked?: {
    readonly action: string;
    readonly operation: Operation;
    readonly parameters: Readonly<Record<string, unknown>>;
  };
  readonly problems: string[];
}

/** As the models name it; Elemental MediaPackage has no name of its own for it. */
const MEMBERS = ['IfMatch', 'ifMatch', 'DestinationIfMatch'];

/** The member that takes the ETag which the resource must have. */
export function etagMember(service: Service, operation: Operation): string | undefined {
  const members = operation.input === undefined ? {} : (service.shapes[operation.input].members ?? {});
  const names = service.id === 'mediapackagev2' ? [...MEMBERS, 'ETag'] : MEMBERS;
  return Object.keys(members).find((name) => names.includes(name));
}

/** Whether the parameters stand for all of the resource. The writes of a KeyValueStore name single keys. */
function replaces(service: Service, action: string): boolean {
  return (
    service.id !== 'cloudfront-keyvaluestore' &&
    /^(update|put)|^(copyObject|renameObject|completeMultipartUpload)$/.test(action)
  );
}
