/**
 * How far the untrusted encoder knows more than the student that it taught: whether it is asked to the end. The question is put
 * to a head that is fitted behind the frozen encoder on the first clean pool alone, so neither knows the other samples' labels
 * from them; and it is answered class by class, so that poison, which a poisoned encoder knows best, has one vote.
 */
import type { Json } from '../../../src-shared/json.ts';
import type { Encoder } from '../encoder/encoder.ts';
import type { Graph } from '../graph/ir.ts';
import { median } from '../math/statistics.ts';
import { spread } from '../math/spread.ts';
import type { PipelineContext } from './context.ts';
import { evaluateClassifier } from './evaluate.ts';
import { sizesOf } from './memory.ts';
import { fitPoolHead } from './stage-probe.ts';

/** Samples outside the pool that both are asked about, at most. */
const mostAsked = 2000;

export interface TeacherLead {
  /**
   * Median over the classes of the share of given labels that the encoder's head says less the share that the student says, -1..1;
   * null where no sample is left to ask about.
   */
  readonly lead: number | null;
}

/** @param pool the first clean pool @param student makes the student's classifier @param input digest of the round before */
export async function teacherLead(
  context: PipelineContext,
  encoder: Encoder,
  pool: Int32Array,
  student: () => Promise<Graph>,
  input: string,
): Promise<TeacherLead> {
  const { provider, samples, seed, signal } = context;
  const step = await context.journal.step({ name: 'teacher', params: { seed, rule: 1 }, inputs: [input] }, async () => {
    const inPool = new Set(pool);
    const others = Int32Array.from([...samples.labels.keys()].filter((i) => !inPool.has(i)));
    const asked = spread(others, mostAsked);
    if (asked.length === 0) return { data: { lead: null } as Json, tensors: {} };
    const options = { batch: sizesOf(context).evaluationBatch, signal };
    const saidBy = async (classifier: Graph): Promise<Int32Array> =>
      (await evaluateClassifier(provider, classifier, samples, asked, options)).predicted;
    const { classifier } = await fitPoolHead(context, encoder, pool, 'teacher/head');
    const labels = asked.map((i) => samples.labels[i]);
    const lead = leadByClass(await saidBy(classifier), await saidBy(await student()), labels, samples.classes.length);
    return { data: { lead } as Json, tensors: {} };
  });
  return step.data as unknown as TeacherLead;
}

/** Median over the classes of how much larger a share of their labels the teacher says than the student, -1..1. */
export function leadByClass(teacher: Int32Array, student: Int32Array, labels: Int32Array, classes: number): number {
  const more = new Float64Array(classes);
  const of = new Float64Array(classes);
  for (const [at, label] of labels.entries()) {
    of[label]++;
    more[label] += Number(teacher[at] === label) - Number(student[at] === label);
  }
  return median(more.map((count, c) => count / of[c]).filter((lead) => !Number.isNaN(lead)));
}
