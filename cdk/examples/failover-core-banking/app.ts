/**
 * A bank that lives in Tokyo and can live in Osaka: the way there and the way back.
 *
 * Put the ARNs of your own routing controls and clusters in place of these, and the endpoints that
 * `aws route53-recovery-control-config describe-cluster` tells.
 */
import { ClusterEndpoints } from 'cdk-cross-region-tasks';
import { App } from 'aws-cdk-lib';
import { CoreBankingFailover, Site } from './failover';

const account = '123456789012';
const controlPanel = `arn:aws:route53-recovery-control::${account}:controlpanel/0123456789abcdef`;

const tokyo: Site = {
  region: 'ap-northeast-1',
  routingControlArn: `${controlPanel}/routingcontrol/tokyo`,
  databaseClusterArn: `arn:aws:rds:ap-northeast-1:${account}:cluster:bank-tokyo`,
};
const osaka: Site = {
  region: 'ap-northeast-3',
  routingControlArn: `${controlPanel}/routingcontrol/osaka`,
  databaseClusterArn: `arn:aws:rds:ap-northeast-3:${account}:cluster:bank-osaka`,
};
const bank = {
  env: { account },
  globalCluster: 'bank',
  controlTable: 'bank-control',
  clusterEndpoints: ClusterEndpoints.of(
    { endpoint: 'https://a1b2c3d4.route53-recovery-cluster.us-east-1.amazonaws.com/v1' },
    { endpoint: 'https://b2c3d4e5.route53-recovery-cluster.us-west-2.amazonaws.com/v1' },
    { endpoint: 'https://c3d4e5f6.route53-recovery-cluster.eu-west-1.amazonaws.com/v1' },
    { endpoint: 'https://d4e5f6a7.route53-recovery-cluster.ap-northeast-1.amazonaws.com/v1' },
    { endpoint: 'https://e5f6a7b8.route53-recovery-cluster.ap-southeast-2.amazonaws.com/v1' },
  ),
};

const app = new App();
new CoreBankingFailover(app, 'FailoverToOsaka', { ...bank, source: tokyo, destination: osaka });
new CoreBankingFailover(app, 'FailoverToTokyo', { ...bank, source: osaka, destination: tokyo });
