/** `coresift doctor`: what this machine can compute with, tested, with the numbers. */
import type { DoctorReport } from '../../../../src-shared/contract.ts';
import { examineMachine } from '../../../audit/doctor.ts';
import { forkEngine } from '../../../audit/spawn-engine.ts';
import type { ExitCode } from '../failure-text.ts';
import type { CliEnvironment } from '../program.ts';

export async function runDoctorCommand(
  flags: { readonly device: string; readonly json?: boolean },
  environment: CliEnvironment,
): Promise<ExitCode> {
  const report = await examineMachine(() => forkEngine(environment.engineEntry), flags.device);
  environment.stdout.write(flags.json === true ? jsonLines(report) : table(report));
  return report.checks.some((check) => check.state === 'failed') ? 2 : 0;
}

function jsonLines(report: DoctorReport): string {
  return report.checks.map((check) => `${JSON.stringify({ type: 'check', ...check })}\n`).join('');
}

const marks = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ' } as const;

function table(report: DoctorReport): string {
  const width = Math.max(...report.checks.map((check) => check.name.length));
  return report.checks
    .map((check) => {
      const values = Object.entries(check.values).map(([name, value]) => `${name} ${value}`);
      const indent = ' '.repeat(8 + width + 2);
      return `${marks[check.state]} ${check.name.padEnd(width)}  ${check.detail}\n${values.map((value) => `${indent}${value}\n`).join('')}`;
    })
    .join('');
}
