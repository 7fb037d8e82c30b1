/** The tests' configuration with one guard taken away: CORESIFT_MUTATION is its number in guards.mjs. */
import type { Plugin } from 'vite';
import { mergeConfig } from 'vitest/config';
import base from '../vitest.config.ts';
import { mutations } from './guards.mjs';

const mutation = mutations[Number(process.env['CORESIFT_MUTATION'])];
if (mutation === undefined) throw new Error('CORESIFT_MUTATION names no mutation');

const plugin: Plugin = {
  name: 'without-a-guard',
  enforce: 'pre',
  transform(code, id) {
    if (!id.endsWith(mutation.file)) return null;
    return code.split(mutation.guard).join(mutation.without);
  },
};

// What was transformed is not kept: the next run lacks another guard.
export default mergeConfig(base, { plugins: [plugin], test: { fsModuleCache: false } });
