/**
 * The commands of `coresift` and their options. What they do is in `commands/`, loaded when it is asked for: an audit never
 * loads the server.
 */
import { Command, CommanderError, Option } from 'commander';
import { modes, type Mode } from '../../../src-shared/domain/run.ts';
import { CancelledError, ExpectedError } from '../../../src-shared/failure.ts';
import { version } from '../../audit/version.ts';
import type { AuditFlags } from './commands/audit.ts';
import { exitCodeOf, failureJson, failureText, type ExitCode } from './failure-text.ts';
import { parseChannelValues, parseOverride, parsePort, parseSeed, parseSize } from './options.ts';
import type { ProgressOutput } from './progress.ts';

export interface CliEnvironment {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: ProgressOutput;
  readonly cwd: string;
  /** Path of the engine process's entry. */
  readonly engineEntry: string;
  /** Folder of the installation: holds `resources` and `out`. */
  readonly root: string;
}

const exitCodes = `
Exit codes: 0 nothing suspicious; 1 something suspicious; 2 the run failed; 3 inconclusive or something not examined;
            4 the command was not understood; 130 cancelled (continue with --resume).`;

/** Runs one command line (without "node" and the script) and returns the exit code. Prints; never exits. */
export async function runCli(argv: readonly string[], environment: CliEnvironment): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const program = buildProgram(environment, (code) => (exitCode = code));
  const json = argv.includes('--json');
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      // Help and version were printed by commander; anything else was not understood.
      if (error.exitCode === 0) return 0;
      return report(new ExpectedError('usage', sentence(error.message)), json, environment);
    }
    return report(error, json, environment);
  }
}

function report(error: unknown, json: boolean, environment: CliEnvironment): ExitCode {
  environment.stderr.write(json ? `${JSON.stringify(failureJson(error))}\n` : failureText(error));
  return error instanceof CancelledError ? 130 : exitCodeOf(error);
}

/** "error: unknown option '--x'" -> "Unknown option '--x'." */
function sentence(message: string): string {
  const text = message
    .replace(/^error: /, '')
    .replace(/\s+/g, ' ')
    .trim();
  const shown = text === '(outputHelp)' ? 'no command was given' : text;
  return `${shown.charAt(0).toUpperCase()}${shown.slice(1)}${/[.?!)]$/.test(shown) ? '' : '.'}`;
}

function buildProgram(environment: CliEnvironment, finish: (code: ExitCode) => void): Command {
  const program = new Command('coresift')
    .description(
      'Offline audit of untrusted image encoders and datasets: finds what can be trusted, shows why, and grows a clean model from it.',
    )
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .addHelpText('after', exitCodes);
  settle(program, environment);
  const command = (name: string, description: string): Command =>
    settle(program.command(name).description(description), environment);
  const json = (): Option => new Option('--json', 'print JSON lines: progress on stderr, results on stdout');
  const device = (): Option =>
    new Option('--device <name>', 'where to compute: auto, cpu, gpu or a provider').default('auto');

  command('audit', 'Audit an encoder and a dataset, write verdict, evidence and a sanitized model to a folder.')
    .option('--encoder <file>', 'the encoder, an ONNX file')
    .option('--dataset <path>', 'the dataset: image folder, IDX pair, CIFAR-10 binary or CSV manifest')
    .requiredOption('--out <dir>', 'folder for the results; must be empty or hold the run to resume')
    .option(
      '--input-size <HxW>',
      'resize the images to this height and width (default: what the encoder asks for)',
      parseSize,
    )
    .option('--mean <a,b,c>', 'mean per channel the encoder was trained with, for pixels in 0..1', (text) =>
      parseChannelValues('--mean', text),
    )
    .option('--std <a,b,c>', 'standard deviation per channel the encoder was trained with', (text) =>
      parseChannelValues('--std', text),
    )
    .option(
      '--representation <tensor>',
      'tensor of the encoder to take as representation (default: found from the graph)',
    )
    .option('--classes <file>', 'class names, one per line (default: from the dataset)')
    .addOption(
      new Option('--mode <mode>', 'paper: T-Core as published; distilled: a model made anew learns from the encoder')
        .choices(modes)
        .default('paper' satisfies Mode),
    )
    .addOption(
      new Option('--preset <preset>', 'how long to train')
        .choices(['quick', 'standard', 'thorough'])
        .default('standard'),
    )
    .addOption(device())
    .option('--seed <n>', 'seed of all random numbers', parseSeed, 7)
    .option('--set <name=value>', 'set one parameter of the method (may be repeated)', collect, [])
    .option('--project <dir>', 'project that keeps the run (default: <out>/project)')
    .option('--resume', 'continue the interrupted run of --out; options may be left out')
    .addOption(json())
    .addHelpText('after', exitCodes)
    .action(async (flags: AuditFlags, self: Command) => {
      const given = new Set(Object.keys(flags).filter((name) => self.getOptionValueSource(name) === 'cli'));
      const { runAuditCommand } = await import('./commands/audit.ts');
      finish(await runAuditCommand(flags, given, environment));
    });

  command('serve', 'Serve the application to a browser on this machine.')
    .option('--project <dir>', 'project to open (default: coresift-project in this folder)')
    .option('--port <n>', 'port on 127.0.0.1; 0 takes a free one', parsePort, 0)
    .addOption(json())
    .action(async (flags: { project?: string; port: number; json?: boolean }) => {
      const { runServeCommand } = await import('./commands/serve.ts');
      finish(await runServeCommand(flags, environment));
    });

  command('doctor', 'Test what this machine can compute with and print the numbers.')
    .addOption(device())
    .addOption(json())
    .action(async (flags: { device: string; json?: boolean }) => {
      const { runDoctorCommand } = await import('./commands/doctor.ts');
      finish(await runDoctorCommand(flags, environment));
    });

  command('verify', 'Check the digests of an audit folder and the hash chain of a project.')
    .argument('<path>', 'folder that `audit` wrote, or a project')
    .addOption(json())
    .action(async (path: string, flags: { json?: boolean }) => {
      const { runVerifyCommand } = await import('./commands/verify.ts');
      finish(runVerifyCommand(path, flags, environment));
    });
  return program;
}

type Override = readonly [string, number | string | boolean];

function collect(text: string, earlier: readonly Override[]): Override[] {
  return [...earlier, parseOverride(text)];
}

/** Commander neither exits nor prints errors by itself: both are ours to word. */
function settle(command: Command, environment: CliEnvironment): Command {
  return command
    .exitOverride()
    .allowExcessArguments(false)
    .configureOutput({
      writeOut: (text) => void environment.stdout.write(text),
      writeErr: () => {},
      outputError: () => {},
    });
}
