/**
 * No Defense: the encoder as it came with a head fitted on everything. No detector but the row that the others are
 * measured against: it doubts the samples it does not fit, and it fits poison.
 */
import { rowsByClass, type Detector, type SampleJudgement } from './opinion.ts';

export const noDefenseDetector: Detector = {
  id: 'no-defense',
  subject: 'samples',
  cost: 'cheap',
  judge({ samples, probe }): Promise<SampleJudgement> {
    const { labels, count } = samples;
    const flagged = Uint8Array.from({ length: count }, (_, i) => (probe.predicted[i] === labels[i] ? 0 : 1));
    const classes = rowsByClass({ labels, classes: samples.classes.length }).map((list) => ({
      score: list.length === 0 ? null : list.reduce((sum, i) => sum + flagged[i], 0) / list.length,
      alarm: false,
    }));
    return Promise.resolve({
      subject: 'samples',
      indices: Int32Array.from({ length: count }, (_, i) => i),
      score: probe.loss.slice(),
      flagged,
      quota: null,
      classes,
      numbers: {},
    });
  },
};
