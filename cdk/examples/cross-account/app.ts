/**
 * A state machine in Tokyo that reads a table of another account in Oregon, in the name of a role there.
 *
 * The execution's input names orders: `{"orders": ["order-1", "order-2"]}`. The state machine reads each of them, then
 * asks in whose name it did. The function's role may do nothing but assume the role of the other account; that role
 * may do what the tasks need, and lets only this function assume it, with an external id that both sides know.
 *
 * Deploy `CrossAccount` first: a trust policy may name only roles that exist. The other account is the context value
 * `ordersAccount`.
 */
import { AssumeRole, CallAwsServiceCrossRegion, CrossRegionFunction } from 'cdk-cross-region-tasks';
import { App, CfnOutput, RemovalPolicy, Stack, StackProps } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';

const HERE = 'ap-northeast-1';
const THERE = 'us-west-2';
const TABLE = 'orders';

/** Names that the two accounts agree on. */
const CALLER = 'orders-caller';
const READER = 'orders-reader';
const EXTERNAL_ID = 'tokyo-orders';

/** The account that acts. */
export class CrossAccount extends Stack {
  /** What is done in the other account. */
  readonly tasks: CallAwsServiceCrossRegion[];

  /** The role of the function. */
  readonly callerArn: string;

  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, props);
    const account = ordersAccount(this);

    const caller = new iam.Role(this, 'Caller', {
      roleName: CALLER,
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
    });
    this.callerArn = this.formatArn({ service: 'iam', region: '', resource: 'role', resourceName: CALLER });
    const handler = new CrossRegionFunction(this, 'Function', { role: caller });
    const reader = this.formatArn({ service: 'iam', region: '', account, resource: 'role', resourceName: READER });
    const assumeRole = AssumeRole.fromArn(reader, { externalId: EXTERNAL_ID });

    const getOrder = new CallAwsServiceCrossRegion(this, 'GetOrder', {
      handler,
      assumeRole,
      region: THERE,
      service: 'dynamodb',
      action: 'getItem',
      parameters: { TableName: TABLE, Key: { id: { S: sfn.JsonPath.stringAt('$') } } },
      iamResources: [
        this.formatArn({ service: 'dynamodb', region: THERE, account, resource: 'table', resourceName: TABLE }),
      ],
      resultSelector: { 'total.$': '$.Item.total.N' },
    });
    const whoAmI = new CallAwsServiceCrossRegion(this, 'WhoAmI', {
      handler,
      assumeRole,
      region: THERE,
      service: 'sts',
      action: 'getCallerIdentity',
      resultPath: '$.caller',
    });
    this.tasks = [getOrder, whoAmI];

    const orders = new sfn.Map(this, 'Orders', { itemsPath: '$.orders', resultPath: '$.found', maxConcurrency: 1 });
    const stateMachine = new sfn.StateMachine(this, 'StateMachine', {
      definitionBody: sfn.DefinitionBody.fromChainable(orders.itemProcessor(getOrder).next(whoAmI)),
    });
    new CfnOutput(this, 'StateMachineArn', { value: stateMachine.stateMachineArn });
  }
}

export interface OrdersProps extends StackProps {
  readonly caller: CrossAccount;
}

/** The account that is acted in. */
export class Orders extends Stack {
  constructor(scope: Construct, id: string, props: OrdersProps) {
    super(scope, id, props);

    new dynamodb.Table(this, 'Table', {
      tableName: TABLE,
      partitionKey: { name: 'id', type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      removalPolicy: RemovalPolicy.DESTROY,
    });

    const reader = new iam.Role(this, 'Reader', {
      roleName: READER,
      assumedBy: new iam.ArnPrincipal(props.caller.callerArn),
      externalIds: [EXTERNAL_ID],
    });
    props.caller.tasks.forEach((task) => task.grantCall(reader));
  }
}

function ordersAccount(scope: Construct): string {
  return (scope.node.tryGetContext('ordersAccount') as string | undefined) ?? '111122223333';
}

const app = new App();
const caller = new CrossAccount(app, 'CrossAccount', {
  env: { account: process.env.CDK_DEFAULT_ACCOUNT, region: HERE },
});
new Orders(app, 'Orders', { caller, env: { account: ordersAccount(app), region: THERE } });
