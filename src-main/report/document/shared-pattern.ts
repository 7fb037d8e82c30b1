/** The section on what the suspects have in common: residues, and the trigger estimated from them. */
import { worksAsTrigger, type Picture } from '../../../src-shared/domain/result.ts';
import type { Section } from './blocks.ts';
import type { Writing } from './writing.ts';
import { picturePng } from './small-picture.ts';

export function sharedPatternSection({ record, words, figures }: Writing): Section {
  const { estimate, residues, meanResidue } = record.triggers;
  const section = { id: 'shared-pattern', name: words['section.shared-pattern'] } as const;
  if (estimate === null || meanResidue === null) return { ...section, claim: words['shared-pattern.none'], blocks: [] };
  const named = (index: number): string => record.subject.dataset.classes[index]?.name ?? String(index);
  const { flippedControl, from = null, strength, carriers = estimate.suspects } = estimate;
  const item = (picture: Picture, alt: string, caption: string) => ({ png: picturePng(picture), alt, caption });
  return {
    ...section,
    claim: words[worksAsTrigger(estimate) ? 'shared-pattern.claim' : 'shared-pattern.no-trigger']({
      name: named(estimate.target),
      undefended: figures.percent(estimate.flippedUndefended),
      sanitized: figures.percent(estimate.flippedSanitized),
      n: figures.count(estimate.n),
      count: estimate.n,
    }),
    blocks: [
      {
        kind: 'pictures',
        items: [
          item(estimate.picture, words['shared-pattern.estimate'], words[`shared-pattern.${estimate.form}`]),
          item(meanResidue, words['shared-pattern.mean'], words['shared-pattern.mean']),
          ...residues.map(({ sample, picture }) => {
            const alt = words['shared-pattern.residue']({ sample: String(sample) });
            return item(picture, alt, alt);
          }),
        ],
      },
      {
        kind: 'text',
        quiet: true,
        text: [
          flippedControl === undefined
            ? null
            : words['shared-pattern.control']({ control: figures.percent(flippedControl) }),
          from === null ? null : words['shared-pattern.from']({ name: named(from) }),
          strength === undefined ? null : words['shared-pattern.strength']({ times: figures.count(strength) }),
          words['shared-pattern.note']({
            suspects: figures.count(estimate.suspects),
            carriers: figures.count(carriers),
            n: figures.count(estimate.n),
          }),
        ]
          .filter((sentence) => sentence !== null)
          .join(' '),
      },
    ],
  };
}
