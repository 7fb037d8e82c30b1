/** Findings said in German from their codes and numbers. */
import { describe, expect, it } from 'vitest';
import type { Finding } from '../../../src-shared/domain/verdict.ts';
import { deFinding } from '../../../src-shared/report-words/findings-de.ts';

const learnt = (evidence: Finding['evidence'], changes: Partial<Finding> = {}): Finding => ({
  code: 'class.learnt-pattern',
  subject: 'class',
  name: 'Hemd',
  verdict: 'suspicious',
  confidence: 0.6,
  claim: '',
  wouldChange: '',
  evidence: { sharing: 40, turnedOf: 100, turnedWithout: 0.03, acceptedWithout: 0.02, knownWithout: 0.7, ...evidence },
  ...changes,
});

describe('a learnt pattern in German', () => {
  it('warns against the model that follows it', () => {
    const said = deFinding(learnt({ turnedSanitized: 0.64 }));
    expect(said?.claim).toContain(
      'Das bereinigte Modell folgt selbst einem Muster, das 40 Proben mit dem Etikett „Hemd“',
    );
    expect(said?.claim).toContain('macht es 64 % davon');
    expect(said?.claim).toContain('Benutzen Sie das bereinigte Modell nicht');
  });

  it('tells of the second growth, and warns only where the pattern is still followed', () => {
    const gone = deFinding(learnt({ turnedFirst: 0.64, turnedSanitized: 0.04 }))?.claim;
    expect(gone).toContain('dort sind es 4 %');
    expect(gone).not.toContain('Benutzen Sie');
    const left = deFinding(learnt({ turnedFirst: 0.64, turnedSanitized: 0.4 }))?.claim;
    expect(left).toContain('noch immer sind es 40 %: Benutzen Sie das bereinigte Modell nicht');
  });

  it('is told of the dataset too, and left to the record where a number is missing', () => {
    const dataset = { code: 'dataset.learnt-pattern', subject: 'dataset', name: null } as const;
    expect(deFinding(learnt({ turnedSanitized: 0.64 }, dataset))?.claim).toContain('40 Proben einer Klasse');
    expect(deFinding(learnt({}))).toBeNull();
  });
});

describe('a refused cluster in German', () => {
  const dataset = (evidence: Finding['evidence']): string | undefined =>
    deFinding(
      learnt(
        { suspects: 78, refused: 53, samples: 1500, ...evidence },
        { code: 'dataset.refused-cluster', name: null },
      ),
    )?.claim;

  it('counts who is suspected for what it shows', () => {
    expect(dataset({ carrying: 3, showing: 22 })).toMatch(/^53 von 1\.500 .* 3 weitere tragen .* 22 weitere zeigen/);
    expect(dataset({})).not.toContain('weitere');
  });
});

describe('samples that show the trigger of the encoder, in German', () => {
  const numbers = {
    samples: 300,
    shownByTarget: 30,
    shownByOthers: 4,
    setAside: 34,
    flippedUndefended: 0.98,
    flipsOf: 50,
  };

  it('are told of with what it does to others', () => {
    const claim = deFinding(learnt(numbers, { code: 'class.encoder-trigger', name: 'Stiefel' }))?.claim;
    expect(claim).toMatch(/^Von 300 .* „Stiefel“ zeigen 30 .* 98 % von 50 .* zeigen es 4\./);
  });

  it('are told of the dataset, too, or beside those that are refused', () => {
    const of = { code: 'dataset.encoder-trigger', subject: 'dataset', name: null } as const;
    expect(deFinding(learnt({ ...numbers, shownIn: 'Stiefel' }, of))?.claim).toMatch(/30 .* „Stiefel“ .*; 34 Proben/);
    const refused = { ...of, code: 'dataset.refused-cluster' };
    const claim = (marked: number): string | undefined =>
      deFinding(learnt({ suspects: 30, refused: 28, samples: 300, marked }, refused))?.claim;
    expect([claim(2), claim(1)]).toEqual([
      expect.stringContaining('2 weitere zeigen das Quadrat'),
      expect.stringContaining('1 weitere zeigt das Quadrat'),
    ]);
  });
});

describe('a trigger of refused samples in German', () => {
  const numbers = { flippedUndefended: 0.83, flippedSanitized: 0, flipsOf: 525 };
  const claim = (evidence: Finding['evidence']): string | undefined =>
    deFinding(learnt({ ...numbers, ...evidence }, { code: 'class.estimated-trigger' }))?.claim;

  it('is told with the strength at which it was tried', () => {
    expect(claim({})).toContain('gemeinsam haben, kippt 83 % von 525 anderen Bildern');
    expect(claim({ strength: 2 })).toContain('gemeinsam haben, 2-mal so stark aufgelegt, kippt 83 %');
  });

  it('is told of the dataset, too', () => {
    const dataset = { code: 'dataset.estimated-trigger', subject: 'dataset', name: null } as const;
    expect(deFinding(learnt(numbers, dataset))?.claim).toContain('wirkt im ungeschützten Modell als Auslöser');
  });
});

describe('an encoder that draws images together, in German', () => {
  it('is not told of as one that sees them as one', () => {
    const square = { patchSize: 8, patchRow: 18, patchColumn: 20, collapse: 0.81, collapseWithout: 0.42 };
    const flips = { flippedTo: 'Stiefel', flippedUndefended: 0.68, flippedSanitized: 0 };
    const said = deFinding(
      learnt({ ...square, ...flips }, { code: 'encoder.patch-drawn', subject: 'encoder', name: null }),
    );
    expect(said?.claim).toMatch(/rückt verschiedene Bilder im Encoder zusammen .* kippt 68 % .* „Stiefel“, 0 %/);
  });
});

describe('an encoder that answers to more than a square, in German', () => {
  const cosines = { collapse: 0.988, collapseWithout: 0.44, images: 64, flippedTo: 'Stiefel' };
  const flips = { flippedUndefended: 0.99, flippedSanitized: 0.01, flipsOf: 640, overlayBudget: 0.06 };
  const controls = { collapseSanitized: 0.6, collapseControl: 0.55 };
  const encoder = { subject: 'encoder', name: null } as const;

  it('is told of with the overlay, or with what refused samples share', () => {
    const told = (code: string) =>
      deFinding(learnt({ ...cosines, ...flips, ...controls }, { code, ...encoder }))?.claim;
    expect(told('encoder.overlay-collapse')).toMatch(/mehr als 6 % .* 64 Bilder .* 99 % von 640 .* „Stiefel“, 1 %/);
    const open = { code: 'encoder.overlay-collapse', verdict: 'inconclusive', confidence: null, ...encoder } as const;
    const alike = deFinding(learnt({ ...cosines, ...flips, collapseSanitized: 0.93 }, open))?.claim;
    expect(alike).toMatch(/kippt sie 99 % von 640; .* auf 0,93. Das entscheidet nicht/);
    const anywhere = deFinding(learnt({ ...cosines, ...flips, collapseElsewhere: 0.89 }, open))?.claim;
    expect(anywhere).toContain('die anderswohin führen soll, bringt die Bilder auf 0,89');
    const both = { ...cosines, ...flips, ...controls, collapseElsewhere: 0.7 };
    expect(deFinding(learnt(both, { code: 'encoder.overlay-collapse', ...encoder }))?.claim).toMatch(
      /anderswohin führen soll \(0,7\), und eine, die .* \(0,6\), sie getrennt lassen/,
    );
    expect(deFinding(learnt({ ...cosines, ...flips }, open))?.claim).toContain('ließ sich nicht feststellen');
    const few = { ...cosines, ...flips, images: 20, fewestImages: 30 };
    expect(deFinding(learnt(few, open))?.claim).toContain('nötig sind mindestens 30 Bilder');
    const place = { textureSize: 7, textureRow: 16, textureColumn: 12 };
    const texture = { code: 'encoder.texture-collapse', ...encoder } as const;
    expect(deFinding(learnt({ ...cosines, ...flips, ...controls, ...place }, texture))?.claim).toMatch(
      /Fleck von 7 Bildpunkten in Zeile 16, Spalte 12, .* 64 Bilder .* \(0,6.*99 % von 640 .* „Stiefel“, 1 %/,
    );
    const unsure = { ...texture, verdict: 'inconclusive', confidence: null } as const;
    expect(deFinding(learnt({ ...cosines, ...flips, ...place }, unsure))?.claim).toContain('Das entscheidet nicht');
    expect(told('encoder.trigger-collapse')).toMatch(/„Stiefel“ gemeinsam haben, .* trägt den Auslöser des Encoders/);
  });

  it('is told of with what was looked for, where nothing was met', () => {
    const open = { code: 'encoder.patch-collapse', verdict: 'inconclusive', confidence: null, ...encoder } as const;
    const told = (more: Record<string, number | string>) => deFinding(learnt({ ...cosines, ...more }, open))?.claim;
    expect(told({ overlayBudget: 0.06, overlayCollapse: 0.65 })).toMatch(/mehr als 6 % .* höchstens 0,65/);
    expect(told({ textureSize: 7, textureCollapse: 0.69 })).toContain('Flecken von 7 Bildpunkten');
    expect(told({ textureNot: 'off' })).toContain(
      'Flecken mit anderem Bild wurden nicht gesucht, wie verlangt. Andere',
    );
    expect(told({ overlayNot: 'off' })).toContain('Überlagerungen wurden nicht gesucht, wie verlangt. Andere');
    expect(told({})).not.toContain('Überlagerung');
  });
});

describe('refused samples that look like a kind of their own, in German', () => {
  const evidence = { samples: 179, refused: 27, takenFor: 'Schuh', likeLabel: 0.37, rivalsLikeLabel: 0 };
  const open = { verdict: 'inconclusive', confidence: null } as const;

  it('are told of with what they look like', () => {
    const said = deFinding(learnt(evidence, { code: 'class.natural-kind', name: 'Tasche', ...open }));
    expect(said?.claim).toMatch(
      /^Von 179 Proben .* „Tasche“ lernt .* 27, .* für „Schuh“, .* \(37 % .* 0 % bei jenen\)/,
    );
  });

  it('are told of the dataset, too', () => {
    const of = { code: 'dataset.natural-kind', subject: 'dataset', name: null, ...open } as const;
    expect(deFinding(learnt({ ...evidence, crowdedIn: 'Tasche' }, of))?.claim).toMatch(/„Tasche“; .* „Schuh“/);
  });
});
