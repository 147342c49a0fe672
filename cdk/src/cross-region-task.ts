/**
 * What all tasks of this library have in common: a state that hands an event to a function, which may do what the
 * event asks for.
 *
 * In: the event, and a plan of what it needs. Out: the state's JSON; an entry in the function's operation table; the
 * IAM statements; the problems, as error annotations, so that all of them show at once.
 *
 * A task is a class that extends this one: its constructor calls `_apply` with its plan, and `_event` renders
 * its event.
 */
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Annotations, Aws, Duration, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { CrossRegionFunction } from './cross-region-function';
import { crossStackProblems } from './cross-stack';
import { Plan } from './plan';

/**
 * What every task of this library takes.
 */
export interface CrossRegionTaskProps extends sfn.TaskStateBaseProps {
  /**
   * The function that makes the calls.
   *
   * @default - the stack's `CrossRegionFunction.of(this)`
   */
  readonly handler?: CrossRegionFunction;

  /**
   * Whether to retry on faults of the Lambda service.
   *
   * @default true
   */
  readonly retryOnServiceExceptions?: boolean;
}

const RETRIED_LAMBDA_FAULTS = [
  'Lambda.ClientExecutionTimeoutException',
  'Lambda.ServiceException',
  'Lambda.AWSLambdaException',
  'Lambda.SdkClientException',
  'Lambda.TooManyRequestsException',
];

/**
 * What the tasks of this library have in common: a state that runs on a `CrossRegionFunction`.
 */
export abstract class CrossRegionTask extends sfn.TaskStateBase {
  protected readonly taskMetrics?: sfn.TaskMetricsConfig;
  protected readonly taskPolicies?: iam.PolicyStatement[];
  protected readonly lambdaFunction: lambda.IFunction;

  /** @internal */
  protected readonly _function: CrossRegionFunction;
  /** @internal */
  protected readonly _pattern: sfn.IntegrationPattern;
  private readonly taskQueryLanguage?: sfn.QueryLanguage;

  /** @param kind the name of the task's class, which an error message needs */
  protected constructor(scope: Construct, id: string, kind: string, props: CrossRegionTaskProps) {
    super(scope, id, props);

    this._pattern = props.integrationPattern ?? sfn.IntegrationPattern.REQUEST_RESPONSE;
    if (this._pattern === sfn.IntegrationPattern.RUN_JOB) {
      throw new Error(`The RUN_JOB integration pattern is not supported for ${kind}`);
    }
    this.taskQueryLanguage = props.queryLanguage;
    this._function = props.handler ?? CrossRegionFunction.of(this);
    this.lambdaFunction = this._function.lambdaFunction;
    this.taskPolicies = [
      new iam.PolicyStatement({
        resources: this.lambdaFunction.resourceArnsForGrantInvoke,
        actions: ['lambda:InvokeFunction'],
      }),
    ];
    if (props.retryOnServiceExceptions ?? true) {
      this.addRetry({
        errors: RETRIED_LAMBDA_FAULTS,
        interval: Duration.seconds(2),
        maxAttempts: 6,
        backoffRate: 2,
      });
    }
  }

  /**
   * What the function is told.
   *
   * @internal
   */
  protected abstract _event(queryLanguage: sfn.QueryLanguage): Record<string, unknown>;

  /**
   * The state's Resource and Parameters or Arguments.
   *
   * @internal
   */
  protected _renderTask(topLevelQueryLanguage?: sfn.QueryLanguage): any {
    const queryLanguage = this.taskQueryLanguage ?? topLevelQueryLanguage ?? sfn.QueryLanguage.JSON_PATH;
    const event = this._event(queryLanguage);
    return this._pattern === sfn.IntegrationPattern.REQUEST_RESPONSE
      ? {
          Resource: this._function.functionArn,
          ...this._renderParametersOrArguments(event, queryLanguage),
        }
      : {
          Resource: `arn:${Aws.PARTITION}:states:::lambda:invoke.waitForTaskToken`,
          ...this._renderParametersOrArguments(
            { FunctionName: this._function.functionArn, Payload: event },
            queryLanguage,
          ),
        };
  }

  /**
   * Lets the function do what the task needs, and says what is wrong with it.
   *
   * @internal
   */
  protected _apply({ permission, scoped, unscoped, problems, warnings, sent: others = [] }: Plan): void {
    const handler = this._function;
    if (permission) {
      handler._permit(permission);
    }
    scoped.forEach((statement) => handler._allow(statement));
    unscoped.forEach((statement) =>
      handler._allowOnAll(statement, 'The IAM actions of the call have no resource types, so only `*` matches'),
    );

    const sent = [
      ...others,
      ...(permission ? [...permission.regions, ...permission.endpoints, ...(permission.roles ?? [])] : []),
      ...scoped.flatMap((statement) => statement.resources),
    ];
    const annotations = Annotations.of(this);
    // A call may do so whatever it is told: the incumbent lets it.
    const isIdle = permission && 'procedure' in permission && this.waitsInVain();
    const inVain = isIdle ? ['`integrationPattern` cannot be WAIT_FOR_TASK_TOKEN: nobody is told the token'] : [];
    [...problems, ...inVain, ...crossStackProblems(this, handler, sent)].forEach((problem) =>
      annotations.addError(`${this.node.path}: ${problem}`),
    );
    warnings.forEach((warning) =>
      annotations.addWarningV2('cdk-cross-region-tasks:anyRegion', `${this.node.path}: ${warning}`),
    );
  }

  /** Whether the state waits for a token to come back that it tells nobody. */
  private waitsInVain(): boolean {
    if (this._pattern !== sfn.IntegrationPattern.WAIT_FOR_TASK_TOKEN) {
      return false;
    }
    const event = this._event(this.taskQueryLanguage ?? sfn.QueryLanguage.JSON_PATH);
    return !JSON.stringify(Stack.of(this).resolve(event)).includes('Task.Token');
  }
}
