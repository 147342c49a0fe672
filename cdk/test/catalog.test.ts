/**
 * The generated catalog, whole: nothing that the library follows leads nowhere.
 */
import * as fs from 'fs';
import { findOperation, findService, Member, Service, serviceNames, Shape } from '../src/catalog';
import { catalogFolder } from './package-folder';

const ids = fs
  .readdirSync(catalogFolder)
  .map((file) => file.replace(/\.json$/, ''))
  .filter((id) => id !== 'index');

function every(check: (service: Service) => string[]): string[] {
  return ids.flatMap((id) => check(findService(id)!).map((fault) => `${id}: ${fault}`));
}

function membersOf(shape: Shape): Member[] {
  return [...Object.values(shape.members ?? {}), shape.member, shape.value].filter((member) => member !== undefined);
}

test('every file is found under its own name', () => {
  expect(ids.length).toBeGreaterThan(400);
  expect(ids.filter((id) => findService(id)?.id !== id)).toEqual([]);
  expect(ids.filter((id) => !serviceNames().includes(id))).toEqual([]);
});

test('every input and every member has its shape', () => {
  const missing = every(({ operations, shapes }) => [
    ...Object.values(operations).flatMap(({ input }) => (input === undefined || input in shapes ? [] : [input])),
    ...Object.values(shapes).flatMap((shape) =>
      membersOf(shape)
        .map((member) => member.shape)
        .filter((name) => !(name in shapes)),
    ),
  ]);
  expect(missing).toEqual([]);
});

test('every kind of shape is one that parameters are checked against', () => {
  const kinds = new Set(ids.flatMap((id) => Object.values(findService(id)!.shapes).map(({ type }) => type)));
  expect([...kinds].sort()).toEqual([
    'blob',
    'boolean',
    'document',
    'double',
    'float',
    'integer',
    'list',
    'long',
    'map',
    'string',
    'structure',
    'timestamp',
  ]);
});

test('every rule names members that there are', () => {
  const wrong = every(({ operations, shapes }) =>
    Object.entries(operations).flatMap(([action, operation]) =>
      (operation.rules ?? [])
        .filter(({ member }) => !isMember(shapes, operation.input!, member.split('.')))
        .map(({ member }) => `${action} ${member}`),
    ),
  );
  expect(wrong).toEqual([]);
});

function isMember(shapes: Service['shapes'], input: string, path: string[]): boolean {
  if (path.length === 0) {
    return true;
  }
  const name = path[0].replace('[]', '');
  const member = shapes[input].members?.[name];
  const target = name === path[0] ? member : member && shapes[member.shape].member;
  return target !== undefined && isMember(shapes, target.shape, path.slice(1));
}

test('every IAM action is a prefix and a name', () => {
  const wrong = every(({ operations }) =>
    Object.values(operations).flatMap(({ iam = [] }) =>
      iam.filter((action) => !/^[a-z0-9-]+:[A-Za-z0-9]+$/.test(action)),
    ),
  );
  expect(wrong).toEqual([]);
});

test.each([
  ['s3', 's3'],
  ['S3', 's3'],
  ['cloudwatch-logs', 'logs'],
  ['CloudWatch Logs', 'logs'],
  ['cloudwatchlogs', 'logs'],
  ['logs', 'logs'],
  ['sfn', 'stepfunctions'],
  ['stepfunctions', 'stepfunctions'],
  ['bedrock-agent', 'bedrock-agent'],
  ['bedrockagent', 'bedrock-agent'],
])('%s is %s', (name, id) => {
  expect(findService(name)?.id).toBe(id);
});

test('actions are found without regard to case', () => {
  const service = findService('rds')!;
  expect(findOperation(service, 'describedbclusters')?.[0]).toBe('describeDBClusters');
  expect(findOperation(service, 'hasOwnProperty')).toBeUndefined();
});
