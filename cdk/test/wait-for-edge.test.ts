/**
 * The wait for the edge: its states, run by a small interpreter with an edge of the test's own; its permissions; its
 * mistakes.
 */
import { CfnParameter, Duration, SecretValue, Stack } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import jsonata from 'jsonata';
import { WaitForEdge, WaitForEdgeProps } from '../src';
import { aslProblems, Definition, definitionOf, errorsOf, newStack, statementsOf } from './support';

const ROOT = 'https://d111111abcdef8.cloudfront.net';

type Changes = Partial<WaitForEdgeProps>;

function stackWith(
  given: Changes | ((stack: Stack) => Changes) = {},
  queryLanguage = sfn.QueryLanguage.JSON_PATH,
): Stack {
  const stack = newStack();
  const changes = typeof given === 'function' ? given(stack) : given;
  const edge = new WaitForEdge(stack, 'Edge', {
    connection: new events.Connection(stack, 'Connection', {
      authorization: events.Authorization.apiKey('x-asked-by', SecretValue.unsafePlainText('state-machine')),
    }),
    root: ROOT,
    path: 'release',
    condition: '{% $states.result.ResponseBody = $states.input.release %}',
    ...changes,
  });
  const after =
    queryLanguage === sfn.QueryLanguage.JSONATA ? sfn.Pass.jsonata(stack, 'After') : new sfn.Pass(stack, 'After');
  new sfn.StateMachine(stack, 'Machine', {
    definitionBody: sfn.DefinitionBody.fromChainable(edge.next(after)),
    queryLanguage,
  });
  return stack;
}

type Edge = (args: any) => { StatusCode: number; ResponseBody?: unknown; Headers?: object } | { Error: string };

/** Runs the states that a wait is made of, as Step Functions would, and counts. */
async function run({ StartAt, States }: Definition, edge: Edge, input: unknown): Promise<Record<string, unknown>> {
  let state = input;
  const variables: Record<string, unknown> = {};
  const seen = { asked: 0, waited: 0 };
  const value = async (template: unknown, states: object): Promise<any> => {
    const expression = typeof template === 'string' ? /^\{%(.*)%\}$/s.exec(template) : null;
    if (expression) {
      const found: unknown = await jsonata(expression[1]).evaluate(
        {},
        { ...variables, states: { input: state, ...states } },
      );
      // Step Functions fails where an expression finds nothing.
      expect(found).not.toBeUndefined();
      return found;
    }
    if (typeof template !== 'object' || template === null) {
      return template;
    }
    const entries = Object.entries(template).map(async ([name, it]) => [name, await value(it, states)] as const);
    return Object.fromEntries(await Promise.all(entries));
  };
  for (let name: string | undefined = StartAt; name !== undefined;) {
    const it: any = States[name];
    let way: any = it;
    let states = {};
    if (it.Type === 'Task') {
      seen.asked += 1;
      const answer = edge(await value(it.Arguments, {}));
      if (!('Error' in answer)) {
        states = { result: answer };
      } else {
        state = answer;
        const catches = it.Catch as { ErrorEquals: string[]; Next: string }[];
        way = catches.find(({ ErrorEquals }) => ErrorEquals.includes('States.TaskFailed'));
      }
    } else if (it.Type === 'Choice') {
      way = { Next: it.Default };
      for (const choice of it.Choices) {
        if (await value(choice.Condition, {})) {
          way = choice;
          break;
        }
      }
    } else if (it.Type === 'Wait') {
      seen.waited += it.Seconds;
    } else if (it.Type === 'Fail') {
      return { ...seen, error: it.Error, cause: await value(it.Cause, {}) };
    }
    const assigned = await value(way.Assign ?? {}, states);
    state = way.Output === undefined ? state : await value(way.Output, states);
    Object.assign(variables, assigned);
    name = way.Next;
  }
  return { ...seen, state };
}

const INPUT = { release: 'v2', other: [1] };

test('it asks until the answer is the one, and leaves the state as it was', async () => {
  const answers = ['v1', 'v1', 'v2'];
  const asked: unknown[] = [];
  const edge: Edge = (args) => {
    asked.push(args);
    return { StatusCode: 200, ResponseBody: answers.shift() };
  };
  const definition = definitionOf(stackWith({ query: { at: 'edge' } }));
  expect(await run(definition, edge, INPUT)).toEqual({ asked: 3, waited: 20, state: INPUT });
  expect(asked[0]).toEqual({
    ApiEndpoint: `${ROOT}/release`,
    Authentication: { ConnectionArn: 'ref' },
    Method: 'GET',
    QueryParameters: { at: 'edge' },
  });
});

test('an answer of another status, none, or without what is looked for is not the one', async () => {
  const answers: ReturnType<Edge>[] = [
    { Error: 'States.Http.StatusCode.404' },
    { Error: 'States.Http.Socket' },
    { StatusCode: 200 },
    { StatusCode: 200, ResponseBody: 'v2' },
  ];
  const edge: Edge = () => answers.shift()!;
  expect(await run(definitionOf(stackWith()), edge, INPUT)).toMatchObject({ asked: 4, state: INPUT });
});

test('it gives up, and says what the edge said', async () => {
  const definition = definitionOf(stackWith({ maxAttempts: 3, interval: Duration.seconds(2) }));
  expect(await run(definition, () => ({ StatusCode: 200, ResponseBody: 'v1' }), INPUT)).toEqual({
    asked: 3,
    waited: 4,
    error: 'CrossRegion.NotReady',
    cause: 'the edge does not answer as it should; its last answer was status 200',
  });
  const { cause } = await run(definition, () => ({ Error: 'States.Http.StatusCode.403' }), INPUT);
  expect(cause).toContain('its last answer was States.Http.StatusCode.403');
});

test('where it gives up it goes on elsewhere, with the state as it was and the last answer', async () => {
  const stack = stackWith((stack) => ({
    maxAttempts: 2,
    otherwise: sfn.Pass.jsonata(stack, 'Elsewhere', {
      outputs: { state: '{% $states.input %}', said: '{% $edgeSaid %}' },
    }),
  }));
  const definition = definitionOf(stack);
  expect(await run(definition, () => ({ Error: 'States.Http.Socket' }), INPUT)).toEqual({
    asked: 2,
    waited: 10,
    state: { state: INPUT, said: 'States.Http.Socket' },
  });
  const shows: Edge = () => ({ StatusCode: 200, ResponseBody: 'v2' });
  expect(await run(definition, shows, INPUT)).toEqual({ asked: 1, waited: 0, state: INPUT });
  expect(Object.keys(definition.States)).not.toContain('Edge not ready');
  expect(aslProblems(stack)).toEqual([]);
});

test('a path from state', async () => {
  const definition = definitionOf(stackWith({ path: "{% 'release/' & $states.input.release %}" }));
  const edge: Edge = ({ ApiEndpoint }) => ({
    StatusCode: 200,
    ResponseBody: ApiEndpoint === `${ROOT}/release/v2` && 'v2',
  });
  expect(await run(definition, edge, INPUT)).toMatchObject({ asked: 1 });
});

test('a path from state is one expression, whatever its operators', async () => {
  const definition = definitionOf(stackWith({ path: "{% $states.input.beta ? 'beta/v' : 'v' %}" }));
  for (const [beta, path] of [
    [true, 'beta/v'],
    [false, 'v'],
  ] as const) {
    const edge: Edge = ({ ApiEndpoint }) => ({
      StatusCode: 200,
      ResponseBody: ApiEndpoint === `${ROOT}/${path}` && 'v2',
    });
    expect(await run(definition, edge, { ...INPUT, beta })).toMatchObject({ asked: 1 });
  }
});

test('attempts that are known at deployment', () => {
  const maxAttempts = (stack: Stack) => new CfnParameter(stack, 'Attempts', { type: 'Number' }).valueAsNumber;
  const stack = stackWith((it) => ({ maxAttempts: maxAttempts(it) }));
  expect(errorsOf(stack)).toEqual([]);
  const [, givenUp] = definitionOf(stack).States['Edge answered'].Choices as { Condition: string }[];
  expect(givenUp.Condition).toBe('{% $edgeAsked >= ref %}');
});

test.each<[string, (token: string) => Changes]>([
  ['a root', (root) => ({ root })],
  ['a host', (host) => ({ root: `https://${host}` })],
  ['what is looked for', (version) => ({ condition: `{% $states.result.ResponseBody = '${version}' %}` })],
])('%s that is known at deployment', (_, changes) => {
  expect(errorsOf(stackWith((stack) => changes(new CfnParameter(stack, 'Given').valueAsString)))).toEqual([]);
});

test.each([sfn.QueryLanguage.JSON_PATH, sfn.QueryLanguage.JSONATA])(
  'it stands in a state machine of %s',
  (language) => {
    const stack = stackWith({}, language);
    expect(aslProblems(stack)).toEqual([]);
    expect(errorsOf(stack)).toEqual([]);
  },
);

test('the state machine may ask this distribution and nothing else', () => {
  const asking = statementsOf(stackWith()).find(({ Action }) => Action === 'states:InvokeHTTPEndpoint');
  expect(asking?.Condition).toEqual({ StringLike: { 'states:HTTPEndpoint': `${ROOT}*` } });
});

describe('mistakes', () => {
  const token = new CfnParameter(newStack(), 'Given').valueAsString;
  const cases: [string, Changes, string][] = [
    ['plain http', { root: 'http://example.com' }, '`root` must be `https://` and a host'],
    ['a root with a path', { root: 'https://example.com/a' }, '`root` must be `https://` and a host'],
    ['plain http beside a token', { root: `http://${token}/x` }, '`root` must be `https://` and a host'],
    ['a path beside a token', { root: `https://${token}/x` }, '`root` must be `https://` and a host'],
    ['a root from state', { root: sfn.JsonPath.stringAt('$.root') }, '`root` must be `https://` and a host'],
    ['a path with a slash', { path: '/release' }, '`path` must not begin with a slash'],
    ['no JSONata', { condition: 'v2' }, '`condition` must be JSONata'],
    ['a token in place of JSONata', { condition: token }, '`condition` must be JSONata'],
    ['no attempts', { maxAttempts: 0 }, '`maxAttempts` must be an integer from 1 on, not 0'],
    ['attempts from state', { maxAttempts: sfn.JsonPath.numberAt('$.n') }, '`maxAttempts` must not come from state'],
    ['no interval', { interval: Duration.seconds(0) }, '`interval` must be 1 second or more'],
  ];
  test.each(cases)('%s', (_, changes, message) => {
    expect(errorsOf(stackWith(changes))).toEqual([expect.stringContaining(message)]);
  });
});
