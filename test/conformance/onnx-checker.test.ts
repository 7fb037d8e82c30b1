import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { simplify } from '../../src-main/engine/graph/fold.ts';
import { writeOnnx } from '../../src-main/engine/graph/onnx/write.ts';
import { gradientCases } from '../fixtures/graph/cases.ts';

const python = '/usr/bin/python3';
const available = spawnSync(python, ['-c', 'import onnx']).status === 0;

const script = `
import sys, onnx
for name in sys.argv[1:]:
    model = onnx.load(name)
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == 17, model.opset_import
print(len(sys.argv) - 1)
`;

describe('written models and the ONNX reference checker', () => {
  it.skipIf(!available)('passes the checker with full shape inference', () => {
    const folder = mkdtempSync(join(tmpdir(), 'coresift-onnx-'));
    try {
      const files = gradientCases
        .filter((each) => each.graph.nodes.every((node) => node.domain === ''))
        .flatMap((each) =>
          [each.graph, simplify(each.graph)].map((graph, index) => {
            const file = join(folder, `${each.name}-${index}.onnx`);
            writeFileSync(file, writeOnnx(graph));
            return file;
          }),
        );
      expect(Number(execFileSync(python, ['-c', script, ...files], { encoding: 'utf8' }))).toBe(files.length);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
