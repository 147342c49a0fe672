/**
 * Statements for keys of KMS, which IAM knows by their own ARN only.
 */
import * as kms from 'aws-cdk-lib/aws-kms';
import { keyStatements } from '../src/key-statement';
import { HERE, newStack } from './support';

test.each<[string, (key: kms.Key) => kms.IKey]>([
  ['a key', (key) => key],
  ['an alias of it', (key) => key.addAlias('covers')],
  [
    'an alias of that',
    (key) => new kms.Alias(key, 'Second', { aliasName: 'second', targetKey: key.addAlias('covers') }),
  ],
])('%s is named by the ARN of the key', (_, named) => {
  const stack = newStack();
  const key = new kms.Key(stack, 'Key');
  const statements = keyStatements(named(key), ['kms:Decrypt']).map((statement) => statement.toStatementJson());
  expect(stack.resolve(statements)).toEqual([
    { Action: 'kms:Decrypt', Effect: 'Allow', Resource: stack.resolve(key.keyArn) as unknown },
  ]);
});

test('where the alias alone is known, any key that has it', () => {
  const stack = newStack();
  const alias = kms.Alias.fromAliasName(stack, 'Alias', 'alias/covers');
  const [statement, ...others] = keyStatements(alias, ['kms:Decrypt']);
  expect(others).toEqual([]);
  expect(stack.resolve(statement.toStatementJson())).toEqual({
    Action: 'kms:Decrypt',
    Effect: 'Allow',
    Resource: {
      'Fn::Join': ['', ['arn:', { Ref: 'AWS::Partition' }, `:kms:${HERE.region}:${HERE.account}:key/*`]],
    },
    Condition: { 'ForAnyValue:StringEquals': { 'kms:ResourceAliases': 'alias/covers' } },
  });
});

test('no key, no statement', () => {
  expect(keyStatements(undefined, ['kms:Decrypt'])).toEqual([]);
});
