/** A map of samples at one tap, in the engine process: both inputs read again, the tap's activations, UMAP. */
import type { AuditRequest } from '../../src-shared/domain/run.ts';
import { ExpectedError } from '../../src-shared/failure.ts';
import type { JobContext } from '../engine/jobs/server.ts';
import { umapPlaces } from '../engine/math/umap.ts';
import { requireFinite, sweep, tapGraph } from '../engine/tcore/features.ts';
import { sampleOrder } from '../engine/tcore/context.ts';
import { stratifiedReference } from '../engine/tcore/sift.ts';
import { evaluationBatch } from '../engine/tcore/steps.ts';
import type { EngineProtocol } from './engine-protocol.ts';
import { openTestedProvider } from './providers.ts';
import { readInputs } from './read-inputs.ts';

export interface MapJob {
  readonly request: AuditRequest;
  readonly cache: string;
  /** Id of a tap of the encoder. */
  readonly tap: string;
  readonly seed: number;
  /** What the run read, by digest. */
  readonly read: { readonly encoder: string; readonly pixels: string };
}

export interface MapOutcome {
  /** Samples that were placed, ascending, and their places `[placed, 2]`. */
  readonly samples: Int32Array;
  readonly places: Float32Array;
}

/** More samples are not placed one by one: what is drawn of each class stands for it. */
export const mostPlaced = 20_000;

/**
 * Progress comes as events of the sift stage: samples read, then epochs of the layout.
 * @throws ExpectedError input-changed, map-missing, and as reading both inputs; CancelledError
 */
export async function mapJob(job: MapJob, { emit, signal }: JobContext<EngineProtocol>): Promise<MapOutcome> {
  const inputs = await readInputs(job.request, job.cache, { emit: () => undefined, signal });
  try {
    const { encoder, pixels } = inputs;
    if (inputs.encoderFacts.sha256 !== job.read.encoder || pixels.pixelsDigest !== job.read.pixels) {
      throw new ExpectedError('input-changed', 'The encoder or the images are not what this run read.');
    }
    const tap = encoder.taps.find((one) => one.id === job.tap);
    if (tap === undefined) throw new ExpectedError('map-missing', `The encoder has no tap ${JSON.stringify(job.tap)}.`);
    const provider = await openTestedProvider(job.request.device, job.request.threads ?? null);
    try {
      const tell = (unit: string) => (done: number, total: number) =>
        emit({ type: 'progress', stage: 'sift', done, total, unit, rate: null, etaSeconds: null });
      const samples = stratifiedReference(
        pixels.labels,
        pixels.classes.length,
        mostPlaced,
        sampleOrder({ samples: pixels, seed: 0, inputDigests: { dataset: pixels.pixelsDigest } }),
      );
      const rows = new Float32Array(samples.length * tap.channels);
      const compiled = await provider.compile(tapGraph({ ...encoder, taps: [tap] }), { dims: { N: evaluationBatch } });
      try {
        await sweep(compiled, {
          samples: pixels,
          indices: samples,
          batch: evaluationBatch,
          signal,
          onProgress: tell('samples'),
          onBatch: (outputs, at) => {
            requireFinite(outputs[tap.id], tap.channels, `activation at "${tap.label}"`, samples, at);
            rows.set(outputs[tap.id], at * tap.channels);
          },
        });
      } finally {
        await compiled.dispose();
      }
      const places = await umapPlaces(provider, rows, tap.channels, {
        seed: job.seed,
        signal,
        onProgress: tell('epochs'),
      });
      return { samples, places };
    } finally {
      await provider.dispose();
    }
  } finally {
    await inputs.close();
  }
}
