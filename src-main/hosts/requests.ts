/** The shape of every request a page may send. A page is the least trusted part: nothing unchecked goes further. */
import * as v from 'valibot';
import { mapMethods, type Contract } from '../../src-shared/contract.ts';
import { plantableDatasets, plantableEncoders } from '../../src-shared/domain/bench.ts';
import { decisionActs, decisionSubjects } from '../../src-shared/domain/decision.ts';
import { cycloneDxVersions, papers, reportLanguages, wantedFormats } from '../../src-shared/domain/report-order.ts';
import { exportFormats } from '../../src-shared/domain/model-export.ts';
import { modes } from '../../src-shared/domain/run.ts';
import { keyKinds } from '../../src-shared/domain/signing-key.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import type { RequestOf } from '../../src-shared/rpc/connect.ts';
import { declarationsSchema } from '../audit/declarations.ts';
import { pathFor } from './request-paths.ts';

// eslint-disable-next-line no-control-regex -- control characters are what is refused
const noControl = v.regex(/^[^\u0000-\u001f\u007f]*$/, 'holds a control character');
const text = (most: number) =>
  v.pipe(v.string(), v.nonEmpty('is empty'), v.maxLength(most, `is longer than ${most}`), noControl);
/** May be empty. */
const words = (most: number) => v.pipe(v.string(), v.maxLength(most, `is longer than ${most}`), noControl);
/** Of something to read. */
const path = v.pipe(text(4096), pathFor('read'));
/** Of a folder to make or write into. */
const target = v.pipe(text(4096), pathFor('write'));
const runId = v.pipe(v.string(), v.regex(/^[A-Za-z0-9._-]{1,100}$/, 'is no run id'));
const count = (least: number, most: number) => v.pipe(v.number(), v.safeInteger(), v.minValue(least), v.maxValue(most));
const perChannel = v.nullable(v.pipe(v.array(v.pipe(v.number(), v.finite())), v.minLength(1), v.maxLength(16)));
const passphrase = v.nullable(v.pipe(v.string(), v.maxLength(1000)));
const keyName = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$/, 'is no name of a key'));
const nothing = v.strictObject({});
const ofRun = v.strictObject({ runId });

const auditRequest = v.strictObject({
  encoder: path,
  dataset: path,
  mode: v.picklist(modes),
  preset: v.picklist(['quick', 'standard', 'thorough']),
  seed: count(0, 2 ** 32 - 1),
  device: text(40),
  threads: v.exactOptional(v.nullable(count(1, 1024))),
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

const some = <const T extends readonly string[]>(of: T) =>
  v.pipe(v.array(v.picklist(of)), v.minLength(1, 'is empty'), v.maxLength(of.length));
const attackRequest = v.strictObject({
  inputs: v.nullable(v.strictObject({ encoder: path, dataset: path })),
  encoders: some(plantableEncoders),
  datasets: some(plantableDatasets),
  target: count(0, 9999),
  samples: count(100, 1_000_000),
  test: count(50, 100_000),
  preset: v.picklist(['quick', 'standard', 'thorough']),
  mode: v.picklist(modes),
  seeds: v.pipe(v.array(count(0, 2 ** 31 - 1)), v.minLength(1, 'is empty'), v.maxLength(20)),
});
const ofMatrix = v.strictObject({ id: v.pipe(v.string(), v.regex(/^\d{4,9}$/, 'is no matrix id')) });

export const requestSchemas = {
  'app.info': nothing,
  'project.open': v.strictObject({ folder: v.nullable(target) }),
  'runs.list': nothing,
  'run.get': ofRun,
  'run.start': v.strictObject({ request: auditRequest, out: v.nullable(target) }),
  'run.cancel': ofRun,
  'run.pause': ofRun,
  'run.continue': ofRun,
  'run.resume': ofRun,
  'run.events': v.strictObject({ runId, after: count(0, Number.MAX_SAFE_INTEGER) }),
  'run.result': ofRun,
  'run.columns': ofRun,
  'sample.thumbnail': v.strictObject({ runId, index: count(0, 2 ** 31 - 1), size: count(16, 512) }),
  'sample.open': nothing,
  'report.page': ofRun,
  doctor: nothing,
  'run.taps': ofRun,
  'run.map': v.strictObject({ runId, tap: text(100), method: v.picklist(mapMethods) }),
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
  'run.decide-all': v.strictObject({
    runId,
    samples: v.pipe(v.array(count(0, 2 ** 31 - 1)), v.minLength(1), v.maxLength(1000)),
    act: v.picklist(['tag', 'untag']),
    value: words(200),
  }),
  'project.journal': v.strictObject({ before: count(0, Number.MAX_SAFE_INTEGER), limit: count(1, 500) }),
  'project.verify': nothing,
  'audit.preview': v.strictObject({
    encoder: v.nullable(path),
    dataset: v.nullable(path),
    ...v.omit(auditRequest, ['encoder', 'dataset', 'mode', 'preset', 'seed']).entries,
  }),
  'audit.settings': v.pick(auditRequest, ['preset', 'overrides', 'limits', 'device']),
  'model.inspect': v.strictObject({ path, limits: auditRequest.entries.limits }),
  'run.export': v.strictObject({
    runId,
    formats: v.pipe(v.array(v.picklist(exportFormats)), v.minLength(1), v.maxLength(exportFormats.length)),
    out: v.nullable(target),
  }),
  'run.replay': ofRun,
  'keys.list': nothing,
  'keys.create': v.strictObject({ name: keyName, kind: v.picklist(keyKinds), passphrase }),
  'keys.import': v.strictObject({
    name: keyName,
    pem: v.pipe(v.string(), v.maxLength(20_000)),
    given: passphrase,
    passphrase,
  }),
  'keys.export': v.strictObject({ name: keyName, half: v.picklist(['public', 'private']), passphrase }),
  'report.write': v.strictObject({
    runId,
    formats: v.pipe(v.array(v.picklist(wantedFormats)), v.minLength(1), v.maxLength(wantedFormats.length)),
    language: v.picklist(reportLanguages),
    paper: v.picklist(papers),
    cyclonedx: v.picklist(cycloneDxVersions),
    redact: v.boolean(),
    declarations: v.nullable(declarationsSchema),
    baseline: v.nullable(path),
    out: v.nullable(target),
    key: v.nullable(keyName),
    passphrase,
  }),
  'pack.verify': v.strictObject({ path, key: v.nullable(path) }),
  'attacks.list': nothing,
  'attacks.get': ofMatrix,
  'attacks.start': v.strictObject({ request: attackRequest }),
  'attacks.cancel': ofMatrix,
  'attacks.resume': ofMatrix,
  'attacks.events': ofMatrix,
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
