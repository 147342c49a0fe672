/**
 * What a state tells the handler of its step and of its record.
 *
 * In: the task's idempotency, and where the state stands. Out: the event's fields `invocation` and `idempotency`,
 * and why they could not mean what they should.
 */
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Stack } from 'aws-cdk-lib/core';
import { IConstruct } from 'constructs';
import { holdsState } from './expression';
import { Idempotency, RecordOptions } from './idempotency';

/** The attributes of a table of records. */
const ID = 'id';
const EXPIRATION = 'expiration';

const LONGEST_DAYS = 3650;

/** The step, out of the context object. `maps` is the number of inline Maps around the state. */
export function renderInvocation(
  discriminator: string | undefined,
  maps: number,
  language: sfn.QueryLanguage,
): Record<string, unknown> {
  const paths = {
    execution: 'Execution.Id',
    state: 'State.Name',
    enteredTime: 'State.EnteredTime',
    // A path to it outside of a Map fails the state.
    ...(maps > 0 && { mapIndex: 'Map.Item.Index' }),
  };
  const read = ([name, path]: [string, string]): [string, string] =>
    language === sfn.QueryLanguage.JSONATA ? [name, `{% $states.context.${path} %}`] : [`${name}.$`, `$$.${path}`];
  return { ...Object.fromEntries(Object.entries(paths).map(read)), discriminator };
}

export function renderRecord(path: string, options: RecordOptions): Record<string, unknown> {
  return {
    namespace: options.namespace ?? path,
    key: options.key,
    expiresInSeconds: options.expiresAfter?.toSeconds(),
    payload: options.payload,
    onUncertain: options.onUncertain,
  };
}

/** Why the token or the record of a step would stand for another step, too. */
export function discriminatorProblem(discriminator: string | undefined, maps: number | undefined): string | undefined {
  if (discriminator !== undefined || (maps !== undefined && maps < 2)) {
    return undefined;
  }
  const where = maps === undefined ? 'it is not known how many Maps are around it' : 'it stands in nested Maps';
  return (
    `\`idempotency\` needs a \`discriminator\`: ${where}, and equal items that are entered in the same millisecond ` +
    'would share a token, so that one of them would not be done'
  );
}

const VARYING =
  /\$\$\.(?:Task\.Token|State\.RetryCount)|States\.(?:UUID|MathRandom)\(|\$states\.context\.(?:Task\.Token|State\.RetryCount)|\$(?:uuid|random|now|millis)\(/;

/** What in the parameters is another with each attempt. */
export function varyingPart(parameters: Record<string, unknown>, language: sfn.QueryLanguage): string | undefined {
  const rendered = language === sfn.QueryLanguage.JSONATA ? parameters : sfn.FieldUtils.renderObject(parameters);
  return VARYING.exec(JSON.stringify(rendered ?? {}))?.[0].replace(/\($/, '()');
}

/** Why a record could not be kept. */
export function recordProblems(idempotency: Idempotency, pattern: sfn.IntegrationPattern): string[] {
  const record = idempotency._record;
  if (!record) {
    return [];
  }
  const { options, table } = record;
  const problems = tableProblems(table);
  if (pattern === sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN) {
    problems.push(
      '`idempotency` cannot be a record where the task waits for its token: a replayed answer calls nobody back',
    );
  }
  if (options.namespace !== undefined && holdsState(options.namespace)) {
    problems.push('`idempotency.namespace` must not come from state: `key` is what tells pieces of work apart');
  }
  for (const name of ['key', 'namespace', 'discriminator'] as const) {
    if (options[name] === '') {
      problems.push(`\`idempotency.${name}\` is empty`);
    }
  }
  const expiry = options.expiresAfter;
  if (expiry && !expiry.isUnresolved()) {
    const seconds = expiry.toSeconds({ integral: false });
    if (!Number.isInteger(seconds) || seconds < 1 || seconds > LONGEST_DAYS * 86_400) {
      problems.push('`idempotency.expiresAfter` must be whole seconds, from one second to ten years');
    }
  }
  return problems;
}

/** What is to be said of the table, though records can be kept in it. */
export function tableWarnings(table: dynamodb.ITable): string[] {
  const { timeToLiveSpecification: ttl, replicas, multiRegionConsistency } = definitionOf(table);
  const warnings: string[] = [];
  if (table.node.defaultChild && ttl?.attributeName !== EXPIRATION) {
    warnings.push(
      `the table of records never forgets one: give it the \`timeToLiveAttribute\` \`${EXPIRATION}\` to have expired ` +
        'records removed',
    );
  }
  if (Array.isArray(replicas) && replicas.length > 1 && multiRegionConsistency !== 'STRONG') {
    warnings.push(
      'the table of records is a global table whose replicas agree only in the end: writes in two Regions do not ' +
        `exclude each other, so let all functions use the replica in \`${table.env.region}\``,
    );
  }
  return warnings;
}

/** As far as the table is defined in this app. */
function tableProblems(table: dynamodb.ITable): string[] {
  const { keySchema, attributeDefinitions } = definitionOf(table);
  if (!Array.isArray(keySchema)) {
    return [];
  }
  const isString =
    !Array.isArray(attributeDefinitions) ||
    attributeDefinitions.some((it) => it.attributeName === ID && it.attributeType === 'S');
  return keySchema.length === 1 && keySchema[0].attributeName === ID && isString
    ? []
    : [`the table of records must have the partition key \`${ID}\`, a string, and no sort key`];
}

interface Definition {
  readonly keySchema?: { attributeName: string }[];
  readonly attributeDefinitions?: { attributeName: string; attributeType: string }[];
  readonly timeToLiveSpecification?: { attributeName?: string };
  readonly replicas?: unknown[];
  readonly multiRegionConsistency?: string;
}

function definitionOf(table: dynamodb.ITable): Definition {
  return Stack.of(table).resolve(pick(table.node.defaultChild)) as Definition;
}

function pick(resource: IConstruct | undefined): Definition {
  const { keySchema, attributeDefinitions, timeToLiveSpecification, replicas, multiRegionConsistency } = (resource ??
    {}) as Definition;
  return { keySchema, attributeDefinitions, timeToLiveSpecification, replicas, multiRegionConsistency };
}
