/**
 * The task that ingests a data source into its Amazon Bedrock knowledge base, and waits without Lambda time.
 *
 * In: the data source, and which jobs count. Out: a state that runs the handler's procedure `knowledgeBase.ingest`
 * again and again until the job has ended, its entry in the operation table, and the IAM statement for the knowledge
 * base.
 */
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Duration, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { attemptProblems, retriesOf } from './attempts';
import { CallRetry, CallTimeouts } from './call-options';
import { findOperation, findService } from './catalog';
import { CrossRegionFunction } from './cross-region-function';
import { CrossRegionTask } from './cross-region-task';
import { holdsState, isLiteral } from './expression';
import { statementsFor } from './permissions';
import { Plan } from './plan';
import { policyPropProblems, stateProblems } from './policy-props';
import { regionProblems } from './region';
import { renderSettings, settingProblems } from './settings';
import { wildcardProblems } from './wildcards';

/**
 * Which ingestion jobs count beside the one that the task starts.
 */
export enum IngestionJoin {
  /**
   * Jobs that began at `since` or later, whoever started them. A job that is under way already is waited for, and
   * then a fresh one is started, since it may have read the data source before the latest documents were there.
   */
  STARTED_SINCE = 'startedSince',

  /**
   * Also a job that was under way at `since`. What was added to the data source shortly before may be left out.
   */
  RUNNING_SINCE = 'runningSince',
}

interface IngestKnowledgeBaseOptions {
  /**
   * The Region of the knowledge base.
   */
  readonly region: string;

  /**
   * The id of the knowledge base. It may come from state, if `iamResources` says which knowledge bases it may be.
   */
  readonly knowledgeBaseId: string;

  /**
   * The id of the data source.
   */
  readonly dataSourceId: string;

  /**
   * The moment as of which the data source is to be in the knowledge base: ISO 8601 with an offset.
   *
   * Whoever asks for the same moment shares a job; after a job that failed, ask for a later one.
   *
   * @default - when the state is entered
   */
  readonly since?: string;

  /**
   * Which jobs count beside the one that the task starts.
   *
   * @default IngestionJoin.STARTED_SINCE
   */
  readonly join?: IngestionJoin;

  /**
   * A description of the job, of at most 144 characters. The function adds what it knows the job by.
   *
   * @default - none of your own
   */
  readonly description?: string;

  /**
   * Time between two looks of the state machine, each a short invocation of the function.
   *
   * @default Duration.seconds(30)
   */
  readonly interval?: Duration;

  /**
   * How often the state machine looks before the task fails with `CrossRegion.NotReady`.
   *
   * @default 720 - six hours
   */
  readonly maxAttempts?: number;

  /**
   * The knowledge bases that the task may ingest into.
   *
   * @default - the knowledge base of `knowledgeBaseId`, in the stack's account
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
   * How long one attempt of one of its calls may take.
   *
   * @default - derived from the time the function has left
   */
  readonly timeouts?: CallTimeouts;

  /**
   * How the function repeats each of its calls by itself.
   *
   * @default - as the function says; without that, as every AWS SDK does
   */
  readonly retry?: CallRetry;
}

/**
 * Properties of a task that ingests a data source into its knowledge base, with JSONPath.
 */
export interface IngestKnowledgeBaseJsonPathProps extends sfn.TaskStateJsonPathBaseProps, IngestKnowledgeBaseOptions {}

/**
 * Properties of a task that ingests a data source into its knowledge base, with JSONata.
 */
export interface IngestKnowledgeBaseJsonataProps extends sfn.TaskStateJsonataBaseProps, IngestKnowledgeBaseOptions {}

/**
 * Properties of a task that ingests a data source into its knowledge base.
 */
export interface IngestKnowledgeBaseProps extends sfn.TaskStateBaseProps, IngestKnowledgeBaseOptions {}

const PROCEDURE = 'knowledgeBase.ingest';
const SERVICE = 'bedrock-agent';
const ACTIONS = ['listIngestionJobs', 'startIngestionJob', 'getIngestionJob'];

const INTERVAL = Duration.seconds(30);
const LOOKS = 720;

/** Behind it, the function writes what it knows the job by. */
const LONGEST_DESCRIPTION = 144;

/** As the handler reads it. */
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

/** What a look may meet on the way in hours of waiting. The next one finds all that this one left behind. */
const PASSING = [
  'CrossRegion.Unreachable',
  'CrossRegion.OutcomeUnknown',
  'CrossRegion.DeadlineExceeded',
  'CrossRegion.MalformedResponse',
  'InternalServerException',
];

/**
 * A Step Functions task that ingests a data source into its Amazon Bedrock knowledge base and waits for the job.
 *
 * It starts a job, or joins one that counts, and waits without Lambda time. The result has the job with its statistics
 * (`ingestionJob`), and whether somebody else started it (`joined`). A job that fails or is stopped fails the task
 * with `CrossRegion.WaitFailed` and the job's own reasons. Nothing is lost or started twice where an invocation is
 * repeated or cut off.
 */
export class IngestKnowledgeBase extends CrossRegionTask {
  /**
   * A task that ingests a data source into its knowledge base, with JSONPath.
   */
  public static jsonPath(scope: Construct, id: string, props: IngestKnowledgeBaseJsonPathProps) {
    return new IngestKnowledgeBase(scope, id, props);
  }

  /**
   * A task that ingests a data source into its knowledge base, with JSONata.
   */
  public static jsonata(scope: Construct, id: string, props: IngestKnowledgeBaseJsonataProps) {
    return new IngestKnowledgeBase(scope, id, { ...props, queryLanguage: sfn.QueryLanguage.JSONATA });
  }

  constructor(
    scope: Construct,
    id: string,
    private readonly props: IngestKnowledgeBaseProps,
  ) {
    super(scope, id, 'IngestKnowledgeBase', props);
    this._apply(plan(this, props));
    this.addRetry({
      // A Region takes one start in ten seconds.
      errors: ['CrossRegion.NotReady', 'ThrottlingException'],
      interval: props.interval ?? INTERVAL,
      maxAttempts: retriesOf(props.maxAttempts ?? LOOKS),
      backoffRate: 1,
    });
    this.addRetry({
      errors: PASSING,
      interval: Duration.seconds(10),
      maxAttempts: 6,
      backoffRate: 2,
      maxDelay: Duration.minutes(1),
    });
  }

  /**
   * What the function is told.
   *
   * @internal
   */
  protected _event(queryLanguage: sfn.QueryLanguage): Record<string, unknown> {
    const { region, knowledgeBaseId, dataSourceId, since, join, description } = this.props;
    return {
      region,
      procedure: PROCEDURE,
      parameters: {
        knowledgeBaseId,
        dataSourceId,
        since: since ?? enteredTime(queryLanguage),
        join,
        description,
      },
      ...renderSettings(this.props),
    };
  }
}

/** When the state was entered: the same for all repetitions of it. */
function enteredTime(queryLanguage: sfn.QueryLanguage): string {
  return queryLanguage === sfn.QueryLanguage.JSONATA
    ? '{% $states.context.State.EnteredTime %}'
    : sfn.JsonPath.stringAt('$$.State.EnteredTime');
}

function plan(scope: Construct, props: IngestKnowledgeBaseProps): Plan {
  const { region, knowledgeBaseId } = props;
  const service = findService(SERVICE)!;
  const problems = [...ownProblems(props), ...settingProblems(props)];
  problems.push(...regionProblems(region, undefined, service));
  if (props.iamResources === undefined) {
    problems.push(...wildcardProblems('`knowledgeBaseId`', knowledgeBaseId));
    if (holdsState(knowledgeBaseId)) {
      problems.push(
        '`iamResources` is missing: `knowledgeBaseId` comes from state, and policies are written at synth. Name all ' +
          'knowledge bases that it may be',
      );
    }
  }
  const one = { service: 'bedrock', region, resource: 'knowledge-base', resourceName: knowledgeBaseId };
  const iamResources = props.iamResources ?? [Stack.of(scope).formatArn(one)];
  problems.push(...policyPropProblems({ iamResources }), ...stateProblems('`iamResources`', props.iamResources ?? []));
  const needed = ACTIONS.map((action) =>
    statementsFor({ operation: findOperation(service, action)![1], iamResources, regions: [region] }),
  );
  return {
    permission: { procedure: PROCEDURE, regions: [region], endpoints: [] },
    scoped: needed.flatMap(({ scoped }) => scoped),
    unscoped: needed.flatMap(({ unscoped }) => unscoped),
    problems: [...problems, ...new Set(needed.flatMap((it) => it.problems))],
    warnings: [],
  };
}

/** What the handler or Step Functions would refuse. */
function ownProblems(props: IngestKnowledgeBaseProps): string[] {
  const problems: string[] = [];
  const { since, description, interval, maxAttempts } = props;
  for (const name of ['knowledgeBaseId', 'dataSourceId'] as const) {
    if (props[name] === '') {
      problems.push(`\`${name}\` is empty`);
    }
  }
  if (since !== undefined && isLiteral(since) && !MOMENT.test(since)) {
    problems.push(`\`since\` must be ISO 8601 with an offset, such as \`2026-11-25T10:11:12Z\`, not \`${since}\``);
  }
  const length = description === undefined || !isLiteral(description) ? 1 : [...description].length;
  if (length < 1 || length > LONGEST_DESCRIPTION) {
    problems.push(`\`description\` must have 1 to ${LONGEST_DESCRIPTION} characters, not ${length}`);
  }
  if (interval && !interval.isUnresolved() && interval.toSeconds({ integral: false }) < 1) {
    problems.push('`interval` must be 1 second or more');
  }
  return [...problems, ...attemptProblems(maxAttempts)];
}
