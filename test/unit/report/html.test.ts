import { describe, expect, it } from 'vitest';
import { JSDOM } from 'jsdom';
import { reportHtml } from '../../../src-main/report/html.ts';
import { html } from '../../../src-main/report/html/markup.ts';
import { buildRecord } from '../../../src-main/report/record.ts';
import { greyPng, reportInput } from './sample.ts';

function documentOf(page: string): Document {
  return new JSDOM(page).window.document;
}

describe('the report as a page', () => {
  const pictures = {
    suspects: [
      { index: 0, png: greyPng(8, 90) },
      { index: 5, png: greyPng(8, 200) },
    ],
    patch: null,
  };
  const record = buildRecord({ ...reportInput(1000, 40), pictures });
  const page = reportHtml(record);
  const document = documentOf(page);
  const text = document.body.textContent.replace(/\s+/g, ' ');

  const rowsOf = (id: string): string[] =>
    [...document.querySelectorAll(`#${id} tbody tr`)].map((row) =>
      [...row.children].map((cell) => cell.textContent.trim()).join(' | '),
    );

  it('shows what other detectors say, how far they agree, what they cannot see, and which were not run', () => {
    const section = document.querySelector('#opinions')!;
    const said = section.textContent.replace(/\s+/g, ' ');
    expect(said).toContain(
      '2 other detectors were asked; 1 of them raised an alarm. The verdict does not rest on them.',
    );
    expect(rowsOf('opinions')).toContainEqual(
      expect.stringMatching(/^SCAn \| 50 of 2,000 \| alarm: ankle boot \| 50 of 50/),
    );
    expect(said).toContain('Cannot see:');
    expect(said).toMatch(/Tang et al\., USENIX Security 2021/);
    expect(said).toMatch(/I-BAU.*this version does not have it/);
    const without = { ...reportInput(10, 0), result: { ...reportInput(10, 0).result, opinions: null } };
    expect(reportHtml(buildRecord(without))).toContain('No other detector was asked');
  });

  it('says the verdicts in shape and word, with claim, confidence and what would change them', () => {
    const blocks = [...document.querySelectorAll('.verdicts > div')];
    expect(blocks).toHaveLength(2);
    for (const block of blocks) {
      expect(block.querySelector('.badge svg')).not.toBeNull();
      expect(block.querySelector('.badge')!.textContent).toContain('suspicious');
      expect(block.textContent).toMatch(/confidence 0\.9/);
      expect(block.textContent).toContain('A refusal spread evenly over the classes.');
    }
  });

  it('has a claim, a picture and a table in each section that found something', () => {
    for (const id of ['sifting', 'channels', 'bootstrapping', 'suspects', 'outcome']) {
      const section = document.getElementById(id)!;
      expect(section.querySelector('h2')!.textContent.length, id).toBeGreaterThan(20);
      expect(section.querySelector('svg'), id).not.toBeNull();
      expect(section.querySelectorAll('tbody tr').length, id).toBeGreaterThan(0);
    }
    expect(document.querySelectorAll('#sifting figure > svg path').length).toBe(4);
  });

  it('shows accuracies with n and interval', () => {
    expect(rowsOf('outcome')).toContain('Sanitized model | 89.2 % | 82.3 to 93.6 % | 120');
  });

  it('lists every parameter with who chose it, every output with its digest, and how to verify', () => {
    for (const [name, one] of Object.entries(record.method.parameters))
      expect(rowsOf('method')).toContain(`${name} | ${one.value} | ${one.chosenBy}`);
    for (const output of record.outputs) expect(text).toContain(output.sha256);
    expect(text).toContain(record.journal.head.hash);
    expect(text).toContain('coresift verify');
    expect(text).toContain('sha256sum --check MANIFEST.sha256');
  });

  it('says what was not examined and why', () => {
    expect(document.getElementById('not-examined')!.textContent).toContain('image-unreadable');
  });

  it('shows thumbnails of suspects as data and names the samples', () => {
    const images = [...document.querySelectorAll<HTMLImageElement>('#suspects img')];
    expect(images.map((image) => image.alt)).toEqual([
      'Sample 0, labelled ankle boot',
      'Sample 5, labelled ankle boot',
    ]);
    for (const image of images) expect(image.src).toMatch(/^data:image\/png;base64,/);
  });

  it('shows the estimated trigger and the residues, with how often it flips either model', () => {
    const section = document.querySelector('#shared-pattern') as HTMLElement;
    const images = [...section.querySelectorAll('img')];
    expect(images.map((image) => image.alt)).toEqual([
      'The trigger estimated from the suspects',
      'Mean residue of the suspects',
      'Residue of sample 0',
    ]);
    for (const image of images) expect(image.src).toMatch(/^data:image\/png;base64,/);
    const text = section.textContent.replace(/\s+/g, ' ');
    expect(text).toContain('flips 97.0 % of 120 other images');
    expect(text).toContain('2.0 % in the sanitized one');
    expect(text).toContain('The strongest of a few random patterns of its size flips 4.0 % of them');
    expect(text).toContain('It was laid on 2 times as strong as it was estimated.');
    expect(text).not.toContain('not shown to be a trigger');
  });

  it('gives every picture a name, every table a caption and headers, and every link a target on the page', () => {
    for (const svg of document.querySelectorAll('svg')) {
      expect(svg.getAttribute('aria-hidden') === 'true' || (svg.getAttribute('aria-label') ?? '').length > 10).toBe(
        true,
      );
    }
    for (const table of document.querySelectorAll('table')) {
      expect(table.caption!.textContent.trim()).not.toBe('');
      for (const header of table.querySelectorAll('th')) expect(['col', 'row']).toContain(header.scope);
    }
    for (const link of document.querySelectorAll('a')) {
      expect(document.getElementById(link.getAttribute('href')!.slice(1))).not.toBeNull();
    }
    const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('has no number that is not one', () => {
    expect(page).not.toMatch(/NaN|Infinity|undefined|\[object/);
  });
});

describe('the rounds of a report', () => {
  const headsOf = (of: typeof result.rounds): string[] => {
    const page = reportHtml(buildRecord({ ...reportInput(100, 0), result: { ...result, rounds: of } }));
    return [...documentOf(page).querySelectorAll('#bootstrapping thead th')].map((head) => head.textContent.trim());
  };
  const { result } = reportInput(100, 0);

  it('say on how many samples the encoder was asked, where one was', () => {
    const asked = result.rounds.map((round, at) => ({ ...round, distilled: at < 2 ? 31 : 0 }));
    expect(headsOf(asked)).toContain("Encoder's answers taught");
    expect(headsOf(result.rounds)).not.toContain("Encoder's answers taught");
  });
});

describe('a report of little', () => {
  it('says so where nothing was found, grown or known', () => {
    const input = reportInput(20, 0);
    const { columns, result } = input;
    for (const column of [columns.scatterX, columns.scatterY, columns.finalLoss, columns.probeLoss]) column.fill(NaN);
    const little = {
      ...result,
      rounds: [],
      channels: { used: true, layers: [], saturatedAtOne: 0, unlearnedAccuracy: NaN, recoveredAccuracy: NaN },
      outcome: { guardSamples: 0, probeAccuracy: null, sanitizedAccuracy: null },
      verdict: { ...result.verdict, classes: [], notExamined: [] },
    };
    const page = reportHtml(buildRecord({ ...input, result: little, curves: [], log: [], decisions: [], outputs: [] }));
    const text = documentOf(page).body.textContent.replace(/\s+/g, ' ');
    expect(text).toContain('No clean model was grown.');
    expect(text).toContain('There was no held-out sample');
    expect(text).toContain('no clean model was grown that could refuse one');
    expect(page).not.toMatch(/NaN|Infinity|undefined|\[object/);
  });
});

describe('the template', () => {
  it('escapes every value that it did not make itself', () => {
    const name = '<b>"x"\'&`\u202E';
    const document = documentOf(html`<p title="${name}">${[name, 1, null, html`<i>${name}</i>`]}</p>`.markup);
    const shown = '<b>"x"\'&`\\u{202E}';
    expect(document.querySelector('p')!.title).toBe(shown);
    expect(document.querySelector('p')!.textContent).toBe(`${shown}1${shown}`);
    expect(document.querySelector('b')).toBeNull();
  });
});

it('a report of 10,000 samples takes less than ten seconds', () => {
  const input = reportInput(10_000, 470);
  const png = greyPng(32, 100);
  const start = performance.now();
  const suspects = Array.from({ length: 60 }, (_, index) => ({ index, png }));
  const page = reportHtml(buildRecord({ ...input, pictures: { suspects, patch: null } }));
  expect(performance.now() - start).toBeLessThan(10_000);
  expect(page.length).toBeLessThan(5_000_000);
});

describe('the section on what a scan of the encoder found', () => {
  const turned = { target: 9, flippedUndefended: 0.993, flippedSanitized: 0.004, n: 640 };
  const cosines = { base: 0.44, collapse: 0.99, images: 64, turned };
  const picture = { channels: 1 as const, height: 2, width: 2, bytes: [0, 255, 128, 128] };
  const triggers = {
    overlay: { ...cosines, budget: 0.06, picture, strength: 10 },
    texture: { ...cosines, row: 16, column: 12, size: 7, picture },
  };
  const sectionOf = (code: string, found: object, language: 'en' | 'de' = 'en'): HTMLElement => {
    const input = reportInput(100, 0);
    const { verdict } = input.result;
    const result = {
      ...input.result,
      verdict: { ...verdict, encoder: { ...verdict.encoder, code, evidence: {} } },
      triggers: { ...input.result.triggers, ...found },
    };
    return documentOf(reportHtml(buildRecord({ ...input, result }), language)).getElementById('trigger')!;
  };
  const said = (section: HTMLElement): string => section.textContent.replace(/\s+/g, ' ');

  it('shows a patch of any picture where the verdict rests on it', () => {
    const section = sectionOf('encoder.texture-collapse', triggers);
    expect(said(section)).toContain('is 7 pixels wide at row 16, column 12; laid on 640 images it flips 99.3 %');
    expect(said(section)).toContain('“ankle boot” and 0.4 % in the sanitized one');
    expect(section.querySelectorAll('img')).toHaveLength(1);
    expect(said(sectionOf('encoder.texture-collapse', triggers, 'de'))).toContain('Der Fleck, unter dem der Encoder');
  });

  it('shows an overlay where the verdict rests on that', () => {
    const section = sectionOf('encoder.overlay-collapse', triggers);
    expect(said(section)).toMatch(/no pixel by more than 6(\.0)? % of its range; laid on 640 images it flips 99.3 %/);
    expect(said(section)).toContain('10 times as strong');
    expect(section.querySelectorAll('img')).toHaveLength(1);
  });

  it('shows none where records of before have none', () => {
    for (const code of ['encoder.texture-collapse', 'encoder.overlay-collapse']) {
      const section = sectionOf(code, { overlay: undefined, texture: undefined });
      expect(said(section)).toContain('No pattern was recovered from the encoder');
      expect(section.querySelectorAll('img')).toHaveLength(0);
    }
  });
});
