/**
 * The embargoed-covers example on the local AWS, and the state machine that deploys its function. The local AWS has no
 * HTTP tasks, so nothing waits for the edge; the names of what the first stack made are in `MADE` once it is there.
 */
const { DeployFunction } = require('../../../../cdk/examples/embargoed-covers/deploy.js');
const { EmbargoedCovers, functionCode } = require('../../../../cdk/examples/embargoed-covers/embargoed-covers.js');
const { App, CliCredentialsStackSynthesizer } = require('aws-cdk-lib');

const env = { account: '000000000000', region: 'ap-northeast-1' };
const app = new App();
const synthesizer = () => new CliCredentialsStackSynthesizer();
new EmbargoedCovers(app, 'EmbargoedCovers', { env, synthesizer: synthesizer(), waitsForEdge: false });
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
