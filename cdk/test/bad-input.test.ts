/**
 * Props that cannot be right, each with the message that says what to do.
 */
import { App, Aws, Stack } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import {
  BodyAs,
  CallAwsServiceCrossRegion,
  CallAwsServiceCrossRegionProps,
  CallRetryMode,
  CrossRegionFunction,
  FunctionError,
} from '../src';
import { errorsOf, GET_OBJECT, HERE, newStack, stackWith } from './support';
import { Duration } from 'aws-cdk-lib';

type Changes = Partial<CallAwsServiceCrossRegionProps>;

const STATE = sfn.JsonPath.stringAt('$.x');
const JSONATA = '{% $states.input.x %}';

describe('names', () => {
  const wrong: [string, Changes, string][] = [
    ['a misspelled service', { service: 'dynamdb' }, 'unknown service `dynamdb`; did you mean `dynamodb`'],
    ['no service', { service: '' }, 'unknown service ``'],
    ['a path as service', { service: 's3/../client-kms' }, 'unknown service `s3/../client-kms`'],
    ['a service of the object prototype', { service: 'constructor' }, 'unknown service `constructor`'],
    [
      'a misspelled action',
      { action: 'getObjet' },
      '`s3` has no action `getObjet`; did you mean `getObject` or `putObject`',
    ],
    ['an action of another service', { action: 'putItem' }, '`s3` has no action `putItem`'],
    ['an action of the object prototype', { action: 'toString' }, '`s3` has no action `toString`'],
    ['a service from state', { service: STATE }, '`service` must not come from state'],
    ['an action from JSONPath', { action: STATE }, '`action` must not come from state'],
    ['an action from JSONata', { action: JSONATA }, '`action` must not come from state'],
    [
      'events as input',
      {
        service: 'bedrock-runtime',
        action: 'invokeModelWithBidirectionalStream',
        parameters: { modelId: 'm', body: {} },
      },
      '`invokeModelWithBidirectionalStream` takes a stream of events as input, which a Lambda function cannot send',
    ],
  ];

  test.each(wrong)('%s', (_, changes, message) => {
    expect(errorsOf(stackWith(changes)).join('\n')).toContain(message);
  });
});

describe('Regions', () => {
  const wrong: [string, Changes, string][] = [
    ['none', { region: undefined }, '`region` is missing'],
    ['empty', { region: '' }, '`` is no Region of AWS, such as `us-west-2`'],
    ['misspelled', { region: 'us-west' }, '`us-west` is no Region of AWS'],
    ['a pseudo-region', { region: 'aws-global' }, '`aws-global` is no Region of AWS'],
    ['with another host in it', { region: 'x.evil.com/#' }, '`x.evil.com/#` is no Region of AWS'],
    [
      'a path without its function',
      { region: '$.region' },
      "`$.region` is no Region; for a Region from state write sfn.JsonPath.stringAt('$.region')",
    ],
    ['no bounds at all', { region: STATE, regions: [] }, '`regions` is empty: name the Regions, or leave it out'],
    ['bounds from state', { region: STATE, regions: [JSONATA] }, '`regions` must not come from state'],
    ['bounds that are none', { region: STATE, regions: ['us-west'] }, '`us-west` is no Region of AWS'],
  ];

  test.each(wrong)('%s', (_, changes, message) => {
    expect(errorsOf(stackWith(changes))).toEqual([expect.stringContaining(message)]);
  });

  test.each(['us-west-2', 'ap-southeast-7', 'us-gov-west-1', 'cn-north-1', 'eusc-de-east-1', 'us-west-99'])(
    '%s is one',
    (region) => {
      expect(errorsOf(stackWith({ region }))).toEqual([]);
    },
  );
});

describe('Regions without an endpoint of the service', () => {
  const why = 'Partition does not support FIPS';
  const wrong: [string, Changes, string][] = [
    [
      'by an option',
      { region: 'cn-north-1', endpointOptions: { fips: true } },
      `\`s3\` has no endpoint in \`cn-north-1\` with \`endpointOptions.fips\`: ${why}`,
    ],
    [
      'by an option among others',
      { region: 'cn-north-1', endpointOptions: { fips: true, dualStack: true } },
      `\`s3\` has no endpoint in \`cn-north-1\` with \`endpointOptions.fips\`: ${why}`,
    ],
    [
      'by two options in every Region',
      { endpointOptions: { fips: true, accelerate: true } },
      '`s3` has no endpoint in `us-west-2` with `endpointOptions.fips` and `endpointOptions.accelerate`: ' +
        'Accelerate cannot be used with FIPS',
    ],
    [
      'among its bounds',
      { region: STATE, regions: ['us-west-2', 'cn-north-1'], endpointOptions: { accelerate: true } },
      '`s3` has no endpoint in `cn-north-1` with `endpointOptions.accelerate`: S3 Accelerate cannot be used in this region',
    ],
  ];

  test.each(wrong)('%s', (_, changes, message) => {
    expect(errorsOf(stackWith(changes))).toEqual([message]);
  });

  test.each<Changes>([
    { region: 'us-gov-west-1', endpointOptions: { fips: true } },
    { region: 'cn-north-1', endpointOptions: { fips: false } },
    { region: 'cn-north-1', endpointOptions: { dualStack: true } },
    { region: 'cn-newland-7', endpointOptions: { fips: true } },
    { region: Aws.REGION, endpointOptions: { fips: true } },
    { region: 'cn-north-1', endpointOptions: { fips: true }, endpoint: 'https://s3.example.com' },
  ])('are not these: %j', (changes) => {
    expect(errorsOf(stackWith(changes))).toEqual([]);
  });
});

describe('endpoints', () => {
  const wrong: [string, string][] = [
    ['', 'it is no URL'],
    ['s3.us-west-2.amazonaws.com', 'it is no URL'],
    ['http://s3.us-west-2.amazonaws.com', 'only https is allowed'],
    ['http://127.evil.com', 'only https is allowed'],
    ['ftp://localhost', 'only https is allowed'],
    ['https://me@s3.example.com', 'it must not carry a user name or password'],
    ['https://s3.example.com?x=1', 'it must not carry a query or a fragment'],
    ['https://s3.example.com#x', 'it must not carry a query or a fragment'],
    ['https://s3.example.com.', 'its host must not end in a dot'],
    ['https://10.0.0.1', 'its host must not be an IP address'],
    ['https://0x0a000001', 'its host must not be an IP address'],
    ['https://[fe80::1]', 'its host must not be an IP address'],
    ['https://s3.example.com/a/../b', 'its path may hold only letters, digits, `-`, `_`, `.` and `~`'],
    ['https://s3.example.com/a%2fb', 'its path may hold only letters, digits, `-`, `_`, `.` and `~`'],
    ['https://*.example.com', 'its host must not hold a wildcard'],
  ];

  test.each(wrong)('%s', (endpoint, fault) => {
    const message = `\`${endpoint}\` cannot be an endpoint: ${fault}`;
    expect(errorsOf(stackWith({ endpoint }))).toEqual([expect.stringContaining(message)]);
    expect(errorsOf(stackWith({ endpoint: STATE, endpoints: [endpoint] }))).toEqual([expect.stringContaining(message)]);
  });

  test.each([
    'https://vpce-1.s3.us-west-2.vpce.amazonaws.com',
    'https://s3.example.com:8443/base',
    'http://127.0.0.1:4566',
    'http://localhost:4566',
    'http://[::1]:4566',
    'https://*.route53-recovery-cluster.us-west-2.amazonaws.com/v1',
  ])('%s is one', (endpoint) => {
    expect(errorsOf(stackWith({ endpoint: STATE, endpoints: [endpoint] }))).toEqual([]);
  });

  test.each([STATE, JSONATA])('from state must be bound: %s', (endpoint) => {
    const message =
      '`endpoint` comes from state, so whoever starts an execution could have signed requests sent to a server of ' +
      'their own: list the endpoints that it may be in `endpoints`';
    expect(errorsOf(stackWith({ endpoint }))).toEqual([message]);
    expect(errorsOf(stackWith({ endpoint, endpoints: [] }))).toEqual([message]);
    expect(errorsOf(stackWith({ endpoint, endpoints: [STATE] }))).toEqual(['`endpoints` must not come from state']);
  });

  test('that are known have no bounds', () => {
    const endpoint = 'https://s3.example.com';
    expect(errorsOf(stackWith({ endpoint, endpoints: [endpoint] }))).toEqual([
      '`endpoints` bounds an `endpoint` from state, but `endpoint` is known: leave it out',
    ]);
  });
});

describe('policies are written before there is any state', () => {
  const bucket = `arn:aws:s3:::${sfn.JsonPath.stringAt('$.bucket')}/*`;
  const wrong: [string, Changes][] = [
    ['iamResources', { iamResources: [bucket] }],
    ['iamResources', { iamResources: [JSONATA] }],
    ['iamAction', { iamAction: STATE }],
    ['iamResourcesByAction', { iamResourcesByAction: { 's3:GetObject': [bucket] } }],
    ['passRoles', { passRoles: [iam.Role.fromRoleArn(newStack(), 'Role', STATE)] }],
  ];

  test.each([STATE, JSONATA])('iamConditions %s', (value) => {
    expect(errorsOf(stackWith({ iamConditions: { StringEquals: { 's3:prefix': ['a', value] } } }))).toEqual([
      '`iamConditions` must not come from state: policies are written at synth',
    ]);
  });

  test.each(wrong)('%s %j', (name, changes) => {
    expect(errorsOf(stackWith(changes))).toEqual([
      `\`${name}\` must not come from state: policies are written at synth. Name all that it may be`,
    ]);
  });
});

describe('policies say what IAM takes', () => {
  const notArn = 'is neither an ARN nor `*`';
  const wrong: [Changes, string][] = [
    [{ iamResources: [''] }, `\`iamResources\` holds \`\`, which ${notArn}`],
    [{ iamResources: ['covers/*'] }, `\`iamResources\` holds \`covers/*\`, which ${notArn}`],
    [{ iamResources: ['*', '$.arn'] }, `\`iamResources\` holds \`$.arn\`, which ${notArn}`],
    [{ iamResourcesByAction: { 's3:GetObject': ['x'] } }, `\`iamResourcesByAction\` holds \`x\`, which ${notArn}`],
    [
      { iamResourcesByAction: { 's3:GetObject': [] } },
      '`iamResourcesByAction` names no resources for `s3:GetObject`: name them, or leave it out',
    ],
    [
      { iamConditions: { StringEquals: { 'aws:requestedregion': 'eu-west-1' } } },
      "`iamConditions` has `aws:requestedregion`, which the statements get from the task's Region: leave it out, or " +
        'bound a Region from state with `regions`',
    ],
  ];

  test.each(wrong)('%j', (changes, message) => {
    expect(errorsOf(stackWith(changes))).toEqual([message]);
  });

  test.each<Changes>([
    { iamAction: '*' },
    { iamAction: 's3:Get*' },
    { iamAction: Aws.NO_VALUE },
    { iamResources: ['*'] },
    { iamResources: [Aws.STACK_ID, `arn:${Aws.PARTITION}:s3:::covers/*`] },
    { iamConditions: { StringLike: { 'aws:RequestedRegion': 'us-*' }, StringEquals: { 'aws:ResourceAccount': '1' } } },
    { region: STATE, iamConditions: { StringEquals: { 'aws:RequestedRegion': 'us-west-2' } } },
  ])('and this is taken: %j', (changes) => {
    expect(errorsOf(stackWith(changes))).toEqual([]);
  });

  test.each<Changes>([
    { iamAction: '' },
    { iamAction: 'getObject' },
    { iamAction: '$.action' },
    { iamResourcesByAction: { get: ['*'] } },
  ])('the CDK itself refuses %j', (changes) => {
    expect(() => stackWith(changes)).toThrow(
      'is invalid. An action string consists of a service namespace, a colon, and the name of an action.',
    );
  });
});

describe('settings', () => {
  const wrong: [Changes, string][] = [
    [{ retry: { maxAttempts: 0 } }, '`retry.maxAttempts` must be an integer from 1 to 10, not 0'],
    [{ retry: { maxAttempts: 1.5 } }, '`retry.maxAttempts` must be an integer from 1 to 10, not 1.5'],
    [{ retry: { maxAttempts: 11 } }, '`retry.maxAttempts` must be an integer from 1 to 10, not 11'],
    [
      { retry: { mode: CallRetryMode.NONE, maxAttempts: 2 } },
      '`retry.mode` is CallRetryMode.NONE, which makes one attempt: leave `retry.maxAttempts` out',
    ],
    [{ timeouts: { connect: Duration.millis(0) } }, '`timeouts.connect` must be between 1 millisecond and 15 minutes'],
    [
      { timeouts: { attempt: Duration.minutes(16) } },
      '`timeouts.attempt` must be between 1 millisecond and 15 minutes',
    ],
  ];

  test.each(wrong)('%j', (changes, message) => {
    expect(errorsOf(stackWith(changes))).toEqual([message]);
  });

  test('reach the event', () => {
    const stack = newStack();
    const task = new CallAwsServiceCrossRegion(stack, 'Task', {
      ...GET_OBJECT,
      endpointOptions: { fips: true, dualStack: true, accelerate: false, pathStyle: true },
      timeouts: { connect: Duration.seconds(1), attempt: Duration.millis(500) },
      retry: { mode: CallRetryMode.SAFE, maxAttempts: 5 },
      bodyAs: BodyAs.BASE64,
      functionError: FunctionError.RETURN,
    });
    expect(errorsOf(stack)).toEqual([]);
    expect((stack.resolve(task.toStateJson()) as { Parameters: unknown }).Parameters).toEqual({
      region: 'us-west-2',
      service: 's3',
      action: 'getObject',
      parameters: { Bucket: 'covers', Key: 'one.png' },
      endpointOptions: { fips: true, dualStack: true, accelerate: false, pathStyle: true },
      timeouts: { connect_ms: 1000, attempt_ms: 500 },
      retry: { mode: 'safe', maxAttempts: 5 },
      bodyAs: 'base64',
      functionError: 'return',
    });
  });
});

describe('all mistakes', () => {
  const stack = () =>
    stackWith({ region: 'nowhere', endpoint: 'x', parameters: { Buckt: 'covers' }, iamResources: undefined });

  test('show at once', () => {
    expect(errorsOf(stack())).toHaveLength(6);
  });

  test('are error annotations that name the construct, and leave the template', () => {
    const broken = stack();
    Annotations.fromStack(broken).hasError(
      '/Stack/Task',
      Match.stringLikeRegexp('^Stack/Task: unknown member `parameters.Buckt`; did you mean `Bucket`\\?'),
    );
    Template.fromStack(broken).resourceCountIs('AWS::Lambda::Function', 1);
  });

  test('there are none in a call that is right', () => {
    Annotations.fromStack(stackWith({})).hasNoError('*', Match.anyValue());
    Annotations.fromStack(stackWith({})).hasNoWarning('*', Match.anyValue());
  });
});

test('a stack without environment works', () => {
  const stack = new Stack(new App(), 'Stack');
  new CallAwsServiceCrossRegion(stack, 'Task', GET_OBJECT);
  expect(errorsOf(stack)).toEqual([]);
  Template.fromStack(stack).resourceCountIs('AWS::Lambda::Function', 1);
});

test('an id that is taken', () => {
  const stack = stackWith({});
  expect(() => new CallAwsServiceCrossRegion(stack, 'Task', GET_OBJECT)).toThrow(
    "There is already a Construct with name 'Task' in ",
  );
});

test('no action', () => {
  expect(() => stackWith({ action: '' })).toThrow('action must be camelCase, got: ');
});

test('names that are tokens, with an action', () => {
  const stack = stackWith({ service: Aws.STACK_NAME, action: Aws.ACCOUNT_ID, iamAction: 's3:GetObject' });
  expect(errorsOf(stack)).toEqual([]);
});

test('tokens in every prop that takes a string', () => {
  const stack = stackWith({
    service: 's3',
    region: Aws.REGION,
    endpoint: `https://s3.${Aws.REGION}.example.com`,
    parameters: { Bucket: `b-${Aws.ACCOUNT_ID}`, Key: Aws.STACK_NAME },
    iamResources: [`arn:${Aws.PARTITION}:s3:::b-${Aws.ACCOUNT_ID}/*`],
    iamAction: `${Aws.STACK_NAME}:GetObject`,
    iamConditions: { StringEquals: { 'aws:ResourceAccount': Aws.ACCOUNT_ID } },
    passRoles: [iam.Role.fromRoleArn(newStack(), 'Role', `arn:aws:iam::${Aws.ACCOUNT_ID}:role/r`)],
  });
  expect(errorsOf(stack)).toEqual([]);
});

describe('a function of another stack', () => {
  function stacks(regions = [HERE.region, HERE.region]) {
    const app = new App();
    const [here, there] = regions.map((region, i) => new Stack(app, `S${i}`, { env: { ...HERE, region } }));
    return { app, here, there, handler: new CrossRegionFunction(there, 'Function') };
  }

  test('works', () => {
    const { app, here, there, handler } = stacks();
    const task = new CallAwsServiceCrossRegion(here, 'Task', { ...GET_OBJECT, handler });
    new sfn.StateMachine(here, 'StateMachine', { definitionBody: sfn.DefinitionBody.fromChainable(task) });
    expect(errorsOf(here)).toEqual([]);
    app.synth();
    Template.fromStack(there).resourceCountIs('AWS::Lambda::Function', 1);
    Template.fromStack(here).resourceCountIs('AWS::Lambda::Function', 0);
  });

  test('cannot hold a name from the stack that uses it', () => {
    const { here, handler } = stacks();
    const role = new iam.Role(here, 'Role', { assumedBy: new iam.AccountRootPrincipal() });
    const call = { service: 'iam', action: 'getRole', parameters: { RoleName: 'r' }, iamResources: [role.roleArn] };
    new CallAwsServiceCrossRegion(here, 'Task', { ...GET_OBJECT, ...call, handler });
    expect(errorsOf(here)).toEqual([
      'a resource of the stack `S0` is named, and its state machine uses the function `S1/Function` of the stack ' +
        '`S1`, so that each stack would have to be deployed before the other: create a CrossRegionFunction in `S0`, ' +
        'or write the name or ARN out',
    ]);
  });

  test('cannot hold a name from a stack that needs the function itself, as the CDK says', () => {
    const { app, here, there, handler } = stacks();
    const task = new CallAwsServiceCrossRegion(here, 'Task', { ...GET_OBJECT, handler });
    new sfn.StateMachine(here, 'StateMachine', { definitionBody: sfn.DefinitionBody.fromChainable(task) });
    const role = new iam.Role(here, 'Role', { assumedBy: new iam.AccountRootPrincipal() });
    const call = { service: 'iam', action: 'getRole', parameters: { RoleName: 'r' }, iamResources: [role.roleArn] };
    new CallAwsServiceCrossRegion(there, 'Other', { ...GET_OBJECT, ...call, handler });
    expect(() => app.synth()).toThrow(/would create a cyclic reference/);
  });

  test('must be in the same Region', () => {
    const { here, handler } = stacks(['ap-northeast-1', 'us-west-2']);
    new CallAwsServiceCrossRegion(here, 'Task', { ...GET_OBJECT, handler });
    expect(errorsOf(here)).toEqual([
      'the function `S1/Function` is in `us-west-2`, but Step Functions invokes only functions of its own Region, ' +
        '`ap-northeast-1`: create a CrossRegionFunction there',
    ]);
  });
});
