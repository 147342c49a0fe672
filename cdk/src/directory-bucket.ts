/**
 * Amazon S3 directory buckets, which are permitted by actions of their own, and are mostly reached in a session.
 *
 * In: an operation of S3, the parameters as written, the IAM actions that permit the call. Out: the operation with the
 * actions that its buckets ask for, and the call that opens the session first. A bucket that is not known at synth is
 * taken for one of the usual kind, unless the user's own actions tell of a session: else every policy for a bucket from
 * state would grant more than most of them need.
 */
import { Operation, Service } from './catalog';
import { isLiteral } from './expression';

const SERVICE = 's3';

/** A bucket of this kind, or an access point of one. */
const DIRECTORY = /--xa?-s3$/;

/** Opens a session, as an action of IAM and as an operation. */
const SESSION = 's3express:CreateSession';
const OPENS_SESSION = 'createSession';

/** What a copy reads from, and what that needs. */
const SOURCE = 'CopySource';
const READ = 's3:GetObject';

type Parameters = Readonly<Record<string, unknown>>;

/** The operation with the actions for the buckets that the call names. */
export function onItsBuckets(service: Service, operation: Operation, parameters: Parameters): Operation {
  const isTarget = isDirectory(parameters.Bucket);
  const isSource = isDirectory(bucketOf(parameters[SOURCE]));
  if (service.id !== SERVICE || !(isTarget || isSource)) {
    return operation;
  }
  const { iam, rules = [], directory } = operation;
  const ofSource = rules.filter(({ member }) => member === SOURCE);
  const reads = ofSource.length > 0 ? [READ] : [];
  const usual = {
    iam: iam?.filter((action) => !reads.includes(action)),
    rules: rules.filter((rule) => !ofSource.includes(rule)),
  };
  const target = isTarget ? directory : usual;
  const source = isSource ? { iam: [SESSION], rules: [] } : { iam: reads, rules: ofSource };
  return {
    ...operation,
    iam: target?.iam && [...target.iam, ...source.iam],
    rules: [...(target?.rules ?? []), ...source.rules],
  };
}

/**
 * The action that opens a session before the call, if the call needs one.
 *
 * @param actions what permits the call
 */
export function sessionOf(operation: Operation, parameters: Parameters, actions: readonly string[]): string[] {
  const { Bucket: bucket } = parameters;
  const isMeant = isDirectory(bucket) || (!isKnown(bucket) && actions.includes(SESSION));
  return operation.directory?.session === true && isMeant ? [OPENS_SESSION] : [];
}

/** Also where a token is part of the name, such as the account's number: the end shows the kind. */
function isDirectory(bucket: unknown): boolean {
  return typeof bucket === 'string' && DIRECTORY.test(bucket);
}

function isKnown(bucket: unknown): boolean {
  return typeof bucket === 'string' && isLiteral(bucket);
}

/** `bucket/key`, or the ARN of an access point, `arn:…:accesspoint/name/object/key`. */
function bucketOf(source: unknown): unknown {
  return typeof source === 'string'
    ? source
        .replace(/^arn:.*?:accesspoint\//, '')
        .replace(/^\//, '')
        .split('/')[0]
    : undefined;
}
