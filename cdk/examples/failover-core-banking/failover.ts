/**
 * A state machine that moves a bank from one Region to another: it stops the source, turns the traffic, makes the
 * database of the destination the writer, and starts the destination. The way back is the same class with source and
 * destination exchanged.
 *
 * It runs in the destination, which is the Region that has to be alive. Execution input: `{"allowDataLoss": true}` where
 * a source that does not answer may be left behind, with what its database has not replicated; by default it may not.
 *
 * Both Regions have a table with the string key `id`, each its own (not replicas of a global table). The bank reads its
 * item `service` and takes payments only while `accepting` is true. This state machine keeps its lock in it, too.
 */
import {
  CallAwsServiceCrossRegion,
  CallAwsServiceCrossRegionJsonataProps,
  CallRetryMode,
  ClusterEndpoints,
  RoutingControlState,
  SetRoutingControls,
} from 'cdk-cross-region-tasks';
import { CfnOutput, Duration, Stack, StackProps } from 'aws-cdk-lib';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

/** The bank in one Region. */
export interface Site {
  readonly region: string;
  /** The routing control that lets traffic in. */
  readonly routingControlArn: string;
  /** The member of the global database. */
  readonly databaseClusterArn: string;
}

export interface CoreBankingFailoverProps extends StackProps {
  readonly source: Site;
  readonly destination: Site;
  readonly globalCluster: string;
  /** The table of that name in each of the two Regions. */
  readonly controlTable: string;
  readonly clusterEndpoints: ClusterEndpoints;
  /**
   * Time for payments that are on their way.
   *
   * @default Duration.seconds(30)
   */
  readonly drain?: Duration;
  /**
   * Time between two looks at the database.
   *
   * @default Duration.seconds(10)
   */
  readonly poll?: Duration;
}

/** The call got no answer: the Region may be down, and nobody knows whether it was carried out. */
const NO_ANSWER = ['CrossRegion.Unreachable', 'CrossRegion.OutcomeUnknown', 'CrossRegion.DeadlineExceeded'];

/** As long as the source may take to answer, each time. */
const PATIENCE = { connect: Duration.seconds(1), attempt: Duration.seconds(4) };

/** Whose lock it is. A redrive goes on under the same id. */
const OWNER = '{% $states.context.Execution.Id %}';

export class CoreBankingFailover extends Stack {
  constructor(
    scope: Construct,
    id: string,
    private readonly bank: CoreBankingFailoverProps,
  ) {
    super(scope, id, { ...bank, env: { account: bank.env?.account, region: bank.destination.region } });
    const { source, destination } = bank;

    const done = sfn.Pass.jsonata(this, 'Done', {
      outputs: {
        writer: '{% $writer %}',
        sourceAnswered: '{% $sourceAnswers %}',
        servedBy: '{% $servedBy %}',
        unanswered: '{% $unanswered %}',
      },
    });
    const alreadyRunning = new sfn.Fail(this, 'AlreadyRunning', {
      error: 'AlreadyRunning',
      cause: 'another execution moves the bank, or has failed on the way and waits for its redrive',
    });
    const wouldLoseData = new sfn.Fail(this, 'WouldLoseData', {
      error: 'WouldLoseData',
      cause: 'the source does not answer: start again with {"allowDataLoss": true} to leave it behind',
    });

    // Locks: the destination's is a must, the source's is taken if the source answers. So two state machines that go
    // opposite ways meet in at least one table, unless the Regions cannot see each other.
    const release = this.release('ReleaseDestination', destination);
    release.addCatch(done, { errors: ['ConditionalCheckFailedException'] });
    release.next(done);
    const releaseBoth = this.release('ReleaseSource', source);
    releaseBoth.addCatch(release, { errors: ['States.ALL'] });
    releaseBoth.next(release);
    const giveUp = (name: string, end: sfn.Fail) => {
      const released = this.release(name, destination);
      released.addCatch(end, { errors: ['ConditionalCheckFailedException'] });
      return released.next(end);
    };

    const start = this.setFlag('StartDestination', destination, true).next(releaseBoth);

    // The database. A failover names its target and cannot go elsewhere, so what became of one is seen in the database:
    // whatever it answers, the next step is to look.
    const look = CallAwsServiceCrossRegion.jsonata(this, 'DescribeGlobalCluster', {
      region: destination.region,
      service: 'rds',
      action: 'describeGlobalClusters',
      parameters: { GlobalClusterIdentifier: bank.globalCluster },
      iamResources: this.globalClusterArns(),
      assign: {
        writer: '{% $states.result.GlobalClusters[0].GlobalClusterMembers[IsWriter].DBClusterArn %}',
        status: '{% $states.result.GlobalClusters[0].Status %}',
      },
    });
    look.addRetry({ errors: NO_ANSWER, interval: Duration.seconds(2), maxAttempts: 5 });
    const wait = new sfn.Wait(this, 'WaitForDatabase', {
      time: sfn.WaitTime.duration(bank.poll ?? Duration.seconds(10)),
    });
    wait.next(look);
    const failOver = CallAwsServiceCrossRegion.jsonata(this, 'FailOverDatabase', {
      region: destination.region,
      service: 'rds',
      action: 'failoverGlobalCluster',
      parameters: {
        GlobalClusterIdentifier: bank.globalCluster,
        TargetDbClusterIdentifier: destination.databaseClusterArn,
        AllowDataLoss: '{% $allowDataLoss %}',
      },
      iamResources: this.globalClusterArns(),
      retry: { mode: CallRetryMode.NONE },
    });
    failOver.addCatch(wait, { errors: [...NO_ANSWER, 'InvalidGlobalClusterStateFault'] });
    failOver.next(wait);
    look.next(
      sfn.Choice.jsonata(this, 'WhoWrites')
        .when(sfn.Condition.jsonata(`{% $status != 'available' %}`), wait)
        .when(sfn.Condition.jsonata(`{% $writer = '${destination.databaseClusterArn}' %}`), start)
        .otherwise(failOver),
    );

    const turn = SetRoutingControls.jsonata(this, 'SwitchRoutingControls', {
      clusterEndpoints: bank.clusterEndpoints,
      routingControls: [
        { routingControlArn: source.routingControlArn, state: RoutingControlState.OFF },
        { routingControlArn: destination.routingControlArn, state: RoutingControlState.ON },
      ],
      assign: {
        servedBy: '{% $states.result.ClusterEndpoint.Region %}',
        // An array, also of one or none.
        unanswered: '{% [$states.result.Unanswered.Region] %}',
      },
    });
    turn.addRetry({
      errors: ['CrossRegion.AllTargetsFailed', 'CrossRegion.NotReady'],
      interval: Duration.seconds(5),
      maxAttempts: 3,
    });
    turn.next(look);

    // The source. Without its answer, going on is the decision of whoever started the execution.
    const mayGoOn = sfn.Choice.jsonata(this, 'MayGoOn')
      .when(sfn.Condition.jsonata('{% $sourceAnswers or $allowDataLoss %}'), turn)
      .otherwise(giveUp('ReleaseUnused', wouldLoseData));
    const unanswered = sfn.Pass.jsonata(this, 'SourceDoesNotAnswer', { assign: { sourceAnswers: '{% false %}' } });
    unanswered.next(mayGoOn);
    const stop = this.setFlag('StopSource', source, false);
    stop.addCatch(unanswered, { errors: NO_ANSWER });
    stop
      .next(new sfn.Wait(this, 'Drain', { time: sfn.WaitTime.duration(bank.drain ?? Duration.seconds(30)) }))
      .next(mayGoOn);
    const lockSource = this.lock('LockSource', source);
    lockSource.addCatch(giveUp('ReleaseRefused', alreadyRunning), { errors: ['ConditionalCheckFailedException'] });
    lockSource.addCatch(unanswered, { errors: NO_ANSWER });
    lockSource.next(stop);
    const lockDestination = this.lock('LockDestination', destination);
    lockDestination.addCatch(alreadyRunning, { errors: ['ConditionalCheckFailedException'] });
    lockDestination.next(lockSource);
    const begin = sfn.Pass.jsonata(this, 'Begin', {
      assign: { allowDataLoss: '{% $states.input.allowDataLoss = true %}', sourceAnswers: '{% true %}' },
    });
    begin.next(lockDestination);

    const stateMachine = new sfn.StateMachine(this, 'StateMachine', {
      definitionBody: sfn.DefinitionBody.fromChainable(begin),
      queryLanguage: sfn.QueryLanguage.JSONATA,
      timeout: Duration.hours(1),
    });
    new CfnOutput(this, 'StateMachineArn', { value: stateMachine.stateMachineArn });
  }

  /** Holds wherever it is repeated by the same execution, and fails for any other. */
  private lock(id: string, site: Site): CallAwsServiceCrossRegion {
    return this.call(id, site, 'putItem', {
      Item: { id: { S: 'lock' }, owner: { S: OWNER } },
      ConditionExpression: 'attribute_not_exists(id) OR #owner = :me',
      ExpressionAttributeNames: { '#owner': 'owner' },
      ExpressionAttributeValues: { ':me': { S: OWNER } },
    });
  }

  private release(id: string, site: Site): CallAwsServiceCrossRegion {
    return this.call(id, site, 'deleteItem', {
      Key: { id: { S: 'lock' } },
      ConditionExpression: '#owner = :me',
      ExpressionAttributeNames: { '#owner': 'owner' },
      ExpressionAttributeValues: { ':me': { S: OWNER } },
    });
  }

  private setFlag(id: string, site: Site, accepting: boolean): CallAwsServiceCrossRegion {
    return this.call(id, site, 'putItem', { Item: { id: { S: 'service' }, accepting: { BOOL: accepting } } });
  }

  private call(id: string, site: Site, action: string, parameters: object): CallAwsServiceCrossRegion {
    const props: CallAwsServiceCrossRegionJsonataProps = {
      region: site.region,
      service: 'dynamodb',
      action,
      parameters: { TableName: this.bank.controlTable, ...parameters },
      iamResources: [
        this.formatArn({
          service: 'dynamodb',
          region: site.region,
          resource: 'table',
          resourceName: this.bank.controlTable,
        }),
      ],
      timeouts: PATIENCE,
      retry: { maxAttempts: 2 },
    };
    return CallAwsServiceCrossRegion.jsonata(this, id, props);
  }

  private globalClusterArns(): string[] {
    const { globalCluster, source, destination } = this.bank;
    return [
      `arn:${this.partition}:rds::${this.account}:global-cluster:${globalCluster}`,
      source.databaseClusterArn,
      destination.databaseClusterArn,
    ];
  }
}
