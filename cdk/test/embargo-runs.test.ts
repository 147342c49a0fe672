/**
 * When a run of the example embargoed-covers tells its version: what its state machine makes of a sync's result.
 */
import { App } from 'aws-cdk-lib';
import jsonata from 'jsonata';
import { EmbargoedCovers } from '../examples/embargoed-covers/embargoed-covers';
import { definitionOf, HERE } from './support';

const { States } = definitionOf(new EmbargoedCovers(new App(), 'EmbargoedCovers', { env: HERE }));

/** The state after the sync, by its own expressions. */
async function next(result: object, retryCount: number): Promise<string> {
  const { Assign, Next } = States.SyncCovers;
  const value = (expression: string, variables: object): Promise<unknown> =>
    jsonata(/^\{%(.*)%\}$/s.exec(expression)![1]).evaluate({}, variables);
  const states = {
    result: { ETag: 'E1', $metadata: {}, conflicts: 0, ...result },
    context: { State: { RetryCount: retryCount } },
  };
  const assigned = Object.entries(Assign as Record<string, string>).map(
    async ([name, expression]) => [name, await value(expression, { states })] as const,
  );
  const variables = Object.fromEntries(await Promise.all(assigned));
  const { Choices, Default } = States[Next];
  for (const choice of Choices as { Condition: string; Next: string }[]) {
    if ((await value(choice.Condition, variables)) === true) {
      return choice.Next;
    }
  }
  return Default as string;
}

test.each([
  ['nothing was written', { put: 0, deleted: 0 }, 0, 'Done'],
  ['something was put', { put: 1, deleted: 0 }, 0, 'MarkVersion'],
  ['something was deleted', { put: 0, deleted: 1 }, 0, 'MarkVersion'],
  ['an attempt before may have written all of it', { put: 0, deleted: 0 }, 1, 'MarkVersion'],
  // Resent after its answer was lost, a write meets the ETag that it made itself.
  ['a request may have written all of it', { put: 0, deleted: 0, conflicts: 1 }, 0, 'MarkVersion'],
])('%s', async (_, result, retryCount, state) => {
  expect(await next(result, retryCount)).toBe(state);
});
