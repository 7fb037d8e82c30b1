/**
 * No Defense: the encoder as it came with a head fitted on everything. No detector but the row that the others are
 * measured against: it doubts the samples it does not fit, and it fits poison.
 */
import { rowsByClass, type Detector, type SampleJudgement } from './opinion.ts';

export const noDefenseDetector: Detector = {
  id: 'no-defense',
  subject: 'samples',
  cost: 'cheap',
  judge({ samples, copies, probe }): Promise<SampleJudgement> {
    const indices = Int32Array.from({ length: samples.count }, (_, i) => i).filter((i) => !copies.has(i));
    const labels = indices.map((i) => samples.labels[i]);
    const flagged = Uint8Array.from(indices, (i) => (probe.predicted[i] === samples.labels[i] ? 0 : 1));
    const classes = rowsByClass({ labels, classes: samples.classes.length }).map((list) => ({
      score: list.length === 0 ? null : list.reduce((sum, i) => sum + flagged[i], 0) / list.length,
      alarm: false,
    }));
    return Promise.resolve({
      subject: 'samples',
      indices,
      score: Float32Array.from(indices, (i) => probe.loss[i]),
      flagged,
      quota: null,
      classes,
      numbers: {},
    });
  },
};
