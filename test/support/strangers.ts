/** An app whose every answer holds names as a hostile supplier would choose them: for tests of what shows them. */
import type { App } from '../../src-shared/contract.ts';

/** What stands in a recorded audit, and what stands there instead. */
const names: readonly (readonly [string, string])[] = [
  ['ankle boot', '<img src=x onerror=alert(1)>\u202eankle'],
  ['t-shirt', '=HYPERLINK("http://x","t")'],
  ['trouser', '</script><script>alert(1)</script>'],
  ['pullover', '\u2066\u200bpullover\u0007'],
  ['dress', 'a\nb\tc'],
  ['coat', `'"\`${'w'.repeat(200)}`],
  ['block 1', '{{7*7}}\u202d'],
  ['encoder.onnx', '"><svg onload=alert(1)>\u202exnno.onnx'],
  ['fashion', '../..\u0000fashion'],
  ['img-0411.png', 'javascript:alert(1)//\u2028.png'],
];

export function hostileName(text: string): string {
  return names.reduce((changed, [plain, hostile]) => changed.replaceAll(plain, hostile), text);
}

function renamed(value: unknown): unknown {
  if (typeof value === 'string') return hostileName(value);
  if (Array.isArray(value)) return value.map(renamed);
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [hostileName(key), renamed(part)]));
}

type AnyHandler = (request: unknown, context: unknown) => Promise<unknown> | AsyncIterable<unknown>;

export function amongStrangers(app: App): App {
  const wrap =
    (handler: AnyHandler): AnyHandler =>
    (request, context) => {
      const answer = handler(request, context);
      if (!(Symbol.asyncIterator in answer)) return answer.then(renamed);
      return (async function* () {
        for await (const event of answer) yield renamed(event);
      })();
    };
  const handlers = Object.entries(app.handlers).map(([name, handler]) => [name, wrap(handler as AnyHandler)]);
  return { ...app, handlers: Object.fromEntries(handlers) as App['handlers'] };
}
