/**
 * Calls that are good for one version of a resource.
 */
import * as fs from 'fs';
import * as path from 'path';
import { Aws } from 'aws-cdk-lib';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { AssumeRole, CallAwsServiceCrossRegion, CallAwsServiceCrossRegionProps, IfMatch, Spelling } from '../src';
import { findService } from '../src/catalog';
import { etagMember } from '../src/etag';
import { catalogFolder } from './package-folder';
import { errorsOf, newStack, statementsOf, tableOf } from './support';

const STORE = 'arn:aws:cloudfront::123456789012:key-value-store/0123';

const PUT_KEY = {
  region: 'us-east-1',
  service: 'cloudfront-keyvaluestore',
  action: 'putKey',
  parameters: { KvsARN: STORE, Key: 'cover-1', Value: '2030-01-31' },
  iamResources: [STORE],
} satisfies CallAwsServiceCrossRegionProps;

const UPDATE_DISTRIBUTION = {
  region: 'us-east-1',
  service: 'cloudfront',
  action: 'updateDistribution',
  parameters: { 'Id': 'E1', 'DistributionConfig.$': '$.config' },
  iamResources: ['arn:aws:cloudfront::123456789012:distribution/E1'],
};

const LATEST = IfMatch.latest('describeKeyValueStore', { KvsARN: STORE });

function stackWith(props: CallAwsServiceCrossRegionProps) {
  const stack = newStack();
  const task = new CallAwsServiceCrossRegion(stack, 'Task', props);
  return { stack, task, sent: (task.toStateJson() as { Parameters: Record<string, unknown> }).Parameters };
}

test('every operation with such a member takes an ETag', () => {
  const files = fs.readdirSync(catalogFolder).filter((file) => file.endsWith('.json') && file !== 'index.json');
  const counts = files
    .map((file) => findService(path.basename(file, '.json')))
    .filter((service) => service !== undefined)
    .map((service) => [
      service.id,
      Object.values(service.operations).filter((operation) => etagMember(service, operation) !== undefined).length,
    ]);
  expect(Object.fromEntries(counts.filter(([, count]) => count !== 0))).toEqual({
    'cloudfront': 51,
    'cloudfront-keyvaluestore': 3,
    'iotsitewise': 5,
    'mediapackagev2': 4,
    'pricing-plan-manager': 6,
    's3': 7,
  });
});

test('an ETag from state is sent as it is', () => {
  const { stack, sent } = stackWith({ ...PUT_KEY, ifMatch: IfMatch.etag(sfn.JsonPath.stringAt('$.store.ETag')) });
  expect(errorsOf(stack)).toEqual([]);
  expect(sent.ifMatch).toEqual({ 'etag.$': '$.store.ETag' });
  expect(sent.parameters).toEqual(PUT_KEY.parameters);
  expect(tableOf(stack)[0].actions).toEqual(['putKey']);
});

test('the action that tells the latest ETag may be called, on the same resources', () => {
  const { stack, sent } = stackWith({ ...PUT_KEY, ifMatch: LATEST });
  expect(errorsOf(stack)).toEqual([]);
  expect(sent.ifMatch).toEqual({
    describe: { action: 'describeKeyValueStore', parameters: { KvsARN: STORE } },
    overwrite: true,
  });
  expect(tableOf(stack)[0].actions).toEqual(['describeKeyValueStore', 'putKey']);
  const actions = statementsOf(stack).flatMap((statement) => statement.Action);
  expect(actions.sort()).toEqual(['cloudfront-keyvaluestore:DescribeKeyValueStore', 'cloudfront-keyvaluestore:PutKey']);
  statementsOf(stack).forEach((statement) => expect(statement.Resource).toEqual(STORE));
});

test('in the name of a role, the role needs both', () => {
  const assumeRole = AssumeRole.fromArn('arn:aws:iam::111122223333:role/r');
  const { stack } = stackWith({ ...PUT_KEY, ifMatch: LATEST, assumeRole });
  expect(statementsOf(stack).map((statement) => statement.Action)).toEqual(['sts:AssumeRole']);
});

test('what replaces a whole configuration must say that it overwrites', () => {
  const latest = ['getDistribution', { Id: 'E1' }] as const;
  const silent = stackWith({ ...UPDATE_DISTRIBUTION, ifMatch: IfMatch.latest(...latest) });
  expect(errorsOf(silent.stack)).toEqual([expect.stringContaining('replaces what others have written')]);
  const said = stackWith({ ...UPDATE_DISTRIBUTION, ifMatch: IfMatch.latest(...latest, { overwrite: true }) });
  expect(errorsOf(said.stack)).toEqual([]);
  const locked = stackWith({ ...UPDATE_DISTRIBUTION, ifMatch: IfMatch.etag('E2') });
  expect(errorsOf(locked.stack)).toEqual([]);
});

test('members have the spelling of the task', () => {
  const props = {
    region: 'us-west-2',
    service: 'iotsitewise',
    action: 'deleteAssetModel',
    iamResources: ['*'],
    spelling: Spelling.STEP_FUNCTIONS,
    ifMatch: IfMatch.latest('describeAssetModel', { AssetModelId: 'a' }),
  };
  expect(errorsOf(stackWith({ ...props, parameters: { AssetModelId: 'a' } }).stack)).toEqual([]);
  const twice = stackWith({ ...props, parameters: { AssetModelId: 'a', IfMatch: 'e' } });
  expect(errorsOf(twice.stack)).toEqual(['`parameters.IfMatch` does not go with `ifMatch`']);
});

const WRONG: [string, Partial<CallAwsServiceCrossRegionProps>, string][] = [
  ['no ETag taken', { action: 'getKey', parameters: { KvsARN: STORE, Key: 'k' } }, '`getKey` takes no ETag'],
  ['unknown action', { ifMatch: IfMatch.latest('describeKeyValueStor') }, 'has no action `describeKeyValueStor`'],
  ['a write', { ifMatch: IfMatch.latest('updateKeys') }, '`updateKeys` does more than read'],
  [
    'wrong parameters',
    { ifMatch: IfMatch.latest('describeKeyValueStore', { KvsArn: STORE }) },
    '`ifMatch`: `describeKeyValueStore`: unknown member `parameters.KvsArn`',
  ],
  [
    'the latest of a service that is a token',
    { service: Aws.STACK_NAME, iamAction: 'cloudfront-keyvaluestore:PutKey', ifMatch: LATEST },
    '`ifMatch`: what tells the latest ETag cannot be permitted where `service` or `action` is a token',
  ],
  [
    'given twice',
    { parameters: { ...PUT_KEY.parameters, IfMatch: 'E1' } },
    '`parameters.IfMatch` does not go with `ifMatch`',
  ],
];

test.each(WRONG)('%s is an error', (_, changes, message) => {
  const { stack } = stackWith({ ...PUT_KEY, ifMatch: IfMatch.etag('E1'), ...changes });
  expect(errorsOf(stack)).toContainEqual(expect.stringContaining(message));
});
