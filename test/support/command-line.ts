/** Runs the real `coresift` as it is built, in processes of their own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { builtMain, root } from './built.ts';

export { root };
const main = join(builtMain(), 'cli.js');

export interface Outcome {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Outcome>;
  /** Resolves once stderr holds `text`; rejects when the command ends before. */
  readonly said: (text: string) => Promise<void>;
  /** Resolves once stderr holds so many lines, or the command has ended. */
  readonly lines: (count: number) => Promise<void>;
}

export interface StartOptions {
  /** Options of node, inherited by the engine process. */
  readonly node?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Words in front of node: a shell wrapper such as `unshare -n`. */
  readonly under?: readonly string[];
}

export function startCommand(args: readonly string[], options: StartOptions = {}): Running {
  const [program, ...before] = [...(options.under ?? []), process.execPath];
  const child = spawn(program, [...before, ...(options.node ?? []), main, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: options.cwd ?? root,
    env: { ...process.env, NODE_OPTIONS: '', ...options.env },
  });
  let stdout = '';
  let stderr = '';
  let waiting: { met: () => boolean; resolve: () => void; ended: () => void }[] = [];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    waiting = waiting.filter((one) => {
      if (!one.met()) return true;
      one.resolve();
      return false;
    });
  });
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      for (const one of waiting) one.ended();
      resolve({ code, signal, stdout, stderr });
    });
  });
  const once = (met: () => boolean, atEnd: (resolve: () => void, reject: (error: Error) => void) => void) =>
    new Promise<void>((resolve, reject) => {
      if (met()) resolve();
      else waiting.push({ met, resolve, ended: () => atEnd(resolve, reject) });
    });
  return {
    child,
    ended,
    said: (text) =>
      once(
        () => stderr.includes(text),
        (_resolve, reject) => reject(new Error(`ended before saying ${JSON.stringify(text)}:\n${stderr}`)),
      ),
    lines: (count) =>
      once(
        () => stderr.split('\n').length > count,
        (resolve) => resolve(),
      ),
  };
}

export function runCommand(args: readonly string[], options: StartOptions = {}): Promise<Outcome> {
  return startCommand(args, options).ended;
}

/** Throws what the command said unless it came to a verdict. */
export function finished({ code, signal, stderr }: Outcome): void {
  if (code !== 0 && code !== 1 && code !== 3) throw new Error(`ended with ${code} ${signal}:\n${stderr}`);
}
