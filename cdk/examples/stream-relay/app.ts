/**
 * Orders in a Kinesis stream in Tokyo are relayed into a stream in Oregon, aggregated.
 *
 * The checkpoint is an item of a table. An execution begins at it, relays until the source is read to its end, and
 * keeps the checkpoint after each run of the function, so that whatever ends it, the next execution loses nothing and
 * repeats at most what one run has put.
 */
import { CrossRegionFunction, RelayStream } from 'cdk-cross-region-tasks';
import { App, ArnFormat, CfnOutput, Duration, RemovalPolicy, Stack, StackProps } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as kinesis from 'aws-cdk-lib/aws-kinesis';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import * as tasks from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Construct } from 'constructs';

const HERE = 'ap-northeast-1';
const THERE = 'us-west-2';
const COPY = 'orders-copy';
const NAME = tasks.DynamoAttributeValue.fromString('orders');

/** The stream in Oregon. */
export class OrdersCopy extends Stack {
  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, props);

    new kinesis.Stream(this, 'Copy', { streamName: COPY, shardCount: 2, removalPolicy: RemovalPolicy.DESTROY });
  }
}

/** The stream in Tokyo, and the state machine that relays it. */
export class StreamRelay extends Stack {
  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, props);

    const orders = new kinesis.Stream(this, 'Orders', { shardCount: 2, removalPolicy: RemovalPolicy.DESTROY });
    const copy = kinesis.Stream.fromStreamArn(
      this,
      'Copy',
      this.formatArn({
        service: 'kinesis',
        region: THERE,
        resource: 'stream',
        resourceName: COPY,
        arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
      }),
    );
    const checkpoints = new dynamodb.TableV2(this, 'Checkpoints', {
      partitionKey: { name: 'relay', type: dynamodb.AttributeType.STRING },
      removalPolicy: RemovalPolicy.DESTROY,
    });

    const read = new tasks.DynamoGetItem(this, 'ReadCheckpoint', {
      table: checkpoints,
      key: { relay: NAME },
      consistentRead: true,
      resultPath: '$.stored',
    });
    const goOn = new sfn.Pass(this, 'GoOn', {
      parameters: { checkpoint: sfn.JsonPath.stringToJson(sfn.JsonPath.stringAt('$.stored.Item.checkpoint.S')) },
    });
    const begin = new sfn.Pass(this, 'Begin', { parameters: { checkpoint: {} } });
    const relay = new RelayStream(this, 'Relay', {
      source: orders,
      destination: copy,
      checkpoint: sfn.JsonPath.objectAt('$.checkpoint'),
      ordered: true,
      handler: new CrossRegionFunction(this, 'Relaying', { timeout: Duration.minutes(5), memorySize: 512 }),
    });
    // A run in which the checkpoint did not move: what hindered it may have passed.
    relay.addRetry({ errors: ['CrossRegion.Incomplete', 'CrossRegion.Unreachable'], maxAttempts: 3 });
    const keep = new tasks.DynamoPutItem(this, 'KeepCheckpoint', {
      table: checkpoints,
      item: {
        relay: NAME,
        checkpoint: tasks.DynamoAttributeValue.fromString(
          sfn.JsonPath.jsonToString(sfn.JsonPath.objectAt('$.checkpoint')),
        ),
      },
      resultPath: sfn.JsonPath.DISCARD,
    });
    const isDone = new sfn.Choice(this, 'IsCaughtUp')
      .when(sfn.Condition.booleanEquals('$.caughtUp', true), new sfn.Succeed(this, 'CaughtUp'))
      .otherwise(relay);

    const hasCheckpoint = new sfn.Choice(this, 'HasCheckpoint')
      .when(sfn.Condition.isPresent('$.stored.Item'), goOn)
      .otherwise(begin);
    goOn.next(relay);
    begin.next(relay);
    relay.next(keep).next(isDone);
    const stateMachine = new sfn.StateMachine(this, 'StateMachine', {
      definitionBody: sfn.DefinitionBody.fromChainable(read.next(hasCheckpoint)),
    });
    new CfnOutput(this, 'Stream', { value: orders.streamName });
    new CfnOutput(this, 'StateMachineArn', { value: stateMachine.stateMachineArn });
  }
}

const app = new App();
new OrdersCopy(app, 'OrdersCopy', { env: { account: process.env.CDK_DEFAULT_ACCOUNT, region: THERE } });
new StreamRelay(app, 'StreamRelay', { env: { account: process.env.CDK_DEFAULT_ACCOUNT, region: HERE } });
