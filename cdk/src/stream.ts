/**
 * What tasks that write aggregated records have in common.
 *
 * In: the stream, and how records are aggregated. Out: the parameters of the handler's procedure, the IAM statements for
 * a stream, and what the handler would refuse.
 */
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import { Size, Token } from 'aws-cdk-lib/core';
import { AggregationOptions } from './aggregation';
import { findOperation, findService } from './catalog';
import { keyStatements } from './key-statement';
import { statementsFor, Statements } from './permissions';
import { stateProblems } from './policy-props';
import { regionProblem } from './region';

const SERVICE = 'kinesis';
const SMALLEST = Size.mebibytes(1);
const LARGEST = Size.mebibytes(10);

/** The parameters that say how records are aggregated. */
export function renderAggregation({ targetSize, maxRecordSize, ordered }: AggregationOptions): Record<string, unknown> {
  return {
    targetSize: targetSize?.toBytes(),
    MaxRecordSizeInKiB: maxRecordSize?.toKibibytes(),
    ordered,
  };
}

/** Why the handler would refuse them. */
export function aggregationProblems({ targetSize, maxRecordSize = SMALLEST }: AggregationOptions): string[] {
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
  const problem = Token.isUnresolved(region) ? undefined : regionProblem(region);
  return {
    scoped: [...needed.flatMap(({ scoped }) => scoped), ...keyStatements(stream.encryptionKey, keyActions)],
    problems: [
      ...(problem ? [problem] : []),
      ...stateProblems('a stream', [stream.streamArn]),
      ...needed.flatMap(({ problems }) => problems),
    ],
  };
}
