/**
 * `npm run bench:report [-- --samples 10000 --suspects 400 --language en --paper A4]`: seconds and peak memory (RSS) of
 * every file made from a record of so many samples, each in a process of its own. The record has what a large audit
 * gives: all listed suspects, 60 pictures, a full scatter. Aimed at: all of them in under 10 s, each below 500 MB.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import {
  reportFormats,
  type Paper,
  type ReportFormat,
  type ReportLanguage,
} from '../../src-shared/domain/report-order.ts';
import { buildRecord } from '../../src-main/report/record.ts';
import { siftedSetCsv } from '../../src-main/report/sifted-set.ts';
import { renderReport } from '../../src-main/report/writers.ts';
import { greyPng, reportInput } from '../unit/report/sample.ts';

const { values } = parseArgs({
  options: {
    samples: { type: 'string', default: '10000' },
    suspects: { type: 'string', default: '400' },
    language: { type: 'string', default: 'en' },
    paper: { type: 'string', default: 'A4' },
    only: { type: 'string' },
  },
});

interface Measured {
  readonly what: string;
  /** Of the record, and of the files made from it. */
  readonly record: number;
  readonly seconds: number;
  /** Processor time of the file, which other work on the machine does not lengthen. */
  readonly cpu: number;
  readonly bytes: number;
  readonly peak: number;
}

const timed = async (act: () => Promise<void> | void): Promise<{ seconds: number; cpu: number }> => {
  const start = performance.now();
  const before = process.cpuUsage();
  await act();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - start) / 1000, cpu: (user + system) / 1e6 };
};

async function measure(what: string): Promise<Measured> {
  const total = Number(values.samples);
  const input = {
    ...reportInput(total, Number(values.suspects)),
    pictures: {
      suspects: Array.from({ length: Math.min(60, Number(values.suspects)) }, (_, index) => ({
        index,
        png: greyPng(84, (index * 7) % 256),
      })),
      patch: { index: total - 1, bare: greyPng(84, 20), stamped: greyPng(84, 220) },
    },
  };
  let bytes = 0;
  if (what === 'sifted-set.csv') {
    const { columns, names, result } = input;
    const classes = result.dataset.classes.map((one) => one.name);
    const verdicts = result.verdict.classes.map((one) => one.verdict);
    const took = await timed(() => void (bytes = siftedSetCsv(columns, names, classes, verdicts).length));
    return { what, record: 0, ...took, bytes, peak: peak() };
  }
  let record = buildRecord(reportInput(1, 0));
  const { seconds: built } = await timed(() => void (record = buildRecord(input)));
  const took = await timed(async () => {
    const options = { language: values.language as ReportLanguage, paper: values.paper as Paper };
    for (const file of await renderReport(record, what as ReportFormat, options)) bytes += file.bytes.length;
  });
  return { what, record: built, ...took, bytes, peak: peak() };
}

/** Bytes; the system counts in KiB. */
const peak = (): number => process.resourceUsage().maxRSS * 1024;

if (values.only !== undefined) process.send?.(await measure(values.only));
else {
  const rows: Measured[] = [];
  for (const what of [...reportFormats, 'sifted-set.csv']) {
    const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--only', what]);
    rows.push(
      await new Promise<Measured>((resolve, reject) => {
        child.once('message', (message) => resolve(message as Measured));
        child.once('exit', (code) => reject(new Error(`${what} ended with ${code} and no figure.`)));
      }),
    );
  }
  const line = (cells: readonly string[]): void => console.log(cells.map((cell) => cell.padStart(15)).join(''));
  console.log(`${values.samples} samples, ${values.suspects} suspects, ${values.language}, ${values.paper}`);
  line(['', 'record, s', 'file, s', 'CPU, s', 'size, MB', 'peak RSS, MB']);
  for (const row of rows) {
    line([
      row.what,
      row.record.toFixed(2),
      row.seconds.toFixed(2),
      row.cpu.toFixed(2),
      (row.bytes / 1e6).toFixed(2),
      (row.peak / 1e6).toFixed(0),
    ]);
  }
  // An audit builds its record once.
  const all = rows.reduce((sum, row) => sum + row.seconds, 0) + Math.max(...rows.map((row) => row.record));
  line([
    'all',
    '',
    all.toFixed(2),
    rows.reduce((sum, row) => sum + row.cpu, 0).toFixed(2),
    '',
    Math.max(...rows.map((row) => row.peak / 1e6)).toFixed(0),
  ]);
}
