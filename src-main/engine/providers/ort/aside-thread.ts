/** Entry of the thread that runs graphs beside a provider: one request after the other, as `aside-protocol.ts` has them. */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { serializeFailure } from '../../../../src-shared/failure.ts';
import type { CompiledGraph } from '../provider.ts';
import type { AsideAnswer, AsideRequest, AsideSetup, Tensors } from './aside-protocol.ts';
import { bindSession } from './bound.ts';
import { loadOrt } from './load.ts';
import { createSession } from './session.ts';

const { copies, told } = workerData as AsideSetup & { readonly copies: MessagePort };
const graphs: (CompiledGraph | null)[] = [];

function graphOf(number: number): CompiledGraph {
  const graph = graphs[number];
  if (graph === null || graph === undefined) throw new Error(`there is no open graph ${number}`);
  return graph;
}

async function answer(request: AsideRequest): Promise<AsideAnswer | null> {
  switch (request.kind) {
    case 'open': {
      const { model, threads, optimisation, inputs, outputs, state } = request.prepared;
      const session = await createSession(model, { threads, optimisation });
      return {
        kind: 'opened',
        graph: graphs.push(bindSession(await loadOrt(), session, { inputs, outputs }, state)) - 1,
      };
    }
    case 'run': {
      const values = await graphOf(request.graph).run(request.feeds);
      free(request.feeds);
      return { kind: 'done', values };
    }
    case 'set':
      graphOf(request.graph).setState(request.values);
      free(request.values);
      return null;
    case 'get':
      return { kind: 'done', values: graphOf(request.graph).getState(request.names ?? undefined) };
    case 'close': {
      const graph = graphOf(request.graph);
      graphs[request.graph] = null;
      await graph.dispose();
      return { kind: 'done', values: {} };
    }
    case 'end':
      for (const graph of graphs.splice(0)) await graph?.dispose();
      return { kind: 'done', values: {} };
  }
}

/** What was sent here is this thread's alone, and used once: it need not wait for the collector. */
function free(values: Tensors): void {
  for (const buffer of new Set(buffersOf(values))) buffer.transfer(0);
}

function buffersOf(values: Tensors): ArrayBuffer[] {
  return Object.values(values).map(({ data }) => data.buffer as ArrayBuffer);
}

/** What setting a state failed with; the next answer tells it. */
let broken: Error | null = null;

async function serve(request: AsideRequest): Promise<void> {
  let given: AsideAnswer | null;
  try {
    if (broken !== null) throw broken;
    given = await answer(request);
  } catch (error) {
    if (request.kind === 'set') broken = error instanceof Error ? error : new Error(String(error));
    given = { kind: 'failed', failure: serializeFailure(error) };
  }
  if (request.kind === 'set' || given === null) return;
  // What a run gave may lie in memory of the runtime, which cannot be handed over; copies of the state can.
  if (request.kind === 'get') {
    copies.postMessage(given, given.kind === 'done' ? buffersOf(given.values) : []);
    Atomics.add(told, 0, 1);
    Atomics.notify(told, 0);
  } else {
    parentPort?.postMessage(given);
    if (given.kind === 'done') free(given.values);
  }
}

let last: Promise<unknown> = Promise.resolve();
parentPort?.on('message', (request: AsideRequest) => {
  last = last.then(() => serve(request));
});
parentPort?.postMessage('ready');
