import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { siftedSetHeader } from '../../../src-main/report/sifted-set.ts';

it('the schema of sifted-set.csv describes every column, in order', () => {
  const file = new URL('../../../src-main/report/schemas/sifted-set.schema.json', import.meta.url);
  const { fields } = JSON.parse(readFileSync(file, 'utf8')) as { fields: { name: string; type: string }[] };
  expect(fields.map(({ name }) => name)).toEqual([...siftedSetHeader]);
});
