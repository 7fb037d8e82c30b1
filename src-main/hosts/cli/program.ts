/**
 * The commands of `coresift` and their options. What they do is in `commands/`, loaded when it is asked for: an audit never
 * loads the server.
 */
import { Command, CommanderError, Option } from 'commander';
import { opinionExtents } from '../../../src-shared/domain/opinion.ts';
import { defaultMode, modes } from '../../../src-shared/domain/run.ts';
import { CancelledError, ExpectedError } from '../../../src-shared/failure.ts';
import {
  parseAtOnce,
  parseChannelValues,
  parseLimit,
  parseMemory,
  parseOverride,
  parsePort,
  parseSeed,
  parseSize,
  parseThreads,
} from '../../../src-shared/option-texts.ts';
import { version } from '../../audit/version.ts';
import type { AuditFlags } from './commands/audit.ts';
import type { ExportFlags } from './commands/export.ts';
import type { BenchFlags } from './commands/bench.ts';
import type { InspectFlags } from './commands/inspect.ts';
import type { KeyFlags } from './commands/keys.ts';
import type { ReplayFlags } from './commands/replay.ts';
import type { ReportFlags } from './commands/report.ts';
import { exitCodeOf, failureJson, failureText, type ExitCode } from './failure-text.ts';
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
  const threads = (): Option =>
    new Option('--threads <n>', 'threads of the CPU to compute with (default: all)').argParser(parseThreads);

  command('audit', 'Audit an encoder and a dataset, write verdict, evidence and a sanitized model to a folder.')
    .option('--encoder <file>', 'the encoder: ONNX, PyTorch, safetensors, TF.js or Keras, recognised by its content')
    .option(
      '--dataset <path>',
      'the dataset: image folder, CSV or JSONL manifest, IDX, CIFAR, STL-10, SVHN, GTSRB, npz or npy files, tar shards (WebDataset) or zip',
    )
    .requiredOption('--out <dir>', 'folder for the results; must be empty or hold the run to resume')
    .option(
      '--arch <name>',
      'architecture of a file that holds weights only (default: found from their names and shapes)',
    )
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
      new Option(
        '--mode <mode>',
        'paper: T-Core, nearly as published; distilled: a model made anew learns from the encoder',
      )
        .choices(modes)
        .default(defaultMode),
    )
    .addOption(
      new Option('--preset <preset>', 'how long to train')
        .choices(['quick', 'standard', 'thorough'])
        .default('standard'),
    )
    .addOption(device())
    .addOption(threads())
    .option('--seed <n>', 'seed of all random numbers', parseSeed, 7)
    .addOption(
      new Option(
        '--opinions <extent>',
        'other detectors to ask beside the audit: none, cheap or all (default: by preset; they never change the verdict)',
      ).choices(opinionExtents),
    )
    .option('--memory <size>', 'most memory the engine may take, e.g. 2G (default: no bound)', parseMemory)
    .option('--set <name=value>', 'set one parameter of the method (may be repeated)', collect, [])
    .addOption(limit('dataset.maxFiles'))
    .option('--project <dir>', 'project that keeps the run (default: <out>/project)')
    .option('--resume', 'continue the interrupted run of --out; options may be left out')
    .addOption(json())
    .addHelpText('after', exitCodes)
    .action(async (flags: AuditFlags, self: Command) => {
      const given = new Set(Object.keys(flags).filter((name) => self.getOptionValueSource(name) === 'cli'));
      const { runAuditCommand } = await import('./commands/audit.ts');
      finish(await runAuditCommand(flags, given, environment));
    });

  command('export', 'Write the sanitized model of a finished run in other formats; each is re-opened and compared.')
    .requiredOption('--run <id>', 'id or number of the run')
    .requiredOption('--project <dir>', 'project that keeps the run')
    .requiredOption('--format <list>', 'some of onnx, safetensors, tfjs, pytorch, with commas between')
    .requiredOption('--out <dir>', 'folder for the files')
    .addOption(json())
    .addHelpText(
      'after',
      '\nExit codes: 0 all written; 3 the model does not fit one of the formats; 2 failed; 4 usage error.',
    )
    .action(async (flags: ExportFlags) => {
      const { runExportCommand } = await import('./commands/export.ts');
      finish(await runExportCommand(flags, environment));
    });

  command('inspect', 'Scan one model file without running anything of it.')
    .argument('<file>', 'ONNX, PyTorch, safetensors, TF.js, Keras or SavedModel')
    .addOption(limit('model.maxBytes'))
    .addOption(json())
    .addHelpText('after', exitCodes)
    .action(async (path: string, flags: InspectFlags) => {
      const { runInspectCommand } = await import('./commands/inspect.ts');
      finish(await runInspectCommand(path, flags, environment));
    });

  command('bench', 'Plant known attacks and measure the defence against them, cell by cell.')
    .requiredOption('--plan <plan>', 'a plan as JSON, or a preset: quick, full, full-signs')
    .requiredOption('--out <dir>', 'folder for cells and tables; must be empty or hold the bench to resume')
    .option('--encoder <file>', 'your own clean encoder, for a plan with the domain "given"')
    .option('--dataset <path>', 'your own dataset, for a plan with the domain "given"')
    .addOption(device())
    .addOption(
      new Option(
        '--threads <n>',
        'threads of the CPU for each cell (default: all, shared by the cells at once)',
      ).argParser(parseThreads),
    )
    .addOption(
      new Option('--at-once <n>', 'cells to run at once, each with memory of its own (more than 1: --device cpu)')
        .argParser(parseAtOnce)
        .default(1),
    )
    .option('--resume', 'keep the finished cells of --out and run the others')
    .addOption(json())
    .action(async (flags: BenchFlags) => {
      const { runBenchCommand } = await import('./commands/bench.ts');
      finish(await runBenchCommand(flags, environment));
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

  command('verify', 'Check a pack, an audit folder or a project: digests, signatures, hash chain; offline.')
    .argument('<path>', 'pack, folder that `audit` wrote, or a project')
    .option('--key <file>', 'public key (PEM) that must have signed the pack')
    .addOption(json())
    .action(async (path: string, flags: { key?: string; json?: boolean }) => {
      const { runVerifyCommand } = await import('./commands/verify.ts');
      finish(await runVerifyCommand(path, flags, environment));
    });

  command('report', 'Write the reports of a finished run again: other formats and languages, or a signed pack.')
    .requiredOption('--run <id>', 'id or number of the run')
    .requiredOption('--project <dir>', 'project that keeps the run')
    .requiredOption('--out <dir>', 'folder for the files')
    .option('--format <list>', 'pdf, html, json, sarif, cyclonedx, intoto, pack; several with commas', 'pdf,html,json')
    .addOption(new Option('--paper <size>', 'paper of the PDF').choices(['A4', 'Letter']).default('A4'))
    .addOption(new Option('--lang <language>', 'language of PDF and HTML').choices(['en', 'de']).default('en'))
    .addOption(new Option('--cyclonedx <version>', 'version of CycloneDX').choices(['1.6', '1.7']).default('1.6'))
    .option('--redact', 'replace names and paths')
    .option('--marking <text>', 'classification marking, printed on every page')
    .option('--declarations <file>', 'JSON file with parties, sign-off, validity and what suppliers declare')
    .option('--baseline <file>', 'report.json of an earlier audit to compare with')
    .option('--key <name>', 'key that signs the pack')
    .option('--keys <dir>', 'folder of the keys')
    .option('--passphrase-file <file>', 'file whose first line is the passphrase (default: CORESIFT_PASSPHRASE)')
    .addOption(json())
    .action(async (flags: ReportFlags) => {
      const { runReportCommand } = await import('./commands/report.ts');
      finish(await runReportCommand(flags, environment));
    });

  command('replay', 'Run an audit again from its record and compare the digests.')
    .argument('<record>', 'report.json of the audit')
    .requiredOption('--encoder <file>', 'the encoder that was audited')
    .requiredOption('--dataset <path>', 'the dataset that was audited')
    .requiredOption('--out <dir>', 'folder for the results of the replay')
    .option('--classes <file>', 'the class names that were given, where a file was')
    .addOption(json())
    .action(async (record: string, flags: ReplayFlags) => {
      const { runReplayCommand } = await import('./commands/replay.ts');
      finish(await runReplayCommand(record, flags, environment));
    });

  addKeyCommands(command('keys', 'Signing keys: create, import, export, list.'), environment, json, finish);
  return program;
}

function addKeyCommands(
  keys: Command,
  environment: CliEnvironment,
  json: () => Option,
  finish: (code: ExitCode) => void,
): void {
  const add = (act: 'create' | 'import' | 'export' | 'list', description: string): Command => {
    const one = settle(keys.command(act).description(description), environment)
      .option('--keys <dir>', 'folder of the keys')
      .option('--passphrase-file <file>', 'file whose first line is the passphrase (default: CORESIFT_PASSPHRASE)')
      .addOption(json());
    if (act !== 'list') one.argument('<name>', 'name of the key');
    return one.action(async (...given: unknown[]) => {
      const [name, flags] = act === 'list' ? ['', given[0]] : [given[0] as string, given[1]];
      const { runKeysCommand } = await import('./commands/keys.ts');
      finish(await runKeysCommand(act, name, flags as KeyFlags, environment));
    });
  };
  add('create', 'Make a key pair; the private half is kept encrypted.').addOption(
    new Option('--type <type>', 'kind of key').choices(['ed25519', 'p256']).default('ed25519'),
  );
  add('import', 'Take over a private key in PEM.')
    .requiredOption('--file <file>', 'the private key, PKCS#8 or SEC 1 in PEM')
    .option('--from-passphrase-file <file>', 'passphrase the file is encrypted with');
  add('export', 'Print the public half in PEM.').option('--private', 'print the private half, encrypted as it is kept');
  add('list', 'List the keys.');
}

type Override = readonly [string, number | string | boolean];

function collect(text: string, earlier: readonly Override[]): Override[] {
  return [...earlier, parseOverride(text)];
}

function limit(example: string): Option {
  return new Option('--limit <name=number>', `set one limit of the readers, e.g. ${example} (may be repeated)`)
    .argParser(collectLimits)
    .default([]);
}

function collectLimits(text: string, earlier: readonly (readonly [string, number])[]): (readonly [string, number])[] {
  return [...earlier, parseLimit(text)];
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
