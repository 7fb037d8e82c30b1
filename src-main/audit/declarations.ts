/** What people declare about an audit, from a JSON file. */
import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { ExpectedError } from '../../src-shared/failure.ts';
import { systemFailure } from '../formats/system.ts';
import { noDeclarations, type Declarations } from '../../src-shared/domain/declarations.ts';

const text = v.nullable(v.pipe(v.string(), v.maxLength(4000)));
const word = v.pipe(v.string(), v.minLength(1), v.maxLength(400));
const optional = v.optional(text, null);
const time = v.pipe(v.string(), v.regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/, 'must be RFC 3339 in UTC'));
const party = v.optional(v.nullable(v.strictObject({ organisation: word, person: optional, role: optional })), null);
const subject = { name: optional, version: optional, supplier: optional, source: optional, licence: optional };

/** As a file or a page gives them; what is left out counts as not declared. */
export const declarationsSchema = v.strictObject({
  title: optional,
  marking: optional,
  assessor: party,
  thirdParty: v.optional(v.nullable(v.boolean()), null),
  reviewer: party,
  commissionedBy: party,
  encoder: v.optional(
    v.strictObject({ ...subject, pretrainingData: optional, signature: optional }),
    noDeclarations.encoder,
  ),
  dataset: v.optional(v.strictObject({ ...subject, split: optional, labelSource: optional }), noDeclarations.dataset),
  signOff: v.optional(
    v.strictObject({
      statement: optional,
      signatories: v.optional(v.array(v.strictObject({ name: word, role: word, organisation: word, at: time })), []),
    }),
    noDeclarations.signOff,
  ),
  validUntil: v.optional(v.nullable(v.pipe(v.string(), v.isoDate())), null),
});

/** What is left out counts as not declared. @throws ExpectedError file-missing, usage naming the member */
export function readDeclarations(file: string): Declarations {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw new ExpectedError('usage', `${file} is not JSON.`, { cause: error });
    throw systemFailure(error, file);
  }
  const read = v.safeParse(declarationsSchema, value);
  if (!read.success) {
    const issue = read.issues[0];
    throw new ExpectedError('usage', `${file}, ${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}.`);
  }
  return read.output;
}
