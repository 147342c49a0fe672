/**
 * In how many Maps a state stands, which decides what its context object tells of an item.
 *
 * In: the state and the graph that it was bound to. Out: the number of inline Maps around it, up to the execution
 * that it belongs to: the items of a distributed Map are executions of their own. Nothing fails; `undefined` where
 * the graphs cannot be followed, so that nobody takes a state inside of a Map for one outside.
 *
 * aws-cdk-lib tells no state what encloses it: a graph knows the graph around it, and a Map or Parallel knows the
 * graphs inside. Both are private there; what is not found is therefore taken for unknown.
 */
import * as sfn from 'aws-cdk-lib/aws-stepfunctions';
import { Stack } from 'aws-cdk-lib/core';

/** What aws-cdk-lib's states hold of the graphs inside them. */
interface Enclosing {
  readonly processor?: sfn.StateGraph;
  readonly processorMode?: sfn.ProcessorMode;
  readonly processorConfig?: sfn.ProcessorConfig;
  readonly iteration?: sfn.StateGraph;
  readonly branches?: sfn.StateGraph[];
}

/** How aws-cdk-lib describes a graph inside of another. */
const INNER = /^(Map|Parallel) /;

export function inlineMapsAround(state: sfn.State, graph: sfn.StateGraph | undefined): number | undefined {
  let maps = 0;
  for (let inner = graph; inner !== undefined; inner = superGraphOf(inner)) {
    const owner = ownerOf(state, inner);
    if (owner === undefined) {
      return INNER.test(inner.toString()) || superGraphOf(inner) !== undefined ? undefined : maps;
    }
    if (owner.processor === inner || owner.iteration === inner) {
      if (isDistributed(owner)) {
        return maps;
      }
      maps += 1;
    }
  }
  return maps;
}

function ownerOf(state: sfn.State, graph: sfn.StateGraph): Enclosing | undefined {
  return Stack.of(state)
    .node.findAll()
    .filter((it) => it instanceof sfn.State)
    .map((it) => it as unknown as Enclosing)
    .find((it) => it.processor === graph || it.iteration === graph || it.branches?.includes(graph));
}

function superGraphOf(graph: sfn.StateGraph): sfn.StateGraph | undefined {
  return (graph as unknown as { superGraph?: sfn.StateGraph }).superGraph;
}

function isDistributed(map: Enclosing): boolean {
  return [map.processorMode, map.processorConfig?.mode].includes(sfn.ProcessorMode.DISTRIBUTED);
}
