/** TF.js models, of layers or of a graph. Everything is data; nothing of a file is executed. */
import type { EncoderReader, ReadEncoder } from '../encoder-file.ts';
import type { ScanFinding } from '../../../../src-shared/domain/scan.ts';
import { ExpectedError } from '../../../../src-shared/failure.ts';
import { malformedModel } from '../fields.ts';
import { buildNetwork } from '../layered/build.ts';
import { refuseUnsafe, scanLayers } from '../layered/unsafe.ts';
import type { WeightSource } from '../layered/weights.ts';
import { buildGraphModel } from './graph-model.ts';
import { scanOperators } from './graph-scan.ts';
import { looksLikeTfjs, openTfjsModel, type TfjsModel } from './model-json.ts';
import type { TfjsWeights } from './weights.ts';

export const tfjsReader: EncoderReader = {
  format: 'tfjs',
  recognises: looksLikeTfjs,
  scan: (source, { limits }) => ({ findings: scanned(openTfjsModel(source, limits)), notExamined: [] }),
  read(source, { arch, limits }): ReadEncoder {
    if (arch !== null) {
      throw new ExpectedError('usage', '--arch is for files that hold weights only; a TF.js model has its own graph.');
    }
    const model = openTfjsModel(source, limits);
    const value = layersOf(model);
    const findings = scanned(model);
    refuseUnsafe(findings);
    const weights = model.weights();
    const built =
      value === null
        ? buildGraphModel(model.topology, model.root, weights.tensors, limits)
        : buildNetwork(value, byLayer(weights), limits);
    const notes = [...weights.quantised].map(([kind, count]) => `${count} weights stored as ${kind} were made float32`);
    return {
      graph: built.graph,
      format: model.kind === 'layers' ? 'tfjs-layers' : 'tfjs-graph',
      architecture: null,
      opset: null,
      producer: model.producer,
      notes: [...notes, ...built.notes],
      normalisation: null,
      findings,
    };
  },
};

const layersOf = ({ kind, topology }: TfjsModel): object | null =>
  kind === 'layers' ? { class_name: topology.raw('class_name'), config: topology.raw('config') } : null;

function scanned(model: TfjsModel): ScanFinding[] {
  const layers = layersOf(model);
  return layers === null ? scanOperators(model.topology, 'model.json') : scanLayers(layers, 'model.json');
}

/** TF.js and its converter name weights "layer/kernel"; inner networks may stand in front. */
function byLayer({ tensors }: TfjsWeights): WeightSource {
  return {
    find({ names }, name) {
      for (let from = names.length - 1; from >= 0; from -= 1) {
        const key = [...names.slice(from), name].join('/');
        const found = tensors.get(key) ?? tensors.get(`${key}:0`);
        if (found === undefined) continue;
        if (found.dtype !== 'float32') throw malformedModel(`The weight "${key}" is of type ${found.dtype}.`);
        return found;
      }
      return null;
    },
  };
}
