/** The shape of every request a page may send. A page is the least trusted part: nothing unchecked goes further. */
import * as v from 'valibot';
import type { Contract } from '../../src-shared/contract.ts';
import { decisionActs, decisionSubjects } from '../../src-shared/domain/decision.ts';
import { modes } from '../../src-shared/domain/run.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import type { RequestOf } from '../../src-shared/rpc/connect.ts';

// eslint-disable-next-line no-control-regex -- control characters are what is refused
const noControl = v.regex(/^[^\u0000-\u001f\u007f]*$/, 'holds a control character');
const text = (most: number) =>
  v.pipe(v.string(), v.nonEmpty('is empty'), v.maxLength(most, `is longer than ${most}`), noControl);
/** May be empty. */
const words = (most: number) => v.pipe(v.string(), v.maxLength(most, `is longer than ${most}`), noControl);
const path = text(4096);
const runId = v.pipe(v.string(), v.regex(/^[A-Za-z0-9._-]{1,100}$/, 'is no run id'));
const count = (least: number, most: number) => v.pipe(v.number(), v.safeInteger(), v.minValue(least), v.maxValue(most));
const perChannel = v.nullable(v.pipe(v.array(v.pipe(v.number(), v.finite())), v.minLength(1), v.maxLength(16)));
const nothing = v.strictObject({});
const ofRun = v.strictObject({ runId });

const auditRequest = v.strictObject({
  encoder: path,
  dataset: path,
  mode: v.picklist(modes),
  preset: v.picklist(['quick', 'standard', 'thorough']),
  seed: count(0, 2 ** 32 - 1),
  device: text(40),
  arch: v.nullable(text(100)),
  inputSize: v.nullable(v.tuple([count(1, 4096), count(1, 4096)])),
  mean: perChannel,
  std: perChannel,
  representation: v.nullable(text(500)),
  classes: v.nullable(path),
  overrides: v.pipe(
    v.record(text(100), v.union([v.pipe(v.number(), v.finite()), v.pipe(v.string(), v.maxLength(200)), v.boolean()])),
    v.check((record) => Object.keys(record).length <= 200, 'holds more than 200 entries'),
  ),
  limits: v.pipe(
    v.record(text(100), count(1, Number.MAX_SAFE_INTEGER)),
    v.check((record) => Object.keys(record).length <= 200, 'holds more than 200 entries'),
  ),
});

export const requestSchemas = {
  'app.info': nothing,
  'project.open': v.strictObject({ folder: v.nullable(path) }),
  'runs.list': nothing,
  'run.get': ofRun,
  'run.start': v.strictObject({ request: auditRequest, out: v.nullable(path) }),
  'run.cancel': ofRun,
  'run.resume': ofRun,
  'run.events': v.strictObject({ runId, after: count(0, Number.MAX_SAFE_INTEGER) }),
  'run.result': ofRun,
  'run.columns': ofRun,
  'sample.thumbnail': v.strictObject({ runId, index: count(0, 2 ** 31 - 1), size: count(16, 512) }),
  'sample.open': nothing,
  'report.page': ofRun,
  doctor: nothing,
  'run.taps': ofRun,
  'run.pools': ofRun,
  'sample.neighbours': v.strictObject({ runId, index: count(0, 2 ** 31 - 1) }),
  'run.opinions': ofRun,
  'run.decisions': ofRun,
  'run.decide': v.strictObject({
    runId,
    decision: v.strictObject({
      subject: v.picklist(decisionSubjects),
      key: words(1000),
      act: v.picklist(decisionActs),
      value: words(200),
      reason: words(2000),
    }),
  }),
  'project.journal': v.strictObject({ before: count(0, Number.MAX_SAFE_INTEGER), limit: count(1, 500) }),
  'project.verify': nothing,
  'pack.verify': v.strictObject({ path }),
  'audit.preview': v.strictObject({
    encoder: v.nullable(path),
    dataset: v.nullable(path),
    arch: v.nullable(text(100)),
    inputSize: v.nullable(v.tuple([count(1, 4096), count(1, 4096)])),
    mean: perChannel,
    std: perChannel,
    representation: v.nullable(text(500)),
    classes: v.nullable(path),
    device: text(40),
  }),
  'settings.read': nothing,
  'settings.write': v.strictObject({
    language: v.nullable(v.picklist(['en', 'de'])),
    theme: v.nullable(v.picklist(['system', 'light', 'dark'])),
  }),
} as const satisfies { readonly [Name in keyof Contract]: v.GenericSchema<unknown, RequestOf<Contract[Name]>> };

/** Returns the request when it has the procedure's shape; throws 'request-invalid' naming the first field that has not. */
export function checkRequest(name: keyof Contract, request: unknown): unknown {
  const checked = v.safeParse(requestSchemas[name], request, { abortEarly: true });
  if (checked.success) return checked.output;
  const [issue] = checked.issues;
  throw new ExpectedError('request-invalid', `${name}: ${v.getDotPath(issue) ?? 'request'}: ${issue.message}`);
}
