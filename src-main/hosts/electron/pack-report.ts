/** What the verification of a pack found, as a message of the system: what does not fit first. */
import type { Check } from '../../../src-shared/domain/check.ts';
import type { NativeWords } from '../../../src-shared/messages/native.ts';
import { visibleName } from '../../../src-shared/text.ts';

const mostListed = 8;

export function packReport(
  file: string,
  checks: readonly Check[],
  words: NativeWords['opening'],
): { readonly type: 'info' | 'warning' | 'error'; readonly message: string; readonly detail: string } {
  const unseen = checks.filter(({ ok, kind }) => !ok && kind === 'not-examined');
  const wrong = checks.filter(({ ok, kind }) => !ok && kind !== 'not-examined');
  const list = (some: readonly Check[]): string[] => {
    const lines = some.slice(0, mostListed).map(({ what, detail }) => `  ${visibleName(what)}: ${visibleName(detail)}`);
    return some.length > mostListed ? [...lines, `  … ${some.length - mostListed}`] : lines;
  };
  return {
    type: wrong.length > 0 ? 'error' : unseen.length > 0 ? 'warning' : 'info',
    message: words.pack(visibleName(file)),
    detail: [
      ...(wrong.length > 0 ? [words.differs(wrong.length), ...list(wrong)] : []),
      ...(unseen.length > 0 ? [words.unseen(unseen.length), ...list(unseen)] : []),
      words.fits(checks.length - wrong.length - unseen.length),
      '',
      words.origin,
    ].join('\n'),
  };
}
