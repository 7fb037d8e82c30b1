/** Layers that would run a stranger's code if Keras loaded the network. They are looked for in the config and reported, never run. */
import { ExpectedError } from '../../../../src-shared/failure.ts';
import type { ScanFinding } from '../../../../src-shared/domain/scan.ts';

/** Keras' own modules; a class from elsewhere is imported by name when the file is loaded. */
const OWN_MODULES = /^(keras|tf_keras|tensorflow\.keras|tensorflow\.python\.keras)(\.|$)/;
/** Findings that are listed one by one. */
const LISTED = 100;

/**
 * Walks a whole config, without recursion.
 * @param file how the place is named, e.g. "config.json"
 */
export function scanLayers(value: unknown, file: string): ScanFinding[] {
  const findings: ScanFinding[] = [];
  const open: { readonly value: unknown; readonly layer: string }[] = [{ value, layer: '' }];
  for (let next = open.pop(); next !== undefined && findings.length < LISTED; next = open.pop()) {
    if (typeof next.value !== 'object' || next.value === null) continue;
    if (Array.isArray(next.value)) {
      for (const each of next.value as unknown[]) open.push({ value: each, layer: next.layer });
      continue;
    }
    const own = next.value as Readonly<Record<string, unknown>>;
    const field = (key: string): unknown => (Object.hasOwn(own, key) ? own[key] : undefined);
    const kind = field('class_name');
    const layer = nameOf(own) ?? next.layer;
    if (typeof kind === 'string') findings.push(...judge(kind, field('module'), field('registered_name'), layer, file));
    const kindOfFunction = field('function_type') ?? field('output_shape_type');
    if (kindOfFunction === 'lambda')
      findings.push(lambda(layer, file, 'a pickled function ("function_type": "lambda")'));
    for (const key of Object.keys(own)) open.push({ value: own[key], layer });
  }
  return unique(findings);
}

/** @throws ExpectedError encoder-unsafe naming what was met, when there is anything dangerous */
export function refuseUnsafe(findings: readonly ScanFinding[]): void {
  const dangerous = findings.filter(({ severity }) => severity !== 'note');
  if (dangerous.length === 0) return;
  const named = dangerous.slice(0, 5).map(({ title, where }) => `${title} (${where})`);
  throw new ExpectedError('encoder-unsafe', `${named.join('; ')}${dangerous.length > 5 ? '; …' : ''}.`);
}

function nameOf(own: Readonly<Record<string, unknown>>): string | null {
  const config = Object.hasOwn(own, 'config') ? own['config'] : null;
  const inner = typeof config === 'object' && config !== null ? (config as { name?: unknown }).name : undefined;
  const name = Object.hasOwn(own, 'name') ? own['name'] : inner;
  return typeof name === 'string' ? name.slice(0, 120) : null;
}

function judge(kind: string, module: unknown, registered: unknown, layer: string, file: string): ScanFinding[] {
  if (kind === 'Lambda' || kind === '__lambda__') return [lambda(layer, file, `a ${kind} entry with marshalled code`)];
  const foreign = typeof module === 'string' && module !== '' && module !== 'builtins' && !OWN_MODULES.test(module);
  const package_ = typeof registered === 'string' && registered.includes('>');
  if (!foreign && !package_) return [];
  return [
    {
      rule: 'keras.custom-object',
      severity: 'warning',
      title: 'A class that is imported from outside Keras',
      where: `${file}, layer "${layer}"`,
      detail: `${kind.slice(0, 120)} of ${foreign ? String(module).slice(0, 120) : String(registered).slice(0, 120)}: Keras would import and run it; nothing was.`,
      atlas: 'AML.T0018.002',
    },
  ];
}

function lambda(layer: string, file: string, what: string): ScanFinding {
  return {
    rule: 'keras.lambda',
    severity: 'danger',
    title: 'A Lambda layer carries Python code',
    where: `${file}, layer "${layer}"`,
    detail: `Met ${what}. Keras would run it when the network is loaded or used; it was not decoded and not run.`,
    atlas: 'AML.T0018.002',
  };
}

function unique(findings: readonly ScanFinding[]): ScanFinding[] {
  return [...new Map(findings.map((finding) => [`${finding.rule} ${finding.where}`, finding])).values()];
}
