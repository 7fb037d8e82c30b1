/** Runs a command and watches it with all its children: wall time, processor time, peak memory. Linux only (/proc). */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export interface Watched {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
  /** User and system time of all processes, seconds. */
  readonly processor: number;
  /**
   * Largest sum over all processes of proportional set sizes, bytes: a page that several processes share counts once.
   * Looked at every 50 ms.
   */
  readonly peak: number;
}

/** Clock ticks per second of /proc/*\/stat; 100 on every Linux that Node runs on. */
const ticks = 100;

export async function watch(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Watched> {
  const start = performance.now();
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  let peak = 0;
  // A process that has ended is in its parent's sum only once that has asked for it: each one's last word is kept.
  const used = new Map<number, number>();
  const look = (): void => {
    let bytes = 0;
    for (const pid of child.pid === undefined ? [] : treeOf(child.pid)) {
      bytes += proportionalSize(pid);
      used.set(pid, processorTime(pid) ?? used.get(pid) ?? 0);
    }
    peak = Math.max(peak, bytes);
  };
  const timer = setInterval(look, 50);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  clearInterval(timer);
  const seconds = (performance.now() - start) / 1000;
  const processor = [...used.values()].reduce((sum, time) => sum + time, 0);
  return { status, stdout, stderr, seconds, processor, peak };
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/** Fields of /proc/PID/stat from the third on; the second may hold spaces. */
function fieldsOf(pid: number): string[] {
  const text = read(`/proc/${pid}/stat`);
  return text.slice(text.lastIndexOf(')') + 2).split(' ');
}

function treeOf(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = Number(fieldsOf(Number(name))[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = [root];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found;
}

function proportionalSize(pid: number): number {
  return 1024 * Number(/^Pss:\s+(\d+) kB/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
}

/** Seconds; null when it has ended. */
function processorTime(pid: number): number | null {
  const fields = fieldsOf(pid);
  return fields.length < 13 ? null : (Number(fields[11]) + Number(fields[12])) / ticks;
}
