/** The import rules are only worth what they catch: a breach of each is planted in a small tree of the same shape. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Linter } from 'eslint';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { requireSelectors } from '../require-selectors.ts';

const root = new URL('../..', import.meta.url).pathname;
const config = join(root, 'test/dependency-rules.cjs');
const rules = (createRequire(import.meta.url)(config) as { forbidden: { name: string }[] }).forbidden.map(
  (rule) => rule.name,
);

const breaches: Readonly<Record<string, readonly [file: string, source: string][]>> = {
  'shared-stands-alone': [['src-shared/a.ts', `import '../src-main/store/ok.ts';`]],
  'renderer-knows-shared-only': [
    ['src-renderer/b.ts', `import type { X } from '../src-main/store/ok.ts'; export type Y = X;`],
  ],
  'renderer-has-no-runtime': [
    ['src-renderer/C.svelte', `<script lang="ts">import { readFileSync } from 'node:fs'; readFileSync('x');</script>`],
  ],
  'renderer-packages': [['src-renderer/d.ts', `import 'valibot';`]],
  'main-does-not-know-renderer': [['src-main/report/e.ts', `import '../../src-renderer/ok.ts';`]],
  'engine-imports-shared-only': [['src-main/engine/f.ts', `import '../store/ok.ts';`]],
  'engine-touches-nothing': [['src-main/engine/g.ts', `import 'node:fs';`]],
  'engine-has-no-database-and-no-images': [['src-main/engine/h.ts', `import 'better-sqlite3';`]],
  'formats-are-below-audit': [['src-main/formats/i.ts', `import '../store/ok.ts';`]],
  'store-is-below-audit': [['src-main/store/j.ts', `import '../audit/ok.ts';`]],
  'report-is-below-audit': [['src-main/report/k.ts', `import '../store/ok.ts';`]],
  'audit-is-below-hosts': [['src-main/audit/l.ts', `import '../hosts/cli/ok.ts';`]],
  'hosts-go-through-audit': [
    ['src-main/hosts/cli/m.ts', `import type { X } from '../../engine/ok.ts'; export type Y = X;`],
  ],
  'hosts-do-not-know-each-other': [['src-main/hosts/electron/n.ts', `import '../loopback/ok.ts';`]],
  'electron-in-its-host-only': [
    ['src-main/hosts/loopback/o.ts', `import type { App } from 'electron'; export type Y = App;`],
  ],
  'network-in-one-file': [
    ['src-main/audit/p.ts', `import 'node:https';`],
    ['src-main/hosts/loopback/q.ts', `import 'ws';`],
  ],
  'runtime-behind-one-door': [['src-main/engine/v.ts', `import('onnxruntime-node').then(console.log);`]],
  'no-circles': [['src-main/store/r.ts', `import { s } from './s.ts'; export const r = () => s;`]],
  resolvable: [['src-main/store/t.ts', `import './missing.ts';`]],
  'product-needs-no-tool': [['src-main/store/u.ts', `import 'esbuild';`]],
};

interface Violation {
  readonly rule: { readonly name: string };
  readonly from: string;
}

describe('the import rules', () => {
  const tree = mkdtempSync(join(tmpdir(), 'coresift-layers-'));
  const write = (file: string, source: string): void => {
    mkdirSync(dirname(join(tree, file)), { recursive: true });
    writeFileSync(join(tree, file), `${source}\n`);
  };
  let violations: readonly Violation[];

  beforeAll(() => {
    mkdirSync(join(tree, 'src-shared'));
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
    symlinkSync(join(root, 'package.json'), join(tree, 'package.json'));
    symlinkSync(join(root, 'src-shared/tsconfig.json'), join(tree, 'src-shared/tsconfig.json'));
    for (const file of [
      'src-shared/ok.ts',
      'src-renderer/ok.ts',
      'src-main/engine/ok.ts',
      'src-main/formats/ok.ts',
      'src-main/store/ok.ts',
      'src-main/report/ok.ts',
      'src-main/audit/ok.ts',
      'src-main/hosts/cli/ok.ts',
      'src-main/hosts/electron/ok.ts',
      'src-main/hosts/loopback/ok.ts',
    ]) {
      write(file, 'export type X = 1;');
    }
    // What the rules allow, so that a rule that forbids everything fails here too.
    write('src-main/hosts/cli/allowed.ts', `import '../../audit/ok.ts'; import '../loopback/ok.ts';`);
    write('src-main/audit/allowed.ts', `import '../engine/ok.ts'; import '../store/ok.ts'; import 'node:crypto';`);
    write('src-main/hosts/loopback/server.ts', `import 'node:http'; import 'ws';`);
    write('src-main/hosts/electron/allowed.ts', `import 'electron';`);
    write('src-main/engine/allowed.ts', `import '../../src-shared/ok.ts';`);
    write('src-main/engine/providers/ort/load.ts', `import 'onnxruntime-node';`);
    write('src-main/engine/types.ts', `import type { Tensor } from 'onnxruntime-node'; export type X = Tensor;`);
    write('src-renderer/Allowed.svelte', `<script lang="ts">import 'd3'; import '../src-shared/ok.ts';</script>`);
    write('src-main/store/s.ts', `import { r } from './r.ts'; export const s = () => r;`);
    for (const files of Object.values(breaches)) for (const [file, source] of files) write(file, source);

    let output: string;
    try {
      output = execFileSync(
        process.execPath,
        [
          join(root, 'node_modules/dependency-cruiser/bin/dependency-cruiser.mjs'),
          ...['--config', config, '--output-type', 'json'],
          ...['src-shared', 'src-renderer', 'src-main'],
        ],
        { cwd: tree, encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'pipe'] },
      );
    } catch (error) {
      output = (error as { stdout: string }).stdout;
    }
    violations = (JSON.parse(output) as { summary: { violations: Violation[] } }).summary.violations;
  });

  afterAll(() => rmSync(tree, { recursive: true }));

  it('are each covered by a planted breach', () => {
    expect(Object.keys(breaches).sort()).toEqual([...rules].sort());
  });

  it.each(Object.entries(breaches).flatMap(([rule, files]) => files.map(([file]) => [rule, file] as const)))(
    '%s reports %s',
    (rule, file) => {
      expect(violations.filter((found) => found.from === file).map((found) => found.rule.name)).toContain(rule);
    },
  );

  it('let through what the house allows', () => {
    expect(violations.filter((found) => /allowed|server\.ts/i.test(found.from))).toEqual([]);
  });
});

describe('what the import rules do not see', () => {
  const found = (source: string): number =>
    new Linter().verify(`import { createRequire } from 'node:module'; let load; ${source}`, {
      rules: { 'no-restricted-syntax': ['error', ...requireSelectors] },
    }).length;

  it.each([
    `import { createRequire as make } from 'node:module';`,
    `import * as module from 'node:module'; module.createRequire('x');`,
    `const other = createRequire(import.meta.url);`,
    `load = createRequire(import.meta.url);`,
    `createRequire(import.meta.url)('node:fs');`,
  ])('is refused by name: %s', (source) => expect(found(source)).toBe(1));

  it('is not what they see', () => expect(found(`const require = createRequire(import.meta.url);`)).toBe(0));
});
