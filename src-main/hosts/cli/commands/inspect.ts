/** `coresift inspect`: a scan of one model file, for people or as JSON. */
import { resolve } from 'node:path';
import { exitCodeOfScan } from '../../../../src-shared/domain/scan.ts';
import { visibleName } from '../../../../src-shared/text.ts';
import { inspectFile, type Inspection } from '../../../audit/inspect.ts';
import { forkEngine } from '../../../audit/spawn-engine.ts';
import type { ExitCode } from '../failure-text.ts';
import { listenForInterrupts } from '../interrupt.ts';
import type { CliEnvironment } from '../program.ts';

export interface InspectFlags {
  readonly limit: readonly (readonly [string, number])[];
  readonly json?: boolean;
}

export async function runInspectCommand(
  path: string,
  flags: InspectFlags,
  environment: CliEnvironment,
): Promise<ExitCode> {
  const { stdout, stderr, cwd, engineEntry } = environment;
  const interrupts = listenForInterrupts(() => stderr.write('Cancelling.\n'));
  try {
    const inspection = await inspectFile(
      resolve(cwd, path),
      Object.fromEntries(flags.limit),
      () => forkEngine(engineEntry),
      interrupts.signal,
    );
    const exitCode = exitCodeOfScan(inspection);
    if (flags.json === true) {
      stdout.write(`${JSON.stringify({ type: 'result', exitCode, atlas: '5.6.0', ...inspection })}\n`);
    } else stdout.write(inspectionText(inspection, exitCode));
    return exitCode;
  } finally {
    interrupts.release();
  }
}

const words = { danger: 'DANGER ', warning: 'WARNING', note: 'note   ' } as const;

/** Lines for stdout; every text of the file is shown with its control and direction characters spelled out. */
export function inspectionText(inspection: Inspection, exitCode: 0 | 1 | 3): string {
  const { kind, file, parts, format, producer, opset, architecture, graph, sizes, findings, notes, notExamined } =
    inspection;
  const lines = [conclusion(exitCode, notExamined.length), '', visibleName(file.name)];
  // A folder has no bytes of its own: its files have.
  if (kind === 'file') lines.push(`  SHA-256     ${file.sha256}`);
  for (const part of parts) lines.push(`  beside it   ${visibleName(part.name)}, ${part.bytes} bytes, ${part.sha256}`);
  const version = opset === null ? '' : `, opset ${opset}`;
  lines.push(
    `  format      ${format ?? 'unknown'}${version}${producer === '' ? '' : `, written by ${visibleName(producer)}`}`,
  );
  const held =
    sizes.weights === null
      ? ''
      : `; the weights it declares take ${sizes.weights} bytes in memory, ${(sizes.weights / sizes.files).toFixed(2)} times that`;
  lines.push(`  size        ${sizes.files} bytes on disk${held}`);
  if (architecture !== null)
    lines.push(`  network     ${visibleName(architecture.name)} (${visibleName(architecture.how)})`);
  if (graph !== null) {
    const family = graph.family === null ? '' : `, ${graph.family}, ${graph.layers} layers that an audit would filter`;
    lines.push(`  graph       ${graph.nodes} nodes, ${graph.parameters} parameters${family}`);
    lines.push(`  in, out     ${visibleName(graph.inputs.join('; '))} -> ${visibleName(graph.outputs.join('; '))}`);
    lines.push(`  operators   ${graph.operators.map(([name, count]) => `${visibleName(name)} ${count}`).join(', ')}`);
  }
  for (const note of notes) lines.push(`  note        ${visibleName(note)}`);
  lines.push('', findings.length === 0 ? 'Findings: none.' : 'Findings:');
  for (const { severity, rule, title, where, detail, atlas } of findings) {
    lines.push(`  ${words[severity]} ${rule}${atlas === null ? '' : ` (ATLAS ${atlas})`}: ${visibleName(title)}`);
    lines.push(`          ${visibleName(where)}. ${visibleName(detail)}`);
  }
  if (notExamined.length > 0) lines.push('', 'Not examined:');
  for (const { what, reason, detail } of notExamined)
    lines.push(`  ${visibleName(what)} [${reason}] ${visibleName(detail)}`);
  return `${lines.join('\n')}\n`;
}

function conclusion(exitCode: 0 | 1 | 3, unseen: number): string {
  switch (exitCode) {
    case 0:
      return 'Nothing suspicious in the file itself. What its weights do only an audit can tell.';
    case 1:
      return 'Suspicious: do not load this file with other tools.';
    case 3:
      return `Nothing suspicious in what was looked at; ${unseen} ${unseen === 1 ? 'thing was' : 'things were'} not examined.`;
  }
}
