/** ONNX files with their external data. They carry their own graph, so no architecture is looked for. */
import { ExpectedError } from '../../../src-shared/failure.ts';
import { readOnnx } from '../../engine/graph/onnx/read.ts';
import type { EncoderReader } from './encoder-file.ts';

export const onnxReader: EncoderReader = {
  format: 'onnx',
  /** The format has no mark of its own, so this reader is asked last and tries. */
  recognises: (source) => source.kind === 'file',
  read(source, { arch, limits }) {
    if (arch !== null) {
      // Read first: what is no ONNX at all should be called that.
      readOnnx(source.content, { externalData: source.part, maxBytes: limits.maxBytes });
      throw new ExpectedError('usage', '--arch is for files that hold weights only; an ONNX file has its own graph.');
    }
    const { graph, fileOpset, producer, notes } = readOnnx(source.content, {
      externalData: source.part,
      maxBytes: limits.maxBytes,
    });
    return {
      graph,
      format: 'onnx',
      architecture: null,
      opset: fileOpset,
      producer,
      notes,
      normalisation: null,
      findings: [],
    };
  },
};
