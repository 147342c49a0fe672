/**
 * A state machine for each thing that takes more than one call: all pages of a bucket at once, the same a few pages at
 * a time, a table that is waited for, a job that never ends, a batch of which a server at ENDPOINT leaves a part, and
 * results that are stored.
 */
const { App, CfnOutput, Duration, Stack } = require('aws-cdk-lib');
const { Bucket } = require('aws-cdk-lib/aws-s3');
const { Choice, Condition, DefinitionBody, JsonPath, Pass, StateMachine, Succeed } = require('aws-cdk-lib/aws-stepfunctions');
const { CallAwsServiceCrossRegion, ResultToWhen, WaitFor } = require('../../../../cdk');

const app = new App();
const stack = new Stack(app, 'Several', { env: { account: '000000000000', region: 'ap-northeast-1' } });
const region = 'us-west-2';

const machine = (id, definition) => {
  const { stateMachineArn } = new StateMachine(stack, id, { definitionBody: DefinitionBody.fromChainable(definition) });
  new CfnOutput(stack, `${id}Arn`, { value: stateMachineArn });
};

const list = (id, props) =>
  new CallAwsServiceCrossRegion(stack, id, {
    region,
    service: 's3',
    action: 'listObjectsV2',
    iamResources: ['arn:aws:s3:::several'],
    select: 'Contents[].Key',
    ...props,
  });

machine('AllPages', list('List all', { parameters: { Bucket: 'several' }, paginate: {} }));

const some = list('List some', {
  parameters: { Bucket: 'several', ContinuationToken: JsonPath.stringAt('$.resume.ContinuationToken') },
  paginate: { maxPages: 4 },
});
machine(
  'PageByPage',
  new Pass(stack, 'From the start', { parameters: { resume: { ContinuationToken: null } } })
    .next(some)
    .next(
      new Choice(stack, 'Is there more')
        .when(Condition.isNull('$.resume'), new Succeed(stack, 'All listed'))
        .otherwise(some),
    ),
);

const table = { region, service: 'dynamodb', action: 'describeTable', iamResources: ['*'] };
machine(
  'TableExists',
  new CallAwsServiceCrossRegion(stack, 'Wait for the table', {
    ...table,
    parameters: { TableName: 'late' },
    waitFor: WaitFor.waiter('tableExists'),
    select: 'Table.TableStatus',
  }),
);
machine(
  'AnHour',
  new CallAwsServiceCrossRegion(stack, 'Wait for what never comes', {
    ...table,
    parameters: { TableName: 'there' },
    waitFor: WaitFor.path('Table.TableStatus', { success: ['ARCHIVED'], interval: Duration.minutes(1), maxAttempts: 60 }),
  }),
);

machine(
  'Batch',
  new CallAwsServiceCrossRegion(stack, 'Put records', {
    region,
    service: 'kinesis',
    action: 'putRecords',
    endpoint: process.env.ENDPOINT,
    parameters: { StreamName: 's', Records: JsonPath.objectAt('$.records') },
    iamResources: ['*'],
    retryUnprocessed: true,
  }),
);

const bucket = new Bucket(stack, 'Results', { bucketName: 'results' });
machine(
  'StoreObject',
  new CallAwsServiceCrossRegion(stack, 'Fetch an object', {
    region,
    service: 's3',
    action: 'getObject',
    parameters: { Bucket: 'videos', Key: JsonPath.stringAt('$.key') },
    iamResources: ['arn:aws:s3:::videos/*'],
    resultTo: {
      bucket,
      key: JsonPath.format('out/{}', JsonPath.stringAt('$$.Execution.Name')),
      keyPrefix: 'out/',
    },
  }),
);
machine(
  'StorePages',
  list('List into an object', {
    parameters: { Bucket: 'several' },
    paginate: {},
    select: undefined,
    resultTo: { bucket, key: 'keys.json', when: ResultToWhen.OVER_LIMIT },
  }),
);
