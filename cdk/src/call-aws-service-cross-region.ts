/**
 * The task: a state that calls one operation of one AWS service in another Region.
 *
 * In: the props of aws-cdk-lib's construct of this name, and more. Out: the state's JSON, which is that of
 * aws-cdk-lib's; one permission in the function's operation table; the IAM statements for it. What
 * aws-cdk-lib throws is thrown; every other mistake is an error annotation, so that all of them show at once.
 */
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Annotations, Duration, Token } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { AssumeRole } from './assume-role';
import { BodyAs, CallRetry, CallTimeouts, EndpointOptions, FunctionError, Paginate, Spelling } from './call-options';
import { findService } from './catalog';
import { CrossRegionFunction } from './cross-region-function';
import { CrossRegionTask } from './cross-region-task';
import { inlineMapsAround } from './enclosing-maps';
import { Failover } from './failover';
import { Idempotency } from './idempotency';
import { IfMatch } from './if-match';
import {
  discriminatorProblem,
  recordProblems,
  renderInvocation,
  renderRecord,
  tableWarnings,
  varyingPart,
} from './invocation';
import { CallPlan, plan, Plan } from './plan';
import { ResultTo } from './result-to';
import { renderSettings } from './settings';
import { renderSeveralCalls } from './several-calls';
import { renderResultTo } from './storing';
import { WaitFor } from './wait-for';

interface CallAwsServiceCrossRegionOptions {
  /**
   * The AWS service to call, in any spelling that AWS's own tools use: that of the SDK for JavaScript v3, of
   * Step Functions' SDK integrations, of the AWS CLI and boto3.
   *
   * @see https://docs.aws.amazon.com/AWSJavaScriptSDK/v3/latest/
   */
  readonly service: string;

  /**
   * The API action to call, in camelCase.
   */
  readonly action: string;

  /**
   * The Region to call. It may come from state, if `regions` says which ones are allowed.
   */
  readonly region: string;

  /**
   * The parameters of the API action, under the names of the API reference.
   *
   * @default - no parameters
   */
  readonly parameters?: { [key: string]: any };

  /**
   * The resources of the IAM statement that lets the function make the call.
   *
   * @default - may be left out where the IAM action has no resource types; the statement then says `*`
   */
  readonly iamResources?: string[];

  /**
   * The action of the IAM statement that lets the function make the call.
   *
   * @default - the actions that the operation needs
   */
  readonly iamAction?: string;

  /**
   * IAM actions with resources of their own, in addition to or in place of derived actions of the same name.
   *
   * For calls that need several permissions on different resources: `copyObject` reads one bucket and writes
   * another.
   *
   * @default - every action gets `iamResources`
   */
  readonly iamResourcesByAction?: { [action: string]: string[] };

  /**
   * Conditions of the IAM statements, beside the one on the Region.
   *
   * @default - no further conditions
   */
  readonly iamConditions?: { [operator: string]: any };

  /**
   * Statements that are added to the function's role beside the ones for the call itself.
   *
   * @default - no additional statements
   */
  readonly additionalIamStatements?: iam.PolicyStatement[];

  /**
   * Roles that the call hands to the service (`iam:PassRole`).
   *
   * @default - the call passes no roles
   */
  readonly passRoles?: iam.IRole[];

  /**
   * The role in whose name the call is made, in this or another account.
   *
   * The function's role gets the right to assume it, and no other. What the call needs, the role must have:
   * `grantCall` gives it that. `iamResources` may then be left out.
   *
   * @default - the call is made in the name of the function's role
   */
  readonly assumeRole?: AssumeRole;

  /**
   * Which version of the resource the call is good for, for actions that take an ETag.
   *
   * @default - whichever there is, or what the parameters say
   */
  readonly ifMatch?: IfMatch;

  /**
   * The Regions that a `region` from state may take, and those that ARNs in the parameters lead to.
   *
   * `*global*` stands for signatures that hold in every Region at once, as S3 multi-Region access points need
   * them; it is added where the parameters show the need.
   *
   * @default - `region`; where that comes from state, any Region, with a warning
   */
  readonly regions?: string[];

  /**
   * The endpoint to call instead of the service's own.
   *
   * It may come from state, if `endpoints` says which ones are allowed: it receives signed requests.
   *
   * @default - the service's own endpoint
   */
  readonly endpoint?: string;

  /**
   * The endpoints that an `endpoint` from state may take.
   *
   * @default - none
   */
  readonly endpoints?: string[];

  /**
   * Whether to retry on faults of the Lambda service.
   *
   * Covers `Lambda.ServiceException`, `Lambda.AWSLambdaException`, `Lambda.SdkClientException`,
   * `Lambda.ClientExecutionTimeoutException` and `Lambda.TooManyRequestsException`, with an interval of 2
   * seconds, a backoff rate of 2 and at most 6 attempts.
   *
   * @see https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html
   *
   * @default true
   */
  readonly retryOnServiceExceptions?: boolean;

  /**
   * The function that makes the call.
   *
   * @default - the stack's `CrossRegionFunction.of(this)`
   */
  readonly handler?: CrossRegionFunction;

  /**
   * Which variant of the service's endpoint to call.
   *
   * @default - the standard endpoint
   */
  readonly endpointOptions?: EndpointOptions;

  /**
   * How long one attempt may take.
   *
   * @default - derived from the time the function has left
   */
  readonly timeouts?: CallTimeouts;

  /**
   * How the function repeats the call by itself.
   *
   * @default - as the function says; without that, as every AWS SDK does
   */
  readonly retry?: CallRetry;

  /**
   * Where the call goes if the first target, `region`, does not serve it.
   *
   * A call that is not read-only goes on only if it was certainly not carried out, unless it is declared repeatable.
   *
   * @default - `region` alone
   */
  readonly failover?: Failover;

  /**
   * The form in which a body (S3 `Body`, Lambda `Payload`, …) appears in the result.
   *
   * @default BodyAs.AUTO
   */
  readonly bodyAs?: BodyAs;

  /**
   * What happens when a Lambda function that the task invokes answers with an error.
   *
   * @default FunctionError.RAISE
   */
  readonly functionError?: FunctionError;

  /**
   * The spelling of parameters, of the result, and of error names.
   *
   * @default Spelling.MODEL
   */
  readonly spelling?: Spelling;

  /**
   * Read page after page of an operation that answers in pages, into one result.
   *
   * @default - one call, one page
   */
  readonly paginate?: Paginate;

  /**
   * What becomes the result, as JMESPath over the result. It counts before the size of the result does.
   *
   * With `paginate` the result is `{ result, resume }`.
   *
   * @see https://jmespath.org/specification.html
   *
   * @default - the whole result
   */
  readonly select?: string;

  /**
   * What to wait for: the state looks again until it holds, without Lambda time in between. Only for operations that
   * read.
   *
   * @default - the first answer is the result
   */
  readonly waitFor?: WaitFor;

  /**
   * Send again what a batch operation left undone, as long as the function has time. What remains is in the result.
   *
   * For `batchGetItem` and `batchWriteItem` of DynamoDB, the batches of SQS and SNS, `putEvents` of EventBridge,
   * `putRecords` of Kinesis and `putRecordBatch` of Firehose. Order among the entries is not kept.
   *
   * @default false
   */
  readonly retryUnprocessed?: boolean;

  /**
   * Where in S3 the result goes: the body of a call whose answer has one, such as an object of S3, streamed; else the
   * whole result as JSON. The state gets what is left of the output, and `resultTo` with bucket, key, size, content type
   * and SHA-256.
   *
   * The function's role gets the right to write there.
   *
   * @default - back to the state machine; a result above the limit is `CrossRegion.ResultTooLarge`
   */
  readonly resultTo?: ResultTo;

  /**
   * How the call is kept from being made twice.
   *
   * @default Idempotency.tokens() - repetitions of the step share a token, where the operation takes one
   */
  readonly idempotency?: Idempotency;
}

/**
 * Properties of a task that calls an AWS API in another Region, with JSONPath.
 */
export interface CallAwsServiceCrossRegionJsonPathProps
  extends sfn.TaskStateJsonPathBaseProps, CallAwsServiceCrossRegionOptions {}

/**
 * Properties of a task that calls an AWS API in another Region, with JSONata.
 */
export interface CallAwsServiceCrossRegionJsonataProps
  extends sfn.TaskStateJsonataBaseProps, CallAwsServiceCrossRegionOptions {}

/**
 * Properties of a task that calls an AWS API in another Region.
 */
export interface CallAwsServiceCrossRegionProps extends sfn.TaskStateBaseProps, CallAwsServiceCrossRegionOptions {}

/** What the handler adds to the time that an attempt may still be at work. */
const LEASE_MARGIN = Duration.minutes(1);

/** Waits for another attempt at the same piece of work to end, or for its lease. */
function untilLeaseIsOver(timeout: Duration): sfn.RetryProps {
  const [interval, longest] = [5, 60];
  const needed = timeout.toSeconds() + LEASE_MARGIN.toSeconds();
  let attempts = 0;
  for (let waited = 0, wait = interval; waited <= needed; wait = Math.min(wait * 2, longest)) {
    waited += wait;
    attempts += 1;
  }
  return {
    errors: ['CrossRegion.InProgress'],
    interval: Duration.seconds(interval),
    backoffRate: 2,
    maxDelay: Duration.seconds(longest),
    maxAttempts: attempts,
  };
}

/**
 * A Step Functions task that calls an AWS API in another Region.
 */
export class CallAwsServiceCrossRegion extends CrossRegionTask {
  /**
   * A task that calls an AWS API in another Region, with JSONPath.
   */
  public static jsonPath(scope: Construct, id: string, props: CallAwsServiceCrossRegionJsonPathProps) {
    return new CallAwsServiceCrossRegion(scope, id, props);
  }

  /**
   * A task that calls an AWS API in another Region, with JSONata.
   */
  public static jsonata(scope: Construct, id: string, props: CallAwsServiceCrossRegionJsonataProps) {
    return new CallAwsServiceCrossRegion(scope, id, { ...props, queryLanguage: sfn.QueryLanguage.JSONATA });
  }

  private readonly plan: CallPlan;
  private readonly idempotency: Idempotency;
  /** The state tells the handler which step it is. */
  private readonly namesStep: boolean;
  private graph?: sfn.StateGraph;

  constructor(
    scope: Construct,
    id: string,
    private readonly props: CallAwsServiceCrossRegionProps,
  ) {
    super(scope, id, 'CallAwsServiceCrossRegion', props);

    if (!Token.isUnresolved(props.action) && !/^[^A-Z]/.test(props.action)) {
      throw new Error(`action must be camelCase, got: ${props.action}`);
    }
    this.idempotency = props.idempotency ?? Idempotency.tokens();
    const planned = plan(props);
    this.plan = planned;
    this._apply(this.withRecord({ ...planned, scoped: [...planned.scoped, ...(props.additionalIamStatements ?? [])] }));
    const { _sharesTokens: sharesTokens, _record: record } = this.idempotency;
    this.namesStep = record ? record.options.key === undefined : sharesTokens && planned.fillsToken;
    if (props.waitFor) {
      const service = Token.isUnresolved(props.service) ? undefined : findService(props.service);
      this.addRetry({ errors: ['CrossRegion.NotReady'], ...props.waitFor._schedule(service), backoffRate: 1 });
    }
    if (record) {
      this.addRetry(untilLeaseIsOver(this._function._timeout));
    }
  }

  protected whenBoundToGraph(graph: sfn.StateGraph) {
    super.whenBoundToGraph(graph);
    this.graph = graph;
  }

  /**
   * Let a principal make the call: with `assumeRole` the role in whose name it is made. The function's own role has
   * what it needs already.
   *
   * The statements are the same that the function's role would get, so they need `iamResources` where the IAM action
   * has resources.
   */
  public grantCall(grantee: iam.IGrantable): void {
    const { statements, problems } = this.plan.ofRole;
    statements.forEach((statement) => grantee.grantPrincipal.addToPrincipalPolicy(statement));
    problems.forEach((problem) => this.complain(problem));
  }

  /**
   * What the function is told: the event of aws-cdk-lib's construct, and the settings that are given.
   *
   * @internal
   */
  protected _event(queryLanguage: sfn.QueryLanguage): Record<string, unknown> {
    const { region, endpoint, action, service, parameters } = this.props;
    return {
      region,
      endpoint,
      action,
      service,
      parameters,
      assumeRole: this.props.assumeRole?._render(),
      ifMatch: this.props.ifMatch?._render(),
      ...renderSettings(this.props),
      ...renderSeveralCalls(this.props),
      resultTo: renderResultTo(this.props.resultTo),
      ...this.renderIdempotency(queryLanguage),
    };
  }

  private renderIdempotency(queryLanguage: sfn.QueryLanguage): Record<string, unknown> {
    const { _tokens: tokens, _record: record } = this.idempotency;
    const idempotency = record && renderRecord(this.node.path, record.options);
    if (!this.namesStep) {
      return { idempotency };
    }
    // Only now it is known where the state stands.
    const maps = inlineMapsAround(this, this.graph);
    const problem = discriminatorProblem(tokens.discriminator, maps);
    if (problem) {
      this.complain(problem);
    }
    const varying = record ? undefined : varyingPart(this.props.parameters ?? {}, queryLanguage);
    if (varying) {
      Annotations.of(this).addWarningV2(
        'cdk-cross-region-tasks:varyingToken',
        `${this.node.path}: \`parameters\` hold \`${varying}\`, which is another with each attempt, and so is the ` +
          'idempotency token: give the token yourself, or use Idempotency.record with a `key` and a `payload`',
      );
    }
    return { invocation: renderInvocation(tokens.discriminator, maps ?? 0, queryLanguage), idempotency };
  }

  private complain(problem: string): void {
    Annotations.of(this).addError(`${this.node.path}: ${problem}`);
  }

  /** The plan with what a record of the outcome needs besides. */
  private withRecord(planned: Plan): Plan {
    const records = this.idempotency._record?.table;
    if (!records) {
      return planned;
    }
    const other = this._function._keepRecordsIn(records);
    const problems = [
      ...planned.problems,
      ...recordProblems(this.idempotency, this._pattern),
      ...(other ? [other] : []),
    ];
    if (this.props.waitFor) {
      problems.push('`idempotency` cannot be a record where the task waits: each poll is a call of its own');
    }
    tableWarnings(records).forEach((warning) =>
      Annotations.of(this).addWarningV2('cdk-cross-region-tasks:recordTable', `${this.node.path}: ${warning}`),
    );
    return {
      ...planned,
      permission: planned.permission && { ...planned.permission, keepsRecord: true },
      problems,
      sent: [...(planned.sent ?? []), records.tableArn],
    };
  }
}
