/** Second opinions on the recorded audit: one detector that agrees with it, one that does not, one that was not run. */
import type { OpinionTable } from '../../src-shared/contract.ts';
import { opinionIds, type Opinion } from '../../src-shared/domain/opinion.ts';
import { areaUnderCurve } from '../../src-main/engine/opinions/agreement.ts';
import { recordedTable } from './recorded-app.ts';

export function recordedOpinions(): OpinionTable {
  const { classNames, columns } = recordedTable();
  const samples = columns.label.length;
  const suspect = Uint8Array.from(columns.suspectRank, (rank) => (rank >= 0 ? 1 : 0));
  const suspects = suspect.reduce((sum, flag) => sum + flag, 0);
  const scan = columns.majority.map((value) => 1 - value);
  const spectral = columns.probeLoss.slice();
  const scanFlags = suspect.slice();
  const spectralFlags = Uint8Array.from(spectral, (value) => (value > 0.925 ? 1 : 0));
  const of = (id: Opinion['id'], score: Float32Array, flags: Uint8Array, over: Partial<Opinion>): Opinion => {
    const flagged = flags.reduce((sum, flag) => sum + flag, 0);
    return {
      id,
      state: 'run',
      reason: null,
      subject: 'samples',
      scored: samples,
      of: samples,
      flagged,
      quota: null,
      alarm: null,
      numbers: {},
      classes: classNames.map((_, classIndex) => {
        const own = [...columns.label.keys()].filter((i) => columns.label[i] === classIndex);
        const hits = own.filter((i) => flags[i] === 1).length;
        return {
          classIndex,
          scored: own.length,
          flagged: hits,
          score: hits / own.length,
          alarm: id === 'scan' && hits > 0,
        };
      }),
      agreement: {
        with: 'suspects',
        audit: suspects,
        both: flags.reduce((sum, flag, i) => sum + (flag & (suspect[i] ?? 0)), 0),
        byChance: (flagged * suspects) / samples,
        auc: areaUnderCurve(score, suspect),
      },
      ...over,
    };
  };
  const told: Partial<Record<Opinion['id'], Opinion>> = {
    scan: of('scan', scan, scanFlags, {
      alarm: true,
      numbers: { anomalyLimit: 7.389, dimensions: 32, cleanSamples: 1000 },
    }),
    'spectral-signatures': of('spectral-signatures', spectral, spectralFlags, { quota: 0.075 }),
  };
  const opinions = opinionIds.map(
    (id): Opinion =>
      told[id] ?? {
        ...of(id, spectral, new Uint8Array(samples), {}),
        state: 'not-run',
        reason: id === 'decree' ? 'not-asked' : 'not-built',
        scored: 0,
        of: 0,
        classes: [],
        agreement: null,
      },
  );
  const rows = ['spectral-signatures', 'scan'] as const;
  const score = new Float32Array(2 * samples);
  const flagged = new Uint8Array(2 * samples);
  [spectral, scan].forEach((row, at) => score.set(row, at * samples));
  [spectralFlags, scanFlags].forEach((row, at) => flagged.set(row, at * samples));
  return { opinions, rows, score, flagged };
}
