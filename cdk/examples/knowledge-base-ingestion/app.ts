/**
 * A state machine in Tokyo that keeps a Bedrock knowledge base in Oregon up to date.
 *
 * The execution's input names the knowledge base and its data source:
 * `{"knowledgeBaseId": "…", "dataSourceId": "…"}`. It starts an ingestion, asks every ten seconds how it is
 * getting on, and fails where the ingestion does. The IAM actions are found by the library.
 */
import { CallAwsServiceCrossRegion } from 'cdk-cross-region-tasks';
import { App, CfnOutput, Duration, Stack, StackProps } from 'aws-cdk-lib';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

export class KnowledgeBaseIngestion extends Stack {
  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, props);

    const knowledgeBases = this.formatArn({
      service: 'bedrock',
      region: 'us-west-2',
      resource: 'knowledge-base',
      resourceName: '*',
    });

    const start = new CallAwsServiceCrossRegion(this, 'StartIngestion', {
      region: 'us-west-2',
      service: 'bedrock-agent',
      action: 'startIngestionJob',
      parameters: {
        knowledgeBaseId: sfn.JsonPath.stringAt('$.knowledgeBaseId'),
        dataSourceId: sfn.JsonPath.stringAt('$.dataSourceId'),
      },
      iamResources: [knowledgeBases],
      resultPath: '$.start',
    });

    const get = new CallAwsServiceCrossRegion(this, 'GetIngestion', {
      region: 'us-west-2',
      service: 'bedrock-agent',
      action: 'getIngestionJob',
      parameters: {
        knowledgeBaseId: sfn.JsonPath.stringAt('$.knowledgeBaseId'),
        dataSourceId: sfn.JsonPath.stringAt('$.dataSourceId'),
        ingestionJobId: sfn.JsonPath.stringAt('$.start.ingestionJob.ingestionJobId'),
      },
      iamResources: [knowledgeBases],
      resultPath: '$.progress',
    });

    const status = '$.progress.ingestionJob.status';
    const wait = new sfn.Wait(this, 'Wait', { time: sfn.WaitTime.duration(Duration.seconds(10)) });
    const decide = new sfn.Choice(this, 'IsDone')
      .when(sfn.Condition.stringEquals(status, 'COMPLETE'), new sfn.Succeed(this, 'Ingested'))
      .when(
        sfn.Condition.or(sfn.Condition.stringEquals(status, 'FAILED'), sfn.Condition.stringEquals(status, 'STOPPED')),
        new sfn.Fail(this, 'NotIngested', { errorPath: status, cause: 'the ingestion did not complete' }),
      )
      .otherwise(wait);

    const stateMachine = new sfn.StateMachine(this, 'StateMachine', {
      definitionBody: sfn.DefinitionBody.fromChainable(start.next(get).next(decide)),
    });
    wait.next(get);
    new CfnOutput(this, 'StateMachineArn', { value: stateMachine.stateMachineArn });
  }
}

const app = new App();
new KnowledgeBaseIngestion(app, 'KnowledgeBaseIngestion', {
  env: { account: process.env.CDK_DEFAULT_ACCOUNT, region: 'ap-northeast-1' },
});
