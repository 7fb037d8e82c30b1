/**
 * Progress on stderr: a bar with rate and time left on a terminal, plain lines elsewhere, JSON lines with `--json`.
 * Warnings are printed in all three; nothing else than progress and warnings goes here.
 */
import { Presets, SingleBar } from 'cli-progress';
import { stages, type RunEvent, type Stage } from '../../../src-shared/domain/run.ts';
import { visibleName } from '../../../src-shared/text.ts';

export interface ProgressView {
  show(event: RunEvent): void;
  /** Clears the bar; nothing may be shown afterwards. */
  end(): void;
}

export interface ProgressOutput extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export function progressView(stream: ProgressOutput, json: boolean): ProgressView {
  if (json) return jsonLines(stream);
  return stream.isTTY === true ? bar(stream) : plainLines(stream);
}

function jsonLines(stream: ProgressOutput): ProgressView {
  return { show: (event) => void stream.write(`${JSON.stringify(event)}\n`), end: () => {} };
}

/** One line when a stage begins and ends, and at every tenth of it, at most one every two seconds. */
function plainLines(stream: ProgressOutput): ProgressView {
  let lastTenth = -1;
  let lastAt = -Infinity;
  let reached = -1;
  const line = (text: string): void => void stream.write(`${text}\n`);
  return {
    show: (event) => {
      switch (event.type) {
        case 'stage':
          lastTenth = -1;
          for (const passed of stages.slice(reached + 1, stages.indexOf(event.stage))) {
            line(`${stageTitle(passed)}: not needed in this run`);
          }
          reached = Math.max(reached, stages.indexOf(event.stage));
          line(`${stageTitle(event.stage)}: ${event.state === 'resumed' ? 'taken from the journal' : event.state}`);
          return;
        case 'progress': {
          const tenth = event.total > 0 ? Math.floor((10 * event.done) / event.total) : 0;
          const now = performance.now();
          if (tenth <= lastTenth || now - lastAt < 2000) return;
          lastTenth = tenth;
          lastAt = now;
          const left = event.etaSeconds === null ? '' : `, ${duration(event.etaSeconds)} left`;
          line(`${stageTitle(event.stage)}: ${count(event.done)}/${count(event.total)} ${event.unit}${left}`);
          return;
        }
        case 'warning':
          line(warningText(event));
          return;
        default:
          return;
      }
    },
    end: () => {},
  };
}

function bar(stream: ProgressOutput): ProgressView {
  const single = new SingleBar(
    {
      stream,
      format: (_options, params, payload: BarPayload) => drawBar(params.progress, payload, stream.columns ?? 80),
      hideCursor: true,
      clearOnComplete: true,
      fps: 10,
      linewrap: false,
    },
    Presets.shades_classic,
  );
  let running = false;
  let payload: BarPayload = { title: '', detail: '' };
  const draw = (share: number): void => {
    if (running) single.update(share, payload);
    else single.start(1, share, payload);
    running = true;
  };
  const above = (text: string): void => {
    if (running) single.stop();
    running = false;
    stream.write(`${text}\n`);
  };
  return {
    show: (event) => {
      switch (event.type) {
        case 'stage':
          payload = {
            title: stageTitle(event.stage),
            detail: event.state === 'resumed' ? 'taken from the journal' : '',
          };
          draw(event.state === 'started' ? 0 : 1);
          return;
        case 'progress': {
          const rate = event.rate === null ? '' : `  ${rateText(event.rate)} ${event.unit}/s`;
          const left = event.etaSeconds === null ? '' : `  ${duration(event.etaSeconds)} left`;
          payload = {
            title: stageTitle(event.stage),
            detail: `${count(event.done)}/${count(event.total)} ${event.unit}${rate}${left}`,
          };
          draw(event.total > 0 ? event.done / event.total : 0);
          return;
        }
        case 'warning':
          above(warningText(event));
          return;
        default:
          return;
      }
    },
    end: () => {
      if (running) single.stop();
      running = false;
    },
  };
}

interface BarPayload {
  readonly title: string;
  readonly detail: string;
}

/** "Grow the pool  [4/12] ███████░░░░  12/40 epochs  3.1 epochs/s  9 s left", cut to the terminal's width. */
export function drawBar(progress: number, payload: BarPayload, columns: number): string {
  const width = 24;
  const full = Math.round(Math.min(1, Math.max(0, progress)) * width);
  const text = `${payload.title.padEnd(26)} ${'█'.repeat(full)}${'░'.repeat(width - full)} ${payload.detail}`;
  return text.slice(0, Math.max(20, columns - 1));
}

const titles: Record<Stage, string> = {
  preflight: 'Check the inputs',
  probe: 'Fit the undefended probe',
  sift: 'Sift the samples',
  expand: 'Expand the seed set',
  unlearn: 'Unlearn',
  recover: 'Recover the filters',
  filter: 'Filter the channels',
  'warm-up': 'Warm up on the clean pool',
  grow: 'Grow the clean pool',
  final: 'Final fit',
  evidence: 'Gather evidence',
  opinions: 'Ask second opinions',
  export: 'Export and check',
};

/** "[3/12] Sift the samples" */
export function stageTitle(stage: Stage): string {
  return `[${stages.indexOf(stage) + 1}/${stages.length}] ${titles[stage]}`;
}

export function duration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return 'unknown';
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 600) {
    const whole = Math.ceil(seconds);
    return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  }
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const count = (value: number): string => value.toLocaleString('en-US', { maximumFractionDigits: 0 });
const rateText = (rate: number): string => rate.toLocaleString('en-US', { maximumSignificantDigits: 3 });

function warningText(event: RunEvent & { type: 'warning' }): string {
  const subject = event.subject === null ? '' : ` (${visibleName(event.subject)})`;
  return `Warning: ${visibleName(event.message)}${subject} [${visibleName(event.code)}]`;
}
