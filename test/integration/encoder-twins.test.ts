/** One encoder as PyTorch's state dict and as PyTorch's own ONNX export: both audits must say the same. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { beforeAll, describe, expect, it } from 'vitest';
import { root, runCommand, type Outcome } from '../support/command-line.ts';
import { smallAudit } from '../support/small-audit.ts';

const audit = smallAudit();
const twins = { pytorch: 'views.pth', onnx: 'views.onnx' } as const;
const outcomes: Partial<Record<keyof typeof twins, Outcome>> = {};
const outOf = (kind: keyof typeof twins): string => join(audit.folder, kind);

interface Record_ {
  readonly verdict: Readonly<Record<string, { readonly verdict: string }>>;
  readonly subject: { readonly encoder: Readonly<Record<string, unknown>> };
}
const recordOf = (kind: keyof typeof twins): Record_ =>
  JSON.parse(readFileSync(join(outOf(kind), 'report.json'), 'utf8')) as Record_;
const rowsOf = (kind: keyof typeof twins): Record<string, string>[] =>
  parse(readFileSync(join(outOf(kind), 'sifted-set.csv')), { columns: true, bom: true }) as Record<string, string>[];

beforeAll(async () => {
  for (const kind of ['pytorch', 'onnx'] as const) {
    const encoder = join(root, 'test/fixtures/torch', twins[kind]);
    // The last --encoder counts. ONNX does not say which normalisation it was trained with; the architecture does.
    const normalisation = kind === 'onnx' ? ['--mean', '0.485,0.456,0.406', '--std', '0.229,0.224,0.225'] : [];
    outcomes[kind] = await runCommand(
      audit.args(outOf(kind), '--encoder', encoder, '--input-size', '32x32', ...normalisation, '--json'),
    );
  }
});

describe('an encoder as a PyTorch checkpoint', () => {
  it('is audited to its end, with the exit code of its ONNX twin', () => {
    expect(outcomes.pytorch?.code, outcomes.pytorch?.stderr.slice(-2000)).toBe(outcomes.onnx?.code);
    expect([1, 3]).toContain(outcomes.pytorch?.code);
  });

  it('gets the verdicts of its twin', () => {
    const [a, b] = [recordOf('pytorch'), recordOf('onnx')].map(({ verdict }) => [
      verdict.encoder.verdict,
      verdict.dataset.verdict,
    ]);
    expect(a).toEqual(b);
  });

  it('sifts the same seeds with the same scores', () => {
    const [a, b] = [rowsOf('pytorch'), rowsOf('onnx')];
    expect(a.length).toBe(96);
    const column = (rows: typeof a, name: string): string[] => rows.map((row) => row[name]);
    const seed = Object.keys(a[0]).find((name) => /seed/.test(name)) ?? '';
    const consistency = Object.keys(a[0]).find((name) => /consistency/.test(name)) ?? '';
    expect(column(a, seed)).toEqual(column(b, seed));
    expect(column(a, consistency)).toEqual(column(b, consistency));
    expect(new Set(column(a, consistency)).size).toBeGreaterThan(1);
  });

  it('is recorded with its format, its architecture and where its normalisation came from', () => {
    expect(recordOf('pytorch').subject.encoder).toMatchObject({
      format: 'pytorch',
      architecture: { name: 'resnet of basic blocks 1-1-1-1' },
      opset: null,
      scan: [],
      normalisation: {
        mean: [0.485, 0.456, 0.406],
        source: expect.stringContaining('from the architecture') as string,
      },
    });
    expect(recordOf('onnx').subject.encoder).toMatchObject({ format: 'onnx', architecture: null, opset: 13 });
  });
});
