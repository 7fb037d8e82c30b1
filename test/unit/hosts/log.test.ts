/** The file that a user of the desktop application can pass on when something went wrong. */
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fileLog } from '../../../src-main/hosts/electron/log.ts';
import { ExpectedError } from '../../../src-shared/failure.ts';
import { temporaryFolder } from '../../support/small-audit.ts';

const folder = temporaryFolder('log');
const home = '/home/analyst';
const options = { home, version: '0.1.0', now: () => Date.parse('2026-01-02T03:04:05Z') };
const lines = (file: string): Record<string, unknown>[] =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

it('is one line of JSON for each failure, with its code, its words and where it was, and names no home folder', () => {
  const file = join(folder, 'logs', 'coresift.jsonl');
  const log = fileLog({ file, ...options });
  log(new ExpectedError('file-missing', `${home}/models/encoder.onnx`));
  const bug = new RangeError(`index 7 of 3 in ${home}/a`);
  bug.stack = `RangeError: index 7\n    at ${home}/app.js:1:2`;
  log(bug);
  log('a bare string\nof two lines');
  const [expected, unexpected, bare] = lines(file);
  expect(expected).toMatchObject({ code: 'file-missing', version: '0.1.0', time: '2026-01-02T03:04:05.000Z' });
  expect(JSON.stringify(expected)).toContain('~/models/encoder.onnx');
  expect(unexpected).toMatchObject({ kind: 'bug' });
  expect(unexpected['stack']).toContain('~/app.js:1:2');
  expect(JSON.stringify(bare)).toContain('of two lines');
  expect(readFileSync(file, 'utf8')).not.toContain(home);
  if (process.platform !== 'win32') expect(statSync(file).mode & 0o077).toBe(0);
});

it('names no home folder of Windows either', () => {
  const file = join(folder, 'windows.jsonl');
  fileLog({ file, ...options, home: 'C:\\Users\\ann' })(new ExpectedError('file-missing', 'C:\\Users\\ann\\a.onnx'));
  expect(lines(file)[0]?.['detail']).toBe('~\\a.onnx');
});

it('does not grow without end', () => {
  const file = join(folder, 'small.jsonl');
  const log = fileLog({ file, ...options, most: 2000 });
  for (let i = 0; i < 100; i++) log(new ExpectedError('no-space', `number ${i}`));
  expect(statSync(file).size).toBeLessThan(4000);
  expect(statSync(`${file}.old`).size).toBeLessThan(4000);
  expect(lines(file).at(-1)?.['detail']).toBe('number 99');
});

it('that cannot be written stops nothing', () => {
  const file = join(folder, 'taken');
  mkdirSync(file);
  fileLog({ file: join(file, '\0'), ...options })(new Error('x'));
  fileLog({ file, ...options })(new Error('x'));
  expect(existsSync(file)).toBe(true);
});
