/**
 * What travels between the host and the engine process. The channel is abstract: `child_process.fork` with advanced
 * serialization and Electron's `utilityProcess` both carry structured clones, typed arrays included.
 *
 * The engine decodes hostile files, so the host checks the shape of every message before it acts on one.
 */
import { stages, type RunEvent } from '../../../src-shared/domain/run.ts';
import type { SerializedFailure } from '../../../src-shared/failure.ts';

/** Jobs by name, and what the engine may ask its host while one runs. */
export interface JobProtocol {
  readonly jobs: { readonly [name: string]: { readonly request: unknown; readonly result: unknown } };
  readonly asks: { readonly [name: string]: { readonly payload: unknown; readonly answer: unknown } };
}

/** One end of a message channel. Messages are structured clones and arrive in order. */
export interface Channel {
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
}

export type HostMessage =
  | { readonly kind: 'start'; readonly job: number; readonly name: string; readonly request: unknown }
  | { readonly kind: 'cancel'; readonly job: number }
  | { readonly kind: 'pause'; readonly job: number }
  | { readonly kind: 'continue'; readonly job: number }
  | { readonly kind: 'answer'; readonly ask: number; readonly value: unknown }
  | { readonly kind: 'refuse'; readonly ask: number; readonly failure: SerializedFailure }
  | { readonly kind: 'exit' };

export type EngineMessage =
  | { readonly kind: 'ready'; readonly pid: number }
  /** Sent every second while the thread is free; `peakBytes` is the largest resident size so far. */
  | { readonly kind: 'alive'; readonly peakBytes: number }
  | { readonly kind: 'events'; readonly job: number; readonly events: readonly RunEvent[] }
  | {
      readonly kind: 'ask';
      readonly job: number;
      readonly ask: number;
      readonly name: string;
      readonly payload: unknown;
    }
  | { readonly kind: 'cancelling'; readonly job: number }
  /** A job that was paused has come to where it stands still. */
  | { readonly kind: 'still'; readonly job: number }
  | { readonly kind: 'done'; readonly job: number; readonly result: unknown }
  | { readonly kind: 'failed'; readonly job: number; readonly failure: SerializedFailure }
  /** The host sent something that is no message. */
  | { readonly kind: 'not-understood'; readonly problem: string };

type Fields = Readonly<Record<string, unknown>>;

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const isId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function isFailure(value: unknown): value is SerializedFailure {
  return (
    isFields(value) &&
    (value['kind'] === 'expected' || value['kind'] === 'cancelled' || value['kind'] === 'bug') &&
    typeof value['code'] === 'string' &&
    typeof value['message'] === 'string' &&
    typeof value['detail'] === 'string' &&
    (value['stack'] === null || typeof value['stack'] === 'string')
  );
}

const numberOrNull = (value: unknown): boolean => value === null || typeof value === 'number';
const isStage = (value: unknown): boolean => (stages as readonly unknown[]).includes(value);

function isRunEvent(value: unknown): value is RunEvent {
  if (!isFields(value)) return false;
  switch (value['type']) {
    case 'stage':
      return isStage(value['stage']) && ['started', 'finished', 'resumed'].includes(value['state'] as string);
    case 'progress':
      return (
        isStage(value['stage']) &&
        typeof value['done'] === 'number' &&
        typeof value['total'] === 'number' &&
        typeof value['unit'] === 'string' &&
        numberOrNull(value['rate']) &&
        numberOrNull(value['etaSeconds'])
      );
    case 'metric':
      return (
        isStage(value['stage']) &&
        typeof value['name'] === 'string' &&
        typeof value['at'] === 'number' &&
        typeof value['value'] === 'number'
      );
    case 'pool':
      return isFields(value['round']) && isId(value['round']['round']) && Array.isArray(value['round']['perClass']);
    case 'warning':
      return (
        typeof value['code'] === 'string' &&
        typeof value['message'] === 'string' &&
        (value['subject'] === null || typeof value['subject'] === 'string') &&
        (value['values'] === undefined ||
          (isFields(value['values']) &&
            Object.values(value['values']).every((one) => ['number', 'string'].includes(typeof one))))
      );
    default:
      // Only the host says how a run ended, so an engine that claims it is not believed.
      return false;
  }
}

/** @returns the message, or null when `value` is none that a host sends */
export function parseHostMessage(value: unknown): HostMessage | null {
  if (!isFields(value)) return null;
  switch (value['kind']) {
    case 'start':
      return isId(value['job']) && typeof value['name'] === 'string' ? (value as unknown as HostMessage) : null;
    case 'cancel':
    case 'pause':
    case 'continue':
      return isId(value['job']) ? (value as unknown as HostMessage) : null;
    case 'answer':
      return isId(value['ask']) ? (value as unknown as HostMessage) : null;
    case 'refuse':
      return isId(value['ask']) && isFailure(value['failure']) ? (value as unknown as HostMessage) : null;
    case 'exit':
      return { kind: 'exit' };
    default:
      return null;
  }
}

/** @returns the message, or null when `value` is none that an engine sends */
export function parseEngineMessage(value: unknown): EngineMessage | null {
  if (!isFields(value)) return null;
  const message = value as unknown as EngineMessage;
  switch (value['kind']) {
    case 'ready':
      return isId(value['pid']) ? message : null;
    case 'alive':
      return typeof value['peakBytes'] === 'number' ? message : null;
    case 'events':
      return isId(value['job']) && Array.isArray(value['events']) && value['events'].every(isRunEvent) ? message : null;
    case 'ask':
      return isId(value['job']) && isId(value['ask']) && typeof value['name'] === 'string' ? message : null;
    case 'cancelling':
    case 'still':
    case 'done':
      return isId(value['job']) ? message : null;
    case 'failed':
      return isId(value['job']) && isFailure(value['failure']) ? message : null;
    case 'not-understood':
      return typeof value['problem'] === 'string' ? message : null;
    default:
      return null;
  }
}
