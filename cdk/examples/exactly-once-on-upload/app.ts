/**
 * A cover is uploaded in Tokyo, and rendered in Oregon, once.
 *
 * S3 tells of an upload at least once, so the same event may start two executions. Both ask for the rendering of
 * the same upload: bucket, key and sequencer are the key of a record. The renderer runs for the first; the second is
 * answered with the first's result, and neither fails. A file that can never be rendered fails once: the error is
 * recorded, too, and nothing on the way repeats an error that a repetition does not mend.
 */
import { CallAwsServiceCrossRegion, Idempotency } from 'cdk-cross-region-tasks';
import { App, ArnFormat, CfnOutput, RemovalPolicy, Stack, StackProps } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

const HERE = 'ap-northeast-1';
const THERE = 'us-west-2';
const RENDERER = 'cover-renderer';

/** Stands for work that costs: each run is told in the log and has a number of its own. It would read the object. */
const RENDER = `
import uuid

class UnreadableImage(Exception):
    pass

def handler(event, context):
    run = str(uuid.uuid4())
    print("rendering", event["key"], run)
    if not event["key"].endswith(".png"):
        raise UnreadableImage(event["key"] + " is no PNG")
    return {"key": event["key"], "run": run}
`;

/** The renderer, in Oregon. */
export class CoverRenderer extends Stack {
  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, props);

    new lambda.Function(this, 'Renderer', {
      functionName: RENDERER,
      runtime: lambda.Runtime.PYTHON_3_12,
      handler: 'index.handler',
      code: lambda.Code.fromInline(RENDER),
    });
  }
}

/** The uploads and the state machine, in Tokyo. */
export class ExactlyOnceOnUpload extends Stack {
  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, props);

    const uploads = new s3.Bucket(this, 'Uploads', {
      enforceSSL: true,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
    });
    // What `eventBridgeEnabled` would leave to a function of its own, CloudFormation does by itself.
    (uploads.node.defaultChild as s3.CfnBucket).notificationConfiguration = {
      eventBridgeConfiguration: { eventBridgeEnabled: true },
    };
    const records = new dynamodb.Table(this, 'Records', {
      partitionKey: { name: 'id', type: dynamodb.AttributeType.STRING },
      timeToLiveAttribute: 'expiration',
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      removalPolicy: RemovalPolicy.DESTROY,
    });

    const bucket = sfn.JsonPath.stringAt('$.detail.bucket.name');
    const key = sfn.JsonPath.stringAt('$.detail.object.key');
    const upload = sfn.JsonPath.stringAt('$.detail.object.sequencer');
    const renderer = this.formatArn({
      service: 'lambda',
      region: THERE,
      resource: 'function',
      resourceName: RENDERER,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    const render = new CallAwsServiceCrossRegion(this, 'Render', {
      region: THERE,
      service: 'lambda',
      action: 'invoke',
      parameters: { FunctionName: renderer, Payload: { bucket, key } },
      iamResources: [renderer],
      idempotency: Idempotency.record(records, { key: sfn.JsonPath.format('{}/{}#{}', bucket, key, upload) }),
      resultSelector: { rendering: sfn.JsonPath.objectAt('$.Payload') },
    });

    const stateMachine = new sfn.StateMachine(this, 'StateMachine', {
      definitionBody: sfn.DefinitionBody.fromChainable(render),
    });
    new events.Rule(this, 'OnUpload', {
      eventPattern: {
        source: ['aws.s3'],
        detailType: ['Object Created'],
        detail: { bucket: { name: [uploads.bucketName] }, object: { key: [{ prefix: 'covers/' }] } },
      },
      targets: [new targets.SfnStateMachine(stateMachine)],
    });
    new CfnOutput(this, 'Bucket', { value: uploads.bucketName });
    new CfnOutput(this, 'StateMachineArn', { value: stateMachine.stateMachineArn });
  }
}

const app = new App();
new CoverRenderer(app, 'CoverRenderer', { env: { account: process.env.CDK_DEFAULT_ACCOUNT, region: THERE } });
new ExactlyOnceOnUpload(app, 'ExactlyOnceOnUpload', {
  env: { account: process.env.CDK_DEFAULT_ACCOUNT, region: HERE },
});
