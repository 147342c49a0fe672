/**
 * The example apps: each synthesizes without a complaint, and needs no hand-written IAM actions.
 */
import { App, Stack, StackProps } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { CrossAccount, Orders } from '../examples/cross-account/app';
import { DeployFunction } from '../examples/embargoed-covers/deploy';
import { EmbargoedCovers, functionCode } from '../examples/embargoed-covers/embargoed-covers';
import { ExactlyOnceOnUpload } from '../examples/exactly-once-on-upload/app';
import { CoreBankingFailover, CoreBankingFailoverProps } from '../examples/failover-core-banking/failover';
import { KnowledgeBaseIngestion } from '../examples/knowledge-base-ingestion/app';
import { MainJob } from '../examples/main-job/app';
import { StreamRelay } from '../examples/stream-relay/app';
import { ClusterEndpoints } from '../src';
import { aslProblems, HERE, statementsOf, tableOf } from './support';

/** As the example's app has it. */
const BANK: CoreBankingFailoverProps = {
  env: HERE,
  source: {
    region: 'ap-northeast-1',
    routingControlArn: 'arn:aws:route53-recovery-control::123456789012:controlpanel/1/routingcontrol/tokyo',
    databaseClusterArn: 'arn:aws:rds:ap-northeast-1:123456789012:cluster:bank-tokyo',
  },
  destination: {
    region: 'ap-northeast-3',
    routingControlArn: 'arn:aws:route53-recovery-control::123456789012:controlpanel/1/routingcontrol/osaka',
    databaseClusterArn: 'arn:aws:rds:ap-northeast-3:123456789012:cluster:bank-osaka',
  },
  globalCluster: 'bank',
  controlTable: 'bank-control',
  clusterEndpoints: ClusterEndpoints.of(
    ...['us-east-1', 'us-west-2', 'eu-west-1', 'ap-northeast-1', 'ap-southeast-2'].map((region) => ({
      endpoint: `https://a1b2c3d4.route53-recovery-cluster.${region}.amazonaws.com/v1`,
    })),
  ),
};

class FailoverToOsaka extends CoreBankingFailover {
  constructor(scope: App, id: string, props: StackProps) {
    super(scope, id, { ...BANK, ...props });
  }
}

class FailoverToTokyo extends CoreBankingFailover {
  constructor(scope: App, id: string, props: StackProps) {
    super(scope, id, { ...BANK, ...props, source: BANK.destination, destination: BANK.source });
  }
}

class EmbargoedCoversOfAurora extends EmbargoedCovers {
  constructor(scope: App, id: string, props: StackProps) {
    const aurora = {
      clusterArn: 'arn:aws:rds:ap-northeast-1:123456789012:cluster:books',
      secretArn: 'arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:books-reader-AbCdEf',
      database: 'books',
    };
    super(scope, id, { ...props, aurora });
  }
}

class DeployEmbargo extends DeployFunction {
  constructor(scope: App, id: string, props: StackProps) {
    super(scope, id, {
      ...props,
      functionName: 'embargo',
      code: functionCode(),
      keyValueStoreArn: 'arn:aws:cloudfront::123456789012:key-value-store/0123',
      distributionId: 'E1EXAMPLE',
    });
  }
}

const EXAMPLES = {
  CrossAccount,
  DeployEmbargo,
  EmbargoedCovers,
  EmbargoedCoversOfAurora,
  ExactlyOnceOnUpload,
  MainJob,
  KnowledgeBaseIngestion,
  StreamRelay,
  FailoverToOsaka,
  FailoverToTokyo,
};

describe.each(Object.entries(EXAMPLES))('%s', (id, example) => {
  let stack: Stack;
  beforeAll(() => {
    stack = new example(new App(), id, { env: HERE });
  });

  test('has no errors and no warnings', () => {
    Annotations.fromStack(stack).hasNoError('*', Match.anyValue());
    Annotations.fromStack(stack).hasNoWarning('*', Match.anyValue());
  });

  test('is a state machine that Step Functions understands', () => {
    Template.fromStack(stack).resourceCountIs('AWS::StepFunctions::StateMachine', 1);
    expect(aslProblems(stack)).toEqual([]);
  });

  test('calls what it says, and nothing else', () => {
    expect({ table: tableOf(stack), statements: statementsOf(stack) }).toMatchSnapshot();
  });
});

test('the account that CrossAccount acts in gives its role what the tasks need', () => {
  const app = new App();
  const caller = new CrossAccount(app, 'CrossAccount', { env: HERE });
  const orders = new Orders(app, 'Orders', { caller, env: { account: '111122223333', region: 'us-west-2' } });
  Annotations.fromStack(orders).hasNoError('*', Match.anyValue());
  Template.fromStack(orders).hasResourceProperties('AWS::IAM::Role', {
    AssumeRolePolicyDocument: {
      Statement: [{ Condition: { StringEquals: { 'sts:ExternalId': 'tokyo-orders' } } }],
    },
  });
  expect(statementsOf(orders)).toMatchSnapshot();
});
