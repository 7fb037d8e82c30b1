/** report.html: one self-contained page. No script, no reference outside itself, every string of the audit escaped. */
import type { Finding } from '../../src-shared/domain/verdict.ts';
import { confidenceText, notExaminedClaim, parameterClaim } from './html/claims.ts';
import {
  bootstrapSection,
  channelSection,
  outcomeSection,
  siftingSection,
  suspectSection,
  type SectionContent,
} from './html/findings.ts';
import { html, trusted, type Markup } from './html/markup.ts';
import { bytes, count, counted, seconds, time } from './html/numbers.ts';
import { badge } from './html/pictures.ts';
import { style } from './html/style.ts';
import { digest, evidenceText, facts, table } from './html/tables.ts';
import type { ReportRecord } from './record.ts';

export interface HtmlAssets {
  /** PNG data URIs by sample index; suspects without one are in the table only. */
  readonly thumbnails: ReadonlyMap<number, string>;
}

const policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/** @throws TypeError for a thumbnail that is not a PNG data URI. */
export function reportHtml(record: ReportRecord, assets: HtmlAssets = { thumbnails: new Map() }): string {
  const sections: SectionContent[] = [
    subjectSection(record),
    siftingSection(record),
    channelSection(record),
    bootstrapSection(record),
    suspectSection(record, assets.thumbnails),
    outcomeSection(record),
    classSection(record),
    notExaminedSection(record),
    parameterSection(record),
    logSection(record),
    integritySection(record),
  ];
  const { dataset, encoder } = record.verdict;
  const title = `Audit of ${nameOf(record.subject.encoder.file)} and ${nameOf(record.subject.dataset.path)}`;
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta http-equiv="Content-Security-Policy" content="${trusted(policy)}" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="referrer" content="no-referrer" />
        <meta name="color-scheme" content="light dark" />
        <title>${title}</title>
        <style>
          ${trusted(style)}
        </style>
      </head>
      <body>
        <header>
          <h1>${title}</h1>
          <p class="quiet">
            Run ${record.run.number}, ${record.run.preset}, seed ${record.run.seed}. Started
            ${time(record.run.startedAt)}${record.createdAt === record.run.startedAt ? '' : `, written ${time(record.createdAt)}`},
            ${record.tool.name} ${record.tool.version}. Report ${record.reportId}.
          </p>
        </header>
        <main>
          <div class="verdicts">${verdictBlock('Encoder', encoder)}${verdictBlock('Dataset', dataset)}</div>
          <nav aria-label="Contents">${sections.map(({ id, name }) => html`<a href="#${id}">${name}</a>`)}</nav>
          ${sections.map(
            ({ id, name, claim, body }) =>
              html`<section id="${id}" aria-labelledby="${id}-title">
                <h2 id="${id}-title"><span class="kicker">${name}</span> ${claim}</h2>
                ${body}
              </section> `,
          )}
        </main>
        <footer>
          <p>
            Verdicts: ${badge('trusted')} nothing examined spoke against it; ${badge('suspicious')} evidence was found;
            ${badge('inconclusive')} the evidence does not decide; ${badge('not-examined')} nothing is said. This report
            is evidence for a decision, not the decision.
          </p>
        </footer>
      </body>
    </html> `;
  return page.markup;
}

function verdictBlock(subject: string, finding: Finding): Markup {
  return html`<div class="${finding.verdict}">
    <div class="head">
      <span class="subject">${subject}</span> ${badge(finding.verdict, 16)}
      <span class="quiet">${confidenceText(finding.confidence)}</span>
    </div>
    <p class="claim">${finding.claim}</p>
    <p><span class="quiet">Rests on:</span> ${evidenceText(finding.evidence)}</p>
    <p><span class="quiet">What would change this verdict:</span> ${finding.wouldChange}</p>
  </div>`;
}

function subjectSection(record: ReportRecord): SectionContent {
  const { encoder, dataset } = record.subject;
  const { input, normalisation, representation } = encoder;
  const unreadable = dataset.unreadable.slice(0, 40);
  const numbers = (values: readonly number[] | null): string =>
    values === null ? 'none' : values.map((value) => Number(value.toPrecision(5))).join(', ');
  return {
    id: 'subject',
    name: 'What was audited',
    claim: `${counted(dataset.samples, 'sample')} in ${counted(dataset.classes.length, 'class', 'classes')} and an encoder of ${counted(encoder.parameters, 'parameter')}, neither of them trusted.`,
    body: html`<div class="pair">
        <div>
          <h3>Encoder</h3>
          ${facts([
            ['File', encoder.file],
            ['SHA-256', digest(encoder.sha256)],
            ['Size', bytes(encoder.bytes)],
            [
              'Format',
              `${encoder.format}${encoder.architecture === null ? '' : ` (${encoder.architecture.name})`}${encoder.opset === null ? '' : `, opset ${encoder.opset}`}${encoder.producer === '' ? '' : `, by ${encoder.producer}`}`,
            ],
            ['Structure', `${encoder.family}; ${counted(encoder.nodes, 'node')}`],
            ['Input', `${input.channels} × ${input.height} × ${input.width}`],
            [
              'Normalisation',
              `mean ${numbers(normalisation.mean)}; deviation ${numbers(normalisation.std)}; ${normalisation.source}`,
            ],
            [
              'Representation',
              `${representation.tensor}, ${counted(representation.dim, 'value')}; ${representation.how}`,
            ],
            ['Taps', encoder.taps.map((tap) => tap.label).join('; ')],
            ['Restored normalisations', encoder.restoredNorms === 0 ? null : count(encoder.restoredNorms)],
          ])}
        </div>
        <div>
          <h3>Dataset</h3>
          ${facts([
            ['Path', dataset.path],
            ['SHA-256', digest(dataset.sha256)],
            ['Format', dataset.format],
            ['Reading', dataset.notes.length === 0 ? null : dataset.notes.join('; ')],
            ['Samples', count(dataset.samples)],
            ['Exact duplicates', count(dataset.duplicates)],
            ['Unreadable items', count(dataset.unreadable.length)],
            [
              'Classes',
              dataset.classes
                .slice(0, 60)
                .map((one) => `${one.name} (${count(one.count)})`)
                .join(', ') + (dataset.classes.length > 60 ? ', …' : ''),
            ],
          ])}
        </div>
      </div>
      ${
        unreadable.length === 0
          ? null
          : table(
              'Items that could not be read',
              [{ name: 'Name' }, { name: 'Reason' }],
              unreadable.map((item) => [item.name, item.reason]),
            )
      }
      <h3>Examined</h3>
      <ul class="plain">
        ${record.scope.examined.map((line) => html`<li>${line}</li>`)}
      </ul>
      <h3>Assumed</h3>
      <ul class="plain">
        ${record.scope.assumptions.map((line) => html`<li>${line}</li>`)}
      </ul>`,
  };
}

function classSection(record: ReportRecord): SectionContent {
  const { classes } = record.verdict;
  const open = classes.filter((finding) => finding.verdict !== 'trusted').length;
  const claim =
    classes.length === 0
      ? 'No verdict was given class by class.'
      : open === 0
        ? `Nothing spoke against any of ${counted(classes.length, 'class', 'classes')}.`
        : `${count(open)} of ${counted(classes.length, 'class', 'classes')} ${open === 1 ? 'is' : 'are'} not trusted.`;
  return {
    id: 'classes',
    name: 'Verdict by class',
    claim,
    body:
      classes.length === 0
        ? null
        : table(
            'Every class with its evidence',
            [
              { name: 'Class' },
              { name: 'Verdict', kind: 'word' },
              { name: 'Claim' },
              { name: 'Rests on' },
              { name: 'What would change it' },
            ],
            classes.map((finding) => [
              finding.name ?? '',
              badge(finding.verdict),
              finding.claim,
              evidenceText(finding.evidence),
              finding.wouldChange,
            ]),
          ),
  };
}

function notExaminedSection(record: ReportRecord): SectionContent {
  return {
    id: 'not-examined',
    name: 'Not examined',
    claim: notExaminedClaim(record),
    body:
      record.scope.notExamined.length === 0
        ? null
        : table(
            'What was not looked at, and why',
            [{ name: 'What' }, { name: 'Reason', kind: 'word' }, { name: 'Detail' }],
            record.scope.notExamined.map((item) => [item.what, item.reason, item.detail]),
          ),
  };
}

function parameterSection(record: ReportRecord): SectionContent {
  const { method, run } = record;
  return {
    id: 'method',
    name: 'Method and parameters',
    claim: parameterClaim(record),
    body: html`${facts([
      ['Method', method.name],
      ['Reference', method.reference],
      ['Mode and preset', `${run.mode}, ${run.preset}`],
      ['Seed', String(run.seed)],
      ['Device asked for', run.device],
      ...Object.entries(record.environment).map(
        ([name, value]) => [name, value === null ? '–' : String(value)] as const,
      ),
    ])}${table(
      'Every parameter, and who chose it',
      [{ name: 'Parameter' }, { name: 'Value' }, { name: 'Chosen by', kind: 'word' }],
      Object.entries(method.parameters).map(([name, one]) => [name, String(one.value), one.chosenBy]),
    )}`,
  };
}

function logSection(record: ReportRecord): SectionContent {
  const { log, decisions } = record;
  const total = log.reduce((sum, line) => sum + (line.seconds ?? 0), 0);
  const resumed = log.filter((line) => line.what === 'resumed').length;
  return {
    id: 'log',
    name: 'Run log',
    claim: `${counted(log.length, 'entry', 'entries')}, ${total > 0 ? `${seconds(total)} of computing, ` : ''}${resumed === 0 ? 'not interrupted' : `resumed ${counted(resumed, 'time')}`}; ${counted(decisions.length, 'decision')} by analysts.`,
    body: html`${
      log.length === 0
        ? null
        : table(
            'What happened when',
            [
              { name: 'Time (UTC)', kind: 'word' },
              { name: 'What', kind: 'word' },
              { name: 'Detail' },
              { name: 'Took', kind: 'number' },
            ],
            log.map((line) => [time(line.at), line.what, line.detail, seconds(line.seconds)]),
          )
    }${
      decisions.length === 0
        ? null
        : table(
            'Decisions by analysts',
            [
              { name: 'Time (UTC)', kind: 'word' },
              { name: 'Who' },
              { name: 'About' },
              { name: 'Act' },
              { name: 'Reason' },
            ],
            decisions.map((one) => [
              time(one.at),
              one.who,
              `${one.subject} ${one.key}`,
              `${one.act} ${one.value}`,
              one.reason,
            ]),
          )
    }`,
  };
}

function integritySection(record: ReportRecord): SectionContent {
  const { journal, outputs, verification } = record;
  return {
    id: 'integrity',
    name: 'Outputs and how to verify them',
    claim: `${counted(outputs.length, 'file')} came out of this audit; their digests and the head of the journal are below.`,
    body: html`${
        outputs.length === 0
          ? null
          : table(
              'Files beside this report (MANIFEST.sha256 has these and the reports themselves)',
              [{ name: 'File' }, { name: 'What it is' }, { name: 'Size', kind: 'number' }, { name: 'SHA-256' }],
              outputs.map((file) => [file.path, file.what, bytes(file.bytes), digest(file.sha256)]),
            )
      }${facts([
        ['Project', journal.projectId],
        ['Run', record.run.id],
        ['Journal head', html`entry ${journal.head.seq}, ${digest(journal.head.hash)}`],
        [
          'Digest of the work',
          html`${digest(journal.runDigest)}
            <span class="quiet">(equal for the same inputs, seed, parameters and provider)</span>`,
        ],
      ])}
      <h3>To verify offline</h3>
      ${verification.map(
        ({ what, command }) =>
          html`<p class="quiet">${what}:</p>
            <pre>${command}</pre>`,
      )}`,
  };
}

/** Last part of a path, whichever way its slashes lean. */
function nameOf(path: string): string {
  return (
    path
      .replace(/[\\/]+$/, '')
      .split(/[\\/]/)
      .at(-1) ?? path
  );
}
