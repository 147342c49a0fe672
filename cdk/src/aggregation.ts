/**
 * What tasks that write aggregated records have in common.
 *
 * In: the stream, and how records are aggregated. Out: the parameters of the handler's procedure, the IAM statements for
 * a stream, and what the handler would refuse.
 */
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import { Size, Token } from 'aws-cdk-lib/core';
import { findOperation, findService } from './catalog';
import { statementsFor, Statements } from './permissions';
import { regionProblem } from './region';

/**
 * How user records become records of a stream.
 */
export interface Aggregation {
  /**
   * How much a record of the stream is filled with, data and keys.
   *
   * @default - 25,000 bytes, for which a stream in provisioned mode bills one payload unit
   */
  readonly targetSize?: Size;

  /**
   * The size of records that the stream is set to take.
   *
   * @default - 1 MiB
   */
  readonly maxRecordSize?: Size;

  /**
   * Whether the records of a partition key are to come into the stream in the order in which they stand.
   *
   * Costs a request for each record that a shard gets, so use it where the order matters.
   *
   * @default false
   */
  readonly ordered?: boolean;
}

const SERVICE = 'kinesis';
const SMALLEST = Size.mebibytes(1);
const LARGEST = Size.mebibytes(10);

/** The parameters that say how records are aggregated. */
export function renderAggregation({ targetSize, maxRecordSize, ordered }: Aggregation): Record<string, unknown> {
  return {
    targetSize: targetSize?.toBytes(),
    MaxRecordSizeInKiB: maxRecordSize?.toKibibytes(),
    ordered,
  };
}

/** Why the handler would refuse them. */
export function aggregationProblems({ targetSize, maxRecordSize = SMALLEST }: Aggregation): string[] {
  const problems: string[] = [];
  const isKnown = !maxRecordSize.isUnresolved();
  if (isKnown && (maxRecordSize.toBytes() < SMALLEST.toBytes() || maxRecordSize.toBytes() > LARGEST.toBytes())) {
    problems.push('`maxRecordSize` must be from 1 to 10 MiB');
  }
  if (isKnown && targetSize && !targetSize.isUnresolved()) {
    const bytes = targetSize.toBytes();
    if (bytes < 1 || bytes > maxRecordSize.toBytes()) {
      problems.push(`\`targetSize\` must be from 1 byte to the size of a record, ${maxRecordSize.toBytes()} bytes`);
    }
  }
  return problems;
}

/** What a task needs to do these on a stream, and to use the key that it is encrypted with. */
export function streamStatements(
  stream: kinesis.IStream,
  actions: string[],
  keyActions: string[],
): Pick<Statements, 'scoped' | 'problems'> {
  const service = findService(SERVICE)!;
  const { region } = stream.env;
  const needed = actions.map((action) =>
    statementsFor({
      operation: findOperation(service, action)![1],
      iamResources: [stream.streamArn],
      regions: [region],
    }),
  );
  const key = stream.encryptionKey;
  const onKey = key ? [new iam.PolicyStatement({ actions: keyActions, resources: [key.keyArn] })] : [];
  const problem = Token.isUnresolved(region) ? undefined : regionProblem(region);
  return {
    scoped: [...needed.flatMap(({ scoped }) => scoped), ...onKey],
    problems: [...(problem ? [problem] : []), ...needed.flatMap(({ problems }) => problems)],
  };
}
