/**
 * The Lambda function that tasks run on: the handler's binary, its role, its log group, its operation table.
 *
 * In: props of Lambda functions, and the permissions of the tasks. Out: a function that can call what its
 * tasks ask for, and nothing else. Fails at synth where the package has no binary for the architecture or
 * the operation table does not fit the environment.
 */
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Duration, Lazy, Size, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { bootstrapCode } from './bootstrap';
import { CallRetry, CallTimeouts } from './call-options';
import { acceptWildcard } from './nag';
import { OperationTable, Permission } from './operation-table';
import { settingProblems } from './settings';

/** The environment variable with the ARN of the table of records. */
const RECORDS = 'IDEMPOTENCY_TABLE';

/**
 * Properties of a function that tasks run on.
 */
export interface CrossRegionFunctionProps {
  /**
   * The processor that the function runs on.
   *
   * @default lambda.Architecture.X86_64
   */
  readonly architecture?: lambda.Architecture;

  /**
   * The memory of the function, in MiB.
   *
   * @default 128
   */
  readonly memorySize?: number;

  /**
   * How long one call may take, up to 15 minutes.
   *
   * @default Duration.seconds(30)
   */
  readonly timeout?: Duration;

  /**
   * A description of the function.
   *
   * @default - a sentence that names this library
   */
  readonly description?: string;

  /**
   * The role of the function. Permissions are added to it, unless it is an imported role that may not be
   * changed.
   *
   * @default - a role is created, with the permissions of the tasks and to write logs
   */
  readonly role?: iam.IRole;

  /**
   * Where the function logs.
   *
   * @default - a log group is created
   */
  readonly logGroup?: logs.ILogGroup;

  /**
   * How large a result may be.
   *
   * A state of Step Functions holds 256 KiB, into which the result is merged. A larger result is the error
   * `CrossRegion.ResultTooLarge`.
   *
   * @default Size.bytes(240_000)
   */
  readonly resultLimit?: Size;

  /**
   * Where the function keeps the records of tasks with `Idempotency.record`. The partition key is the string `id`,
   * the TTL attribute `expiration`.
   *
   * @default - the table of the first such task
   */
  readonly idempotencyTable?: dynamodb.ITable;

  /**
   * Whether the function writes metrics of its calls, in CloudWatch's embedded metric format.
   *
   * @default false
   */
  readonly metrics?: boolean;

  /**
   * How long one attempt may take, for tasks that do not say.
   *
   * @default - derived from the time the function has left
   */
  readonly timeouts?: CallTimeouts;

  /**
   * How calls are repeated inside the function, for tasks that do not say.
   *
   * @default - as every AWS SDK does
   */
  readonly retry?: CallRetry;

  /**
   * X-Ray tracing of the function.
   *
   * @default lambda.Tracing.DISABLED
   */
  readonly tracing?: lambda.Tracing;

  /**
   * How many instances of the function may run at once.
   *
   * @default - no limit of its own
   */
  readonly reservedConcurrentExecutions?: number;

  /**
   * The key that encrypts the function's environment, which holds the operation table.
   *
   * @default - a key that AWS Lambda owns
   */
  readonly environmentEncryption?: kms.IKey;

  /**
   * How often Lambda repeats a failed asynchronous invocation.
   *
   * Step Functions invokes synchronously. This matters where something else invokes the function as an
   * event: an error caused by the data fails again on every repetition, and costs each time.
   *
   * @default 0
   */
  readonly retryAttempts?: number;

  /**
   * How long an event of an asynchronous invocation may wait.
   *
   * @default Duration.hours(6)
   */
  readonly maxEventAge?: Duration;

  /**
   * The VPC to run in. It needs a way to the endpoints of the other Regions.
   *
   * @default - the function runs outside of any VPC
   */
  readonly vpc?: ec2.IVpc;

  /**
   * The subnets to run in.
   *
   * @default - the VPC's default strategy
   */
  readonly vpcSubnets?: ec2.SubnetSelection;

  /**
   * The security groups of the function.
   *
   * @default - a security group is created, if `vpc` is given
   */
  readonly securityGroups?: ec2.ISecurityGroup[];

  /**
   * Whether the created security group lets all traffic out.
   *
   * @default true
   */
  readonly allowAllOutbound?: boolean;
}

/**
 * A Lambda function that calls AWS APIs in any Region for Step Functions tasks.
 *
 * Whoever may invoke it may use everything that its tasks may: use one function per trust domain.
 */
export class CrossRegionFunction extends Construct implements iam.IGrantable, ec2.IConnectable {
  /**
   * The function that tasks of the scope's stack run on unless they name another. It is created when first
   * asked for.
   */
  public static of(scope: Construct): CrossRegionFunction {
    const stack = Stack.of(scope);
    const id = 'CrossRegionFunction';
    const existing = stack.node.tryFindChild(id);
    if (existing !== undefined && !(existing instanceof CrossRegionFunction)) {
      throw new Error(
        `the stack \`${stack.node.path}\` already has a construct \`${id}\` of another kind, which leaves no name ` +
          'for the default function: rename it, or give the tasks a CrossRegionFunction as `handler`',
      );
    }
    return existing ?? new CrossRegionFunction(stack, id);
  }

  /** The Lambda function itself. */
  public readonly lambdaFunction: lambda.IFunction;

  /** The ARN of the function. */
  public readonly functionArn: string;

  /** The name of the function. */
  public readonly functionName: string;

  /** The role of the function, to which the permissions of the tasks are added. */
  public readonly role: iam.IRole;

  /** Where the function logs. */
  public readonly logGroup: logs.ILogGroup;

  public readonly grantPrincipal: iam.IPrincipal;

  /**
   * How long one call may take.
   *
   * @internal
   */
  readonly _timeout: Duration;

  private readonly table = new OperationTable();
  private readonly settings: Record<string, string>;
  private records?: dynamodb.ITable;

  constructor(scope: Construct, id: string, props: CrossRegionFunctionProps = {}) {
    super(scope, id);
    const architecture = props.architecture ?? lambda.Architecture.X86_64;

    this.role =
      props.role ?? new iam.Role(this, 'Role', { assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com') });
    this.grantPrincipal = this.role.grantPrincipal;

    this.logGroup = props.logGroup ?? new logs.LogGroup(this, 'LogGroup');
    this.logGroup.grantWrite(this.role);
    const isTraced = props.tracing !== undefined && props.tracing !== lambda.Tracing.DISABLED;
    this.grantPlatform(props, isTraced);

    this.settings = {
      ...(props.resultLimit && { RESULT_LIMIT: props.resultLimit.toBytes().toString() }),
      ...(props.metrics && { METRICS: 'true' }),
      ...variables({
        CONNECT_TIMEOUT_MS: props.timeouts?.connect?.toMilliseconds(),
        ATTEMPT_TIMEOUT_MS: props.timeouts?.attempt?.toMilliseconds(),
        RETRY_MODE: props.retry?.mode,
        RETRY_MAX_ATTEMPTS: props.retry?.maxAttempts,
      }),
    };
    this._timeout = props.timeout ?? Duration.seconds(30);
    const lambdaFunction = new lambda.Function(this, 'Function', {
      runtime: lambda.Runtime.PROVIDED_AL2023,
      handler: 'bootstrap',
      code: bootstrapCode(architecture),
      architecture,
      memorySize: props.memorySize ?? 128,
      timeout: this._timeout,
      description: props.description ?? 'Calls AWS APIs in other Regions for Step Functions (cdk-cross-region-tasks)',
      role: this.role,
      logGroup: this.logGroup,
      reservedConcurrentExecutions: props.reservedConcurrentExecutions,
      environment: {
        [OperationTable.variable]: Lazy.string({ produce: () => this.table.render(Stack.of(this)) }),
        [RECORDS]: Lazy.string({ produce: () => this.records?.tableArn }),
        ...this.settings,
      },
      environmentEncryption: props.environmentEncryption,
      retryAttempts: props.retryAttempts ?? 0,
      maxEventAge: props.maxEventAge,
      vpc: props.vpc,
      vpcSubnets: props.vpcSubnets,
      securityGroups: props.securityGroups,
      allowAllOutbound: props.allowAllOutbound,
    });
    this.lambdaFunction = lambdaFunction;
    if (isTraced) {
      // Asked for here, CDK would add its `*` to the policy that holds the statements of the tasks.
      (lambdaFunction.node.defaultChild as lambda.CfnFunction).tracingConfig = { mode: props.tracing };
    }
    this.functionArn = lambdaFunction.functionArn;
    this.functionName = lambdaFunction.functionName;

    if (props.idempotencyTable) {
      this._keepRecordsIn(props.idempotencyTable);
    }
    this.node.addValidation({ validate: () => [...settingProblems(props), ...this.table.problems(this.settings)] });
  }

  /** Network access of the function, if it runs in a VPC. */
  public get connections(): ec2.Connections {
    return this.lambdaFunction.connections;
  }

  /** Let a principal invoke the function, and so use everything that its tasks may. */
  public grantInvoke(grantee: iam.IGrantable): iam.Grant {
    return this.lambdaFunction.grantInvoke(grantee);
  }

  /**
   * Let the function make a task's call.
   *
   * @internal
   */
  public _permit(permission: Permission): void {
    this.table.add(permission);
  }

  /**
   * Let the function's role do what a call needs.
   *
   * @internal
   */
  public _allow(statement: iam.PolicyStatement): void {
    this.role.addToPrincipalPolicy(statement);
  }

  /**
   * Let the function's role do something on `*`, where nothing narrower exists. Such statements have a policy
   * of their own, so that accepting their `*` does not hide one that a user wrote.
   *
   * @internal
   */
  public _allowOnAll(statement: iam.PolicyStatement, reason: string): void {
    const id = 'Unscoped';
    let policy = this.role.node.tryFindChild(id) as iam.Policy | undefined;
    if (!policy) {
      policy = new iam.Policy(this.role, id);
      this.role.attachInlinePolicy(policy);
    }
    policy.addStatements(statement);
    acceptWildcard(policy, reason);
  }

  /**
   * Keep records in the table. Leaves why that is not possible.
   *
   * @internal
   */
  public _keepRecordsIn(table: dynamodb.ITable): string | undefined {
    if (this.records !== undefined) {
      return this.records === table || this.records.tableArn === table.tableArn
        ? undefined
        : `the function \`${this.node.path}\` keeps its records in \`${this.records.node.path}\`, not in ` +
            `\`${table.node.path}\`: give the task another CrossRegionFunction as \`handler\``;
    }
    this.records = table;
    this.settings[RECORDS] = table.tableArn;
    this._allow(
      new iam.PolicyStatement({
        actions: ['dynamodb:DeleteItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'],
        resources: [table.tableArn],
      }),
    );
    table.encryptionKey?.grantEncryptDecrypt(this.role);
    return undefined;
  }

  /** What Lambda itself does in the function's name: network interfaces, traces, reading the environment. */
  private grantPlatform(props: CrossRegionFunctionProps, isTraced: boolean): void {
    props.environmentEncryption?.grantDecrypt(this.role);
    if (isTraced) {
      const statement = new iam.PolicyStatement({
        actions: ['xray:PutTelemetryRecords', 'xray:PutTraceSegments'],
        resources: ['*'],
      });
      this._allowOnAll(statement, 'X-Ray has no resources that a statement for sending traces could name');
    }
    if (props.vpc) {
      const statement = new iam.PolicyStatement({
        actions: [
          'ec2:AssignPrivateIpAddresses',
          'ec2:CreateNetworkInterface',
          'ec2:DeleteNetworkInterface',
          'ec2:DescribeNetworkInterfaces',
          'ec2:DescribeSubnets',
          'ec2:UnassignPrivateIpAddresses',
        ],
        resources: ['*'],
      });
      this._allowOnAll(statement, 'Lambda names the network interfaces of a function in a VPC when it makes them');
    }
  }
}

/** Those that are given, as text. */
function variables(values: Record<string, string | number | undefined>): Record<string, string> {
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]));
}
