/** Was die Berichte sagen, auf Deutsch: the German messages, and the verdict sentences from codes and values. */
import { deFinding as finding, deTerms as terms } from './findings-de.ts';
import { deWarning as warning } from './warnings-de.ts';
import type { Words } from './words.ts';

const plural = (n: number, one: string, many: string): string => (n === 1 ? one : many);

const words: Words = {
  'language.name': 'Deutsch',
  'title.audit': (p) => `Prüfung von ${p.encoder} und ${p.dataset}`,
  'page.of': (p) => `Seite ${p.page} von ${p.pages}`,
  'head.run': (p) =>
    `Lauf ${p.run}, ${p.preset}, Startwert ${p.seed}. Begonnen ${p.started}, ${p.tool}. Bericht ${p.report}.`,
  contents: 'Inhalt',
  'foot.legend':
    'Urteile: vertrauenswürdig = nichts Geprüftes sprach dagegen; verdächtig = es fanden sich Belege; offen = die Belege entscheiden nicht; nicht geprüft = es wird nichts ausgesagt. Dieser Bericht ist Beleg für eine Entscheidung, nicht die Entscheidung.',
  'foot.data': 'Sätze, die die Prüfung selbst festgehalten hat, stehen in ihrem englischen Wortlaut.',

  'verdict.trusted': 'vertrauenswürdig',
  'verdict.suspicious': 'verdächtig',
  'verdict.inconclusive': 'offen',
  'verdict.not-examined': 'nicht geprüft',
  'verdict.confidence': (p) => `Sicherheit ${p.value}`,
  'verdict.no-confidence': 'keine Sicherheit: nichts wurde entschieden',
  'verdict.rests-on': 'Beruht auf',
  'verdict.would-change': 'Was dieses Urteil ändern würde',
  'verdict.decided': 'Entscheidung eines Prüfers',
  'verdict.as-recorded': 'Wortlaut der Prüfung',
  'subject.encoder': 'Encoder',
  'subject.dataset': 'Datensatz',
  'subject.class': 'Klasse',

  'section.summary': 'Zusammenfassung',
  'section.subject': 'Was geprüft wurde',
  'section.threats': 'Bedrohungsmodell',
  'section.method': 'Verfahren und Parameter',
  'section.environment': 'Umgebung',
  'section.not-examined': 'Nicht geprüft',
  'section.sifting': 'Sichtung',
  'section.channels': 'Kanäle',
  'section.bootstrapping': 'Aufbau des sauberen Modells',
  'section.suspects': 'Verdächtige',
  'section.trigger': 'Gefundenes Muster',
  'section.shared-pattern': 'Was Verdächtige gemeinsam haben',
  'section.opinions': 'Zweitmeinungen',
  'section.outcome': 'Ergebnis',
  'section.classes': 'Urteil je Klasse',
  'section.files': 'Befunde an Dateien',
  'section.mappings': 'Gesetze, Rahmenwerke, Normen',
  'section.risk': 'Grenzen und Restrisiko',
  'section.log': 'Protokoll des Laufs',
  'section.integrity': 'Ausgaben und wie man sie prüft',
  'section.reproduction': 'Anleitung zur Wiederholung',
  'section.glossary': 'Begriffe',

  'summary.claim': (p) => `Urteil über den Encoder: ${p.encoder}; über den Datensatz: ${p.dataset}.`,
  'summary.parties': 'Beteiligte, wie angegeben',
  'summary.recommended': 'Was zu tun ist',
  'summary.figures': 'Die Zahlen dahinter',
  'summary.unsigned': 'Niemand hat diesen Bericht freigegeben.',
  'summary.signed': (p) => `Freigegeben von ${p.name}, ${p.role}, ${p.organisation}, ${p.at}.`,
  'summary.suspects': 'Proben auf der Verdachtsliste',
  'summary.kept': 'Als vertrauenswürdig behaltene Kanäle',
  'summary.unseen': 'Nicht Geprüftes',
  'summary.redacted': 'Namen und Pfade in diesem Bericht sind ersetzt; die Prüfsummen sind die der echten Dateien.',
  'party.assessor': 'Prüfer',
  'party.reviewer': 'Gegenprüfer',
  'party.commissioned': 'Auftraggeber',
  'party.independent': 'Unabhängig vom Lieferanten',
  'party.validUntil': 'Gültig bis',
  'party.marking': 'Einstufung',
  'party.undeclared': 'nicht angegeben',
  yes: 'ja',
  no: 'nein',
  none: 'keine',

  'subject.claim': (p) =>
    `${p.samples} ${plural(p.n, 'Probe', 'Proben')} in ${p.classes} Klassen und ein Encoder mit ${p.parameters} Parametern; keinem von beiden wird vertraut.`,
  'subject.examined': 'Geprüft',
  'subject.assumed': 'Vorausgesetzt',
  'subject.declared': 'Angegeben, nicht geprüft',
  'examined.samples': (p) => `${p.samples} gelesene Proben in ${p.classes} Klassen`,
  'examined.graph': (p) => `${p.nodes} Knoten und ${p.parameters} Parameter des Encoders, gelesen als ${p.format}`,
  'examined.taps': (p) => `Aktivierungen an ${p.used} von ${p.taps} Abgriffen: ${p.labels}`,
  'examined.channels': (p) => `${p.channels} Kanäle in ${p.layers} Schichten`,
  'assumed.no-holdout':
    'Es gab weder einen sauberen Vergleichsdatensatz noch einen bekannten Auslöser; vertraut wurde allein der Übereinstimmung der Proben mit ihrer Klasse.',
  'assumed.guard':
    'Genauigkeiten sind an zurückgehaltenen Proben des sauberen Vorrats gemessen, deren Etiketten die Prüfung selbst ausgewählt hat.',
  'assumed.majority':
    'In jeder Klasse sind mehr Proben sauber als auf gleiche Art vergiftet; eine zu mehr als der Hälfte vergiftete Klasse kann sauber aussehen.',
  'assumed.trusted':
    '„Vertrauenswürdig“ heißt, dass nichts Geprüftes dagegen sprach. Es ist kein Beweis, dass nichts da ist.',
  'field.file': 'Datei',
  'field.sha256': 'SHA-256',
  'field.size': 'Größe',
  'field.format': 'Format',
  'field.reading': 'Lesen',
  'field.structure': 'Aufbau',
  'field.input': 'Eingabe',
  'field.normalisation': 'Normierung',
  'field.representation': 'Repräsentation',
  'field.taps': 'Abgriffe',
  'field.restored': 'Wiederhergestellte Normierungen',
  'field.path': 'Pfad',
  'field.samples': 'Proben',
  'field.duplicates': 'Genaue Doppel',
  'field.unreadable': 'Nicht lesbar',
  'field.classes': 'Klassen',
  'field.name': 'Name',
  'field.version': 'Version',
  'field.supplier': 'Lieferant',
  'field.source': 'Quelle',
  'field.licence': 'Lizenz',
  'field.pretraining': 'Daten des Vortrainings',
  'field.signature': 'Signatur des Lieferanten',
  'field.split': 'Aufteilung',
  'field.labels': 'Herkunft der Etiketten',
  'field.reason': 'Grund',
  'table.unreadable': 'Was nicht gelesen werden konnte',
  'format.file': (p) =>
    [
      p.architecture === '' ? p.format : `${p.format} (${p.architecture})`,
      ...(p.opset === '' ? [] : [`Opset ${p.opset}`]),
      ...(p.producer === '' ? [] : [`von ${p.producer}`]),
    ].join(', '),
  'structure.nodes': (p) => `${p.family}; ${p.nodes} Knoten`,
  'normalisation.values': (p) => `Mittel ${p.mean}; Streuung ${p.std}; ${p.source}`,
  'representation.values': (p) => `${p.tensor}, ${p.dim} Werte; ${p.how}`,

  'threats.claim': 'Encoder und Datensatz können beide vergiftet sein, auch von jemandem, der das Verfahren kennt.',
  'threat.poisoned-encoder': 'Der Encoder wurde vergiftet, bevor er hierher kam.',
  'threat.poisoned-dataset': 'Der nachgelagerte Datensatz wurde vergiftet.',
  'threat.adaptive': 'Beide wurden mit einem Auslöser vergiftet, von einem Angreifer, der die Abwehr kennt.',
  'threats.attacker': 'Der Angreifer, in den Worten von NIST AI 100-2',
  'threats.stage': 'Phase des Lernens',
  'threats.goal': 'Ziel',
  'threats.capability': 'Mittel',
  'threats.knowledge': 'Wissen',
  'table.taxonomies': 'Kennungen, auf die sich die Befunde beziehen',
  'column.taxonomy': 'Verzeichnis',
  'column.id': 'Kennung',

  'method.claim': (p) =>
    `${p.all} Parameter bestimmten diese Prüfung: ${p.analyst} vom Prüfer gewählt, ${p.preset} von der Voreinstellung, die übrigen Standard.`,
  'method.name': 'Verfahren',
  'method.reference': 'Quelle',
  'method.mode': 'Modus und Voreinstellung',
  'method.seed': 'Startwert',
  'method.device': 'Gewünschtes Gerät',
  'method.precision': 'Rechengenauigkeit',
  'method.stopping': 'Abbruchregel',
  'table.parameters': 'Jeder Parameter, und wer ihn wählte',
  'column.parameter': 'Parameter',
  'column.value': 'Wert',
  'column.chosen': 'Gewählt von',
  'chosen.default': 'Standard',
  'chosen.preset': 'Voreinstellung',
  'chosen.analyst': 'Prüfer',

  'environment.claim': 'Rechner und Programme, die diese Prüfung gerechnet haben; sie lief ohne Netz.',
  'environment.tool': 'Programm',

  'unseen.claim': (p) =>
    p.n === 0
      ? 'Alles, was der Plan nannte, wurde geprüft.'
      : `${p.count} ${plural(p.n, 'Punkt wurde nicht geprüft; darüber wird nichts ausgesagt.', 'Punkte wurden nicht geprüft; darüber wird nichts ausgesagt.')}`,
  'table.unseen': 'Was nicht angesehen wurde, und warum',
  'column.what': 'Was',
  'column.detail': 'Näheres',

  'sifting.claim': (p) =>
    p.seedCount === 0
      ? `Keine von ${p.samples} Proben kam als Keim in Frage.`
      : `Von ${p.samples} Proben stimmen ${p.seeds} an ${p.taps} Abgriffen mit ihrer Klasse überein und gelten als Keime; der erste saubere Vorrat nahm ${p.pool} auf.`,
  'sifting.scatter': (p) =>
    `Proben auf zwei Hauptkomponenten. ${p.suspects} von ${p.samples} Proben stehen auf der Verdachtsliste.`,
  'sifting.axes':
    'Zwei Hauptkomponenten des letzten benutzten Abgriffs; die Achsen haben keine Einheit. Weit außen liegende Proben sind am Rand gezeichnet.',
  'sifting.thinned': (p) => `${p.drawn} von ${p.of} Proben sind gezeichnet, gleichmäßig ausgewählt.`,
  'mark.admitted': 'vertrauenswürdig, aufgenommen',
  'mark.open': 'offen oder nicht geprüft',
  'mark.seed': 'Keim',
  'mark.suspicious': 'verdächtig',
  'table.classes-sifted': 'Proben, Keime und erster Vorrat jeder Klasse',
  'column.class': 'Klasse',
  'column.samples': 'Proben',
  'column.seeds': 'Keime',
  'column.pool': 'Erster Vorrat',
  'column.suspects': 'Verdächtige',
  'table.taps': (p) => `Anteil der eigenen Klasse unter den ${p.k} nächsten Nachbarn (Regel: ${p.rule})`,
  'column.tap': 'Abgriff',
  'column.share': 'Anteil',
  'column.chance': 'Zufall',
  'column.used': 'Benutzt',
  'tap.unused': (p) => (p.reason === '' ? 'nein' : `nein: ${p.reason}`),
  'table.warnings': 'Klassen, die einen zweiten Blick brauchen',
  'column.code': 'Code',
  'column.met': 'Was auffiel',
  'rest.of': (p) => `${p.shown} von ${p.total} sind gezeigt; alle stehen in ${p.where}.`,

  'channels.claim': (p) =>
    p.count === 0
      ? 'Kein Kanal wurde gefiltert.'
      : `${p.kept} von ${p.total} Kanälen wurden als vertrauenswürdig behalten; die übrigen ${p.rest} wurden neu angelegt und lernten allein aus dem sauberen Vorrat.`,
  'channels.unused-claim': (p) => `Kanäle wurden nicht gefiltert: alle ${p.total} wurden neu angelegt.`,
  'channels.unused':
    'In der destillierten Betriebsart erreicht kein Gewicht des Encoders das bereinigte Modell; kein Kanal wurde verlernt, wiederhergestellt oder behalten und keine Maske berechnet.',
  'channels.caption':
    'Anteil der Kanäle jeder Schicht, der behalten (kräftig) und neu angelegt (blass) wurde, in der Folge des Netzes.',
  'channels.accuracy': (p) =>
    `Nach dem Verlernen war der Encoder bei ${p.unlearned} des sauberen Vorrats richtig, nach dem Wiederherstellen der Filter bei ${p.recovered}; ${p.saturated} der Maskenwerte kehrten zu eins zurück (0,99 oder mehr).`,
  'channels.histogram': 'Maskenwerte aller Kanäle, in Zwanzigsteln von 0 (gab nach) bis 1 (wurde gebraucht).',
  'axis.mask': 'Maskenwert',
  'channels.kept-of': (p) => `${p.kept} von ${p.of} behalten`,
  'table.masks': 'Kanalmasken je Schicht: 0 = der Kanal gab nach, 1 = er wurde gebraucht',
  'column.layer': 'Schicht',
  'column.channels': 'Kanäle',
  'column.kept': 'Behalten',
  'column.lowest': 'Kleinste Maske',
  'column.mean': 'Mittlere Maske',
  'column.lowest-kept': 'Kleinste behaltene',

  'bootstrapping.claim': (p) =>
    p.n === 0
      ? 'Es wurde kein sauberes Modell aufgebaut.'
      : `Der Vorrat wuchs in ${p.rounds} ${plural(p.n, 'Runde', 'Runden')} von ${p.first} auf ${p.last} Proben; ${p.outside} blieben außerhalb oder unter Verdacht.`,
  'bootstrapping.again': (p) =>
    `Was zuvor in ${p.rounds} ${plural(p.n, 'Runde', 'Runden')} wuchs, hatte ein Muster gelernt und wurde aufgegeben.`,
  'bootstrapping.pool': (p) => `Proben im Vorrat nach jeder Runde, von ${p.of}. Führung: ${p.guidance}.`,
  'bootstrapping.loss': 'Trainingsverlust, Mittel jeder Epoche.',
  'series.loss': 'Trainingsverlust',
  'axis.round': 'Runde',
  'table.rounds': 'Runden',
  'column.round': 'Runde',
  'column.guidance': 'Führung',
  'column.aimed': 'Ziel',
  'column.pool-size': 'Vorrat',
  'column.answers': 'Antworten des Encoders gelehrt',
  'column.admitted': 'Aufgenommen',
  'column.removed': 'Entfernt',
  'column.guard': 'Genauigkeit zurückgehalten',
  'column.loss': 'Verlust',
  'column.stopped': 'Beendet, weil',
  'guidance.seeds': 'Keime',
  'guidance.loss': 'Verlust',
  'guidance.meta': 'Meta',
  'guidance.discrepancy': 'Abweichung und Verlust',
  'guidance.final': 'Schluss',

  'suspects.none-grown':
    'Keine Probe ist verdächtig: Es wurde kein sauberes Modell aufgebaut, das eine ablehnen könnte.',
  'suspects.none': (p) => `Keine von ${p.samples} Proben steht auf der Verdachtsliste.`,
  'suspects.claim': (p) =>
    `${p.suspects} von ${p.samples} Proben stehen auf der Verdachtsliste, ${p.share} davon mit dem Etikett „${p.name}“.`,
  'suspects.alt': (p) => `Probe ${p.index} mit dem Etikett ${p.name}`,
  'suspects.caption': (p) => `${p.rank}. ${p.name}, Probe ${p.index}`,
  'suspects.spread': 'Wie sich der Endverlust unter den Verdächtigen und unter allen anderen Proben verteilt.',
  'suspects.spread-caption':
    'Anteil jeder Gruppe nach ihrem Verlust im bereinigten Modell; die letzte Stufe enthält, was darüber liegt.',
  'series.suspects': (p) => `Verdächtige (${p.n})`,
  'series.others': (p) => `alle anderen (${p.n})`,
  'axis.loss': 'Verlust im bereinigten Modell',
  'table.seen': (p) =>
    `Vergebenes Etikett und Klasse, die das bereinigte Modell sieht, von ${p.n} aufgeführten Verdächtigen`,
  'column.given': 'Etikett',
  'column.seen': 'Gesehene Klasse',
  'table.suspects': 'Die Verdachtsliste, die verdächtigsten zuerst',
  'column.rank': 'Rang',
  'column.sample': 'Probe',
  'column.label': 'Etikett',
  'column.says': 'Bereinigtes Modell sagt',
  'column.majority': 'Mehrheit',
  'column.consistency': 'Einklang',
  'column.probe-loss': 'Verlust der Sonde',
  'column.final-loss': 'Endverlust',
  never: 'nie',
  'round.n': (p) => `Runde ${p.round}`,

  'opinions.none': 'Kein anderes Verfahren wurde gefragt; was eines gesagt hätte, ist nicht bekannt.',
  'opinions.claim': (p) =>
    `${p.ran} ${plural(p.count, 'anderes Verfahren wurde', 'andere Verfahren wurden')} gefragt; ${p.alarms} davon schlugen Alarm. Das Urteil stützt sich nicht auf sie.`,
  'opinions.note':
    'Verfahren, die saubere Daten brauchen, bekamen Proben, die diese Prüfung aussiebte. AUC ist die Wahrscheinlichkeit, dass etwas, das die Prüfung verdächtigt, höher steht als etwas, das sie nicht verdächtigt: Übereinstimmung, nicht Wahrheit.',
  'opinions.of': (p) => `${p.flagged} von ${p.of}`,
  'opinions.suspects': (p) => `${p.both} von ${p.audit} Verdächtigen (zufällig ${p.chance})`,
  'opinions.untrusted': (p) => `${p.both} von ${p.audit} nicht behaltenen Kanälen (zufällig ${p.chance})`,
  'opinions.alarm': 'Alarm',
  'opinions.blind': 'Sieht nicht:',
  'table.opinions': 'Was jedes Verfahren markiert, und wie weit die Prüfung übereinstimmt',
  'column.detector': 'Verfahren',
  'column.flagged': 'Markiert',
  'column.alarm': 'Alarm',
  'column.agreement': 'Vom Befund der Prüfung',
  'column.auc': 'AUC',

  'shared-pattern.none': 'Zu wenige abgelehnte Proben teilen ein Etikett, um daraus einen Auslöser zu schätzen.',
  'shared-pattern.claim': (p) =>
    `Was abgelehnte Proben mit dem Etikett „${p.name}“ gemeinsam haben, kippt ${p.undefended} von ${p.n} anderen Bildern im ungeschützten Modell zu dieser Klasse, im bereinigten ${p.sanitized}.`,
  'shared-pattern.no-trigger': (p) =>
    `Was abgelehnte Proben mit dem Etikett „${p.name}“ gemeinsam haben, erweist sich nicht als Auslöser: Es kippt ${p.undefended} von ${p.n} anderen Bildern im ungeschützten Modell zu dieser Klasse, im bereinigten ${p.sanitized}.`,
  'shared-pattern.control': (p) =>
    `Das stärkste von einigen zufälligen Mustern seiner Größe kippt davon im ungeschützten Modell ${p.control}.`,
  'shared-pattern.from': (p) =>
    `Gezählt wurde nur auf Bildern mit dem Etikett „${p.name}“, auf denen es am besten wirkt.`,
  'shared-pattern.strength': (p) => `Es wurde ${p.times}-mal so stark aufgelegt, wie es geschätzt wurde.`,
  'shared-pattern.estimate': 'Der aus den Verdächtigen geschätzte Auslöser',
  'shared-pattern.patch': 'Schätzung: verdeckt Bildpunkte',
  'shared-pattern.overlay': 'Schätzung: wird auf das Bild addiert',
  'shared-pattern.mean': 'Mittlerer Rest der Verdächtigen',
  'shared-pattern.residue': (p) => `Rest von Probe ${p.sample}`,
  'shared-pattern.note': (p) =>
    `Ein Rest ist eine verdächtige Probe minus dem Mittel der glaubwürdigen Proben, die das bereinigte Modell ihr am ähnlichsten findet; Mittelgrau heißt kein Unterschied. Die Schätzung stammt aus ${p.suspects} abgelehnten Proben, von denen ${p.carriers} sie tragen; gekippt wurde an ${p.n} glaubwürdigen Bildern, die keinen Teil daran hatten.`,

  'trigger.none': 'Aus dem Encoder wurde kein Muster gewonnen.',
  'trigger.claim': (p) =>
    `Das ungünstigste gefundene Quadrat ist ${p.size} Bildpunkte breit, in Zeile ${p.row}, Spalte ${p.column}; es kippt ${p.undefended} der Bilder im ungeschützten Modell zu „${p.target}“ und ${p.sanitized} im bereinigten.`,
  'trigger.overlay': (p) =>
    `Die Überlagerung, unter der der Encoder Bilder am ähnlichsten sieht, ändert keinen Bildpunkt um mehr als ${p.budget} seines Bereichs; auf ${p.n} ${p.count === 1 ? 'Bild' : 'Bilder'} gelegt, kippt sie ${p.undefended} im ungeschützten Modell zu „${p.target}“ und ${p.sanitized} im bereinigten.`,
  'trigger.overlay-picture': (p) => `Die Überlagerung, ${p.times}-mal so stark, um Mittelgrau`,
  'trigger.overlay-note':
    'Sie wurde mit Gradienten gesucht: Der Encoder antwortet auf sie, doch muss sie nicht die gepflanzte sein.',
  'trigger.texture': (p) =>
    `Der Fleck, unter dem der Encoder Bilder am ähnlichsten sieht, ist ${p.size} Bildpunkte breit, in Zeile ${p.row}, Spalte ${p.column}; auf ${p.n} ${p.count === 1 ? 'Bild' : 'Bilder'} gelegt, kippt er ${p.undefended} im ungeschützten Modell zu „${p.target}“ und ${p.sanitized} im bereinigten.`,
  'trigger.texture-picture': 'Der Fleck an seinem Ort, auf Mittelgrau',
  'trigger.texture-note':
    'Sein Bild wurde mit Gradienten gesucht: Der Encoder antwortet auf ihn, doch muss er nicht der gepflanzte sein.',
  'trigger.shared':
    'Der Encoder antwortet auf das, was abgelehnte Proben gemeinsam haben; der nächste Abschnitt zeigt es.',
  'trigger.bare': (p) => `Probe ${p.index}, wie sie ist`,
  'trigger.stamped': (p) => `Probe ${p.index} mit dem Quadrat`,
  'trigger.note':
    'Das Quadrat ist das, unter dem der Encoder verschiedene Bilder als am ähnlichsten sieht. Ob das eine Hintertür ist, sagt das Urteil.',

  'outcome.none': 'Es gab keine zurückgehaltene Probe, an der das bereinigte Modell gemessen werden konnte.',
  'outcome.claim': (p) =>
    `An ${p.n} zurückgehaltenen Proben ist das bereinigte Modell bei ${p.sanitized} richtig, die ungeschützte Sonde bei ${p.probe}.`,
  'table.outcome': 'Genauigkeit an zurückgehaltenen Proben des sauberen Vorrats (95-%-Intervall nach Wilson)',
  'column.model': 'Modell',
  'column.accuracy': 'Genauigkeit',
  'column.interval': 'Intervall',
  'column.n': 'n',
  'model.probe': 'Ungeschützte Sonde',
  'model.sanitized': 'Bereinigtes Modell',
  'outcome.note':
    'Nur diese Etiketten wurden geprüft. Es war kein Auslöser gegeben, daher steht hier keine Erfolgsrate eines Angriffs; wie oft ein gefundenes Muster eine Antwort kippt, steht beim Urteil über den Encoder.',
  'outcome.caption': 'Genauigkeit am zurückgehaltenen Teil des sauberen Vorrats nach jeder Runde.',
  'series.accuracy': 'Genauigkeit',

  'classes.none': 'Es gab kein Urteil je Klasse.',
  'classes.claim': (p) =>
    p.n === 0
      ? `Nichts sprach gegen eine der ${p.all} Klassen.`
      : `${p.open} von ${p.all} Klassen ${plural(p.n, 'ist', 'sind')} nicht vertrauenswürdig.`,
  'table.classes': 'Jede Klasse mit ihren Belegen',
  'column.verdict': 'Urteil',
  'column.claim': 'Aussage',
  'column.rests': 'Beruht auf',
  'column.change': 'Was es ändern würde',

  'files.claim': (p) =>
    p.n === 0
      ? 'Keine Datei gab Anlass zu einem Befund.'
      : `${p.count} ${plural(p.n, 'Datei gab', 'Dateien gaben')} Anlass zu einem Befund.`,
  'table.files': 'Befunde an Dateien',
  'column.rule': 'Regel',
  'column.severity': 'Schwere',
  'column.file': 'Datei',
  'column.offset': 'Byte',

  'mappings.claim':
    'Wofür dieser Bericht Belege liefert. Ob ein Punkt anwendbar oder erfüllt ist, hat zu erklären, wer sich auf den Bericht stützt.',
  'table.mappings': 'Punkte, und die Abschnitte, die Belege dafür sind',
  'column.framework': 'Rahmenwerk',
  'column.point': 'Punkt',
  'column.about': 'Gegenstand',
  'column.evidence-for': 'Belege dafür in',

  'risk.claim': 'Was dieses Verfahren nicht sehen kann, und wann neu zu prüfen ist.',
  'risk.limits': 'Grenzen',
  'risk.reaudit': 'Neu prüfen, wenn',
  'limit.majority-poison':
    'Gift in der Hälfte einer Klasse oder mehr kehrt die Mehrheitsregel um; vor den Anzeichen wird gewarnt, das Gift wird nicht gefunden.',
  'limit.clean-label': 'Gift mit richtigen Etiketten, das keine eigene Gruppe bildet, wird nicht gesehen.',
  'limit.unseen-trigger':
    'Ein Auslöser, den weder der Datensatz zeigt noch der Suchlauf am Encoder findet, bleibt ungesehen.',
  'limit.availability': 'Gift, das ohne Auslöser der Genauigkeit schadet, wird nicht gesucht.',
  'limit.accuracy-loss': 'Das bereinigte Modell ist an den zurückgehaltenen Proben ungenauer als das ungeschützte.',
  'do.look-at-suspects': 'Die Verdachtsliste ansehen, ehe eine Probe daraus benutzt wird.',
  'do.use-sanitized': 'Das bereinigte Modell benutzen; es hängt nicht von den Urteilen ab.',
  'do.do-not-use-encoder': 'Den geprüften Encoder nicht benutzen, wie er ist.',
  'do.vouch-for-class':
    'Für einige Bilder jeder Klasse bürgen, die nicht beurteilt werden konnte, oder mehr Proben geben.',
  'do.ask-supplier': 'Den Lieferanten nach der Herkunft des Encoders fragen und die Datei als Beleg aufheben.',
  'do.measure-on-own-data': 'Das bereinigte Modell an Etiketten messen, denen Sie selbst vertrauen.',
  'again.inputs-change': 'sich der Encoder oder der Datensatz ändert',
  'again.expiry': 'der Tag vorbei ist, bis zu dem dieser Bericht gilt',
  'again.new-version': 'eine neue Version von Coresift prüft, was diese nicht konnte',
  'again.new-attack': 'ein Angriff bekannt wird, für den dieses Verfahren nicht gemacht ist',

  'log.claim': (p) =>
    `${p.entries} ${p.n === 1 ? 'Eintrag' : 'Einträge'}, ${p.seconds === '' ? '' : `${p.seconds} Rechenzeit, `}${p.resumed}-mal fortgesetzt; ${p.decisions} ${p.decisions === '1' ? 'Entscheidung' : 'Entscheidungen'} von Prüfern.`,
  'table.log': 'Was wann geschah',
  'column.time': 'Zeit (UTC)',
  'column.took': 'Dauer',
  'table.decisions': 'Entscheidungen von Prüfern',
  'column.who': 'Wer',
  'column.act': 'Entscheidung',
  'act.tag': 'versehen mit',
  'act.untag': 'Vermerk entfernt:',
  'act.override': 'beurteilt als',
  'act.note': 'vermerkt',
  'act.withdraw': 'zurückgenommen: Entscheidung',
  'decided.sample': 'Probe',
  'decided.class': 'Klasse',
  'decided.channel': 'Kanal',
  'decided.encoder': 'Encoder',
  'decided.dataset': 'Datensatz',
  'decided.run': 'Lauf',

  'integrity.claim': (p) =>
    `${p.n} Dateien gingen aus dieser Prüfung hervor; ihre Prüfsummen und der letzte Eintrag des Journals stehen hier.`,
  'table.outputs': 'Dateien neben diesem Bericht',
  'column.purpose': 'Was es ist',
  'column.size': 'Größe',
  'integrity.project': 'Projekt',
  'integrity.run': 'Lauf',
  'integrity.head': 'Letzter Eintrag des Journals',
  'integrity.entry': (p) => `Eintrag ${p.seq}, ${p.hash}`,
  'integrity.work': 'Prüfsumme der Arbeit',
  'integrity.work-note': 'Gleich bei gleichen Eingaben, Startwert, Parametern und Rechenwerk.',
  'integrity.chain':
    'Jeder Eintrag enthält die SHA-256 des vorigen über dessen Form nach RFC 8785; der erste die der Projektkennung.',
  'integrity.baseline': 'Früherer Bericht',
  'integrity.verify': 'Ohne Netz prüfen',
  'verify.folder': 'Jede Datei dieses Ordners gegen ihre Prüfsumme, und diesen Bericht gegen das Journal',
  'verify.plain': 'Die Prüfsummen allein, ohne Coresift',
  'verify.project': 'Das Journal des Projekts, Eintrag für Eintrag',
  'verify.pack': 'Ein signiertes Paket, mit nichts als dem öffentlichen Schlüssel',

  'reproduction.claim':
    'Gleiche Eingaben, Startwert, Parameter, Rechenwerk und Zahl der Threads ergeben gleiche Prüfsummen.',
  'table.expects': 'Was eine Wiederholung wieder ergeben muss',

  'glossary.claim': 'Die Wörter dieses Berichts.',
  'word.encoder': 'Encoder: das vortrainierte Netz, das aus einem Bild einen Vektor macht.',
  'word.tap': 'Abgriff: eine Schicht, deren Aktivierung gelesen wird.',
  'word.sifting': 'Sichtung: die Auswahl von Proben, die über die Abgriffe hinweg mit ihrer Klasse übereinstimmen.',
  'word.seed': 'Keim: eine Probe, der die Sichtung zuerst vertraut; aus den Keimen wächst der saubere Vorrat.',
  'word.mask': 'Kanalmaske: 0 bis 1; wie sehr ein Kanal gebraucht wurde, nachdem verlernt war, was er wusste.',
  'word.channels': 'Vertrauenswürdige und andere Kanäle: die behaltenen und die neu angelegten.',
  'word.guidance': 'Führung durch Verlust und Meta: zwei Regeln, nach denen weitere Proben aufgenommen werden.',
  'word.suspect':
    'Verdächtige: Proben, die das ungeschützte Modell lernt und das bereinigte ablehnt, oder die zeigen, was diese gemeinsam haben.',
  'word.sanitized': 'Bereinigtes Modell: der Klassifikator aus aufgenommenen Proben und vertrauenswürdigen Kanälen.',
  'word.escape':
    '\\u{HEX} steht für ein Zeichen, das nichts zeichnet, die Folge anderer ändert oder das dieses Dokument nicht zeichnen kann.',
};

export const de = { words, finding, terms, warning } as const;
