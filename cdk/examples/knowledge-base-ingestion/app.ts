/**
 * A state machine in Tokyo that keeps a Bedrock knowledge base in Oregon up to date.
 *
 * The execution's input names the knowledge base and its data source:
 * `{"knowledgeBaseId": "…", "dataSourceId": "…"}`. It ends well when all that was in the data source when it began is
 * in the knowledge base, and tells what the job did; documents that were left out are told apart. It fails with the
 * job's own reasons where the job does. Any number of executions may run at once: they share what jobs they can.
 */
import { IngestKnowledgeBase } from 'cdk-cross-region-tasks';
import { App, CfnOutput, Duration, Stack, StackProps } from 'aws-cdk-lib';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

const THERE = 'us-west-2';

export class KnowledgeBaseIngestion extends Stack {
  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, props);

    const ingest = new IngestKnowledgeBase(this, 'Ingest', {
      region: THERE,
      knowledgeBaseId: sfn.JsonPath.stringAt('$.knowledgeBaseId'),
      dataSourceId: sfn.JsonPath.stringAt('$.dataSourceId'),
      iamResources: [
        this.formatArn({ service: 'bedrock', region: THERE, resource: 'knowledge-base', resourceName: '*' }),
      ],
      interval: Duration.seconds(10),
    });

    const decide = new sfn.Choice(this, 'IsWhole')
      .when(
        sfn.Condition.numberEquals('$.ingestionJob.statistics.numberOfDocumentsFailed', 0),
        new sfn.Succeed(this, 'Ingested'),
      )
      .otherwise(
        new sfn.Fail(this, 'PartlyIngested', {
          error: 'DocumentsFailed',
          causePath: sfn.JsonPath.jsonToString(sfn.JsonPath.objectAt('$.ingestionJob')),
        }),
      );

    const stateMachine = new sfn.StateMachine(this, 'StateMachine', {
      definitionBody: sfn.DefinitionBody.fromChainable(ingest.next(decide)),
    });
    new CfnOutput(this, 'StateMachineArn', { value: stateMachine.stateMachineArn });
  }
}

const app = new App();
new KnowledgeBaseIngestion(app, 'KnowledgeBaseIngestion', {
  env: { account: process.env.CDK_DEFAULT_ACCOUNT, region: 'ap-northeast-1' },
});
