/**
 * A state machine in Tokyo that acts in Oregon: objects, items, an ingestion, a message, and a refusal.
 *
 * The names of the things it acts on come from the execution's input:
 * `{"bucket", "textKey", "jsonKey", "table", "queueUrl", "knowledgeBaseId", "dataSourceId"}`.
 * The table's partition key is the string `id`. Each task leaves its result beside the input, so the output
 * shows all of them.
 */
import { CallAwsServiceCrossRegion, CallAwsServiceCrossRegionProps } from 'cdk-cross-region-tasks';
import { App, CfnOutput, Stack, StackProps } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

const HERE = 'ap-northeast-1';
const THERE = 'us-west-2';

export class MainJob extends Stack {
  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, props);

    const orders = [this.formatArn({ service: 'dynamodb', region: THERE, resource: 'table', resourceName: '*' })];
    const queues = [this.formatArn({ service: 'sqs', region: THERE, resource: '*' })];
    const objects = [`arn:${this.partition}:s3:::*/*`];
    const knowledgeBases = [
      this.formatArn({ service: 'bedrock', region: THERE, resource: 'knowledge-base', resourceName: '*' }),
    ];
    const ingestion = {
      knowledgeBaseId: sfn.JsonPath.stringAt('$.knowledgeBaseId'),
      dataSourceId: sfn.JsonPath.stringAt('$.dataSourceId'),
    };

    const refused = this.call('Refused', {
      service: 's3',
      action: 'getObject',
      parameters: {
        Bucket: sfn.JsonPath.stringAt('$.bucket'),
        Key: sfn.JsonPath.format('missing/{}', sfn.JsonPath.stringAt('$.textKey')),
      },
      iamResources: objects,
      // Without the right to list the bucket, S3 answers AccessDenied rather than say that a key is missing.
      additionalIamStatements: [
        new iam.PolicyStatement({ actions: ['s3:ListBucket'], resources: [`arn:${this.partition}:s3:::*`] }),
      ],
    });
    const caught = new sfn.Pass(this, 'Caught');
    refused.addCatch(caught, { errors: ['NoSuchKey'], resultPath: '$.Refused' });

    const definition = this.call('GetText', {
      service: 's3',
      action: 'getObject',
      parameters: { Bucket: sfn.JsonPath.stringAt('$.bucket'), Key: sfn.JsonPath.stringAt('$.textKey') },
      iamResources: objects,
    })
      .next(
        this.call('GetJson', {
          service: 's3',
          action: 'getObject',
          parameters: { Bucket: sfn.JsonPath.stringAt('$.bucket'), Key: sfn.JsonPath.stringAt('$.jsonKey') },
          iamResources: objects,
        }),
      )
      .next(
        this.call('PutItem', {
          service: 'dynamodb',
          action: 'putItem',
          parameters: {
            TableName: sfn.JsonPath.stringAt('$.table'),
            Item: {
              id: { S: 'order-17' },
              customer: { M: { name: { S: 'Ada' }, premium: { BOOL: true }, note: { NULL: true } } },
              lines: {
                L: [
                  { M: { sku: { S: 'A-1' }, quantity: { N: '2' } } },
                  { M: { sku: { S: 'B-7' }, quantity: { N: '1' }, tags: { SS: ['fragile', 'gift'] } } },
                ],
              },
              signature: { B: { $base64: 'AAEC/f7/' } },
            },
          },
          iamResources: orders,
        }),
      )
      .next(
        this.call('GetItem', {
          service: 'dynamodb',
          action: 'getItem',
          parameters: {
            TableName: sfn.JsonPath.stringAt('$.table'),
            Key: { id: { S: 'order-17' } },
            ConsistentRead: true,
          },
          iamResources: orders,
        }),
      )
      .next(
        this.call('StartIngestion', {
          service: 'bedrock-agent',
          action: 'startIngestionJob',
          parameters: ingestion,
          iamResources: knowledgeBases,
        }),
      )
      .next(
        this.call('GetIngestion', {
          service: 'bedrock-agent',
          action: 'getIngestionJob',
          parameters: {
            ...ingestion,
            ingestionJobId: sfn.JsonPath.stringAt('$.StartIngestion.ingestionJob.ingestionJobId'),
          },
          iamResources: knowledgeBases,
        }),
      )
      .next(
        this.call('SendMessage', {
          service: 'sqs',
          action: 'sendMessage',
          parameters: {
            QueueUrl: sfn.JsonPath.stringAt('$.queueUrl'),
            MessageBody: { $json: { order: 'order-17', item: sfn.JsonPath.objectAt('$.GetItem.Item') } },
          },
          iamResources: queues,
        }),
      )
      .next(
        this.call('DescribeRegions', {
          service: 'ec2',
          action: 'describeRegions',
          parameters: { RegionNames: [HERE, THERE] },
        }),
      )
      .next(this.call('WhoAmI', { service: 'sts', action: 'getCallerIdentity' }))
      .next(refused)
      .next(new sfn.Succeed(this, 'NotRefused'));
    caught.next(new sfn.Succeed(this, 'Done'));

    const stateMachine = new sfn.StateMachine(this, 'StateMachine', {
      definitionBody: sfn.DefinitionBody.fromChainable(definition),
    });
    new CfnOutput(this, 'StateMachineArn', { value: stateMachine.stateMachineArn });
  }

  /** A task in the other Region that leaves its result under its own name. */
  private call(name: string, props: Omit<CallAwsServiceCrossRegionProps, 'region'>): CallAwsServiceCrossRegion {
    return new CallAwsServiceCrossRegion(this, name, { region: THERE, resultPath: `$.${name}`, ...props });
  }
}

const app = new App();
new MainJob(app, 'MainJob', { env: { account: '000000000000', region: HERE } });
