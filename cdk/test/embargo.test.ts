/**
 * The function of the example embargoed-covers, in an engine that has no more than CloudFront Functions offers
 * (`tests/support/edge.js` says how that is restricted), and its syntax.
 */
import * as fs from 'fs';
import * as path from 'path';
import * as ts from 'typescript';

interface Run {
  readonly code: string;
  /** Nothing: the store cannot be read. */
  readonly entries?: Record<string, string>;
  readonly now: string;
  readonly event: unknown;
}

const { run } = jest.requireActual<{ run: (given: Run) => Promise<any> }>('../../tests/support/edge');

const FILE = path.join(__dirname, '..', 'examples', 'embargoed-covers', 'function.mjs');
const CODE = fs.readFileSync(FILE, 'utf8');
const NOW_PRINTING = '/now-printing.png';

async function shown(uri: string, now: string, entries?: Record<string, string>): Promise<string> {
  const event = { version: '1.0', request: { method: 'GET', uri, headers: {}, querystring: {}, cookies: {} } };
  return (await run({ code: CODE, entries, now, event })).uri as string;
}

const cover = (now: string, release: string) => shown('/covers/1.png', now, { 'covers/1.png': release });

describe('a release', () => {
  test.each([
    ['2026-11-25T00:00:00Z', '2026-11-24T23:59:59.000Z', '2026-11-25T00:00:00.000Z'],
    ['2026-11-25T00:00:00.500Z', '2026-11-25T00:00:00.499Z', '2026-11-25T00:00:00.500Z'],
    // Midnight in Tokyo, and half past something elsewhere.
    ['2026-11-25T00:00:00+09:00', '2026-11-24T14:59:59.999Z', '2026-11-24T15:00:00.000Z'],
    ['2026-11-25T00:00:00-03:30', '2026-11-25T03:29:59.999Z', '2026-11-25T03:30:00.000Z'],
    ['2027-01-01T00:00:00+00:00', '2026-12-31T23:59:59.999Z', '2027-01-01T00:00:00.000Z'],
    ['2028-02-29T12:00:00Z', '2028-02-29T11:59:59.999Z', '2028-02-29T12:00:00.000Z'],
  ])('at %s: not yet at %s, from %s on', async (release, before, from) => {
    expect(await cover(before, release)).toBe(NOW_PRINTING);
    expect(await cover(from, release)).toBe('/covers/1.png');
  });
});

test.each([
  '2024-02-15 09:00:00',
  '2024-02-15T09:00:00',
  '2024-02-15',
  '2024-02-15T09:00Z',
  '2024-2-15T09:00:00Z',
  '2024-02-30T00:00:00Z',
  '2023-02-29T00:00:00Z',
  '2024-13-01T00:00:00Z',
  '2024-00-10T00:00:00Z',
  '2024-02-15T24:00:00Z',
  '2024-02-15T09:60:00Z',
  '2024-06-30T23:59:60Z',
  '2024-02-15T09:00:00+24:00',
  '2024-02-15T09:00:00+09:60',
  '2024-02-15T09:00:00+0900',
  '2024-02-15T09:00:00 Z',
  '2024-02-15T09:00:00z',
  '0001-01-01T00:00:00Z',
  'Thu, 15 Feb 2024 09:00:00 GMT',
  'Invalid Date',
  '1707987600',
  '1707987600000',
  '２０２４-02-15T09:00:00Z',
  '2024-02-15T09:00:00Z\n',
  ' ',
  '',
  'null',
])('%j is no time, and shows nothing', async (release) => {
  expect(await cover('2030-01-01T00:00:00Z', release)).toBe(NOW_PRINTING);
});

test('without a release, or without a store, nothing is shown', async () => {
  const now = '2030-01-01T00:00:00Z';
  expect(await shown('/covers/2.png', now, { 'covers/1.png': '2024-02-15T09:00:00Z' })).toBe(NOW_PRINTING);
  expect(await shown('/covers/1.png', now)).toBe(NOW_PRINTING);
  expect(await shown('/covers/%31.png', now, { 'covers/1.png': '2024-02-15T09:00:00Z' })).toBe(NOW_PRINTING);
  expect(await shown('/covers/', now, {})).toBe(NOW_PRINTING);
});

test('what is no cover is none of its business', async () => {
  for (const uri of [NOW_PRINTING, '/', '/index.html', '/coversheet.png']) {
    expect(await shown(uri, '2030-01-01T00:00:00Z')).toBe(uri);
  }
});

test('it tells the version that this edge knows', async () => {
  const event = { request: { method: 'GET', uri: '/version', headers: {} } };
  const at = { code: CODE, now: '2030-01-01T00:00:00Z', event };
  const answer = await run({ ...at, entries: { version: 'E7' } });
  expect(answer).toMatchObject({ statusCode: 200, body: { encoding: 'text', data: 'E7' } });
  expect(answer.headers['cache-control'].value).toBe('no-store');
  expect(await run({ ...at, entries: {} })).toMatchObject({ statusCode: 200, body: { data: '' } });
});

test('the engine would show a function that falls for its traps', async () => {
  const trying = (expression: string) =>
    run({
      code: `import cf from 'cloudfront';\nfunction handler(event) { return { value: String(${expression}) }; }`,
      entries: {},
      now: '2030-01-01T00:00:00Z',
      event: {},
    });
  const value = async (expression: string) => (await trying(expression)).value as string;
  expect(await value("new Date('2024-02-15 09:00:00').getTime()")).toBe('NaN');
  expect(await value("new Date('2024-02-15 09:00:00') > Date.now()")).toBe('false');
  expect(await value("Date.parse('2024-02-15T09:00:00Z')")).toBe('1707987600000');
  expect(await value('new Date().toISOString()')).toBe('2030-01-01T00:00:00.000Z');
  for (const name of ['process', 'require', 'setTimeout', 'fetch', 'Intl', 'Map', 'Set', 'Buffer', 'Reflect', 'eval']) {
    expect([name, await value(`typeof ${name}`)]).toEqual([name, 'undefined']);
  }
  await expect(trying('new Date(2024, 1, 15)')).rejects.toThrow('time zone');
  await expect(trying('new Date().getHours()')).rejects.toThrow('time zone');
  await expect(trying("new Function('return 1')()")).rejects.toThrow();
  await expect(run({ code: ' '.repeat(10_241), now: '', event: {} })).rejects.toThrow('at most 10240 bytes');
});

/** ECMAScript 5.1, and what AWS lists beyond it for the runtime 2.0, as far as the function needs it. */
const SYNTAX = new Set(
  [
    ['SourceFile', 'EndOfFileToken', 'ImportDeclaration', 'ImportClause', 'Identifier'],
    ['StringLiteral', 'NumericLiteral', 'RegularExpressionLiteral', 'TrueKeyword', 'FalseKeyword', 'NullKeyword'],
    ['FunctionDeclaration', 'Parameter', 'Block', 'ReturnStatement', 'IfStatement', 'ExpressionStatement'],
    ['TryStatement', 'CatchClause', 'ThrowStatement', 'NewExpression', 'CallExpression', 'BinaryExpression'],
    ['PrefixUnaryExpression', 'ConditionalExpression', 'ParenthesizedExpression', 'PropertyAccessExpression'],
    ['ElementAccessExpression', 'ObjectLiteralExpression', 'PropertyAssignment', 'QuestionToken', 'ColonToken'],
    // ECMAScript 6 and 8.
    ['VariableStatement', 'VariableDeclarationList', 'VariableDeclaration', 'AsyncKeyword', 'AwaitExpression'],
    // Operators.
    ['AsteriskToken', 'PlusToken', 'MinusToken', 'EqualsToken', 'EqualsEqualsEqualsToken'],
    ['ExclamationEqualsEqualsToken', 'BarBarToken', 'GreaterThanToken', 'LessThanEqualsToken'],
  ].flat(),
);

test('its syntax is that of the runtime', () => {
  const source = ts.createSourceFile('function.mjs', CODE, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS);
  // Kinds have several names where one of them is the first or the last of a group.
  const names = new Map<number, string[]>();
  for (const [name, kind] of Object.entries(ts.SyntaxKind).filter(([name]) => isNaN(Number(name)))) {
    names.set(kind as number, [...(names.get(kind as number) ?? []), name]);
  }
  const unknown: string[] = [];
  const visit = (node: ts.Node) => {
    const known = names.get(node.kind)!;
    const isOptional = ts.isPropertyAccessExpression(node) && node.questionDotToken !== undefined;
    if (isOptional || !known.some((name) => SYNTAX.has(name))) {
      unknown.push(`${known.join('/')}: ${node.getText()}`);
    }
    node.forEachChild(visit);
  };
  visit(source);
  expect(unknown).toEqual([]);
});
