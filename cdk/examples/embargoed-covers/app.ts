/**
 * The covers with release times in DynamoDB, the same with release times in Aurora, and the state machine that deploys
 * the function of the first.
 *
 * Put the ARNs of your own cluster and its secret in place of these.
 */
import { App } from 'aws-cdk-lib';
import { DeployFunction } from './deploy';
import { EmbargoedCovers, functionCode } from './embargoed-covers';

const account = process.env.CDK_DEFAULT_ACCOUNT ?? '123456789012';
const env = { account, region: 'ap-northeast-1' };

const app = new App();
const covers = new EmbargoedCovers(app, 'EmbargoedCovers', { env });
new DeployFunction(app, 'DeployEmbargo', {
  env,
  functionName: covers.embargo.functionName,
  code: functionCode(),
  keyValueStoreArn: covers.store.keyValueStoreArn,
  distributionId: covers.distribution.distributionId,
});
new EmbargoedCovers(app, 'EmbargoedCoversOfAurora', {
  env,
  aurora: {
    clusterArn: `arn:aws:rds:${env.region}:${account}:cluster:books`,
    secretArn: `arn:aws:secretsmanager:${env.region}:${account}:secret:books-reader-AbCdEf`,
    database: 'books',
  },
});
