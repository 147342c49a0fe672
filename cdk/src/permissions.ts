/**
 * The IAM statements that a call needs, from the catalog and from what the user wrote.
 *
 * In: the operation, the Regions its requests are signed for, the user's own actions, resources, conditions.
 * Out: statements, as narrow in resources and Regions as IAM lets them be, and the problems that keep a
 * statement from being written.
 */
import * as iam from 'aws-cdk-lib/aws-iam';
import { Operation } from './catalog';
import { applyRules, Needs } from './rules';

const REQUESTED_REGION = 'aws:RequestedRegion';

export interface Request {
  /** Undefined where the catalog does not know the operation. */
  readonly operation?: Operation;
  readonly parameters?: unknown;
  /** Literal Regions or tokens; undefined where the Regions are not known before the call. */
  readonly regions?: readonly string[];
  readonly iamAction?: string;
  readonly iamResources?: string[];
  readonly iamResourcesByAction?: Readonly<Record<string, string[]>>;
  readonly iamConditions?: Readonly<Record<string, unknown>>;
  readonly passRoles?: readonly iam.IRole[];
}

export interface Statements {
  /** On the resources that the user named. */
  readonly scoped: iam.PolicyStatement[];
  /** On `*`, because the actions have no resources. */
  readonly unscoped: iam.PolicyStatement[];
  readonly problems: string[];
}

export function statementsFor(request: Request): Statements {
  const scoped: iam.PolicyStatement[] = [];
  const unscoped: iam.PolicyStatement[] = [];
  const problems: string[] = [];
  const own = Object.entries(request.iamResourcesByAction ?? {});
  for (const [action, resources] of own) {
    scoped.push(statement(request, [action], resources));
  }

  const ownRegions = request.regions && ownRegionsOf(request.iamConditions);
  if (ownRegions !== undefined) {
    problems.push(
      `\`iamConditions\` has \`${ownRegions}\`, which the statements get from the task's Region: leave it out, or bound ` +
        'a Region from state with `regions`',
    );
  }
  const needs = needsOf(request);
  const actions = needs.actions.filter((action) => !own.some(([named]) => named === action));
  const formats = request.iamAction === undefined ? (request.operation?.resources ?? {}) : {};
  const everything = actions.filter((action) => formats[action]?.length === 0);
  const narrow = actions.filter((action) => !everything.includes(action));
  const resources = request.iamResources;

  if (resources === undefined && narrow.length > 0) {
    problems.push(
      `\`iamResources\` is missing: ${narrow.map((action) => describe(action, formats[action])).join('; ')}`,
    );
  } else if (resources?.length === 0) {
    problems.push(
      "`iamResources` is empty: name the resources, or write ['*'], or leave it out where the IAM action has none",
    );
  } else if (resources && narrow.length > 0) {
    scoped.push(statement(request, narrow, resources));
  } else if (resources && everything.length > 0 && !resources.includes('*')) {
    problems.push(`${code(everything)} has no resources in IAM: leave \`iamResources\` out, or write ['*']`);
  }
  if (everything.length > 0) {
    unscoped.push(statement(request, everything, ['*']));
  }
  if (request.operation && request.iamAction === undefined && request.operation.iam === undefined && own.length === 0) {
    problems.push(
      `\`iamAction\` is missing: which action permits \`${request.operation.name}\` is not known` +
        (request.operation.near ? `; near names are ${code(request.operation.near)}` : ''),
    );
  }
  if (needs.passing.length > 0 && request.passRoles === undefined) {
    problems.push(
      `\`passRoles\` is missing: ${code(needs.passing.map((member) => `parameters.${member}`))} hands a role to the ` +
        'service, which needs iam:PassRole on it (an empty list: none is handed over)',
    );
  }
  if (request.passRoles?.length) {
    const roles = request.passRoles.map((role) => role.roleArn);
    // Not bound to a Region: IAM judges it in one of its own, not in that of the call.
    scoped.push(new iam.PolicyStatement({ actions: ['iam:PassRole'], resources: roles }));
  }
  return { scoped, unscoped, problems };
}

function needsOf({ operation, parameters, iamAction }: Request): Needs {
  if (iamAction !== undefined) {
    return { actions: [iamAction], passing: [] };
  }
  return applyRules(operation?.iam ?? [], operation?.rules ?? [], parameters);
}

function statement(request: Request, actions: string[], resources: string[]): iam.PolicyStatement {
  const regions = request.regions;
  return new iam.PolicyStatement({
    actions,
    resources,
    conditions: {
      ...request.iamConditions,
      ...(regions && {
        StringEquals: {
          ...(request.iamConditions?.StringEquals as object | undefined),
          ...inRegions(regions).StringEquals,
        },
      }),
    },
  });
}

/** The condition that a request goes to one of these Regions. */
export function inRegions(regions: readonly string[]): { readonly StringEquals: Record<string, unknown> } {
  return { StringEquals: { [REQUESTED_REGION]: regions.length === 1 ? regions[0] : regions } };
}

/** The condition on the Region that a user wrote with the operator of the derived one. */
function ownRegionsOf(conditions: Request['iamConditions']): string | undefined {
  const own = Object.keys(conditions?.StringEquals ?? {});
  return own.find((key) => key.toLowerCase() === REQUESTED_REGION.toLowerCase());
}

function describe(action: string, formats: readonly string[] | undefined): string {
  return formats ? `\`${action}\` takes ${code(formats)}` : `\`${action}\` takes ARNs`;
}

function code(values: readonly string[]): string {
  return values.map((value) => `\`${value}\``).join(', ');
}
