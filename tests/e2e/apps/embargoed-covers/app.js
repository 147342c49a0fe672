/**
 * The embargoed-covers example on the local AWS, and the state machine that deploys its function. The local
 * CloudFormation makes no connections of EventBridge, so one is named that is not there: what stands in for HTTP tasks
 * uses none. The names of what the first stack made are in `MADE` once it is there.
 */
const { DeployFunction } = require('../../../../cdk/examples/embargoed-covers/deploy.js');
const { EmbargoedCovers, functionCode } = require('../../../../cdk/examples/embargoed-covers/embargoed-covers.js');
const { App, CliCredentialsStackSynthesizer, Stack } = require('aws-cdk-lib');
const { Connection } = require('aws-cdk-lib/aws-events');

const env = { account: '000000000000', region: 'ap-northeast-1' };
const app = new App();
const synthesizer = () => new CliCredentialsStackSynthesizer();
const connection = Connection.fromEventBusArn(
  new Stack(app, 'Elsewhere'),
  'Connection',
  `arn:aws:events:${env.region}:${env.account}:connection/edge/1`,
  `arn:aws:secretsmanager:${env.region}:${env.account}:secret:events!connection/edge/1`,
);
new EmbargoedCovers(app, 'EmbargoedCovers', { env, synthesizer: synthesizer(), connection });
if (process.env.MADE) {
  const made = JSON.parse(process.env.MADE);
  new DeployFunction(app, 'DeployEmbargo', {
    env,
    synthesizer: synthesizer(),
    functionName: made.FunctionName,
    code: functionCode(),
    keyValueStoreArn: made.KeyValueStoreArn,
    distributionId: made.DistributionId,
  });
}
