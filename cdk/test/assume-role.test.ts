/**
 * Calls in the name of a role: what the function may do, what the role must be given, what the state says.
 */
import { App, CfnParameter, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { AssumeRole, CallAwsServiceCrossRegion, CallAwsServiceCrossRegionProps } from '../src';
import { errorsOf, GET_OBJECT, HERE, newStack, stackWith, statementsOf, tableOf } from './support';

const ARN = 'arn:aws:iam::111122223333:role/reader';
const ROLE = AssumeRole.fromArn(ARN);
const IN_OREGON = { StringEquals: { 'aws:RequestedRegion': 'us-west-2' } };

/** What the state sends. */
function sent(changes: Partial<CallAwsServiceCrossRegionProps>): Record<string, unknown> {
  const task = new CallAwsServiceCrossRegion(newStack(), 'Task', { ...GET_OBJECT, ...changes });
  const state = task.toStateJson() as { Parameters?: object; Arguments?: object };
  return (state.Parameters ?? state.Arguments) as Record<string, unknown>;
}

test('the function may assume the role, and nothing else', () => {
  const stack = stackWith({ assumeRole: ROLE });
  expect(errorsOf(stack)).toEqual([]);
  expect(statementsOf(stack)).toEqual([
    { Effect: 'Allow', Action: 'sts:AssumeRole', Resource: ARN, Condition: IN_OREGON },
  ]);
  expect(tableOf(stack)).toEqual([{ service: 's3', actions: ['getObject'], regions: ['us-west-2'], roles: [ARN] }]);
});

test('tags need a right of their own', () => {
  const stack = stackWith({ assumeRole: AssumeRole.fromArn(ARN, { tags: { team: 'blue' } }) });
  expect(statementsOf(stack)[0].Action).toEqual(['sts:AssumeRole', 'sts:TagSession']);
});

test('the role is assumed where the call is made, be it signed for elsewhere', () => {
  const conditions = (changes: Partial<CallAwsServiceCrossRegionProps>) =>
    statementsOf(stackWith({ assumeRole: ROLE, ...changes })).map((statement) => statement.Condition);
  const iamCall = { service: 'iam', action: 'getRole', parameters: { RoleName: 'r' } };
  expect(conditions(iamCall)).toEqual([IN_OREGON]);
  const region = sfn.JsonPath.stringAt('$.region');
  expect(conditions({ region })).toEqual([undefined]);
  expect(conditions({ region, regions: ['us-west-2', '*global*'] })).toEqual([IN_OREGON]);
});

test('calls in the name of different roles are entries of their own', () => {
  const stack = newStack();
  const add = (id: string, assumeRole?: AssumeRole) =>
    new CallAwsServiceCrossRegion(stack, id, { ...GET_OBJECT, assumeRole });
  add('Own');
  add('Reader', ROLE);
  add('ReaderAgain', AssumeRole.fromArn(ARN, { sessionName: 'again' }));
  add('Writer', AssumeRole.fromArn('arn:aws:iam::111122223333:role/writer'));
  const entry = { service: 's3', actions: ['getObject'], regions: ['us-west-2'] };
  expect(tableOf(stack)).toEqual([
    { ...entry, roles: [ARN] },
    { ...entry, roles: ['arn:aws:iam::111122223333:role/writer'] },
    entry,
  ]);
});

test('the state says what STS is told', () => {
  expect(sent({ assumeRole: ROLE }).assumeRole).toEqual({ roleArn: ARN });
  const options = {
    externalId: sfn.JsonPath.stringAt('$.id'),
    sessionName: 'night',
    tags: { team: sfn.JsonPath.stringAt('$.team') },
  };
  expect(sent({ assumeRole: AssumeRole.fromArn(ARN, options) }).assumeRole).toEqual({
    'roleArn': ARN,
    'externalId.$': '$.id',
    'sessionName': 'night',
    'tags': { 'team.$': '$.team' },
  });
  const fromJsonata = AssumeRole.fromArn(ARN, { externalId: '{% $states.input.id %}' });
  expect(sent({ assumeRole: fromJsonata, queryLanguage: sfn.QueryLanguage.JSONATA }).assumeRole).toEqual({
    roleArn: ARN,
    externalId: '{% $states.input.id %}',
  });
  expect(sent({})).not.toHaveProperty('assumeRole');
});

test('a role from state is one of those that are named', () => {
  const roles = ['111122223333', '444455556666'].map((account) => `arn:aws:iam::${account}:role/reader`);
  const stack = newStack();
  const imported = roles.map((arn, i) => iam.Role.fromRoleArn(stack, `Role${i}`, arn));
  const assumeRole = AssumeRole.fromState(sfn.JsonPath.stringAt('$.role'), imported);
  new CallAwsServiceCrossRegion(stack, 'Task', { ...GET_OBJECT, assumeRole });
  expect(errorsOf(stack)).toEqual([]);
  expect(statementsOf(stack).map((statement) => statement.Resource)).toEqual([roles]);
  expect(tableOf(stack)[0]).toMatchObject({ roles });
  expect(sent({ assumeRole }).assumeRole).toEqual({ 'roleArn.$': '$.role' });
});

test('a role of the app gets what the call needs, where that is asked for', () => {
  const app = new App();
  const there = new Stack(app, 'There', { env: { account: '111122223333', region: 'us-west-2' } });
  const role = new iam.Role(there, 'Reader', { roleName: 'reader', assumedBy: new iam.AccountPrincipal(HERE.account) });
  const here = new Stack(app, 'Here', { env: HERE });
  const task = new CallAwsServiceCrossRegion(here, 'Task', { ...GET_OBJECT, assumeRole: AssumeRole.of(role) });
  task.grantCall(role);
  expect([...errorsOf(here), ...errorsOf(there)]).toEqual([]);
  expect(statementsOf(there)).toEqual([
    { Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::covers/*', Condition: IN_OREGON },
  ]);
  const [{ Action, Resource }] = statementsOf(here);
  expect([Action, JSON.stringify(Resource)]).toEqual(['sts:AssumeRole', expect.stringContaining('role/reader')]);
});

test('what the role needs may be left to its owner', () => {
  const stack = newStack();
  const props = { ...GET_OBJECT, iamResources: undefined, assumeRole: ROLE };
  const task = new CallAwsServiceCrossRegion(stack, 'Task', props);
  expect(errorsOf(stack)).toEqual([]);
  task.grantCall(new iam.Role(stack, 'Reader', { assumedBy: new iam.AccountRootPrincipal() }));
  expect(errorsOf(stack)).toEqual([expect.stringContaining('`iamResources` is missing')]);
});

const WRONG: [string, AssumeRole, string][] = [
  ['no ARN', AssumeRole.fromArn('reader'), '`reader` is not the ARN of a role'],
  ['a user', AssumeRole.fromArn('arn:aws:iam::111122223333:user/u'), 'is not the ARN of a role'],
  ['no name', AssumeRole.fromArn('arn:aws:iam::111122223333:role/'), 'is not the ARN of a role'],
  [
    'a role that IAM takes for many',
    AssumeRole.fromArn('arn:aws:iam::111122223333:role/read?r'),
    '`assumeRole`: the ARN of the role holds `*`, `?`',
  ],
  [
    'another partition',
    AssumeRole.fromArn('arn:aws-cn:iam::111122223333:role/r'),
    'is in another partition than `us-west-2`',
  ],
  ['state', AssumeRole.fromArn(sfn.JsonPath.stringAt('$.role')), 'but by AssumeRole.fromState'],
  ['no roles', AssumeRole.fromState(sfn.JsonPath.stringAt('$.role'), []), 'names no role that it may be'],
  ['externalId', AssumeRole.fromArn(ARN, { externalId: 'a b' }), '`externalId` must be 2 to 1224'],
  ['sessionName', AssumeRole.fromArn(ARN, { sessionName: 'x' }), '`sessionName` must be 2 to 64'],
  ['tags', AssumeRole.fromArn(ARN, { tags: { a: 1 as unknown as string } }), 'tag `a` must be a string'],
];

test.each(WRONG)('%s is an error', (_, assumeRole, message) => {
  expect(errorsOf(stackWith({ assumeRole }))).toEqual([expect.stringContaining(message)]);
});

test('fromState is for state', () => {
  const stack = newStack();
  const role = iam.Role.fromRoleArn(stack, 'Role', ARN);
  const assumeRole = AssumeRole.fromState('arn:aws:iam::111122223333:role/other', [role]);
  new CallAwsServiceCrossRegion(stack, 'Task', { ...GET_OBJECT, assumeRole });
  expect(errorsOf(stack)).toEqual([expect.stringContaining('does not come from state')]);
});

test('tokens pass', () => {
  const stack = newStack();
  const assumeRole = AssumeRole.fromArn(new CfnParameter(stack, 'Role').valueAsString, {
    externalId: new CfnParameter(stack, 'Id').valueAsString,
  });
  new CallAwsServiceCrossRegion(stack, 'Task', { ...GET_OBJECT, assumeRole });
  expect(errorsOf(stack)).toEqual([]);
});
