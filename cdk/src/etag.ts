/**
 * What a task means with `ifMatch`: the member that takes the ETag, and the action that tells it.
 *
 * In: the prop and the task's operation. Out: a plan, and what is wrong with it.
 */
import { findOperation, Operation, Service } from './catalog';
import { IfMatch } from './if-match';
import { didYouMean } from './near';

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

export function planIfMatch(ifMatch: IfMatch, service: Service, action: string, operation: Operation): IfMatchPlan {
  const problems: string[] = [];
  const member = etagMember(service, operation);
  if (member === undefined) {
    problems.push(`\`ifMatch\`: \`${action}\` takes no ETag`);
  }
  const describe = ifMatch._describe;
  if (!describe) {
    return { member, problems };
  }
  if (!ifMatch._overwrites && replaces(service, action)) {
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
