/**
 * The failover-core-banking example between two Regions of the local AWS. `BANK` holds the props that the test knows
 * only while it runs: cluster endpoints of stand-ins, ARNs of what it made. Waits are shortened.
 */
const { CoreBankingFailover } = require('../../../../cdk/examples/failover-core-banking/failover.js');
const { App, Duration } = require('aws-cdk-lib');
const { ClusterEndpoints } = require('../../../../cdk');

const { tokyo, osaka, globalCluster, controlTable, clusterEndpoints } = JSON.parse(process.env.BANK);
const bank = {
  env: { account: '000000000000' },
  globalCluster,
  controlTable,
  clusterEndpoints: ClusterEndpoints.of(...clusterEndpoints),
  drain: Duration.seconds(1),
  poll: Duration.seconds(1),
};
const app = new App();
new CoreBankingFailover(app, 'FailoverToOsaka', { ...bank, source: tokyo, destination: osaka });
new CoreBankingFailover(app, 'FailoverToTokyo', { ...bank, source: osaka, destination: tokyo });
