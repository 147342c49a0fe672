/**
 * What a task means: the entry in the operation table, the IAM statements, and everything that is wrong.
 *
 * In: the task's props. Out: a plan, in which each part that could not be made is left out and explained by
 * a problem. Nothing is thrown, so that a user sees all problems of all tasks at once.
 */
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Token } from 'aws-cdk-lib/core';
import { AssumeRole } from './assume-role';
import { Spelling } from './call-options';
import { findOperation, findService, Operation, Service, serviceNames } from './catalog';
import { onItsBuckets, sessionOf } from './directory-bucket';
import { endpointProblem } from './endpoint';
import { isFromState } from './expression';
import { IfMatchPlan, planIfMatch } from './etag';
import { failoverProblems, FailoverTarget } from './failover';
import { IfMatch } from './if-match';
import { javaMember } from './java-names';
import { didYouMean } from './near';
import { Permission } from './operation-table';
import { parameterProblems, Style } from './parameters';
import { Request, statementsFor, Statements } from './permissions';
import { policyPropProblems, stateProblems } from './policy-props';
import { regionProblem, unresolvedProblem } from './region';
import { ResultTo } from './result-to';
import { CallSettings, settingProblems } from './settings';
import { operationProblems, SeveralCalls, severalCallsProblems } from './several-calls';
import { EVERY_REGION, signedFor } from './signing';
import { planStoring } from './storing';

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
  readonly assumeRole?: AssumeRole;
  readonly ifMatch?: IfMatch;
  readonly resultTo?: ResultTo;
}

export interface Plan {
  readonly permission?: Permission;
  readonly scoped: iam.PolicyStatement[];
  readonly unscoped: iam.PolicyStatement[];
  readonly problems: string[];
  readonly warnings: string[];
  /** What the function is told of other stacks besides. */
  readonly sent?: string[];
}

/** The plan of a single call. */
export interface CallPlan extends Plan {
  /** What the role needs in whose name the call is made. */
  readonly ofRole: Pick<Statements, 'problems'> & { readonly statements: iam.PolicyStatement[] };
  /** The call has an idempotency token, and the handler makes it. */
  readonly fillsToken: boolean;
}

interface Target {
  readonly service: string;
  readonly action: string;
  /** Absent where the names are tokens, which the catalog cannot be asked about. */
  readonly known?: { readonly service: Service; readonly operation: Operation };
  readonly ifMatch?: IfMatchPlan;
}

export function plan(call: Call): CallPlan {
  const problems: string[] = [];
  const warnings: string[] = [];
  const target = findTarget(call, problems);
  const regions = boundRegions(call, problems, warnings);
  const endpoints = boundEndpoints(call, problems);
  problems.push(...unresolvedProblems(call, regions ?? [], target?.known?.service));

  const service = target?.known?.service;
  const signed = [call, ...furtherTargets(call)].map(({ parameters }) => signedFor(regions, service, parameters));
  const permitted = statements(call, target, regions);
  const discovery = target?.known && discoveryOf(target.known);
  const helper = discovery && statementsFor({ operation: discovery.operation, regions: signed[0].iam });
  const asked = target?.ifMatch?.asked;
  // It reads what the call writes, so it has the same resources.
  const asking =
    asked && statementsFor({ ...call, ...asked, iamAction: undefined, passRoles: [], regions: signed[0].iam });
  const scoped = [...permitted.scoped, ...(asking?.scoped ?? [])];
  const unscoped = [...permitted.unscoped, ...(helper?.unscoped ?? []), ...(asking?.unscoped ?? [])];
  const lacking = [...permitted.problems, ...(asking?.problems ?? [])];
  const roles = rolesOf(call);
  const places = regions?.filter((region) => region !== EVERY_REGION);
  const own = call.assumeRole
    ? {
        scoped: roles.map((role) => role._statement(places)),
        unscoped: [],
        problems: [...new Set(roles.flatMap((role) => role._problems(places ?? [])))],
      }
    : { scoped, unscoped, problems: lacking };
  // The function's own role stores, whoever makes the call.
  const storing = planStoring(call.resultTo);
  return {
    permission: target && {
      service: target.service,
      actions: [
        target.action,
        ...(discovery ? [discovery.action] : []),
        ...(asked ? [asked.action] : []),
        ...permitted.session,
      ],
      regions: [...new Set(signed.flatMap(({ table }) => table))],
      endpoints,
      roles: roles.flatMap((role) => role._roleArns),
      results: storing.places,
    },
    scoped: [...own.scoped, ...storing.statements],
    unscoped: own.unscoped,
    ofRole: { statements: [...scoped, ...unscoped], problems: lacking },
    problems: [
      ...problems,
      ...settingProblems(call),
      ...severalCallsProblems(call),
      ...failoverProblems(call, call.failover),
      ...policyProblems(call),
      ...policyPropProblems(call),
      ...combinationProblems(call),
      ...own.problems,
      ...storing.problems,
    ],
    warnings,
    sent: storing.sent,
    fillsToken: fillsToken(call, target),
  };
}

/** In whose names the targets are called. */
function rolesOf({ assumeRole, failover }: Call): AssumeRole[] {
  const all = [assumeRole, ...(failover?._targets ?? []).map((target) => target.assumeRole)];
  return [...new Set(all.filter((role) => role !== undefined))];
}

/** What the handler refuses together. */
function combinationProblems(call: Call): string[] {
  const others = ['failover', 'paginate', 'waitFor', 'retryUnprocessed'] as const;
  const given = call.ifMatch ? others.filter((name) => call[name] !== undefined && call[name] !== false) : [];
  return [
    ...given.map((name) => `\`${name}\` cannot be combined with \`ifMatch\``),
    ...(call.resultTo && call.waitFor
      ? ['`resultTo` does not go with `waitFor`, which looks at the answer itself']
      : []),
  ];
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

interface Further extends FailoverTarget {
  readonly path: string;
}

/** The targets after the first, each with all parameters that hold there. */
function furtherTargets(call: Call): Further[] {
  const targets = call.failover?._targets ?? [];
  return targets.map((target, at) => ({
    ...target,
    parameters: { ...call.parameters, ...target.parameters },
    path: `failover.targets[${at}]`,
  }));
}

interface Permitted extends Statements {
  /** Actions that open a session first. */
  readonly session: string[];
}

/** One statement for all targets with the task's own resources, and one for each that names its own. */
function statements(call: Call, target: Target | undefined, regions: string[] | undefined): Permitted {
  const further = furtherTargets(call);
  const apart = further.filter(({ iamResources }) => iamResources !== undefined);
  const shared = [call, ...further.filter((it) => !apart.includes(it))];
  const named = new Set(shared.map(({ region }) => region));
  const only = apart.map(({ region }) => region).filter((region) => !named.has(region));
  const signedAt = (at: string[] | undefined, parameters?: { [key: string]: any }) =>
    signedFor(at, target?.known?.service, parameters).iam;
  const permitted = (parameters = {}, changes: Pick<Request, 'regions' | 'iamResources' | 'iamResourcesByAction'>) => {
    const operation = target?.known && onItsBuckets(target.known.service, target.known.operation, parameters);
    const found = statementsFor({ ...call, parameters, operation, ...changes });
    return { ...found, session: operation ? sessionOf(operation, parameters, actionsOf(found.scoped)) : [] };
  };

  const sharedRegions = regions?.filter((region) => !only.includes(region) || call.regions?.includes(region));
  const signed = shared.map(({ parameters }) => signedAt(sharedRegions, parameters));
  const all = shared.map(({ parameters }, at) =>
    permitted(parameters, { regions: signed.every((it) => it) ? signed[at] : undefined }),
  );
  for (const { region, parameters, iamResources, path } of apart) {
    const own = signedAt(isFromState(region) ? regions : [region], parameters);
    const found = permitted(parameters, { iamResources, iamResourcesByAction: {}, regions: own });
    const problems = found.problems.map((it) => it.replaceAll('`iamResources`', `\`${path}.iamResources\``));
    all.push({ ...found, problems });
  }
  return {
    scoped: distinct(all.flatMap(({ scoped }) => scoped)),
    unscoped: distinct(all.flatMap(({ unscoped }) => unscoped)),
    problems: [...new Set(all.flatMap(({ problems }) => problems))],
    session: [...new Set(all.flatMap(({ session }) => session))],
  };
}

/** Targets that differ only in values lead to the same statement. */
function distinct(statements: iam.PolicyStatement[]): iam.PolicyStatement[] {
  return [...new Map(statements.map((it) => [JSON.stringify(it.toStatementJson()), it])).values()];
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
    if (call.ifMatch?._describe) {
      problems.push('`ifMatch`: what tells the latest ETag cannot be permitted where `service` or `action` is a token');
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
  const ifMatch = call.ifMatch && planIfMatch(call.ifMatch, service, action, operation);
  problems.push(...parameterProblems(service, operation, call.parameters ?? {}, style, undefined, ifMatch?.member));
  problems.push(...(ifMatch?.problems ?? []), ...ifMatchParameterProblems(call, service, style, ifMatch));
  problems.push(...operationProblems(call, service, action));
  furtherTargets(call).forEach(({ parameters, path }, at) => {
    const root = `${path}.parameters`;
    const own = Object.keys(call.failover?._targets[at].parameters ?? {}).map((name) => name.replace(/\.\$$/, ''));
    const found = parameterProblems(service, operation, parameters ?? {}, style, root);
    // What a target has from the task is told there.
    const isOwn = (problem: string) =>
      own.some((name) => new RegExp(`\`${escaped(`${root}.${name}`)}[\`.[]`).test(problem));
    problems.push(...found.filter(isOwn));
  });
  if (operation.eventInput) {
    problems.push(`\`${action}\` takes a stream of events as input, which a Lambda function cannot send`);
  }
  return { service: service.id, action, known: { service, operation }, ifMatch };
}

function ifMatchParameterProblems(call: Call, service: Service, style: Style, ifMatch?: IfMatchPlan): string[] {
  const { member, asked } = ifMatch ?? {};
  // In whichever spelling.
  const isMember = (key: string) => key.replace(/\.\$$/, '').toLowerCase() === member?.toLowerCase();
  const twice = Object.keys(call.parameters ?? {}).filter(isMember);
  const problems = asked ? parameterProblems(service, asked.operation, asked.parameters, style) : [];
  return [
    ...twice.map((key) => `\`parameters.${key}\` does not go with \`ifMatch\``),
    ...problems.map((problem) => `\`ifMatch\`: \`${asked?.action}\`: ${problem}`),
  ];
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
  const further = furtherTargets(call).map(({ region }) => region);
  const fromState = [call.region, ...further].some(isFromState);
  if (call.regions?.length === 0) {
    problems.push('`regions` is empty: name the Regions, or leave it out');
  }
  if (fromState && !call.regions) {
    warnings.push('`region` comes from state and may be any Region: list the Regions that it may be in `regions`');
    return undefined;
  }
  const known = [call.region, ...further].filter((region) => !isFromState(region));
  const regions = [...new Set([...known, ...(call.regions ?? [])])];
  for (const region of regions.filter((it) => it !== EVERY_REGION)) {
    const problem = isFromState(region) ? '`regions` must not come from state' : literalProblem(region, regionProblem);
    problems.push(...(problem ? [problem] : []));
  }
  return regions;
}

/** Regions that the service has no endpoint in, which matters where the task brings none of its own. */
function unresolvedProblems(call: Call, regions: readonly string[], service?: Service): string[] {
  if (!service) {
    return [];
  }
  const targets = [call, ...furtherTargets(call)];
  const bare = targets.filter(({ endpoint }) => endpoint === undefined).map(({ region }) => region);
  const own = targets.filter(({ region }) => !bare.includes(region)).map(({ region }) => region);
  const isNeeded = (region: string) => (call.endpoint === undefined ? !own.includes(region) : bare.includes(region));
  const problem = (region: string) =>
    literalProblem(region, (literal) => unresolvedProblem(literal, service, call.endpointOptions));
  return regions
    .filter((region) => region !== EVERY_REGION && isNeeded(region))
    .map(problem)
    .filter((found) => found !== undefined);
}

/** The endpoints that the task may call beside the service's own. */
function boundEndpoints(call: Call, problems: string[]): string[] {
  const named = [call, ...furtherTargets(call)].flatMap(({ endpoint }) => (endpoint === undefined ? [] : [endpoint]));
  const fromState = named.some(isFromState);
  if (!fromState && call.endpoints) {
    problems.push('`endpoints` bounds an `endpoint` from state, but `endpoint` is known: leave it out');
  }
  if (fromState && !call.endpoints?.length) {
    problems.push(
      '`endpoint` comes from state, so whoever starts an execution could have signed requests sent to a server of ' +
        'their own: list the endpoints that it may be in `endpoints`',
    );
  }
  const known = named.filter((endpoint) => !isFromState(endpoint));
  const endpoints = [...new Set([...known, ...(fromState ? (call.endpoints ?? []) : [])])];
  for (const endpoint of endpoints) {
    const problem = isFromState(endpoint)
      ? '`endpoints` must not come from state'
      : literalProblem(endpoint, endpointProblem);
    problems.push(...(problem ? [problem] : []));
  }
  return endpoints;
}

function policyProblems(call: Call): string[] {
  const values = {
    iamAction: call.iamAction === undefined ? [] : [call.iamAction],
    iamResources: [call, ...furtherTargets(call)].flatMap(({ iamResources }) => iamResources ?? []),
    iamResourcesByAction: Object.entries(call.iamResourcesByAction ?? {}).flat(2),
    passRoles: call.passRoles?.map((role) => role.roleArn) ?? [],
  };
  return Object.entries(values)
    .flatMap(([name, strings]) => stateProblems(`\`${name}\``, strings))
    .map((problem) => `${problem}. Name all that it may be`);
}

function actionsOf(statements: readonly iam.PolicyStatement[]): string[] {
  return statements.flatMap((statement) => statement.actions);
}

function literalProblem(value: string, check: (literal: string) => string | undefined): string | undefined {
  return Token.isUnresolved(value) ? undefined : check(value);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
