/** German texts of second opinions. */
import type { enOpinions } from './page-en-opinions.ts';
import { pageFormat } from './page-format.ts';

const { plural } = pageFormat('de-DE');

export const deOpinions: typeof enOpinions = {
  opinions: {
    title: 'Zweite Meinungen',
    lead: 'Detektoren anderer Leute, neben der Prüfung auf denselben Daten gelaufen. Sie stehen zum Vergleich hier und ändern das Urteil nie.',
    soon: 'Zweite Meinungen kommen gegen Ende des Laufs.',
    none: 'Dieser Lauf hat keine zweiten Meinungen: Seine Prüfung sollte keine fragen, oder eine Version ohne sie hat ihn gemacht.',
    claim: (ran, alarms) =>
      plural(ran, {
        one: `# Detektor lief; ${alarms} von denen, die Alarm geben können, gaben ihn.`,
        other: `# Detektoren liefen; ${alarms} von denen, die Alarm geben können, gaben ihn.`,
      }),
    note: 'Balken: markierter Anteil des Bewerteten. Die Übereinstimmung zählt, worauf Detektor und Prüfung beide zeigen, daneben, was zwei unabhängige Listen gemeinsam hätten.',
    columns: {
      detector: 'Detektor',
      says: 'Sagt',
      flagged: 'Markiert',
      agrees: 'Mit der Prüfung',
      auc: 'AUC',
      source: 'Veröffentlicht',
    },
    alarm: 'gibt Alarm',
    calm: 'gibt keinen Alarm',
    ranksOnly: 'ordnet nur',
    flaggedOf: (flagged, scored) => `${flagged} von ${scored} markiert`,
    quota: (share) => `markiert ${share}, wie die Daten auch sind`,
    noAgreement: 'Er sagt nichts, was mit der Liste der Prüfung zu vergleichen wäre.',
    both: {
      suspects: (both, audit, chance) =>
        `Er markiert ${both} von ${audit} bewerteten Verdächtigen; unabhängige Listen hätten ${chance} gemeinsam.`,
      untrusted: (both, audit, chance) =>
        `Er markiert ${both} von ${audit} neu gemachten Kanälen; unabhängige Listen hätten ${chance} gemeinsam.`,
    },
    auc: (value) => `Seine Reihenfolge stellt die der Prüfung mit AUC ${value} voran (0,5 = Zufall).`,
    blind: 'Blind für:',
    show: (name) => `Was ${name} voranstellt`,
    first: (name, n) => `${name}: die ersten ${n}`,
    firstNote: '▲ steht auf der Verdachtsliste der Prüfung, – nicht.',
    notSuspect: 'nicht auf der Verdachtsliste',
    silent: (n) => plural(n, { one: '# Detektor sagt hier nichts', other: '# Detektoren sagen hier nichts' }),
  },
};
