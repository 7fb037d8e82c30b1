/** A classifier in training: one compiled step graph, its state, and the evaluation graph it amounts to at any moment. */
import type { Graph, Tensor } from '../graph/ir.ts';
import { graphBuilder } from '../graph/builder.ts';
import { crossEntropyOfTargets, mean } from '../graph/losses.ts';
import { withBatchStatistics } from '../graph/modes.ts';
import type { Optimiser } from '../graph/optimisers.ts';
import { trainingStep, withInitializers, type TrainedParameter } from '../graph/training.ts';
import type { CompiledGraph, Provider } from '../providers/provider.ts';
import { trainEpoch, type EpochOptions, type EpochOutcome } from './epochs.ts';

export interface TrainerOptions {
  /** Evaluation graph: input `pixels` (or `features`), output `logits` [N, classes]. */
  readonly classifier: Graph;
  readonly classes: number;
  readonly batch: number;
  readonly parameters: readonly TrainedParameter[];
  readonly optimiser: Optimiser;
  /** Climb the loss instead of descending it (unlearning). */
  readonly ascend?: boolean;
  readonly lossWeight?: number;
  readonly clipNorm?: number;
  readonly clamp?: readonly [number, number];
  /** Normalise with the batch's own statistics, and whether the running statistics follow. */
  readonly statistics: 'frozen' | 'batch' | 'batch-and-running';
}

export interface Trainer {
  epoch(options: Omit<EpochOptions, 'batch' | 'classes'>): Promise<EpochOutcome>;
  /** Trained parameters and running statistics by their names in the classifier. */
  parameters(): Record<string, Tensor>;
  /** The evaluation graph with the parameters as they are now; only where all of them are initializers of it. */
  classifier(): Graph;
  /** Everything that must be kept to go on from here: parameters, moments, running statistics. */
  state(): Record<string, Tensor>;
  load(state: Readonly<Record<string, Tensor>>): void;
  readonly compiled: CompiledGraph;
  dispose(): Promise<void>;
}

export async function createTrainer(provider: Provider, options: TrainerOptions): Promise<Trainer> {
  const { classifier, classes, batch } = options;
  const dims = { N: batch };
  const running = options.statistics === 'batch-and-running';
  const { graph, ...carried } =
    options.statistics === 'frozen'
      ? { graph: classifier, state: [], initialState: {} }
      : withBatchStatistics(classifier, { dims, updateRunning: running });
  const builder = graphBuilder(graph);
  const target = builder.input('target', 'float32', ['N', classes]);
  const loss = mean(builder, crossEntropyOfTargets(builder, 'logits', target));
  const weighted = options.lossWeight === undefined ? loss : builder.mul(loss, builder.scalar(options.lossWeight));
  builder.node('Identity', [weighted], {}, 'loss');
  builder.output('loss', 'float32', []);
  const step = trainingStep({
    graph: builder.build(),
    dims,
    loss: 'loss',
    parameters: options.parameters,
    optimiser: options.optimiser,
    carried,
    ...(options.ascend === undefined ? {} : { ascend: options.ascend }),
    ...(options.clipNorm === undefined ? {} : { clipNorm: options.clipNorm }),
    ...(options.clamp === undefined ? {} : { clamp: options.clamp }),
  });
  const compiled = await provider.compile(step.graph, { dims, state: step.state });
  compiled.setState(step.initialState);
  return {
    compiled,
    epoch: (epoch) => trainEpoch(compiled, { ...epoch, batch, classes }),
    parameters: () => step.readParameters(compiled.getState()),
    classifier: () => withInitializers(classifier, step.readParameters(compiled.getState())),
    state: () => compiled.getState(),
    load: (state) => compiled.setState(state),
    dispose: () => compiled.dispose(),
  };
}
