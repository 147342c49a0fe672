/**
 * IAM actions that depend on what the parameters hold, and on what nobody can see in them.
 */
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { applyRules, Rule } from '../src/rules';

const OBJECTS: Rule = {
  member: 'Delete.Objects[].VersionId',
  replace: { 's3:DeleteObject': 's3:DeleteObjectVersion' },
};
const SOURCE: Rule = { member: 'CopySource', contains: '?versionId=', add: ['s3:GetObjectVersion'] };
const ROLE: Rule = { member: 'Role.Arn', passRole: true };

const STATE = sfn.JsonPath.stringAt('$.x');

const cases: [string, Rule, unknown, string[]][] = [
  ['absent', OBJECTS, {}, ['s3:DeleteObject']],
  ['absent in all elements', OBJECTS, { Delete: { Objects: [{ Key: 'a' }] } }, ['s3:DeleteObject']],
  ['null', OBJECTS, { Delete: { Objects: [{ VersionId: null }] } }, ['s3:DeleteObject']],
  ['an empty list', OBJECTS, { Delete: { Objects: [] } }, ['s3:DeleteObject']],
  ['no list', OBJECTS, { Delete: { Objects: 'x' } }, ['s3:DeleteObject']],
  ['in one element', OBJECTS, { Delete: { Objects: [{}, { VersionId: 'v' }] } }, ['s3:DeleteObjectVersion']],
  ['from state', OBJECTS, { Delete: { Objects: [{ VersionId: STATE }] } }, ['s3:DeleteObjectVersion']],
  ['from state by key', OBJECTS, { Delete: { Objects: [{ 'VersionId.$': '$.v' }] } }, ['s3:DeleteObjectVersion']],
  [
    'in a list that comes from state',
    OBJECTS,
    { Delete: { Objects: sfn.JsonPath.listAt('$.objects') } },
    ['s3:DeleteObject', 's3:DeleteObjectVersion'],
  ],
  [
    'in a list that comes from state by key',
    OBJECTS,
    { Delete: { 'Objects.$': '$.objects' } },
    ['s3:DeleteObject', 's3:DeleteObjectVersion'],
  ],
  [
    'in an element that comes from state',
    OBJECTS,
    { Delete: { Objects: [{ Key: 'a' }, sfn.JsonPath.objectAt('$.object')] } },
    ['s3:DeleteObject', 's3:DeleteObjectVersion'],
  ],
  ['another text', SOURCE, { CopySource: 'a/b' }, ['s3:DeleteObject']],
  ['the text', SOURCE, { CopySource: 'a/b?versionId=1' }, ['s3:DeleteObject', 's3:GetObjectVersion']],
  ['a text from state', SOURCE, { CopySource: STATE }, ['s3:DeleteObject', 's3:GetObjectVersion']],
  ['a text from state by key', SOURCE, { 'CopySource.$': '$.x' }, ['s3:DeleteObject', 's3:GetObjectVersion']],
  ['in another case', SOURCE, { copySource: 'a?versionId=1' }, ['s3:DeleteObject', 's3:GetObjectVersion']],
];

test.each(cases)('%s', (_, rule, parameters, expected) => {
  expect(applyRules(['s3:DeleteObject'], [rule], parameters)).toEqual({ actions: expected, passing: [] });
});

test('roles', () => {
  expect(applyRules([], [ROLE], { Role: { Name: 'r' } }).passing).toEqual([]);
  expect(applyRules([], [ROLE], { Role: { Arn: 'r' } }).passing).toEqual(['Role.Arn']);
  expect(applyRules([], [ROLE], { Role: STATE }).passing).toEqual(['Role.Arn']);
});
