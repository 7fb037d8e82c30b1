/** Planted attacks as `recorded-app.ts` plays them: one finished matrix, and others that end at once. */
import type { AppProcedures, Handlers } from '../../src-shared/contract.ts';
import {
  attackPairs,
  type AttackRequest,
  type BenchCell,
  type BenchOutcome,
  type Count,
  type MatrixDetail,
  type MatrixSummary,
  type Rates,
} from '../../src-shared/domain/bench.ts';
import { ExpectedError } from '../../src-shared/failure.ts';

const of = (hits: number, trials = 500): Count => ({ hits, of: trials });
const rates = (acc: number, asr: number, control: number): Rates => ({
  acc: of(acc),
  asr: of(asr, 450),
  control: of(control, 450),
});

/** An orange square on grey, 8 x 8: what the pictures of a planted trigger look like to the page. */
const square =
  'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAHUlEQVR4nGNsaGhgwAaYsIqSJcGCzEn7sYIWdgAA3qEDmPbb13MAAAAASUVORK5CYII=';

const request: AttackRequest = {
  inputs: null,
  encoders: ['none', 'badencoder'],
  datasets: ['none', 'badnets', 'blended', 'encoder-trigger'],
  target: 9,
  samples: 1500,
  test: 500,
  preset: 'quick',
  mode: 'paper',
  seeds: [1],
};

function outcomeOf(cell: BenchCell): BenchOutcome {
  if (cell.dataset === 'blended' && cell.encoder === 'badencoder')
    return { state: 'failed', cell, code: 'training-diverged', message: 'The loss of the warm-up is not finite.' };
  const planted = cell.encoder !== 'clean' || cell.dataset !== 'clean';
  const isVoid = cell.encoder === 'badencoder' && cell.dataset === 'badnets';
  return {
    state: 'done',
    cell,
    rows: [
      {
        trigger: cell.dataset === 'same trigger' ? 'both' : planted ? 'dataset' : 'none',
        about: planted ? 'a square of 13 pixels' : 'nothing',
        state: !planted ? 'nothing planted' : isVoid ? 'void' : 'counted',
        undefended: planted ? rates(405, isVoid ? 120 : 441, 9) : rates(410, 8, 7),
        sanitized: rates(380, planted ? 12 : 7, 6),
        controls: {},
        movedChannelsKept: of(3, 12),
        pictures: planted ? [square, square, square] : [],
      },
    ],
    leaks: { seeds: 0, pool: 1, admitted: 2, taught: 2, of: planted ? 75 : 0 },
    enrichment: planted ? 0.1 : null,
    covers: 0,
    suspects: of(planted ? 61 : 0, planted ? 66 : 0),
    verdict: {
      encoder: cell.encoder === 'clean' ? 'inconclusive' : 'suspicious',
      dataset: planted ? 'suspicious' : 'trusted',
    },
    findings: [],
    seconds: 31,
    peakBytes: 410e6,
    version: '0.1.0',
    provider: 'onnxruntime (CPU)',
  };
}

const encoderName = (attack: string): string => (attack === 'none' ? 'clean' : attack);
const datasetName = (attack: string): string =>
  attack === 'none' ? 'clean' : attack === 'encoder-trigger' ? 'same trigger' : attack;

function matrix(number: number, asked: AttackRequest): MatrixDetail {
  const cells = asked.seeds.flatMap((seed) =>
    attackPairs(asked).map(([encoder, dataset]): BenchCell => {
      const { preset, mode } = asked;
      return { encoder: encoderName(encoder), dataset: datasetName(dataset), seed, preset, mode };
    }),
  );
  const outcomes = cells.map(outcomeOf);
  const summary: MatrixSummary = {
    id: String(number).padStart(4, '0'),
    number,
    state: 'finished',
    cells: cells.length,
    done: outcomes.length,
    failed: outcomes.filter((one) => one.state === 'failed').length,
    startedAt: '2026-01-01T12:00:00.000Z',
    request: asked,
  };
  return { summary, folder: `/home/analyst/audits/attacks/${summary.id}`, cells, outcomes };
}

export function recordedAttacks(): Pick<
  Handlers<AppProcedures>,
  'attacks.list' | 'attacks.get' | 'attacks.start' | 'attacks.cancel' | 'attacks.resume' | 'attacks.events'
> {
  const made = [matrix(1, request)];
  const find = (id: string): MatrixDetail => {
    const found = made.find((one) => one.summary.id === id);
    if (found === undefined) throw new ExpectedError('matrix-unknown', id);
    return found;
  };
  return {
    'attacks.list': async () => made.map((one) => one.summary).reverse(),
    'attacks.get': async ({ id }) => find(id),
    'attacks.start': async ({ request: asked }) => {
      const begun = matrix(made.length + 1, asked);
      made.push(begun);
      return begun.summary;
    },
    'attacks.cancel': async ({ id }) => find(id).summary,
    'attacks.resume': async ({ id }) => find(id).summary,
    async *'attacks.events'({ id }) {
      const { cells } = find(id);
      const [cell] = cells;
      if (cell !== undefined) yield { type: 'cell', at: 0, of: cells.length, cell };
      yield { type: 'ended', failure: null };
    },
  };
}
