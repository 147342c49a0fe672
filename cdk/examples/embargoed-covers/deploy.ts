/**
 * A state machine that deploys a function of CloudFront together with the association with its store: update, publish,
 * associate, each under the ETag that the step before it told.
 *
 * The association with the store is part of what `updateFunction` replaces: it is written every time, so that no
 * deployment drops it. If somebody else has changed the function in between, the execution ends with
 * `CrossRegion.StaleETag`, and nothing of theirs is lost. A distribution is changed for many reasons; only the function
 * of its default behavior is ours, so there a stale ETag is followed by another look.
 */
import { CallAwsServiceCrossRegion, IfMatch } from 'cdk-cross-region-tasks';
import { CfnOutput, Duration, Stack, StackProps } from 'aws-cdk-lib';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

export interface DeployFunctionProps extends StackProps {
  readonly functionName: string;
  readonly code: string;
  readonly keyValueStoreArn: string;
  readonly distributionId: string;
}

/** CloudFront has one control plane. */
const CLOUDFRONT = { region: 'us-east-1', service: 'cloudfront' };

export class DeployFunction extends Stack {
  constructor(scope: Construct, id: string, props: DeployFunctionProps) {
    super(scope, id, props);
    const { functionName, code, keyValueStoreArn, distributionId } = props;
    const arn = (resource: string, name: string) =>
      this.formatArn({ service: 'cloudfront', region: '', resource, resourceName: name });
    const itself = { ...CLOUDFRONT, iamResources: [arn('function', functionName)] };
    const around = { ...CLOUDFRONT, iamResources: [arn('distribution', distributionId)] };

    const describe = CallAwsServiceCrossRegion.jsonata(this, 'DescribeFunction', {
      ...itself,
      action: 'describeFunction',
      parameters: { Name: functionName, Stage: 'DEVELOPMENT' },
      assign: { etag: '{% $states.result.ETag %}' },
    });
    const update = CallAwsServiceCrossRegion.jsonata(this, 'UpdateFunction', {
      ...itself,
      action: 'updateFunction',
      parameters: {
        Name: functionName,
        FunctionCode: { $base64: Buffer.from(code).toString('base64') },
        FunctionConfig: {
          Comment: 'shows covers from their release on',
          Runtime: 'cloudfront-js-2.0',
          KeyValueStoreAssociations: { Quantity: 1, Items: [{ KeyValueStoreARN: keyValueStoreArn }] },
        },
      },
      ifMatch: IfMatch.etag('{% $etag %}'),
      assign: { etag: '{% $states.result.ETag %}' },
    });
    const publish = CallAwsServiceCrossRegion.jsonata(this, 'PublishFunction', {
      ...itself,
      action: 'publishFunction',
      parameters: { Name: functionName },
      ifMatch: IfMatch.etag('{% $etag %}'),
      assign: { functionArn: '{% $states.result.FunctionSummary.FunctionMetadata.FunctionARN %}' },
    });
    const read = CallAwsServiceCrossRegion.jsonata(this, 'ReadDistribution', {
      ...around,
      action: 'getDistributionConfig',
      parameters: { Id: distributionId },
      assign: { etag: '{% $states.result.ETag %}', config: '{% $states.result.DistributionConfig %}' },
    });
    const associations = "{ 'Quantity': 1, 'Items': [{ 'FunctionARN': $functionArn, 'EventType': 'viewer-request' }] }";
    const behavior = `$merge([$config.DefaultCacheBehavior, { 'FunctionAssociations': ${associations} }])`;
    const associate = CallAwsServiceCrossRegion.jsonata(this, 'AssociateFunction', {
      ...around,
      action: 'updateDistribution',
      parameters: {
        Id: distributionId,
        DistributionConfig: `{% $merge([$config, { 'DefaultCacheBehavior': ${behavior} }]) %}`,
      },
      ifMatch: IfMatch.etag('{% $etag %}'),
    });
    associate.addCatch(read, { errors: ['CrossRegion.StaleETag'] });
    const done = sfn.Pass.jsonata(this, 'Done', { outputs: { functionArn: '{% $functionArn %}' } });
    associate.next(done);
    read.next(
      sfn.Choice.jsonata(this, 'IsAssociated')
        .when(
          sfn.Condition.jsonata(
            "{% $functionArn in $config.DefaultCacheBehavior.FunctionAssociations.Items[EventType = 'viewer-request'].FunctionARN %}",
          ),
          done,
        )
        .otherwise(associate),
    );

    const stateMachine = new sfn.StateMachine(this, 'StateMachine', {
      definitionBody: sfn.DefinitionBody.fromChainable(describe.next(update).next(publish).next(read)),
      queryLanguage: sfn.QueryLanguage.JSONATA,
      timeout: Duration.minutes(5),
    });
    new CfnOutput(this, 'StateMachineArn', { value: stateMachine.stateMachineArn });
  }
}
