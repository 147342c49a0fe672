/**
 * What a task means: the entry in the operation table, the IAM statements, and everything that is wrong.
 *
 * In: the task's props. Out: a plan, in which each part that could not be made is left out and explained by
 * a problem. Nothing is thrown, so that a user sees all problems of all tasks at once.
 */
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Token } from 'aws-cdk-lib/core';
import { Spelling } from './call-options';
import { findOperation, findService, Operation, Service, serviceNames } from './catalog';
import { onItsBuckets, sessionOf } from './directory-bucket';
import { endpointProblem } from './endpoint';
import { holdsState, isFromState } from './expression';
import { javaMember } from './java-names';
import { didYouMean } from './near';
import { Permission } from './operation-table';
import { parameterProblems } from './parameters';
import { statementsFor } from './permissions';
import { policyPropProblems } from './policy-props';
import { regionProblem, unresolvedProblem } from './region';
import { CallSettings, settingProblems } from './settings';
import { operationProblems, SeveralCalls, severalCallsProblems } from './several-calls';
import { EVERY_REGION, signedFor } from './signing';

export interface Call extends CallSettings, SeveralCalls {
  readonly service: string;
  readonly action: string;
  readonly region: string;
  readonly regions?: string[];
  readonly endpoint?: string;
  readonly endpoints?: string[];
  readonly parameters?: { [key: string]: any };
  readonly queryLanguage?: sfn.QueryLanguage;
  readonly iamAction?: string;
  readonly iamResources?: string[];
  readonly iamResourcesByAction?: { [action: string]: string[] };
  readonly iamConditions?: { [operator: string]: any };
  readonly passRoles?: iam.IRole[];
}

export interface Plan {
  readonly permission?: Permission;
  readonly scoped: iam.PolicyStatement[];
  readonly unscoped: iam.PolicyStatement[];
  readonly problems: string[];
  readonly warnings: string[];
  /** The call has an idempotency token, and the handler makes it. */
  readonly fillsToken: boolean;
}

interface Target {
  readonly service: string;
  readonly action: string;
  /** Absent where the names are tokens, which the catalog cannot be asked about. */
  readonly known?: { readonly service: Service; readonly operation: Operation };
}

export function plan(call: Call): Plan {
  const problems: string[] = [];
  const warnings: string[] = [];
  const target = findTarget(call, problems);
  const regions = boundRegions(call, problems, warnings);
  const endpoints = boundEndpoints(call, problems);
  problems.push(...unresolvedProblems(call, regions ?? [], target?.known?.service));

  const signed = signedFor(regions, target?.known?.service, call.parameters);

  const operation = target?.known && onItsBuckets(target.known.service, target.known.operation, call.parameters ?? {});
  const statements = statementsFor({ ...call, operation, regions: signed.iam });
  const session = operation ? sessionOf(operation, call.parameters ?? {}, actionsOf(statements.scoped)) : [];
  const discovery = target?.known && discoveryOf(target.known);
  const helper = discovery && statementsFor({ operation: discovery.operation, regions: signed.iam });
  return {
    permission: target && {
      service: target.service,
      actions: [target.action, ...(discovery ? [discovery.action] : []), ...session],
      regions: signed.table,
      endpoints,
    },
    scoped: statements.scoped,
    unscoped: [...statements.unscoped, ...(helper?.unscoped ?? [])],
    problems: [
      ...problems,
      ...settingProblems(call),
      ...severalCallsProblems(call),
      ...policyProblems(call),
      ...policyPropProblems(call),
      ...statements.problems,
    ],
    warnings,
    fillsToken: fillsToken(call, target),
  };
}

/** Whether the operation has a token that the parameters leave out. */
function fillsToken({ parameters = {}, spelling }: Call, target: Target | undefined): boolean {
  const { service, operation } = target?.known ?? {};
  if (!service || operation?.token === undefined || operation.input === undefined) {
    return false;
  }
  const { token, input } = operation;
  const name = spelling === Spelling.STEP_FUNCTIONS ? javaMember(service.id, input, token) : token;
  return [name, `${name}.$`].every((key) => parameters[key] === undefined || parameters[key] === null);
}

/** The operation that the names mean. */
function findTarget(call: Call, problems: string[]): Target | undefined {
  for (const name of ['service', 'action'] as const) {
    if (isFromState(call[name])) {
      problems.push(`\`${name}\` must not come from state: the operation table is written at synth`);
      return undefined;
    }
  }
  if (Token.isUnresolved(call.service) || Token.isUnresolved(call.action)) {
    if (call.iamAction === undefined) {
      problems.push('`iamAction` is missing: it cannot be derived where `service` or `action` is a token');
    }
    return { service: call.service, action: call.action };
  }

  const service = findService(call.service);
  if (!service) {
    problems.push(`unknown service \`${call.service}\`${didYouMean(call.service, serviceNames())}`);
    return undefined;
  }
  const found = findOperation(service, call.action);
  if (!found) {
    const near = didYouMean(call.action, Object.keys(service.operations));
    problems.push(`\`${call.service}\` has no action \`${call.action}\`${near}`);
    return undefined;
  }
  const [action, operation] = found;
  const style = {
    spelling: call.spelling ?? Spelling.MODEL,
    readsPaths: call.queryLanguage !== sfn.QueryLanguage.JSONATA,
  };
  problems.push(...parameterProblems(service, operation, call.parameters ?? {}, style));
  problems.push(...operationProblems(call, service, action));
  if (operation.eventInput) {
    problems.push(`\`${action}\` takes a stream of events as input, which a Lambda function cannot send`);
  }
  return { service: service.id, action, known: { service, operation } };
}

/** The call that asks for the endpoint first, where the operation has none of its own. */
function discoveryOf({ service, operation }: { service: Service; operation: Operation }) {
  const found = operation.discovery ? findOperation(service, 'describeEndpoints') : undefined;
  return found && { action: found[0], operation: found[1] };
}

/** The Regions that the task may call; undefined for any. */
function boundRegions(call: Call, problems: string[], warnings: string[]): string[] | undefined {
  if (typeof call.region !== 'string') {
    problems.push('`region` is missing');
    return undefined;
  }
  const fromState = isFromState(call.region);
  if (call.regions?.length === 0) {
    problems.push('`regions` is empty: name the Regions, or leave it out');
  }
  if (fromState && !call.regions) {
    warnings.push('`region` comes from state and may be any Region: list the Regions that it may be in `regions`');
    return undefined;
  }
  const regions = [...(fromState ? [] : [call.region]), ...(call.regions ?? [])];
  for (const region of regions.filter((it) => it !== EVERY_REGION)) {
    const problem = isFromState(region) ? '`regions` must not come from state' : literalProblem(region, regionProblem);
    problems.push(...(problem ? [problem] : []));
  }
  return regions;
}

/** Regions that the service has no endpoint in, which matters where the task brings none of its own. */
function unresolvedProblems(call: Call, regions: readonly string[], service?: Service): string[] {
  if (!service || call.endpoint !== undefined) {
    return [];
  }
  const problem = (region: string) =>
    literalProblem(region, (literal) => unresolvedProblem(literal, service, call.endpointOptions));
  return regions
    .filter((region) => region !== EVERY_REGION)
    .map(problem)
    .filter((found) => found !== undefined);
}

/** The endpoints that the task may call beside the service's own. */
function boundEndpoints(call: Call, problems: string[]): string[] {
  const fromState = call.endpoint !== undefined && isFromState(call.endpoint);
  if (!fromState && call.endpoints) {
    problems.push('`endpoints` bounds an `endpoint` from state, but `endpoint` is known: leave it out');
  }
  if (fromState && !call.endpoints?.length) {
    problems.push(
      '`endpoint` comes from state, so whoever starts an execution could have signed requests sent to a server of ' +
        'their own: list the endpoints that it may be in `endpoints`',
    );
  }
  const endpoints = fromState ? (call.endpoints ?? []) : call.endpoint === undefined ? [] : [call.endpoint];
  for (const endpoint of endpoints) {
    const problem = isFromState(endpoint)
      ? '`endpoints` must not come from state'
      : literalProblem(endpoint, endpointProblem);
    problems.push(...(problem ? [problem] : []));
  }
  return endpoints;
}

/** Policies are written before there is any state. */
function policyProblems(call: Call): string[] {
  const values = {
    iamAction: call.iamAction === undefined ? [] : [call.iamAction],
    iamResources: call.iamResources ?? [],
    iamResourcesByAction: Object.entries(call.iamResourcesByAction ?? {}).flat(2),
    passRoles: call.passRoles?.map((role) => role.roleArn) ?? [],
  };
  return Object.entries(values)
    .filter(([, strings]) => strings.some(holdsState))
    .map(([name]) => `\`${name}\` must not come from state: policies are written at synth. Name all that it may be`);
}

function actionsOf(statements: readonly iam.PolicyStatement[]): string[] {
  return statements.flatMap((statement) => statement.actions);
}

function literalProblem(value: string, check: (literal: string) => string | undefined): string | undefined {
  return Token.isUnresolved(value) ? undefined : check(value);
}
