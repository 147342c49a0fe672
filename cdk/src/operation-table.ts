/**
 * The operation table: what a function may call, written into its environment.
 *
 * In: one permission per task. Out: the JSON text that the handler reads at start, sorted, so that it is
 * the same whatever the order of the tasks. Fails (as a list of messages) where the text does not fit a
 * Lambda function's environment.
 */
import { Stack } from 'aws-cdk-lib/core';

/** One combination that a task asked for: the handler never merges two. */
export type Permission = ActionPermission | ProcedurePermission;

/** Where a task acts. */
interface Scope {
  /** Regions, or `*` alone. */
  readonly regions: readonly string[];
  /** Endpoints beside the service's own. */
  readonly endpoints: readonly string[];
  /** Roles in whose name the calls are made; none for the function's own. */
  readonly roles?: readonly string[];
  /** The calls keep a record, so that the function must have a table of records. */
  readonly keepsRecord?: boolean;
}

/** Keys of a bucket. */
export interface BucketPlace {
  readonly bucket: string;
  /** What they begin with; all of them where it is left out. */
  readonly keyPrefix?: string;
}

/** Keys of a bucket that is in a Region of its own. */
export interface ResultPlace extends BucketPlace {
  readonly region: string;
}

export interface ActionPermission extends Scope {
  /** Canonical id of the service. */
  readonly service: string;
  /** Canonical spelling of the actions. */
  readonly actions: readonly string[];
  /** Where results may be stored. */
  readonly results?: readonly ResultPlace[];
}

export interface ProcedurePermission extends Scope {
  /** Name of a job of more than one call. */
  readonly procedure: string;
  /** What it may read. */
  readonly sources?: readonly BucketPlace[];
  /** What it may write. */
  readonly results?: readonly BucketPlace[];
}

/** The place, without what is empty, to save room. */
export function bucketPlace(bucket: string, keyPrefix: string): BucketPlace {
  return { bucket, ...(keyPrefix !== '' && { keyPrefix }) };
}

export class OperationTable {
  /** The environment variable that the handler reads. */
  static readonly variable = 'OPERATION_TABLE';

  /** What Lambda grants a function's environment, names and values together. */
  private static readonly limit = 4096;

  private readonly permissions: Permission[] = [];

  add(permission: Permission): void {
    this.permissions.push(permission);
  }

  /** The text, which may hold tokens: Regions and endpoints need not be known before deployment. */
  render(stack: Stack): string {
    return stack.toJsonString(this.entries());
  }

  /**
   * Why the table cannot be deployed.
   *
   * @param others the variables beside which it has to fit
   */
  problems(others: Readonly<Record<string, string>>): string[] {
    const variables = { ...others, [OperationTable.variable]: JSON.stringify(this.entries()) };
    const size = Object.entries(variables).reduce((sum, [name, value]) => sum + Buffer.byteLength(name + value), 0);
    return size > OperationTable.limit
      ? [
          `the environment with the operation table takes ${size} bytes, more than the ${OperationTable.limit} of a ` +
            'Lambda function: give some of the tasks a second CrossRegionFunction as `handler`',
        ]
      : [];
  }

  /** Permissions that differ only in the action are one entry. What is empty is left out, to save room. */
  private entries(): object[] {
    const merged = new Map<string, { permission: Permission; actions: Set<string> }>();
    for (const permission of this.permissions) {
      const subject = 'service' in permission ? { service: permission.service } : { procedure: permission.procedure };
      const key = JSON.stringify({
        ...subject,
        regions: sorted(permission.regions),
        endpoints: sorted(permission.endpoints),
        roles: sorted(permission.roles ?? []),
        ...bucketsOf(permission),
        keepsRecord: permission.keepsRecord,
      });
      const entry = merged.get(key) ?? { permission, actions: new Set() };
      if ('actions' in permission) {
        permission.actions.forEach((action) => entry.actions.add(action));
      }
      merged.set(key, entry);
    }
    return [...merged.keys()].sort().map((key) => {
      const { permission, actions } = merged.get(key)!;
      const endpoints = sorted(permission.endpoints);
      const roles = sorted(permission.roles ?? []);
      const { sources, results } = bucketsOf(permission);
      return {
        ...('service' in permission
          ? { service: permission.service, actions: sorted(actions) }
          : { procedure: permission.procedure }),
        regions: sorted(permission.regions),
        ...(endpoints.length > 0 && { endpoints }),
        ...(roles.length > 0 && { roles }),
        ...(sources.length > 0 && { sources }),
        ...(results.length > 0 && { results }),
        ...(permission.keepsRecord && { idempotency: true }),
      };
    });
  }
}

function bucketsOf(permission: Permission) {
  return {
    sources: 'procedure' in permission ? (permission.sources ?? []) : [],
    results: permission.results ?? [],
  };
}

function sorted(values: Iterable<string>): string[] {
  return [...new Set(values)].sort();
}
