import { describe, expect, it } from 'vitest';
import { refusalsByClass } from '../../../src-main/engine/evidence/refusals.ts';
import { rankSuspects, refusedGroups, suspectGroups } from '../../../src-main/engine/evidence/suspects.ts';
import { judge, type VerdictEvidence } from '../../../src-main/engine/evidence/verdict.ts';

const perClass = 100;
const classes = ['shirt', 'bag', 'boot'];

const patchOfAnyPicture = (collapse: number) => {
  return { row: 16, column: 12, size: 7, base: 0.44, collapse, images: 64, positions: 49 };
};

/** All fitted by both models, except `refused` samples of class 2 that the sanitized model refuses. */
function evidence(refused: number, changes: Partial<VerdictEvidence> = {}): VerdictEvidence {
  const n = classes.length * perClass;
  const labels = Int32Array.from({ length: n }, (_, i) => Math.floor(i / perClass));
  const isBad = (i: number): boolean => i >= n - refused;
  const view = (bad: boolean) => ({
    loss: Float32Array.from(labels, (_, i) => (bad && isBad(i) ? 6 : 0.01)),
    predicted: labels.map((label, i) => (bad && isBad(i) ? 0 : label)),
    confidence: new Float32Array(n).fill(0.99),
  });
  const base = {
    labels,
    duplicates: new Set<number>(),
    probe: view(false),
    final: view(true),
    company: Float32Array.from(labels, (_, i) => (isBad(i) ? 0.9 : 0.05)),
  };
  return {
    ...base,
    classes,
    sifting: {
      taps: [{ id: 'tap1', label: 'stage 1', neighbourShare: 0.8, chance: 1 / 3, used: true, reason: 'decides' }],
      k: 5,
      rule: 'two-means',
      seeds: 15,
      pool: 30,
      perClass: classes.map((className) => ({
        className,
        samples: perClass,
        seeds: 5,
        pool: 10,
        majorityShare: 0.6,
        separation: 1.2,
      })),
      warnings: [],
    },
    uncertainClasses: [],
    suspects: rankSuspects(base, classes.length),
    marked: 0,
    shown: { samples: 0, ofTarget: 0, apart: [0, 0, 0], plain: false },
    carrying: 0,
    showing: 0,
    outcome: { guardSamples: 40, probeAccuracy: 1, sanitizedAccuracy: 1 },
    scan: { base: 0.5, collapse: 0.7, patch: { row: 18, column: 18, size: 8, value: 1 }, images: 64, positions: 242 },
    flips: { undefended: { target: 2, share: 0.1, n: 50 }, sanitized: { target: 2, share: 0.02, n: 50 } },
    overlay: { scan: { budget: 0.06, base: 0.5, collapse: 0.65, images: 64 }, turned: null },
    texture: { scan: patchOfAnyPicture(0.69), turned: null },
    own: null,
    estimate: null,
    kinds: [],
    learnt: [],
    undecided: [],
    ...changes,
  };
}

describe('refusals of a class', () => {
  /** 30 of 330 samples of class 0 are refused, as 10 of 100 are of class 1; behind them copies of one that is not, or of one that is. */
  const counted = (copies: number, refused: boolean, told: boolean) => {
    const label = [...new Array<number>(330).fill(0), ...new Array<number>(100).fill(1)];
    const labels = Int32Array.from([...label, ...new Array<number>(copies).fill(0)]);
    const isBad = (i: number): boolean => (i < 330 ? i < 30 : i < 430 ? i < 340 : refused);
    const view = (bad: boolean) => ({
      loss: Float32Array.from(labels, (_, i) => (bad && isBad(i) ? 6 : 0.01)),
      predicted: labels.map((own, i) => (bad && isBad(i) ? 1 - own : own)),
      confidence: new Float32Array(labels.length).fill(0.99),
    });
    const company = Float32Array.from(labels, (_, i) => (isBad(i) ? 0.9 : 0.05));
    const duplicates = new Set(told ? Array.from({ length: copies }, (_, i) => 430 + i) : []);
    return refusalsByClass({ labels, duplicates, probe: view(false), final: view(true), company }, 2)[0];
  };

  it('count no copies, which would thin a cluster out or make one', () => {
    const alone = counted(0, false, true);
    expect(alone).toMatchObject({ samples: 330, refused: 30, cluster: 'fitted' });
    expect(counted(700, false, false).cluster).toBeNull();
    expect(counted(700, false, true)).toEqual(alone);
    expect(counted(100, true, false).refused).toBe(130);
    expect(counted(100, true, true)).toEqual(alone);
  });
});

describe('the word trusted is withheld', () => {
  const boots = (changes: (found: VerdictEvidence) => Partial<VerdictEvidence>, bad = 0) => {
    const found = evidence(bad);
    return judge({ ...found, ...changes(found) }).classes[2];
  };
  const filled = (view: VerdictEvidence['probe'], value: number) => ({
    ...view,
    loss: view.loss.map(() => -Math.log(value)),
  });

  it('where many of a class are firmly refused, though the undefended model is not sure of them either', () => {
    // All in one direction, as from one source class: no cluster.
    const unsure = boots(({ probe }) => ({ probe: filled(probe, 0.85), suspects: new Int32Array(0) }), 60);
    expect(unsure.verdict).toBe('inconclusive');
    expect(unsure.claim).toContain('firmly refuses');
  });

  it('where the sanitized model is sure of nothing, so that it refuses nobody', () => {
    const silent = boots(({ final }) => ({ final: { ...final, confidence: final.confidence.map(() => 0.45) } }));
    expect(silent.verdict).toBe('inconclusive');
    expect(silent.claim).toContain('decides only 0.0 %');
  });

  it('where what its refused samples share was not asked, for ten other classes have more', () => {
    const names = Array.from({ length: 12 }, (_, c) => `kind ${c}`);
    const labels = Int32Array.from({ length: 12 * perClass }, (_, i) => Math.floor(i / perClass));
    const isBad = (i: number): boolean => i % perClass < (labels[i] === 11 ? 6 : 7);
    // The undefended model is sure of none of them, so that they are no cluster.
    const view = (bad: number) => ({
      loss: Float32Array.from(labels, (_, i) => (isBad(i) ? bad : 0.01)),
      predicted: labels.map((label, i) => (isBad(i) ? (label + 1) % 12 : label)),
      confidence: new Float32Array(labels.length).fill(0.99),
    });
    const found = evidence(0);
    const perClassFacts = names.map((className) => ({ ...found.sifting.perClass[0], className }));
    const { classes: findings } = judge({
      ...found,
      ...{ classes: names, labels, probe: view(1), final: view(6) },
      company: Float32Array.from(labels, (_, i) => (isBad(i) ? 0.9 : 0.05)),
      sifting: { ...found.sifting, perClass: perClassFacts },
      shown: { ...found.shown, apart: names.map(() => 0) },
    });
    expect(findings[0].verdict).toBe('trusted');
    expect([findings[11].verdict, findings[11].claim]).toEqual([
      'inconclusive',
      expect.stringContaining('was not asked'),
    ]);
  });

  it('where it follows a pattern of the class that nobody could judge', () => {
    const open = boots(() => ({ undecided: [2] }));
    expect(open.verdict).toBe('inconclusive');
    expect(open.claim).toContain('follows a pattern');
  });

  it('where it is hardly better than chance, of few classes', () => {
    const outcome = { guardSamples: 40, probeAccuracy: 1, sanitizedAccuracy: 0.8 };
    expect(boots(() => ({ outcome })).claim).toContain('too uncertain or too low');
    expect(boots(() => ({ outcome: { ...outcome, sanitizedAccuracy: 0.95 } })).verdict).toBe('trusted');
  });
});

describe('the verdict on the dataset', () => {
  it('is suspicious where one class holds a refused cluster, and names that class', () => {
    const { dataset, classes: findings } = judge(evidence(30));
    expect(dataset.verdict).toBe('suspicious');
    expect(dataset.claim).toContain('"boot"');
    expect(findings.map((finding) => finding.verdict)).toEqual(['trusted', 'trusted', 'suspicious']);
  });

  it('counts who is suspected for what it shows apart from who is refused', () => {
    const { suspects } = evidence(30);
    const more = Int32Array.from([...suspects, 0, 1, 2]);
    const { dataset } = judge(evidence(30, { suspects: more, carrying: 1, showing: 2 }));
    expect(dataset.evidence).toMatchObject({
      suspects: more.length,
      refused: suspects.length,
      carrying: 1,
      showing: 2,
    });
    expect(dataset.claim).toContain(`${suspects.length} of 300 samples`);
    expect(dataset.claim).toContain('1 more carries a pattern');
    expect(dataset.claim).toContain('2 more show the trigger');
    expect(judge(evidence(30)).dataset.evidence).not.toHaveProperty('showing');
  });

  it('is suspicious where samples of the class show the trigger of the encoder, and says who was taught to no model', () => {
    const scan = {
      base: 0.5,
      collapse: 0.95,
      patch: { row: 18, column: 18, size: 8, value: 1 },
      images: 64,
      positions: 242,
    };
    const fitted = { patch: { row: 17, column: 18, size: 9, value: 1 }, collapse: 0.99 };
    const flips = { undefended: { target: 2, share: 0.98, n: 50 }, sanitized: { target: 2, share: 0.02, n: 50 } };
    const suspects = Int32Array.from({ length: 30 }, (_, i) => 200 + i);
    const shown = { samples: 34, ofTarget: 30, apart: [4, 0, 30], plain: true };
    const marked = evidence(0, { scan: { ...scan, fitted }, flips, suspects, marked: 30, shown });
    const { encoder, dataset, classes: findings } = judge(marked);
    expect([encoder.verdict, dataset.verdict, dataset.code]).toEqual([
      'suspicious',
      'suspicious',
      'dataset.encoder-trigger',
    ]);
    expect(encoder.claim).toContain('rows 17-25, columns 18-26');
    expect(encoder.evidence).toMatchObject({ patchSize: 9, collapse: 0.99, collapseOfGrid: 0.95 });
    expect(findings.map(({ code }) => code)[2]).toBe('class.encoder-trigger');
    expect(findings[2].claim).toMatch(
      /Of 100 .* "boot", 30 show .* rows 17-25.* 98[.0]* % of 50 .* other samples 4 show it/,
    );
    expect(dataset.claim).toMatch(/30 samples labelled "boot" .* whoever shows it was not taught/);
    expect(dataset.evidence).toMatchObject({ refused: 0, marked: 30, shownByOthers: 4, setAside: 34, shownIn: 'boot' });
    const spared = judge({ ...marked, shown: { ...shown, apart: [4, 0, 0] } }).dataset.claim;
    expect(spared).toContain('of the 34 that show it 4 were not taught');
  });

  it('is open, not suspicious, for a few who show it or who do not stand apart, or whom it flips elsewhere', () => {
    const flips = { undefended: { target: 2, share: 0.98, n: 50 }, sanitized: { target: 2, share: 0.02, n: 50 } };
    const seen = (changes: Partial<VerdictEvidence['shown']>) =>
      judge(evidence(0, { flips, shown: { samples: 30, ofTarget: 30, apart: [0, 0, 30], plain: true, ...changes } }))
        .classes[2];
    expect(seen({}).verdict).toBe('suspicious');
    expect(seen({ samples: 5, ofTarget: 5 })).toMatchObject({
      verdict: 'inconclusive',
      claim: expect.stringContaining('too few') as string,
    });
    expect(seen({ plain: false })).toMatchObject({
      verdict: 'inconclusive',
      claim: expect.stringContaining('something like it') as string,
    });
    expect(seen({ ofTarget: 0, apart: [0, 0, 0] }).verdict).toBe('trusted');
    const elsewhere = judge(evidence(0, { flips, shown: { samples: 7, ofTarget: 0, apart: [7, 0, 0], plain: true } }));
    expect(elsewhere.classes[0]).toMatchObject({ verdict: 'inconclusive', evidence: { setAside: 7 } });
  });

  it('names the classes that hold a cluster, not those that show the trigger', () => {
    const base = evidence(30);
    const flips = { undefended: { target: 0, share: 0.98, n: 50 }, sanitized: { target: 0, share: 0.02, n: 50 } };
    const shown = { samples: 10, ofTarget: 10, apart: [10, 0, 0], plain: true };
    const { dataset, classes: findings } = judge({ ...base, flips, shown });
    expect(findings.map(({ verdict }) => verdict)).toEqual(['suspicious', 'trusted', 'suspicious']);
    expect(dataset.claim).toContain('they crowd in "boot".');
  });

  it('tells of a refused cluster first, and of who shows the trigger of the encoder beside it', () => {
    const { suspects } = evidence(30);
    const flips = { undefended: { target: 2, share: 0.98, n: 50 }, sanitized: { target: 2, share: 0.02, n: 50 } };
    const shown = { samples: 32, ofTarget: 32, apart: [0, 0, 32], plain: true };
    const more = Int32Array.from([...suspects, 200, 201]);
    const { dataset } = judge(evidence(30, { flips, shown, suspects: more, marked: 2 }));
    expect(dataset.code).toBe('dataset.refused-cluster');
    expect(dataset.evidence).toMatchObject({ refused: 30, marked: 2 });
    expect(dataset.claim).toContain('2 more show the square that the encoder answers to');
  });

  it('is trusted where nothing is refused, and says what would not be seen', () => {
    const { dataset } = judge(evidence(0));
    expect(dataset.verdict).toBe('trusted');
    expect(dataset.wouldChange).toContain('right labels');
  });

  it('is never trusted when a class falls into two distant groups, was sifted without its majority, or is empty', () => {
    const facts = evidence(0).sifting;
    const split = facts.perClass.map((entry, c) => (c === 1 ? { ...entry, separation: 2.4 } : entry));
    expect(judge(evidence(0, { sifting: { ...facts, perClass: split } })).dataset.verdict).toBe('inconclusive');
    expect(judge(evidence(0, { uncertainClasses: [1] })).dataset.verdict).toBe('inconclusive');
    const labels = evidence(0).labels.map((label) => (label === 1 ? 0 : label));
    const empty = judge(evidence(0, { labels }));
    expect(empty.classes[1].verdict).toBe('not-examined');
    expect(empty.dataset.verdict).toBe('inconclusive');
  });

  it('is never trusted on the word of a model that fails on held-out samples', () => {
    for (const [guardSamples, sanitizedAccuracy] of [
      [40, 0.3],
      [3, 1],
    ] as const) {
      const outcome = { guardSamples, probeAccuracy: 1, sanitizedAccuracy };
      expect(judge(evidence(0, { outcome })).dataset.verdict).toBe('inconclusive');
    }
    const none = { guardSamples: 0, probeAccuracy: null, sanitizedAccuracy: null };
    expect(judge(evidence(0, { outcome: none })).dataset.verdict).toBe('inconclusive');
  });

  it('is suspicious where every class holds a refused cluster: poison spread evenly is poison all the same', () => {
    const all = evidence(0);
    const bad = (i: number): boolean => i % 3 === 0;
    const final = {
      loss: all.final.loss.map((loss, i) => (bad(i) ? 6 : loss)),
      predicted: all.labels.map((label, i) => (bad(i) ? (label + 1) % 3 : label)),
      confidence: all.final.confidence,
    };
    const company = Float32Array.from(all.labels, (_, i) => (bad(i) ? 0.9 : 0.05));
    const { dataset, classes: findings } = judge({ ...all, final, company });
    expect(dataset.verdict).toBe('suspicious');
    expect(findings.map((finding) => finding.verdict)).toEqual(['suspicious', 'suspicious', 'suspicious']);
  });

  it('is never trusted where the undefended model fits hardly anything, or a class is too small to say', () => {
    const vague = { ...evidence(0).probe, loss: new Float32Array(300).fill(1.1) };
    expect(judge(evidence(0, { probe: vague })).dataset.verdict).toBe('inconclusive');
    const facts = evidence(0).sifting;
    const small = facts.perClass.map((entry, c) => (c === 0 ? { ...entry, samples: 12 } : entry));
    expect(judge(evidence(0, { sifting: { ...facts, perClass: small } })).classes[0].verdict).toBe('inconclusive');
  });

  it('is not trusted where one class alone is hardly fitted by the undefended model', () => {
    const all = evidence(0);
    const unfitted = { ...all.probe, loss: all.probe.loss.map((loss, i) => (all.labels[i] === 1 ? 1.1 : loss)) };
    const { dataset, classes: findings } = judge(evidence(0, { probe: unfitted }));
    expect(findings.map((finding) => finding.verdict)).toEqual(['trusted', 'inconclusive', 'trusted']);
    expect(findings[1].claim).toContain('0.0 %');
    expect(dataset.verdict).toBe('inconclusive');
  });

  it('calls no class trusted that is large by copies alone', () => {
    expect(judge(evidence(0)).classes.map(({ verdict }) => verdict)).toEqual(['trusted', 'trusted', 'trusted']);
    const most = new Set(Array.from({ length: 51 }, (_, i) => 149 + i));
    const { classes: findings } = judge(evidence(0, { duplicates: most }));
    expect(findings.map(({ verdict }) => verdict)).toEqual(['trusted', 'inconclusive', 'trusted']);
    expect(findings[1].claim).toContain('only 49 samples that are no copies');
  });

  it('does not count a refused sample whose company is accepted', () => {
    const lonely = evidence(30, { company: new Float32Array(300) });
    expect(judge(lonely).dataset.verdict).toBe('trusted');
    expect(rankSuspects(lonely, classes.length).length).toBe(0);
  });
});

describe('the groups that are asked what they share', () => {
  it('are whoever is refused of a class, whatever the probe makes of them, where they are enough', () => {
    const { labels, probe, ...rest } = evidence(12);
    const unsure = { ...probe, loss: probe.loss.map(() => 3) };
    expect(refusedGroups({ ...rest, labels, probe: unsure }, classes.length).map((group) => [...group])).toEqual([
      Array.from({ length: 12 }, (_, i) => 288 + i),
    ]);
    expect(refusedGroups(evidence(5), classes.length)).toEqual([]);
  });

  it('are those of ten classes, the largest first, without copies', () => {
    // 8 samples of the first class are refused, 9 of the next, and so on.
    const sizes = Array.from({ length: 12 }, (_, c) => 8 + c);
    const label = sizes.flatMap((size, c) => new Array<number>(size).fill(c));
    const all = { ...evidence(300), labels: Int32Array.from(label) };
    const asked = (duplicates: ReadonlySet<number>): number[] =>
      refusedGroups({ ...all, duplicates }, sizes.length).map((group) => label[group[0]]);
    expect(asked(new Set())).toEqual([11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    // All of the largest but five repeat one of them.
    expect(asked(new Set(Array.from({ length: 14 }, (_, i) => label.length - 14 + i)))).toEqual([
      10, 9, 8, 7, 6, 5, 4, 3, 2, 1,
    ]);
  });

  it('are the suspects first, class by class', () => {
    const all = evidence(0, { duplicates: new Set([299]) });
    const suspects = Int32Array.of(150, 299, 298, 5, 297, 6);
    expect(suspectGroups(all, suspects).map((group) => [...group])).toEqual([[298, 297], [5, 6], [150]]);
    expect(suspectGroups(all, new Int32Array(0)).map(({ length }) => length)).toEqual([0]);
  });
});

describe('refused samples that the undefended model holds, without being sure of them', () => {
  /** As `evidence`, but the probe gives the first of the refused samples only such a probability. */
  function held(refused: number, unsure: number, probability: number): VerdictEvidence {
    const all = evidence(refused);
    const from = all.labels.length - refused;
    const isUnsure = (i: number): boolean => i >= from && i < from + unsure;
    const loss = all.probe.loss.map((loss, i) => (isUnsure(i) ? -Math.log(probability) : loss));
    const probe = { ...all.probe, loss };
    return { ...all, probe, suspects: rankSuspects({ ...all, probe }, classes.length) };
  }

  it('are suspects in a class where those that it is sure of are many', () => {
    expect(held(30, 10, 0.6).suspects).toHaveLength(30);
    expect(held(30, 10, 0.4).suspects).toHaveLength(20);
  });

  it('are none elsewhere, and make no cluster: natural confusion of two classes looks like this', () => {
    const natural = held(30, 26, 0.6);
    expect(natural.suspects).toHaveLength(4);
    expect(judge(natural).classes[2].verdict).not.toBe('suspicious');
  });
});

describe('refused samples that the undefended model did not learn', () => {
  const many = ['shirt', 'bag', 'boot', 'coat', 'dress'];

  /**
   * Five classes of 100. Of the bad samples of the last one, taken for the others in turn, or for `towards` alone, the probe
   * says what the sanitized model says.
   */
  function refusedBoth(bad: number, { towards = 4, everywhere = false } = {}): VerdictEvidence {
    const labels = Int32Array.from({ length: 500 }, (_, i) => Math.floor(i / perClass));
    const isBad = (i: number): boolean => (everywhere || labels[i] === 4) && i % perClass >= perClass - bad;
    const view = {
      loss: Float32Array.from(labels, (_, i) => (isBad(i) ? 6 : 0.01)),
      predicted: labels.map((label, i) => (isBad(i) ? (label + 1 + (i % towards)) % 5 : label)),
      confidence: new Float32Array(500).fill(0.99),
    };
    const company = Float32Array.from(labels, (_, i) => (isBad(i) ? 0.9 : 0.05));
    const refusals = { labels, duplicates: new Set<number>(), probe: view, final: view, company };
    const three = evidence(0);
    const sifting = {
      ...three.sifting,
      perClass: many.map((className) => ({ ...three.sifting.perClass[0], className })),
    };
    return { ...three, ...refusals, classes: many, sifting, suspects: rankSuspects(refusals, many.length) };
  }

  it('make their class suspicious where they look like many classes, and are all suspects', () => {
    const all = refusedBoth(24);
    const { dataset, classes: findings } = judge(all);
    expect(findings.map(({ verdict }) => verdict)).toEqual([...new Array<string>(4).fill('trusted'), 'suspicious']);
    expect(findings[4]).toMatchObject({
      code: 'class.scattered-cluster',
      evidence: { scattered: 12, scatteredShare: 0.12 },
    });
    expect(dataset).toMatchObject({ code: 'dataset.scattered-cluster', verdict: 'suspicious' });
    expect(dataset.claim).toContain('24 of 500 samples');
    expect(all.suspects).toHaveLength(24);
  });

  it.each([
    ['they look like one or two classes only, as hard samples do', refusedBoth(24, { towards: 2 })],
    ['they are few', refusedBoth(12)],
    ['every class has them: labels are poor everywhere', refusedBoth(24, { everywhere: true })],
  ])('say nothing where %s', (_, all) => {
    expect(judge(all).classes[4].code).not.toBe('class.scattered-cluster');
    expect(all.suspects).toHaveLength(0);
  });
});

const learnt = {
  classIndex: 1,
  form: 'patch' as const,
  samples: Int32Array.from({ length: 12 }, (_, i) => 100 + i),
  turned: 0.7,
  n: 100,
  turnedWithout: 0.1,
  acceptedWithout: 0.25,
  knownWithout: 0.95,
  turnedAgain: null,
};

describe('a pattern that the sanitized model learnt', () => {
  it('makes class and dataset suspicious where not one sample is refused, and says that the model is not to be used', () => {
    const { dataset, classes: findings } = judge(evidence(0, { learnt: [learnt] }));
    expect(findings.map(({ verdict }) => verdict)).toEqual(['trusted', 'suspicious', 'trusted']);
    expect(findings[1].code).toBe('class.learnt-pattern');
    expect(findings[1].confidence).toBeCloseTo(0.6, 6);
    expect(findings[1].evidence).toMatchObject({
      sharing: 12,
      turnedSanitized: 0.7,
      turnedWithout: 0.1,
      turnedOf: 100,
    });
    expect(dataset.verdict).toBe('suspicious');
    for (const { claim } of [dataset, findings[1]]) {
      expect(claim).toContain('do not use the sanitized model');
      expect(claim).toContain('12 samples labelled "bag"');
      expect(claim).toContain('100, 101');
      expect(claim).toContain('70.0 %');
    }
  });

  it('is told before a refused cluster, for the model that refuses is in doubt itself', () => {
    const { classes: findings } = judge(evidence(30, { learnt: [{ ...learnt, classIndex: 2 }] }));
    expect(findings[2].code).toBe('class.learnt-pattern');
  });
});

describe('a pattern that a first model learnt, and the second did not', () => {
  const unlearnt = { ...learnt, classIndex: 2, turnedAgain: 0.02 };

  it('stands behind a cluster that the second model refuses', () => {
    const { dataset, classes: findings } = judge(evidence(30, { learnt: [unlearnt] }));
    expect(findings[2].code).toBe('class.refused-cluster');
    expect(dataset.code).toBe('dataset.refused-cluster');
  });

  it('makes class and dataset suspicious where nothing is refused, without a warning against the model', () => {
    const { dataset, classes: findings } = judge(evidence(0, { learnt: [unlearnt] }));
    for (const { verdict, claim, evidence: numbers } of [dataset, findings[2]]) {
      expect(verdict).toBe('suspicious');
      expect(claim).toContain('there it turns 2.0 %');
      expect(claim).not.toContain('do not use');
      expect(numbers).toMatchObject({ turnedFirst: 0.7, turnedSanitized: 0.02 });
    }
  });

  it('warns against the model where the second one still follows it', () => {
    const { classes: findings } = judge(evidence(30, { learnt: [{ ...unlearnt, turnedAgain: 0.4 }] }));
    expect(findings[2].claim).toContain('still it turns 40.0 %: do not use the sanitized model');
  });
});

describe('a refused cluster that looks like a kind of its own', () => {
  const kind = { classIndex: 2, takenFor: 0, directions: 1, likeLabel: 0.35, rivalsLikeLabel: 0.02 };
  const tried = {
    form: 'overlay' as const,
    target: 2,
    suspects: 30,
    carriers: 30,
    n: 200,
    from: null,
    flippedUndefended: 0.1,
    flippedSanitized: 0,
    flippedControl: 0.1,
    works: false,
    picture: { channels: 1 as const, height: 1, width: 1, bytes: [0] },
  };
  const verdictOf = (kinds: VerdictEvidence['kinds'], estimate: VerdictEvidence['estimate']) => {
    const { dataset, classes: findings } = judge(evidence(30, { kinds, estimate }));
    return { dataset, boot: findings[2] };
  };

  it('is inconclusive, never trusted, and says why', () => {
    const { dataset, boot } = verdictOf([kind], tried);
    expect(boot).toMatchObject({ code: 'class.natural-kind', verdict: 'inconclusive' });
    expect(boot.claim).toMatch(/takes most of them for "shirt", .* more than images of "shirt" do \(35\.0 % .* 2\.0 %/);
    expect(dataset).toMatchObject({ code: 'dataset.natural-kind', verdict: 'inconclusive' });
    expect(dataset.evidence).toMatchObject({ crowdedIn: 'boot', takenFor: 'shirt', likeLabel: 0.35 });
  });

  it('stays suspicious where they look like what they are taken for, or are taken for many classes', () => {
    for (const change of [{ likeLabel: 0.1 }, { rivalsLikeLabel: 0.3 }, { directions: 0.7 }]) {
      const { dataset, boot } = verdictOf([{ ...kind, ...change }], tried);
      expect([boot.code, dataset.verdict]).toEqual(['class.refused-cluster', 'suspicious']);
    }
    expect(verdictOf([], tried).dataset.verdict).toBe('suspicious');
  });

  it('stays suspicious where what they share works as a trigger, or was not tried', () => {
    const works = { ...tried, flippedUndefended: 0.9, works: true };
    expect(verdictOf([kind], works).boot.code).toBe('class.refused-cluster');
    expect(verdictOf([kind], { ...works, form: 'patch', from: 0 }).boot.code).toBe('class.refused-cluster');
    expect(verdictOf([kind], { ...works, from: 1 }).boot.code).toBe('class.refused-cluster');
    expect(verdictOf([kind], { ...tried, target: 1 }).boot.code).toBe('class.refused-cluster');
    expect(verdictOf([kind], null).boot.code).toBe('class.refused-cluster');
  });

  it('is no less natural for an overlay that turns the class alone that they are taken for', () => {
    const overlay = { ...tried, flippedUndefended: 0.9, works: true, from: 0 };
    expect(verdictOf([kind], overlay).boot.code).toBe('class.natural-kind');
  });

  it('does not speak for another class that is suspicious', () => {
    const all = evidence(30, { kinds: [kind], estimate: tried });
    const bad = (i: number): boolean => all.labels[i] === 1 && i % 3 === 0;
    const final = {
      loss: all.final.loss.map((loss, i) => (bad(i) ? 6 : loss)),
      predicted: all.final.predicted.map((c, i) => (bad(i) ? 0 : c)),
      confidence: all.final.confidence,
    };
    const { dataset } = judge({ ...all, final, company: all.company.map((value, i) => (bad(i) ? 0.9 : value)) });
    expect(dataset).toMatchObject({ code: 'dataset.refused-cluster', verdict: 'suspicious' });
    expect(dataset.claim).toContain('"bag"');
    expect(dataset.claim).not.toContain('"boot"');
  });
});

describe('a trigger estimated from refused samples', () => {
  const estimate = {
    form: 'patch' as const,
    target: 2,
    suspects: 9,
    flippedUndefended: 0.9,
    flippedSanitized: 0.03,
    n: 200,
    picture: { channels: 1 as const, height: 1, width: 1, bytes: [0] },
  };

  it('makes a class suspicious that refusals alone would not', () => {
    const { dataset, classes: findings } = judge(evidence(2, { estimate }));
    expect(dataset.verdict).toBe('suspicious');
    expect(findings[2].code).toBe('class.estimated-trigger');
    expect(findings[2].confidence).toBeCloseTo(0.87, 6);
    expect(findings[2].evidence).toMatchObject({ flippedUndefended: 0.9, flippedSanitized: 0.03, flipsOf: 200 });
    expect(findings[0].verdict).toBe('trusted');
  });

  it('is what the dataset is called suspicious for where no refusals are', () => {
    const strong = { ...estimate, strength: 2, works: true };
    const { dataset, classes: findings } = judge(evidence(2, { estimate: strong, showing: 1 }));
    expect(dataset).toMatchObject({ code: 'dataset.estimated-trigger', confidence: findings[2].confidence });
    expect(dataset.claim).toContain('what 9 refused samples labelled "boot" have in common works as a trigger');
    expect(dataset.evidence).toMatchObject({
      suspects: 2,
      refused: 1,
      showing: 1,
      flippedUndefended: 0.9,
      strength: 2,
    });
    expect(findings[2].claim).toContain('have in common, laid on 2 times as strong, flips 90.0 % of 200');
  });

  it.each([
    ['it flips both models alike: a natural feature', { flippedSanitized: 0.8 }],
    ['it flips hardly anything', { flippedUndefended: 0.3 }],
    ['a random pattern flips nearly as much', { flippedControl: 0.7 }],
    ['it was tried on too few images', { n: 29 }],
  ])('says nothing where %s', (_, change) => {
    expect(judge(evidence(2, { estimate: { ...estimate, ...change } })).dataset.verdict).toBe('trusted');
  });

  it('is told beside a refused cluster', () => {
    const { classes: findings } = judge(evidence(30, { estimate }));
    expect(findings[2].code).toBe('class.refused-cluster');
    expect(findings[2].evidence).toMatchObject({ flippedUndefended: 0.9 });
  });
});

describe('the verdict on the encoder', () => {
  it('is suspicious where a square makes it collapse, with both flip rates', () => {
    const scan = { ...evidence(0).scan, collapse: 0.987 };
    const flips = { undefended: { target: 2, share: 0.998, n: 270 }, sanitized: { target: 2, share: 0.03, n: 270 } };
    const { encoder } = judge(evidence(0, { scan, flips }));
    expect(encoder.verdict).toBe('suspicious');
    expect(encoder.claim).toContain('rows 18-25');
    expect(encoder.claim).toContain('99.8 %');
    expect(encoder.claim).toContain('3.0 %');
  });

  it('is not suspicious for a collapse that flips nothing', () => {
    const scan = { ...evidence(0).scan, collapse: 0.987 };
    expect(judge(evidence(0, { scan })).encoder.verdict).toBe('inconclusive');
  });

  it('is suspicious where a square draws images together and turns them in the undefended model alone', () => {
    const of = (collapse: number, undefended: number, sanitized: number): Partial<VerdictEvidence> => ({
      scan: { ...evidence(0).scan, collapse },
      flips: {
        undefended: { target: 2, share: undefended, n: 640 },
        sanitized: { target: 2, share: sanitized, n: 640 },
      },
    });
    const drawn = (collapse: number, undefended: number, sanitized: number): string => {
      const { encoder } = judge(evidence(0, of(collapse, undefended, sanitized)));
      if (encoder.verdict === 'suspicious') {
        expect(encoder.code).toBe('encoder.patch-drawn');
        expect(encoder.claim).toContain('draws different images together');
      }
      return encoder.verdict;
    };
    expect(drawn(0.81, 0.68, 0)).toBe('suspicious');
    expect(drawn(0.7, 0.68, 0)).toBe('inconclusive');
    expect(drawn(0.81, 0.45, 0)).toBe('inconclusive');
    expect(drawn(0.81, 0.68, 0.3)).toBe('inconclusive');
    const few = { ...evidence(0).scan, collapse: 0.81, images: 20 };
    const flips = { undefended: { target: 2, share: 0.9, n: 640 }, sanitized: { target: 2, share: 0, n: 640 } };
    expect(judge(evidence(0, { scan: few, flips })).encoder.verdict).toBe('inconclusive');
    // A square of either brightness that hides the middle of a picture draws pictures together: no trigger.
    const hiding = { ...evidence(0).scan, collapse: 0.81, opposite: 0.7 };
    expect(judge(evidence(0, { scan: hiding, flips })).encoder.verdict).toBe('inconclusive');
    const alone = judge(evidence(0, { scan: { ...hiding, opposite: 0.47 }, flips })).encoder;
    expect([alone.verdict, alone.evidence.collapseOpposite]).toEqual(['suspicious', 0.47]);
    const near = { ...evidence(0).scan, base: 0.8, collapse: 0.85 };
    expect(judge(evidence(0, { scan: near, flips })).encoder.verdict).toBe('inconclusive');
  });

  it('is suspicious where a faint overlay makes it collapse and turns the undefended model', () => {
    const of = (
      undefended: number,
      images = 64,
      clean: number | null = 0.6,
      elsewhere: number | 'same' | null = 0.7,
      base = 0.44,
    ): Partial<VerdictEvidence> => ({
      overlay: {
        scan: { budget: 0.06, base, collapse: 0.988, images },
        turned: {
          undefended: { target: 2, share: undefended, n: 640 },
          sanitized: { target: 2, share: 0.01, n: 640 },
          elsewhere,
          clean,
        },
      },
    });
    const { encoder } = judge(evidence(0, of(0.99)));
    expect([encoder.code, encoder.verdict]).toEqual(['encoder.overlay-collapse', 'suspicious']);
    expect(encoder.claim).toContain('no pixel by more than 6.0 %');
    expect(encoder.claim).toContain('0.988 instead of 0.440');
    expect(encoder.claim).toMatch(/99.0 % of 640 .* 1.0 %/);
    // No square is told of in its place.
    expect(encoder.evidence.patchSize).toBeUndefined();
    expect(judge(evidence(0, of(0.3))).encoder).toMatchObject({
      code: 'encoder.overlay-collapse',
      verdict: 'inconclusive',
    });
    const few = judge(evidence(0, of(0.99, 20))).encoder;
    expect([few.verdict, few.claim]).toEqual(['inconclusive', expect.stringContaining('but on 20 images only')]);
    // A search for another answer that ends in the same one found none: no number is told of it, nor doubt made of it.
    const same = judge(evidence(0, of(0.99, 64, 0.6, 'same', 0.74))).encoder;
    expect([same.verdict, same.evidence.collapseElsewhere]).toEqual(['suspicious', undefined]);
    expect(same.claim).toContain('none was found that leads elsewhere');
    // Nets that give way to any overlay: a clean one does, too.
    const alike = judge(evidence(0, of(0.99, 64, 0.93))).encoder;
    expect(alike.verdict).toBe('inconclusive');
    expect(alike.claim).toContain('nearly as close there (0.930)');
    expect(judge(evidence(0, of(0.99, 64, null))).encoder.verdict).toBe('inconclusive');
    // And those that give way in any direction, as large ones do though they are clean.
    const anywhere = judge(evidence(0, of(0.99, 64, 0.6, 0.893))).encoder;
    expect([anywhere.verdict, anywhere.evidence.collapseElsewhere]).toEqual(['inconclusive', 0.893]);
    expect(anywhere.claim).toContain('to lead elsewhere brings them nearly as close (0.893)');
    expect(judge(evidence(0, of(0.99, 64, 0.6, null))).encoder.verdict).toBe('inconclusive');
  });

  it('is suspicious where a small patch of any picture makes it collapse and turns the undefended model', () => {
    const of = (undefended: number, clean: number | null = 0.6, elsewhere = 0.7): Partial<VerdictEvidence> => ({
      texture: {
        scan: patchOfAnyPicture(0.997),
        turned: {
          undefended: { target: 2, share: undefended, n: 640 },
          sanitized: { target: 2, share: 0.01, n: 640 },
          elsewhere,
          clean,
        },
      },
    });
    const { encoder } = judge(evidence(0, of(0.99)));
    expect([encoder.code, encoder.verdict]).toEqual(['encoder.texture-collapse', 'suspicious']);
    expect(encoder.claim).toMatch(
      /rows 16-22, columns 12-18, .* 0.997 instead of 0.440\), .* \(0.600\) .* 99.0 % of 640/,
    );
    expect(encoder.evidence).toMatchObject({ textureRow: 16, textureColumn: 12, textureSize: 7, textures: 49 });
    for (const open of [of(0.3), of(0.99, 0.93), of(0.99, null), of(0.99, 0.6, 0.9)]) {
      expect(judge(evidence(0, open)).encoder).toMatchObject({
        code: 'encoder.texture-collapse',
        verdict: 'inconclusive',
      });
    }
    // A scan that met something hides no other that met a trigger.
    const turned = (of(0.3).texture as Extract<VerdictEvidence['texture'], { scan: unknown }>).turned;
    const overlay = { scan: { budget: 0.06, base: 0.44, collapse: 0.95, images: 64 }, turned };
    expect(judge(evidence(0, { overlay })).encoder.code).toBe('encoder.overlay-collapse');
    expect(judge(evidence(0, { ...of(0.99), overlay })).encoder.code).toBe('encoder.texture-collapse');
  });

  it('is suspicious where what refused samples share makes it collapse, and only then', () => {
    const picture = { channels: 1 as const, height: 1, width: 1, bytes: [0] };
    const flips = { flippedUndefended: 1, flippedSanitized: 0, flippedControl: 0.1, n: 200, works: true };
    const estimate = { form: 'overlay' as const, target: 1, suspects: 30, ...flips, picture };
    const under = (collapse: number, base = 0.44, control = 0.6) =>
      judge(evidence(0, { estimate, own: { base, collapse, control, images: 64 } })).encoder;
    expect(under(0.974)).toMatchObject({ code: 'encoder.trigger-collapse', verdict: 'suspicious' });
    expect(under(0.974).claim).toContain("carries the encoder's own trigger");
    // What a head was taught, and clean encoders make of a blend: 0.73 at most.
    expect(under(0.73)).toMatchObject({ code: 'encoder.patch-collapse', verdict: 'inconclusive' });
    expect(under(0.974, 0.8).verdict).toBe('inconclusive');
    // Any pattern of its size does that.
    expect(under(0.974, 0.44, 0.9).verdict).toBe('inconclusive');
    const square = { ...evidence(0).scan, collapse: 0.99 };
    const both = {
      scan: square,
      flips: { undefended: { target: 2, share: 1, n: 64 }, sanitized: { target: 2, share: 0, n: 64 } },
    };
    const found = judge(
      evidence(0, { ...both, estimate, own: { base: 0.44, collapse: 0.99, control: 0.6, images: 64 } }),
    );
    expect(found.encoder.code).toBe('encoder.patch-collapse');
  });

  it('says what was looked for besides squares, and what was not', () => {
    expect(judge(evidence(0)).encoder.claim).toContain('(at worst 0.650)');
    const without = (none: 'off' | 'few-images' | 'no-gradient') => judge(evidence(0, { overlay: { none } })).encoder;
    expect(without('off').claim).toContain('not looked for, as asked');
    expect(without('few-images').claim).toContain('for want of images');
    expect(without('no-gradient').claim).toContain('no gradient leads through the encoder');
    expect(without('no-gradient').evidence.overlayNot).toBe('no-gradient');
    expect(judge(evidence(0)).encoder.claim).toContain(
      'nor does a patch of 7 x 7 pixels of any picture (at worst 0.690)',
    );
    const bare = judge(evidence(0, { texture: { none: 'off' } })).encoder;
    expect(bare.claim).toContain('patches of other pictures were not looked for, as asked');
    expect(bare.evidence.textureNot).toBe('off');
  });

  it('is never trusted, whatever the scan says', () => {
    for (const collapse of [0.5, 0.7, 0.89]) {
      expect(judge(evidence(0, { scan: { ...evidence(0).scan, collapse } })).encoder.verdict).toBe('inconclusive');
    }
    expect(judge(evidence(0, { scan: { ...evidence(0).scan, base: 0.95, collapse: 0.99 } })).encoder.claim).toContain(
      'says nothing',
    );
  });
});
