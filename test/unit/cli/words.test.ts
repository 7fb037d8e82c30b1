import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { exitCodeOf, failureJson, failureText } from '../../../src-main/hosts/cli/failure-text.ts';
import { drawBar, duration, progressView } from '../../../src-main/hosts/cli/progress.ts';
import { resultText, verdictSentence } from '../../../src-main/hosts/cli/result-text.ts';
import { errorCatalogue } from '../../../src-shared/errors.ts';
import type { RunEvent } from '../../../src-shared/domain/run.ts';
import type { AuditResult } from '../../../src-shared/domain/result.ts';
import type { Finding, Verdict } from '../../../src-shared/domain/verdict.ts';
import { CancelledError, ExpectedError } from '../../../src-shared/failure.ts';

describe('a failed command', () => {
  it('says what happened, what it means and what to do', () => {
    const text = failureText(new ExpectedError('no-space', '/data is full'));
    const { text: what, means, todo } = errorCatalogue['no-space'];
    for (const part of [what, means, todo, '/data is full', '(no-space)']) expect(text).toContain(part);
  });

  it('shows no control character of a stranger', () => {
    const text = failureText(new ExpectedError('file-missing', 'evil\u001b[2Jname\u202e'));
    expect(text).not.toContain('\u001b');
    expect(text).not.toContain('\u202e');
    expect(text).toContain('\\u{1B}');
  });

  it('calls a bug a bug and keeps its stack', () => {
    const text = failureText(new RangeError('index 7 of 3'));
    expect(text).toContain('bug');
    expect(text).toContain('index 7 of 3');
  });

  it('exits with 130 when cancelled, 4 when misunderstood, 2 otherwise', () => {
    expect(exitCodeOf(new CancelledError())).toBe(130);
    expect(exitCodeOf(new ExpectedError('usage', ''))).toBe(4);
    expect(exitCodeOf(new ExpectedError('no-space', ''))).toBe(2);
    expect(exitCodeOf(new Error('x'))).toBe(2);
  });

  it('is one JSON value with --json', () => {
    expect(failureJson(new ExpectedError('not-onnx', 'a.txt'))).toMatchObject({
      type: 'error',
      code: 'not-onnx',
      detail: 'a.txt',
      exitCode: 2,
    });
    expect(failureJson(new CancelledError())).toMatchObject({ code: 'cancelled', exitCode: 130 });
  });
});

const progress = (done: number, total: number): RunEvent => ({
  type: 'progress',
  stage: 'grow',
  done,
  total,
  unit: 'epochs',
  rate: 2,
  etaSeconds: (total - done) / 2,
});

function shown(tty: boolean, json: boolean, events: readonly RunEvent[]): string {
  const stream = Object.assign(new PassThrough(), {
    isTTY: tty,
    columns: 100,
    clearLine: () => true,
    cursorTo: () => true,
  });
  const view = progressView(stream, json);
  for (const event of events) view.show(event);
  view.end();
  return ((stream.read() as Buffer | null) ?? Buffer.alloc(0)).toString('utf8');
}

describe('progress', () => {
  const events: RunEvent[] = [
    { type: 'stage', stage: 'grow', state: 'started' },
    ...Array.from({ length: 100 }, (_, i) => progress(i + 1, 100)),
    { type: 'warning', code: 'tiny', message: 'Class has 3 samples.', subject: 'b\u0007ell' },
    { type: 'stage', stage: 'grow', state: 'finished' },
  ];

  it('is one JSON value per line with --json, nothing left out', () => {
    const lines = shown(false, true, events).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line) as RunEvent)).toEqual(events);
  });

  it('is a few plain lines where there is no terminal', () => {
    const text = shown(false, false, events);
    expect(text.split('\n').length).toBeLessThan(20);
    expect(text).toContain('Grow the clean pool: started');
    expect(text).toContain('[5/13] Unlearn: not needed in this run');
    expect(text).not.toContain('Final fit: not needed');
    expect(text).toContain('Grow the clean pool: finished');
    expect(text).not.toContain('\u001b');
    expect(text).toContain('Warning: Class has 3 samples. (b\\u{7}ell)');
  });

  it('is a bar with rate and time left on a terminal', () => {
    expect(drawBar(0.5, { title: '[9/12] Grow', detail: '5/10 epochs  2 epochs/s  3 s left' }, 100)).toBe(
      `${'[9/12] Grow'.padEnd(26)} ${'█'.repeat(12)}${'░'.repeat(12)} 5/10 epochs  2 epochs/s  3 s left`,
    );
    expect(drawBar(2, { title: 'x', detail: 'y'.repeat(300) }, 80).length).toBe(79);
    expect(shown(true, false, events)).toContain('[9/13]');
  });

  it('rounds times as people say them', () => {
    expect([0.2, 89, 98.3, 600, 7_260, NaN].map(duration)).toEqual([
      '1 s',
      '89 s',
      '1 min 39 s',
      '10 min',
      '2 h 1 min',
      'unknown',
    ]);
  });
});

const finding = (subject: Finding['subject'], verdict: Verdict): Finding => ({
  code: `${subject}.x`,
  subject,
  name: null,
  verdict,
  confidence: verdict === 'not-examined' ? null : 0.9,
  claim: `The claim about the ${subject}.`,
  evidence: { refusedShare: 0.28765, counts: [1, 2] },
  wouldChange: 'More samples.',
});

function result(encoder: Verdict, dataset: Verdict): AuditResult {
  return {
    encoder: { file: 'encoder\u001b.onnx' } as AuditResult['encoder'],
    dataset: { path: 'fashion', samples: 2 } as AuditResult['dataset'],
    sifting: { seeds: 1, pool: 2 } as AuditResult['sifting'],
    channels: {} as AuditResult['channels'],
    rounds: [],
    triggers: { residues: [], meanResidue: null, estimate: null },
    outcome: { guardSamples: 20, probeAccuracy: 0.8, sanitizedAccuracy: 0.75 },
    verdict: {
      encoder: finding('encoder', encoder),
      dataset: finding('dataset', dataset),
      classes: [{ ...finding('class', 'suspicious'), name: 'boot' }],
      notExamined: [{ what: 'image 3.png', reason: 'unreadable', detail: 'truncated' }],
    },
    parameters: {},
  };
}

describe('the result', () => {
  it('leads with one sentence that never says more than was examined', () => {
    expect(verdictSentence(result('suspicious', 'suspicious'))).toContain('Do not trust the encoder and the dataset');
    expect(verdictSentence(result('trusted', 'suspicious'))).toContain('Do not trust the dataset');
    expect(verdictSentence(result('trusted', 'inconclusive'))).toContain('not everything could be judged');
    expect(verdictSentence(result('trusted', 'trusted'))).toContain('not everything could be judged');
    const clean = result('trusted', 'trusted');
    expect(verdictSentence({ ...clean, verdict: { ...clean.verdict, notExamined: [] } })).toContain(
      'Nothing suspicious was found in the encoder or the dataset',
    );
  });

  it('gives claims, evidence, what was not examined and the files', () => {
    const text = resultText(
      result('suspicious', 'trusted'),
      4,
      [{ path: '/w/out/report.html', purpose: 'the report' }],
      '/w',
    );
    for (const part of [
      'SUSPICIOUS, confidence 0.90',
      'refused share: 29 %',
      'counts: 1, 2',
      'Class boot',
      'image 3.png: truncated [unreadable]',
      'out/report.html',
      '4 samples are on the suspect list',
    ])
      expect(text).toContain(part);
    expect(text).not.toContain('\u001b');
  });
});
