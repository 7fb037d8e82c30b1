/** Maps of a run's samples: PCA as the journal has it, UMAP made on demand and kept with the decoded images. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MapEvent, MapMethod, SampleMap } from '../../src-shared/contract.ts';
import type { SiftingFacts } from '../../src-shared/domain/result.ts';
import type { RunEvent } from '../../src-shared/domain/run.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import { readSafetensors, writeSafetensors } from '../formats/models-out/safetensors.ts';
import type { ProjectReader } from '../store/reader.ts';
import { canonicalJson, toJson } from '../store/canonical.ts';
import { digestBytes, writeWhole } from './files.ts';
import type { MapJob, MapOutcome } from './map-job.ts';
import { newestWhile } from './newest.ts';
import type { StepCache } from './run-evidence.ts';
import { cacheOf } from './run-folder.ts';

/** Carries out the job in an engine process. */
export type MapMaker = (
  job: MapJob,
  watch: { readonly onEvent: (event: RunEvent) => void; readonly signal: AbortSignal },
) => Promise<MapOutcome>;

/** Part of the name of a kept map; another layout algorithm or another setting of it is another map. */
const recipe = 'umap-js 1.4.0, 15 neighbours, min-dist 0.1';

/** @throws ExpectedError map-missing, input-changed, what the engine met; CancelledError */
export async function* mapOf(
  reader: ProjectReader,
  run: string,
  asked: { readonly tap: string; readonly method: MapMethod },
  cache: StepCache,
  make: MapMaker,
  signal: AbortSignal,
): AsyncGenerator<MapEvent> {
  const { tap, method } = asked;
  const sift = reader.step(run, 'sift');
  const known = (sift?.data as unknown as { facts: SiftingFacts } | undefined)?.facts.taps ?? [];
  if (sift === null || !known.some((one) => one.id === tap)) {
    throw new ExpectedError('map-missing', `Sifting of this run committed no tap ${JSON.stringify(tap)}.`);
  }
  switch (method) {
    case 'pca': {
      const plane = cache.tensors(reader, run, sift)?.get(`plane/${tap}`)?.data;
      if (!(plane instanceof Float32Array)) {
        throw new ExpectedError(
          'map-missing',
          'This run was made by a version that kept the components of one tap only.',
        );
      }
      yield { kind: 'map', map: placed(tap, method, null, plane.length / 2, null, plane) };
      return;
    }
    case 'umap': {
      const job = jobOf(reader, run, tap);
      const samples = reader.column(run, 'label', 'sift')?.length ?? 0;
      const file = join(
        job.cache,
        `umap-${digestBytes(canonicalJson(toJson([recipe, job.read, tap, job.seed]))).slice(0, 16)}.safetensors`,
      );
      const kept = readKept(file, samples);
      if (kept !== null) {
        yield { kind: 'map', map: placed(tap, method, job.seed, samples, kept.samples, kept.places) };
        return;
      }
      const made = yield* whileMaking(job, make, signal);
      mkdirSync(job.cache, { recursive: true });
      writeWhole(
        file,
        writeSafetensors(
          new Map([
            ['samples', { dtype: 'int32', dims: [made.samples.length], data: made.samples }],
            ['places', { dtype: 'float32', dims: [made.samples.length, 2], data: made.places }],
          ]),
        ),
      );
      yield { kind: 'map', map: placed(tap, method, job.seed, samples, made.samples, made.places) };
    }
  }
}

/** Progress as it comes, then what was made. */
const whileMaking = (job: MapJob, make: MapMaker, signal: AbortSignal): AsyncGenerator<MapEvent, MapOutcome> =>
  newestWhile<MapEvent, MapOutcome>(
    (tell, stopped) =>
      make(job, {
        signal: stopped,
        onEvent: (event) => {
          if (event.type !== 'progress') return;
          const phase = event.unit === 'epochs' ? 'placing' : 'reading';
          tell({ kind: 'progress', phase, done: event.done, total: event.total });
        },
      }),
    signal,
  );

function jobOf(reader: ProjectReader, run: string, tap: string): MapJob {
  const { request } = reader.run(run);
  const { encoder, pixelsDigest } = (reader.step(run, 'preflight')?.data ?? {}) as unknown as {
    readonly encoder: { readonly sha256: string };
    readonly pixelsDigest: string;
  };
  return {
    request,
    cache: cacheOf(reader.dir),
    tap,
    seed: request.seed,
    read: { encoder: encoder.sha256, pixels: pixelsDigest },
  };
}

/** A map that was kept; null when there is none, or what lies there is not one (then it is made anew). */
function readKept(file: string, count: number): MapOutcome | null {
  if (!existsSync(file)) return null;
  try {
    const { tensors } = readSafetensors(readFileSync(file));
    const samples = tensors.get('samples')?.data;
    const places = tensors.get('places')?.data;
    if (!(samples instanceof Int32Array) || !(places instanceof Float32Array)) return null;
    const fits = places.length === 2 * samples.length && samples.every((sample) => sample >= 0 && sample < count);
    return fits ? { samples, places } : null;
  } catch (error) {
    if (error instanceof ExpectedError) return null;
    throw error;
  }
}

/** @param samples that `places` belong to; null = all in order */
function placed(
  tap: string,
  method: MapMethod,
  seed: number | null,
  count: number,
  samples: Int32Array | null,
  places: Float32Array,
): SampleMap {
  const x = new Float32Array(count).fill(NaN);
  const y = new Float32Array(count).fill(NaN);
  const total = places.length / 2;
  for (let at = 0; at < total; at++) {
    const sample = samples?.[at] ?? at;
    x[sample] = places[2 * at];
    y[sample] = places[2 * at + 1];
  }
  return { tap, method, seed, x, y, placed: total };
}
