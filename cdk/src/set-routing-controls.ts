/**
 * The task that sets routing controls of Route 53 ARC.
 *
 * In: the cluster's endpoints, and the states to set. Out: a state that runs the handler's procedure
 * `routingControl.set`, its entry in the operation table, and the IAM statement for the controls.
 */
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Token } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { CallRetry, CallTimeouts } from './call-options';
import { findOperation, findService } from './catalog';
import { ClusterEndpoints } from './cluster-endpoints';
import { CrossRegionFunction } from './cross-region-function';
import { CrossRegionTask } from './cross-region-task';
import { endpointProblem } from './endpoint';
import { holdsState } from './expression';
import { statementsFor } from './permissions';
import { Plan } from './plan';
import { policyPropProblems } from './policy-props';
import { regionProblem } from './region';
import { renderSettings, settingProblems } from './settings';
import { wildcardProblems } from './wildcards';

/**
 * Whether traffic flows to what a routing control stands for.
 */
export enum RoutingControlState {
  /** Traffic flows. */
  ON = 'On',

  /** Traffic does not flow. */
  OFF = 'Off',
}

/**
 * A state that a routing control is to have.
 */
export interface RoutingControl {
  /**
   * The ARN of the routing control. It may come from state, if `iamResources` says which controls it may be.
   */
  readonly routingControlArn: string;

  /**
   * The state to set.
   */
  readonly state: RoutingControlState;
}

interface SetRoutingControlsOptions {
  /**
   * The endpoints of the cluster.
   */
  readonly clusterEndpoints: ClusterEndpoints;

  /**
   * The states to set, all in one request: at most ten controls.
   */
  readonly routingControls: RoutingControl[];

  /**
   * The ARNs of safety rules that are to be overridden.
   *
   * @default - all safety rules are obeyed
   */
  readonly safetyRulesToOverride?: string[];

  /**
   * The routing controls that the task may set and read.
   *
   * @default - the controls of `routingControls`
   */
  readonly iamResources?: string[];

  /**
   * Whether to retry on faults of the Lambda service, as `CallAwsServiceCrossRegion` does.
   *
   * @default true
   */
  readonly retryOnServiceExceptions?: boolean;

  /**
   * The function that makes the calls.
   *
   * @default - the stack's `CrossRegionFunction.of(this)`
   */
  readonly handler?: CrossRegionFunction;

  /**
   * How long one request to one endpoint may take.
   *
   * @default - an equal share of the time the function has left, at most one second of it to connect
   */
  readonly timeouts?: CallTimeouts;

  /**
   * How often all endpoints are asked in turn, before the task fails.
   *
   * @default - three times
   */
  readonly retry?: CallRetry;
}

/**
 * Properties of a task that sets routing controls, with JSONPath.
 */
export interface SetRoutingControlsJsonPathProps extends sfn.TaskStateJsonPathBaseProps, SetRoutingControlsOptions {}

/**
 * Properties of a task that sets routing controls, with JSONata.
 */
export interface SetRoutingControlsJsonataProps extends sfn.TaskStateJsonataBaseProps, SetRoutingControlsOptions {}

/**
 * Properties of a task that sets routing controls.
 */
export interface SetRoutingControlsProps extends sfn.TaskStateBaseProps, SetRoutingControlsOptions {}

const PROCEDURE = 'routingControl.set';
const SERVICE = 'route53-recovery-cluster';
const ACTIONS = ['updateRoutingControlStates', 'getRoutingControlState'];
const MOST_CONTROLS = 10;

/**
 * A Step Functions task that sets routing controls of Route 53 ARC, through whichever endpoint of the cluster answers.
 *
 * The result has the states as read afterwards (`RoutingControls`), the endpoint that answered (`ClusterEndpoint`), and
 * those that did not (`Unanswered`). Setting a control to a state is repeatable, so every error of the task may be
 * retried that does not come from the cluster itself.
 */
export class SetRoutingControls extends CrossRegionTask {
  /**
   * A task that sets routing controls, with JSONPath.
   */
  public static jsonPath(scope: Construct, id: string, props: SetRoutingControlsJsonPathProps) {
    return new SetRoutingControls(scope, id, props);
  }

  /**
   * A task that sets routing controls, with JSONata.
   */
  public static jsonata(scope: Construct, id: string, props: SetRoutingControlsJsonataProps) {
    return new SetRoutingControls(scope, id, { ...props, queryLanguage: sfn.QueryLanguage.JSONATA });
  }

  constructor(
    scope: Construct,
    id: string,
    private readonly props: SetRoutingControlsProps,
  ) {
    super(scope, id, 'SetRoutingControls', props);
    this._apply(plan(props));
  }

  /**
   * What the function is told.
   *
   * @internal
   */
  protected _event(): Record<string, unknown> {
    const { clusterEndpoints, routingControls, safetyRulesToOverride } = this.props;
    return {
      region: clusterEndpoints._regions[0],
      procedure: PROCEDURE,
      parameters: {
        ClusterEndpoints: clusterEndpoints._event,
        UpdateRoutingControlStateEntries: routingControls.map(({ routingControlArn, state }) => ({
          RoutingControlArn: routingControlArn,
          RoutingControlState: state,
        })),
        SafetyRulesToOverride: safetyRulesToOverride,
      },
      ...renderSettings(this.props),
    };
  }
}

function plan(props: SetRoutingControlsProps): Plan {
  const { _regions: regions, _endpoints: endpoints, _problems } = props.clusterEndpoints;
  const problems = [..._problems, ...controlProblems(props), ...settingProblems(props)];
  const literals = (values: string[]) => values.filter((value) => !Token.isUnresolved(value));
  problems.push(
    ...literals(regions).flatMap((region) => regionProblem(region) ?? []),
    ...literals(endpoints).flatMap((endpoint) => endpointProblem(endpoint) ?? []),
  );

  const controls = props.iamResources ?? props.routingControls.map(({ routingControlArn }) => routingControlArn);
  if (props.iamResources === undefined) {
    problems.push(...controls.flatMap((arn) => wildcardProblems('`routingControlArn`', arn)));
  }
  if (controls.some(holdsState)) {
    problems.push(
      '`iamResources` is missing: a control comes from state, and policies are written at synth. Name all that it may be',
    );
  }
  problems.push(...policyPropProblems({ iamResources: controls }));
  const service = findService(SERVICE)!;
  // Not bound to Regions: the resources are narrow, and a policy that is wrong about the Region of one endpoint would
  // be noticed in an emergency.
  const needed = ACTIONS.map((action) =>
    statementsFor({ operation: findOperation(service, action)![1], iamResources: controls }),
  );
  return {
    permission: { procedure: PROCEDURE, regions, endpoints },
    scoped: needed.flatMap(({ scoped }) => scoped),
    unscoped: needed.flatMap(({ unscoped }) => unscoped),
    problems: [...problems, ...new Set(needed.flatMap((it) => it.problems))],
    warnings: [],
  };
}

function controlProblems({ routingControls }: SetRoutingControlsProps): string[] {
  const problems: string[] = [];
  if (routingControls.length < 1 || routingControls.length > MOST_CONTROLS) {
    problems.push(`\`routingControls\` must have 1 to ${MOST_CONTROLS} controls, not ${routingControls.length}`);
  }
  const arns = routingControls.map(({ routingControlArn }) => routingControlArn);
  const twice = arns.find((arn, at) => arns.indexOf(arn) !== at);
  if (twice !== undefined) {
    problems.push(`\`routingControls\` names \`${twice}\` twice`);
  }
  return problems;
}
