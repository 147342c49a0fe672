/**
 * What takes more than one call, or makes more of an answer: pages, waits, what batches left, and a selection.
 *
 * In: props. Out: the event's fields, and why the handler would refuse them.
 */
import { Token } from 'aws-cdk-lib/core';
import { isCount } from './attempts';
import { Paginate } from './call-options';
import { Service } from './catalog';
import { expressionProblems } from './jmespath';
import { WaitFor } from './wait-for';

export interface SeveralCalls {
  readonly paginate?: Paginate;
  readonly select?: string;
  readonly waitFor?: WaitFor;
  readonly retryUnprocessed?: boolean;
}

/**
 * The event's fields for what is given.
 */
export function renderSeveralCalls(call: SeveralCalls): Record<string, unknown> {
  return {
    paginate: call.paginate,
    retryUnprocessed: call.retryUnprocessed,
    select: call.select,
    waitFor: call.waitFor?._render(),
  };
}

/**
 * What the handler would refuse whatever the operation is.
 */
export function severalCallsProblems(call: SeveralCalls): string[] {
  const problems = call.select === undefined ? [] : expressionProblems('select', call.select);
  for (const name of ['maxPages', 'maxItems'] as const) {
    const most = call.paginate?.[name];
    if (most !== undefined && !Token.isUnresolved(most) && !isCount(most)) {
      problems.push(`\`paginate.${name}\` must be an integer from 1 on, not ${most}`);
    }
  }
  if (call.waitFor && call.paginate) {
    problems.push('`paginate` does not go with `waitFor`, which looks at one answer');
  }
  if (call.retryUnprocessed && (call.waitFor || call.paginate)) {
    problems.push('`retryUnprocessed` goes with neither `waitFor` nor `paginate`');
  }
  return problems;
}

/**
 * What the operation does not have.
 */
export function operationProblems(call: SeveralCalls, service: Service, action: string): string[] {
  const problems: string[] = [];
  const operation = service.operations[action];
  if (call.paginate && !operation.paginator) {
    problems.push(`\`paginate\`: \`${action}\` does not answer in pages`);
  }
  if (call.retryUnprocessed === true && !operation.batch) {
    problems.push(`\`retryUnprocessed\`: \`${action}\` does not name what it left`);
  }
  if (call.waitFor && !operation.readOnly) {
    problems.push(`\`waitFor\`: \`${action}\` does more than read, and each look would do it again`);
  } else if (call.waitFor) {
    problems.push(...call.waitFor._problems(service, action));
  }
  return problems;
}
