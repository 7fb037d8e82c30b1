/** ONNX files with their external data. They carry their own graph, so no architecture is looked for. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import { readOnnx, type ReadOptions } from '../../engine/graph/onnx/read.ts';
import type { ModelLimits } from '../limits.ts';
import type { EncoderReader } from './encoder-file.ts';
import { scanOnnx } from './onnx-scan.ts';
import type { EncoderSource } from './source.ts';

export const onnxReader: EncoderReader = {
  format: 'onnx',
  /** The format has no mark of its own, so this reader is asked last and tries. */
  recognises: (source) => source.kind === 'file',
  scan: ({ content }) => ({ findings: scanOnnx(content), notExamined: [] }),
  read(source, { arch, limits }) {
    if (arch !== null) {
      // Read first: what is no ONNX at all should be called that.
      readOnnx(source.content, optionsOf(source, limits));
      throw new ExpectedError('usage', '--arch is for files that hold weights only; an ONNX file has its own graph.');
    }
    const { graph, fileOpset, producer, notes } = readOnnx(source.content, optionsOf(source, limits));
    return {
      graph,
      format: 'onnx',
      architecture: null,
      opset: fileOpset,
      producer,
      notes,
      normalisation: null,
      findings: scanOnnx(source.content),
    };
  },
};

function optionsOf(source: EncoderSource, { maxBytes, maxLayers, maxElements }: ModelLimits): ReadOptions {
  return { externalData: source.part, maxBytes, maxNodes: maxLayers, maxElements };
}
