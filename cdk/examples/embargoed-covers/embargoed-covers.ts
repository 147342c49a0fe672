/**
 * Covers of books that nobody may see before their release: until then a distribution of CloudFront shows "now
 * printing".
 *
 * A function at the edge decides, by the release times in a KeyValueStore. Every ten minutes a state machine in Tokyo
 * exports the release times from the database to S3 and brings the store to them. Runs may overlap: each has an object
 * of its own, the store takes one write for each ETag, and a run whose version was replaced before the edge showed it
 * leaves the waiting to the run that replaced it.
 *
 * The database is a table of DynamoDB with the string keys `cover` and `release`, or, as a variant, Aurora PostgreSQL,
 * which writes the object by itself.
 */
import * as fs from 'fs';
import * as path from 'path';
import {
  CallAwsServiceCrossRegion,
  KeyValueEntries,
  KeyValueFormat,
  SyncKeyValueStore,
  SyncMode,
  WaitForEdge,
} from 'cdk-cross-region-tasks';
import { CfnOutput, Duration, RemovalPolicy, SecretValue, Stack, StackProps } from 'aws-cdk-lib';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as origins from 'aws-cdk-lib/aws-cloudfront-origins';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

/** Aurora PostgreSQL with the Data API, the extension `aws_s3`, and a role that may write to the bucket of exports. */
export interface Aurora {
  readonly clusterArn: string;
  /** Name and password of a user who may read `releases (cover text, release timestamptz)`. */
  readonly secretArn: string;
  readonly database: string;
}

export interface EmbargoedCoversProps extends StackProps {
  /**
   * The database.
   *
   * @default - a table of DynamoDB
   */
  readonly aurora?: Aurora;
  /**
   * With what the state machine asks the edge whether it shows a change. The URL is open to everyone; a connection has to
   * authorize itself all the same.
   *
   * @default - a connection of its own
   */
  readonly connection?: events.IConnection;
}

/** What keys in the store and of objects in the bucket begin with. */
const COVERS = 'covers/';

/** What keys of exports begin with. */
const EXPORTS = 'releases/';

/** The function as it is given to CloudFront, also by the state machine that deploys it. */
export function functionCode(): string {
  return fs.readFileSync(path.join(__dirname, 'function.mjs'), 'utf8');
}

export class EmbargoedCovers extends Stack {
  readonly store: cloudfront.KeyValueStore;
  readonly embargo: cloudfront.Function;
  readonly distribution: cloudfront.Distribution;
  private readonly exports: s3.Bucket;

  constructor(scope: Construct, id: string, props: EmbargoedCoversProps = {}) {
    super(scope, id, props);

    const covers = new s3.Bucket(this, 'Covers', {
      enforceSSL: true,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    });
    this.store = new cloudfront.KeyValueStore(this, 'Releases');
    this.embargo = new cloudfront.Function(this, 'Embargo', {
      runtime: cloudfront.FunctionRuntime.JS_2_0,
      code: cloudfront.FunctionCode.fromInline(functionCode()),
      keyValueStore: this.store,
    });
    this.distribution = new cloudfront.Distribution(this, 'Distribution', {
      comment: 'covers from their release on',
      defaultBehavior: {
        origin: origins.S3BucketOrigin.withOriginAccessControl(covers),
        viewerProtocolPolicy: cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
        functionAssociations: [{ function: this.embargo, eventType: cloudfront.FunctionEventType.VIEWER_REQUEST }],
      },
    });
    this.exports = new s3.Bucket(this, 'Exports', {
      enforceSSL: true,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      lifecycleRules: [{ expiration: Duration.days(7) }],
    });

    const begin = sfn.Pass.jsonata(this, 'Begin', {
      assign: { key: `{% '${EXPORTS}' & $states.context.Execution.Name %}` },
    });
    const sync = SyncKeyValueStore.jsonata(this, 'SyncCovers', {
      keyValueStore: this.store,
      entries: KeyValueEntries.fromBucket(this.exports, '{% $key %}', {
        format: props.aurora ? KeyValueFormat.CSV : KeyValueFormat.JSON,
        keyPrefix: EXPORTS,
      }),
      mode: SyncMode.EXCLUSIVE,
      keyPrefix: COVERS,
      assign: {
        synced: '{% $sift($states.result, function($value, $name) { $name != "$metadata" }) %}',
        version: '{% $states.result.ETag %}',
        // What an attempt before this one wrote, or a request whose answer was lost, is not among what it tells.
        uncertain: '{% $states.context.State.RetryCount > 0 or $states.result.conflicts > 0 %}',
      },
    });
    const done = sfn.Pass.jsonata(this, 'Done', { outputs: '{% $synced %}' });
    const changed = sfn.Choice.jsonata(this, 'Changed')
      .when(sfn.Condition.jsonata('{% $synced.put + $synced.deleted > 0 or $uncertain %}'), this.announce(props, done))
      .otherwise(done);
    const states = begin.next(props.aurora ? this.exportAurora(props.aurora) : this.exportTable());
    const stateMachine = new sfn.StateMachine(this, 'StateMachine', {
      definitionBody: sfn.DefinitionBody.fromChainable(states.next(sync).next(changed)),
      queryLanguage: sfn.QueryLanguage.JSONATA,
      timeout: Duration.minutes(30),
    });
    new events.Rule(this, 'EveryTenMinutes', {
      schedule: events.Schedule.rate(Duration.minutes(10)),
      targets: [new targets.SfnStateMachine(stateMachine)],
    });

    new CfnOutput(this, 'StateMachineArn', { value: stateMachine.stateMachineArn });
    new CfnOutput(this, 'KeyValueStoreArn', { value: this.store.keyValueStoreArn });
    new CfnOutput(this, 'CoversBucket', { value: covers.bucketName });
    new CfnOutput(this, 'FunctionName', { value: this.embargo.functionName });
    new CfnOutput(this, 'DistributionId', { value: this.distribution.distributionId });
  }

  /** Tells what version of the covers the store has, and waits until the edge knows it. */
  private announce(props: EmbargoedCoversProps, done: sfn.Pass): sfn.IChainable {
    const mark = SyncKeyValueStore.jsonata(this, 'MarkVersion', {
      keyValueStore: this.store,
      entries: KeyValueEntries.fromState("{% [{ 'Key': 'version', 'Value': $version }] %}"),
      mode: SyncMode.MERGE,
    });
    const ownConnection = () =>
      new events.Connection(this, 'Connection', {
        authorization: events.Authorization.apiKey('x-asked-by', SecretValue.unsafePlainText('state-machine')),
      });
    const edge = new WaitForEdge(this, 'Edge', {
      connection: props.connection ?? ownConnection(),
      root: `https://${this.distribution.distributionDomainName}`,
      path: 'version',
      condition: '{% $states.result.ResponseBody = $version %}',
      otherwise: this.lookForLaterRun(),
    });
    return mark.next(edge).next(done);
  }

  /**
   * Ends well if another run has told its version since: the edge then never shows ours, and the other run waits until
   * the edge knows of what both wrote. Fails if the version in the store is still ours.
   */
  private lookForLaterRun(): sfn.IChainable {
    const read = CallAwsServiceCrossRegion.jsonata(this, 'ReadVersion', {
      region: this.region,
      service: 'cloudfront-keyvaluestore',
      action: 'getKey',
      parameters: { KvsARN: this.store.keyValueStoreArn, Key: 'version' },
      iamResources: [this.store.keyValueStoreArn],
      assign: { told: '{% $states.result.Value %}' },
      outputs: '{% $states.input %}',
    });
    const superseded = sfn.Pass.jsonata(this, 'Superseded', {
      outputs: "{% $merge([$synced, { 'superseded': true }]) %}",
    });
    const notReady = sfn.Fail.jsonata(this, 'NotReady', {
      error: 'CrossRegion.NotReady',
      cause: "{% 'the edge does not show version ' & $version & '; its last answer was ' & $edgeSaid %}",
    });
    return read.next(
      sfn.Choice.jsonata(this, 'StillOurs')
        .when(sfn.Condition.jsonata('{% $told = $version %}'), notReady)
        .otherwise(superseded),
    );
  }

  /** Through the state, so some four thousand covers: beyond that, `CrossRegion.Incomplete` ends the run. */
  private exportTable(): sfn.Chain {
    const table = new dynamodb.Table(this, 'Table', {
      partitionKey: { name: 'cover', type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    new CfnOutput(this, 'TableName', { value: table.tableName });
    const scan = CallAwsServiceCrossRegion.jsonata(this, 'ReadReleases', {
      region: this.region,
      service: 'dynamodb',
      action: 'scan',
      parameters: { TableName: table.tableName, ConsistentRead: true },
      iamResources: [table.tableArn],
      paginate: {},
      select: `Items[?release.S].{ Key: join('', ['${COVERS}', cover.S]), Value: release.S }`,
      assign: { releases: '{% [$states.result.result] %}' },
      outputs: '{% $states.input %}',
    });
    const put = CallAwsServiceCrossRegion.jsonata(this, 'ExportReleases', {
      region: this.region,
      service: 's3',
      action: 'putObject',
      parameters: {
        Bucket: this.exports.bucketName,
        Key: '{% $key %}',
        Body: '{% $releases %}',
        ContentType: 'application/json',
      },
      iamResources: [this.exports.arnForObjects(`${EXPORTS}*`)],
    });
    return scan.next(put);
  }

  /** The database writes the object, so none of it passes through the state. */
  private exportAurora({ clusterArn, secretArn, database }: Aurora): sfn.Chain {
    const rows =
      `SELECT '${COVERS}' || cover AS "Key", ` +
      'to_char(release AT TIME ZONE \'UTC\', \'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"\') AS "Value" ' +
      'FROM releases WHERE isfinite(release)';
    const text = (name: string, value: string) => ({ name, value: { stringValue: value } });
    const run = CallAwsServiceCrossRegion.jsonata(this, 'ExportReleases', {
      region: this.region,
      service: 'rds-data',
      action: 'executeStatement',
      parameters: {
        resourceArn: clusterArn,
        secretArn,
        database,
        // The rows are a parameter, too: in the statement, their colons may be taken for the beginning of one.
        sql:
          'SELECT * FROM aws_s3.query_export_to_s3(:rows, aws_commons.create_s3_uri(:bucket, :key, :region), ' +
          "options => 'format csv, header true')",
        parameters: [
          text('rows', rows),
          text('bucket', this.exports.bucketName),
          text('key', '{% $key %}'),
          text('region', this.region),
        ],
      },
      iamResources: [clusterArn],
      additionalIamStatements: [
        new iam.PolicyStatement({ actions: ['secretsmanager:GetSecretValue'], resources: [secretArn] }),
      ],
      // A statement that outlives its answer goes on; the same object is written again.
      outputs: '{% $states.input %}',
    });
    return sfn.Chain.start(run);
  }
}
