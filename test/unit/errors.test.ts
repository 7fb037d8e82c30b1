import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { errorCatalogue } from '../../src-shared/errors.ts';

describe('the error catalogue', () => {
  it('is what errors.md says', () => {
    const script = new URL('../../src-shared/write-errors.mjs', import.meta.url).pathname;
    expect(() => execFileSync(process.execPath, [script, '--check'])).not.toThrow();
  });

  it('says for each code what happened, what it means and what to do, in whole sentences', () => {
    for (const [code, entry] of Object.entries(errorCatalogue)) {
      expect(code).toMatch(/^[a-z]+(-[a-z]+)*$/);
      for (const sentence of [entry.text, entry.means, entry.todo]) expect(sentence, code).toMatch(/^.{10,200}[.]$/);
    }
  });
});
