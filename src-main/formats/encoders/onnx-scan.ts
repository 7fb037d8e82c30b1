/** What of an ONNX file an ordinary export does not have: other domains, functions, training parts, odd metadata. */
import type { ScanFinding } from '../../../src-shared/domain/scan.ts';
import { bytesOf, visitFields } from '../../engine/graph/onnx/wire.ts';
import { textFindings } from './text-scan.ts';

/** Domains of operators that runtimes bring along; another domain needs a library of the supplier's. */
const KNOWN_DOMAINS = new Set([
  '',
  'ai.onnx',
  'ai.onnx.ml',
  'ai.onnx.training',
  'ai.onnx.preview.training',
  'com.microsoft',
  'com.microsoft.nchwc',
  'org.pytorch.aten',
  'pkg.onnxscript.torch_lib',
  'pkg.onnxscript.torch_lib.common',
]);
/** Metadata above this size is not a description, bytes. */
const LONG_METADATA = 64 * 1024;
const LISTED = 20;

/**
 * Looks at the file as far as it is a protobuf message; what is broken is the reader's to say.
 * @throws ExpectedError onnx-malformed where the message ends before its time
 */
export function scanOnnx(bytes: Uint8Array): ScanFinding[] {
  const findings: ScanFinding[] = [];
  const domains = new Map<string, number>();
  let functions = 0;
  let training = 0;
  const utf8 = new TextDecoder();
  const add = (finding: ScanFinding): void => {
    if (findings.length < LISTED) findings.push(finding);
  };
  const text = (body: Uint8Array, where: string): void => {
    if (body.length > LONG_METADATA) {
      add({
        rule: 'onnx.large-metadata',
        severity: 'note',
        title: 'Metadata of unusual size',
        where,
        detail: `${body.length} bytes beside the graph.`,
        atlas: null,
      });
    }
    for (const finding of textFindings(utf8.decode(body.subarray(0, LONG_METADATA)), where)) add(finding);
  };
  visitFields(bytes, 'the model', (field) => {
    switch (field.number) {
      case 6:
        text(bytesOf(field, 'the model'), 'the description of the model');
        break;
      case 7:
        visitFields(bytesOf(field, 'the graph'), 'the graph', (inner) => {
          if (inner.number === 10) text(bytesOf(inner, 'the graph'), 'the description of the graph');
          if (inner.number !== 1) return;
          visitFields(bytesOf(inner, 'a node'), 'a node', (part) => {
            if (part.number !== 7) return;
            const domain = utf8.decode(bytesOf(part, 'a node').subarray(0, 300));
            domains.set(domain, (domains.get(domain) ?? 0) + 1);
          });
        });
        break;
      case 14: {
        let key = '';
        visitFields(bytesOf(field, 'the metadata'), 'the metadata', (part) => {
          if (part.number === 1) key = utf8.decode(bytesOf(part, 'the metadata').subarray(0, 120));
          if (part.number === 2) text(bytesOf(part, 'the metadata'), `metadata ${JSON.stringify(key)}`);
        });
        break;
      }
      case 20:
        training += 1;
        break;
      case 25:
        functions += 1;
        break;
    }
  });
  for (const [domain, count] of domains) {
    if (KNOWN_DOMAINS.has(domain)) continue;
    add({
      rule: 'onnx.custom-domain',
      severity: 'warning',
      title: 'Operators of a domain of its own',
      where: `${count} nodes of the domain ${JSON.stringify(domain)}`,
      detail: "They need native code of the supplier's to run; none was loaded.",
      atlas: 'AML.T0018.002',
    });
  }
  if (training > 0) {
    add({
      rule: 'onnx.training-info',
      severity: 'note',
      title: 'A part for training',
      where: `${training} entries of training_info`,
      detail: 'It is not needed for an encoder and was not looked at.',
      atlas: 'AML.T0018.001',
    });
  }
  if (functions > 0) {
    add({
      rule: 'onnx.functions',
      severity: 'note',
      title: 'Functions in the file',
      where: `${functions} function definitions`,
      detail: 'Nodes that call them are refused unless they are standard operators.',
      atlas: 'AML.T0018.001',
    });
  }
  return findings;
}
