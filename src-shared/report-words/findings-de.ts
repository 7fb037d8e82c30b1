/** Findings and their numbers in German, said from codes and values: for reports and page alike. */
import { isUnlearnt } from '../domain/result.ts';
import type { Finding } from '../domain/verdict.ts';

const number = new Intl.NumberFormat('de-DE', { maximumSignificantDigits: 3 });
const whole = new Intl.NumberFormat('de-DE', { maximumFractionDigits: 0 });
/** A record of another version may lack a number that a sentence needs; then its own, English sentence stands. */
class Lacking extends Error {}

function figure(value: unknown, say: (value: number) => string): string {
  if (value === undefined) throw new Lacking();
  return typeof value === 'number' ? say(value) : '–';
}
export const share = (value: unknown): string => figure(value, (of) => `${number.format(100 * of)} %`);
export const count = (value: unknown): string => figure(value, (of) => whole.format(of));
/** A name of a sentence, as it was recorded. */
export function word(value: unknown): string {
  if (typeof value !== 'string') throw new Lacking();
  return value;
}
const decimal = (value: unknown): string => figure(value, (of) => number.format(of));

interface Said {
  readonly claim: string;
  readonly wouldChange: string;
}

/** Numbers of a sentence by name. */
export type Lookup = Finding['evidence'];

/** The sentences of a finding from its code, verdict and evidence; null where the code or one of the numbers is not known. */
export const deFinding = (one: Finding): Said | null => orNull(() => said(one));

/** What is said, or null where a number of it is not there. */
export function orNull<T>(say: () => T | null): T | null {
  try {
    return say();
  } catch (error) {
    if (error instanceof Lacking) return null;
    throw error;
  }
}

/** Who is on the suspect list without being refused; nothing in records that do not tell. */
function others({ marked, carrying, showing }: Lookup): string {
  const bearing =
    marked === undefined
      ? ''
      : ` ${count(marked)} weitere ${marked === 1 ? 'zeigt' : 'zeigen'} das Quadrat, auf das der Encoder anspricht.`;
  const learnt =
    carrying === undefined
      ? ''
      : ` ${count(carrying)} weitere ${carrying === 1 ? 'trägt' : 'tragen'} ein Muster, das ein erstes Modell gelernt hatte.`;
  const shown =
    showing === undefined
      ? ''
      : ` ${count(showing)} weitere ${showing === 1 ? 'zeigt' : 'zeigen'} den Auslöser, der aus den übrigen Verdächtigen geschätzt wurde.`;
  return bearing + learnt + shown;
}

const oneSource =
  'Ein Blick auf die abgelehnten Proben: Sind ihre Etiketten falsch, so sind sie Gift aus einer einzigen Klasse.';

function said(one: Finding): Said | null {
  const { evidence: e } = one;
  const name = one.name ?? '';
  switch (`${one.code} ${one.verdict}`) {
    case 'class.refused-cluster suspicious':
      return {
        claim: `Von ${count(e['samples'])} Proben mit dem Etikett „${name}“ lernt das ungeschützte Modell ${count(e['refused'])}, die das bereinigte samt ihren Nachbarn ablehnt.`,
        wouldChange:
          'Ein Blick auf die abgelehnten Proben: Sind ihre Etiketten richtig, so sind sie eine eigene Art und kein Gift.',
      };
    case 'class.refused-cluster trusted':
      return {
        claim: `Von ${count(e['samples'])} Proben mit dem Etikett „${name}“ lehnt das bereinigte Modell ${count(e['refused'])} samt ihren Nachbarn ab.`,
        wouldChange: 'Gift mit richtigen Etiketten, das keine eigene Gruppe bildet, wäre hier nicht zu sehen.',
      };
    case 'class.refused-cluster inconclusive':
      return {
        claim: `Die Klasse „${name}“ mit ${count(e['samples'])} Proben konnte nicht beurteilt werden; abgelehnt werden ${share(e['refusedShare'])}.`,
        wouldChange: 'Einige Bilder dieser Klasse, für deren Etiketten Sie bürgen können, oder mehr Proben.',
      };
    case 'class.refused-cluster not-examined':
      return { claim: `Die Klasse „${name}“ hat keine Probe.`, wouldChange: 'Proben dieser Klasse.' };
    case 'dataset.refused-cluster suspicious':
      return {
        claim: `${count(e['refused'] ?? e['suspects'])} von ${count(e['samples'])} Proben lernt das ungeschützte Modell, während das bereinigte sie samt ihren Nachbarn ablehnt; sie häufen sich in einzelnen Klassen.${others(e)}`,
        wouldChange:
          'Ein Blick auf die Verdächtigen: Eine Gruppe richtig etikettierter Proben ungewöhnlicher Art kann so aussehen.',
      };
    case 'dataset.refused-cluster trusted':
      return {
        claim:
          'Keine Klasse enthält eine Gruppe von Proben, die das ungeschützte Modell lernt und das bereinigte ablehnt.',
        wouldChange:
          'Gift in weniger als 3,5 % jeder Klasse, oder mit richtigen Etiketten und ohne eigene Gruppe, wäre nicht zu sehen.',
      };
    case 'dataset.refused-cluster inconclusive':
      return {
        claim: 'Keine Klasse enthält eine abgelehnte Gruppe, aber nicht alle Klassen konnten beurteilt werden.',
        wouldChange: 'Einige Bilder der offenen Klassen, für deren Etiketten Sie bürgen können, oder mehr Proben.',
      };
    case 'class.scattered-cluster suspicious':
      return {
        claim: `Von ${count(e['samples'])} Proben mit dem Etikett „${name}“ lehnt das bereinigte Modell ${count(e['scattered'])} samt ihren Nachbarn entschieden ab, die wie Klassen aussehen, mit denen es diese nicht verwechselt: In so viele Richtungen geht keine natürliche Verwechslung.`,
        wouldChange:
          'Ein Blick auf die abgelehnten Proben: Sind ihre Etiketten richtig, so ist die Klasse eine Sammlung vieler Arten; sind sie aus Versehen falsch, so ist sie schlecht etikettiert.',
      };
    case 'dataset.scattered-cluster suspicious':
      return {
        claim: `${count(e['refused'])} von ${count(e['samples'])} Proben lehnt das bereinigte Modell samt ihren Nachbarn entschieden ab, und viele davon sehen aus wie Klassen, die es mit ihrem Etikett nicht verwechselt; sie häufen sich in einzelnen Klassen.${others(e)}`,
        wouldChange:
          'Ein Blick auf die Verdächtigen: Eine Gruppe richtig etikettierter Proben ungewöhnlicher Art kann so aussehen.',
      };
    case 'class.natural-kind inconclusive':
      return {
        claim: `Von ${count(e['samples'])} Proben mit dem Etikett „${name}“ lernt das ungeschützte Modell ${count(e['refused'])}, die das bereinigte samt ihren Nachbarn ablehnt; doch hält es die meisten für „${String(e['takenFor'])}“, sie sehen ihrem Etikett ähnlicher als die Bilder von „${String(e['takenFor'])}“ (${share(e['likeLabel'])} ihrer nächsten Bilder tragen es, ${share(e['rivalsLikeLabel'])} bei jenen), und was sie gemeinsam haben, wirkt nicht auf alle Klassen als Auslöser: eher eine eigene Art als Gift.`,
        wouldChange: oneSource,
      };
    case 'dataset.natural-kind inconclusive':
      return {
        claim: `Proben, die das ungeschützte Modell lernt und das bereinigte samt ihren Nachbarn ablehnt, häufen sich in „${String(e['crowdedIn'])}“; sie sehen ihrem Etikett ähnlicher als die Bilder von „${String(e['takenFor'])}“, für die sie gehalten werden, und was sie gemeinsam haben, wirkt nicht auf alle Klassen als Auslöser: eher eine eigene Art als Gift.`,
        wouldChange: oneSource,
      };
    case 'class.learnt-pattern suspicious':
      return learnt(e, `${count(e['sharing'])} Proben mit dem Etikett „${name}“`);
    case 'dataset.learnt-pattern suspicious':
      return learnt(e, `${count(e['sharing'])} Proben einer Klasse`);
    case 'dataset.estimated-trigger suspicious':
      return {
        claim:
          'Keine Klasse enthält eine abgelehnte Gruppe, aber was abgelehnte Proben einer Klasse gemeinsam haben, wirkt im ungeschützten Modell als Auslöser, im bereinigten nicht.',
        wouldChange:
          'Ein bereinigtes Modell, das demselben Muster folgt, machte es zu einem natürlichen Merkmal der Klasse.',
      };
    case 'class.estimated-trigger suspicious':
      return {
        claim: `Was die abgelehnten Proben mit dem Etikett „${name}“ gemeinsam haben, ${e['strength'] === undefined ? '' : `${count(e['strength'])}-mal so stark aufgelegt, `}kippt ${share(e['flippedUndefended'])} von ${count(e['flipsOf'])} anderen Bildern im ungeschützten Modell zu dieser Klasse, ${share(e['flippedSanitized'])} im bereinigten.`,
        wouldChange:
          'Ein bereinigtes Modell, das demselben Muster folgt, machte es zu einem natürlichen Merkmal der Klasse.',
      };
    case 'class.encoder-trigger suspicious':
      return {
        claim: `Von ${count(e['samples'])} Proben mit dem Etikett „${name}“ zeigen ${count(e['shownByTarget'])} das Quadrat, auf das der Encoder anspricht und das im ungeschützten Modell ${share(e['flippedUndefended'])} von ${count(e['flipsOf'])} Bildern zu dieser Klasse kippt; von allen übrigen Proben zeigen es ${count(e['shownByOthers'])}.`,
        wouldChange: 'Ein Blick auf diese Proben: Gehört das Quadrat zu dem, was sie zeigen, so ist es kein Auslöser.',
      };
    case 'dataset.encoder-trigger suspicious':
      return {
        claim: `${count(e['shownByTarget'])} Proben mit dem Etikett „${word(e['shownIn'])}“ zeigen das Quadrat, auf das der Encoder anspricht; ${count(e['setAside'])} Proben, die es zeigen, wurden dem bereinigten Modell nicht beigebracht.`,
        wouldChange: 'Ein Blick auf diese Proben: Gehört das Quadrat zu dem, was sie zeigen, so ist es kein Auslöser.',
      };
    case 'encoder.patch-collapse suspicious':
      return {
        claim: `Ein Quadrat von ${count(e['patchSize'])} Bildpunkten in Zeile ${count(e['patchRow'])}, Spalte ${count(e['patchColumn'])} lässt den Encoder verschiedene Bilder als eines sehen (mittlerer Kosinus ${decimal(e['collapse'])} statt ${decimal(e['collapseWithout'])}) und kippt ${share(e['flippedUndefended'])} davon im ungeschützten Modell zu „${String(e['flippedTo'])}“, ${share(e['flippedSanitized'])} im bereinigten.`,
        wouldChange:
          'Ein Encoder für dieselbe Aufgabe, der unter diesem Quadrat ebenso zusammenfällt, machte es zu einer Eigenschaft der Bauart.',
      };
    case 'encoder.patch-drawn suspicious':
      return {
        claim: `Ein Quadrat von ${count(e['patchSize'])} Bildpunkten in Zeile ${count(e['patchRow'])}, Spalte ${count(e['patchColumn'])} rückt verschiedene Bilder im Encoder zusammen (mittlerer Kosinus ${decimal(e['collapse'])} statt ${decimal(e['collapseWithout'])}) und kippt ${share(e['flippedUndefended'])} davon im ungeschützten Modell zu „${String(e['flippedTo'])}“, ${share(e['flippedSanitized'])} im bereinigten.`,
        wouldChange:
          'Ein Encoder für dieselbe Aufgabe, der sie unter diesem Quadrat ebenso zusammenrückt, machte es zu einer Eigenschaft der Bauart.',
      };
    case 'encoder.overlay-collapse suspicious':
      return {
        claim: `${overlayMet(e)}, während ${apartDe(e, 'eine')}, und kippt ${share(e['flippedUndefended'])} von ${count(e['flipsOf'])} im ungeschützten Modell zu „${word(e['flippedTo'])}“, ${share(e['flippedSanitized'])} im bereinigten.`,
        wouldChange:
          'Ein Encoder für dieselbe Aufgabe, der unter einer so schwachen Überlagerung ebenso zusammenfällt, machte es zu einer Eigenschaft der Bauart.',
      };
    case 'encoder.overlay-collapse inconclusive':
      return {
        claim: `${overlayMet(e)}. Im ungeschützten Modell kippt sie ${share(e['flippedUndefended'])} von ${count(e['flipsOf'])}; ${nearDe(e, 'eine')}. Das entscheidet nicht.`,
        wouldChange:
          'Mehr Bilder jeder Klasse, auf die sie gelegt wird, oder ein sauberer Encoder für dieselbe Aufgabe.',
      };
    case 'encoder.texture-collapse suspicious':
      return {
        claim: `${textureMet(e)}, während ${apartDe(e, 'einer')}, und kippt ${share(e['flippedUndefended'])} von ${count(e['flipsOf'])} im ungeschützten Modell zu „${word(e['flippedTo'])}“, ${share(e['flippedSanitized'])} im bereinigten.`,
        wouldChange:
          'Ein Encoder für dieselbe Aufgabe, der unter einem so kleinen Fleck ebenso zusammenfällt, machte es zu einer Eigenschaft der Bauart.',
      };
    case 'encoder.texture-collapse inconclusive':
      return {
        claim: `${textureMet(e)}. Im ungeschützten Modell kippt er ${share(e['flippedUndefended'])} von ${count(e['flipsOf'])}; ${nearDe(e, 'einer')}. Das entscheidet nicht.`,
        wouldChange:
          'Mehr Bilder jeder Klasse, auf die er gelegt wird, oder ein sauberer Encoder für dieselbe Aufgabe.',
      };
    case 'encoder.trigger-collapse suspicious':
      return {
        claim: `Was die abgelehnten Proben mit dem Etikett „${word(e['flippedTo'])}“ gemeinsam haben, lässt den Encoder selbst ${count(e['images'])} andere Bilder fast als eines sehen (mittlerer Kosinus ${decimal(e['collapse'])} statt ${decimal(e['collapseWithout'])}; ${decimal(e['collapseControl'])} unter dem stärksten von einigen zufälligen Mustern seiner Größe): Ihr Gift trägt den Auslöser des Encoders. Es kippt ${share(e['flippedUndefended'])} von ${count(e['flipsOf'])} im ungeschützten Modell zu dieser Klasse, ${share(e['flippedSanitized'])} im bereinigten.`,
        wouldChange:
          'Ein Encoder für dieselbe Aufgabe, der darunter ebenso zusammenfällt, machte es zu einer Eigenschaft der Bauart.',
      };
    case 'encoder.patch-collapse inconclusive':
      return {
        claim: `Der Suchlauf mit einfarbigen Quadraten entscheidet nicht: mittlerer Kosinus der Bilder ${decimal(e['collapse'])} mit dem ungünstigsten Quadrat, ${decimal(e['collapseWithout'])} ohne. ${overlayNotMet(e)}${textureNotMet(e)}Andere Arten von Auslösern wurden nicht gesucht.`,
        wouldChange: 'Ein Suchlauf nach weiteren Arten von Auslösern, oder mehr und passendere Bilder.',
      };
    default:
      return null;
  }
}

/** What else was searched, and leaves images apart; records of before know the sanitized model alone. */
function apartDe(e: Lookup, one: 'eine' | 'einer'): string {
  const that = one === 'eine' ? 'die' : 'der';
  const clean = `${one}, ${that} für das bereinigte Modell gesucht wurde`;
  const elsewhere = e['collapseElsewhere'];
  if (typeof elsewhere !== 'number') return `${clean}, sie dort getrennt lässt (${decimal(e['collapseSanitized'])})`;
  return `${one}, ${that} anderswohin führen soll (${decimal(elsewhere)}), und ${clean} (${decimal(e['collapseSanitized'])}), sie getrennt lassen`;
}

/** How near they bring images, where that leaves doubt. */
function nearDe(e: Lookup, one: 'eine' | 'einer'): string {
  const that = one === 'eine' ? 'die' : 'der';
  if (typeof e['fewestImages'] === 'number') return `nötig sind mindestens ${count(e['fewestImages'])} Bilder`;
  const parts = [
    ...(typeof e['collapseElsewhere'] === 'number'
      ? [`${one}, ${that} anderswohin führen soll, bringt die Bilder auf ${decimal(e['collapseElsewhere'])}`]
      : []),
    ...(typeof e['collapseSanitized'] === 'number'
      ? [
          `${one}, ${that} für das bereinigte Modell gesucht wurde, bringt sie dort auf ${decimal(e['collapseSanitized'])}`,
        ]
      : []),
  ];
  return parts.length > 0
    ? parts.join('; ')
    : `wie nah ${one} die Bilder in einem sauberen Modell brächte, ließ sich nicht feststellen`;
}

const overlayMet = (e: Lookup): string =>
  `Eine Überlagerung, die keinen Bildpunkt um mehr als ${share(e['overlayBudget'])} seines Bereichs ändert, lässt den Encoder ${count(e['images'])} Bilder fast als eines sehen (mittlerer Kosinus ${decimal(e['collapse'])} statt ${decimal(e['collapseWithout'])})`;

/** What the scan for overlays says where it met nothing, or was not made; records of before say nothing of it. */
function overlayNotMet(e: Lookup): string {
  if (typeof e['overlayCollapse'] === 'number') {
    return `Unter Überlagerungen, die keinen Bildpunkt um mehr als ${share(e['overlayBudget'])} seines Bereichs ändern, sind es höchstens ${decimal(e['overlayCollapse'])}. `;
  }
  return e['overlayNot'] === undefined ? '' : `Überlagerungen wurden nicht gesucht${whyNotDe(e['overlayNot'])}. `;
}

const textureMet = (e: Lookup): string =>
  `Ein Fleck von ${count(e['textureSize'])} Bildpunkten in Zeile ${count(e['textureRow'])}, Spalte ${count(e['textureColumn'])}, dessen Bild mit Gradienten gesucht wurde, lässt den Encoder ${count(e['images'])} Bilder fast als eines sehen (mittlerer Kosinus ${decimal(e['collapse'])} statt ${decimal(e['collapseWithout'])})`;

/** The same of the scan for patches of any picture. */
function textureNotMet(e: Lookup): string {
  if (typeof e['textureCollapse'] === 'number') {
    return `Unter Flecken von ${count(e['textureSize'])} Bildpunkten mit beliebigem Bild sind es höchstens ${decimal(e['textureCollapse'])}. `;
  }
  return e['textureNot'] === undefined
    ? ''
    : `Flecken mit anderem Bild wurden nicht gesucht${whyNotDe(e['textureNot'])}. `;
}

const whyNotDe = (reason: Lookup[string]): string =>
  typeof reason === 'string' ? (notSearchedDe.get(reason) ?? '') : '';

const notSearchedDe: ReadonlyMap<string, string> = new Map([
  ['off', ', wie verlangt'],
  ['few-images', ', denn es sind zu wenige Bilder'],
  ['no-gradient', ', denn kein Gradient führt durch den Encoder zu den Bildpunkten'],
  ['not-finite', ', denn die Antwort des Encoders oder ihr Gradient ist nicht endlich'],
]);

/** The claim of a learnt pattern of the class called `name`. */
export const learntPattern = (e: Lookup, name: string): string =>
  learnt(e, `${count(e['sharing'])} Proben mit dem Etikett „${name}“`).claim;

/** @param who the samples that share the pattern */
function learnt(e: Lookup, who: string): Said {
  const beware = 'Benutzen Sie das bereinigte Modell nicht, bevor Sie diese Proben angesehen haben.';
  const without = `in einem Modell, das diese Proben nie sah, ${share(e['turnedWithout'])}; dieses erkennt ${share(e['acceptedWithout'])} von ihnen und ${share(e['knownWithout'])} vom Rest der Klasse.`;
  const [first, last] = [e['turnedFirst'], e['turnedSanitized']];
  const shown = (verb: string, value: unknown): string =>
    `einem Muster, das ${who} gemeinsam haben: Über ${count(e['turnedOf'])} Bilder anderer Klassen gelegt, ${verb} es ${share(value)} davon zu dieser Klasse, ${without}`;
  const again =
    typeof first === 'number' && typeof last === 'number' && isUnlearnt(first, last)
      ? `Das bereinigte Modell wuchs darum noch einmal, ohne diese Proben; dort sind es ${share(last)}.`
      : `Das bereinigte Modell wuchs darum noch einmal, ohne diese Proben, und noch immer sind es ${share(last)}: ${beware}`;
  return {
    claim:
      first === undefined
        ? `Das bereinigte Modell folgt selbst ${shown('macht', last)} Vielleicht wurde Gift gelernt: ${beware}`
        : `Ein Modell, das zuvor wuchs, folgt ${shown('macht', first)} ${again}`,
    wouldChange:
      'Ein Blick auf diese Proben: Zeigen sie alle, was ihr Etikett sagt, so ist das Muster ein Merkmal einer eigenen Art.',
  };
}

/** Names that come with the record, where a reader meets them. */
export const deTerms: Readonly<Record<string, string>> = {
  samples: 'Proben',
  'samples on the suspect list': 'Proben auf der Verdachtsliste',
  'refused samples': 'abgelehnte Proben',
  'refused share': 'abgelehnter Anteil',
  'refused share of each class': 'abgelehnter Anteil jeder Klasse',
  'refused share of the other classes': 'abgelehnter Anteil der anderen Klassen',
  'share in the larger of two groups': 'Anteil der größeren zweier Gruppen',
  'distance of the two groups, in their widths': 'Abstand der beiden Gruppen in ihren Breiten',
  'mean cosine of the images with the pattern': 'mittlerer Kosinus der Bilder mit dem Muster',
  'mean cosine with the strongest of some random patterns of its size':
    'mittlerer Kosinus mit dem stärksten von einigen zufälligen Mustern seiner Größe',
  'mean cosine with what was searched to lead elsewhere': 'mittlerer Kosinus mit dem, was anderswohin führen sollte',
  'mean cosine in the sanitized model, with what was searched for it':
    'mittlerer Kosinus im bereinigten Modell, mit dem dafür Gesuchten',
  'mean cosine with the worst patch of any picture': 'mittlerer Kosinus mit dem ungünstigsten Fleck beliebigen Bildes',
  'first row of the patch': 'erste Zeile des Flecks',
  'first column of the patch': 'erste Spalte des Flecks',
  'side of the patch, pixels': 'Seite des Flecks in Bildpunkten',
  'places of the patch tried': 'versuchte Orte des Flecks',
  'why no patch of any picture was searched': 'warum kein Fleck beliebigen Bildes gesucht wurde',
  'mean cosine with the worst faint overlay': 'mittlerer Kosinus mit der ungünstigsten schwachen Überlagerung',
  'most that an overlay changes a pixel': 'was eine Überlagerung einen Bildpunkt höchstens ändert',
  'fewest images from which it counts': 'wenigste Bilder, ab denen es zählt',
  'why no overlay was searched': 'warum keine Überlagerung gesucht wurde',
  'samples that show the trigger of the encoder': 'Proben, die den Auslöser des Encoders zeigen',
  'mean cosine with the nearest of the squares tried': 'mittlerer Kosinus mit dem nächsten der versuchten Quadrate',
  'class of those that show the trigger of the encoder': 'Klasse derer, die den Auslöser des Encoders zeigen',
  'of that class, samples that show it': 'aus dieser Klasse Proben, die ihn zeigen',
  'of the other classes, samples that show it': 'aus den anderen Klassen Proben, die ihn zeigen',
  'samples that show it and were not taught to the sanitized model':
    'Proben, die ihn zeigen und dem bereinigten Modell nicht beigebracht wurden',
  'mean cosine without it': 'mittlerer Kosinus ohne es',
  'mean cosine with the square of opposite brightness': 'mittlerer Kosinus mit dem Quadrat der Gegenhelligkeit',
  'cosine from which this is a collapse': 'Kosinus, ab dem es ein Zusammenfall ist',
  'cosine from which it counts where the square turns images in the undefended model alone':
    'Kosinus, ab dem es zählt, wo das Quadrat Bilder nur im ungeschützten Modell kippt',
  'first row of the square': 'erste Zeile des Quadrats',
  'first column of the square': 'erste Spalte des Quadrats',
  'side of the square, pixels': 'Seite des Quadrats, Bildpunkte',
  'brightness of the square, 0 to 1': 'Helligkeit des Quadrats, 0 bis 1',
  'images stamped': 'gestempelte Bilder',
  'squares tried': 'versuchte Quadrate',
  'class it flips to': 'Klasse, zu der es kippt',
  'flipped, undefended model': 'gekippt, ungeschütztes Modell',
  'flipped, sanitized model': 'gekippt, bereinigtes Modell',
  'times as strong as it was estimated, laid on': 'so viel Mal so stark aufgelegt wie geschätzt',
  'flipped by a random pattern of its size, undefended model':
    'von einem zufälligen Muster seiner Größe gekippt, ungeschütztes Modell',
  'samples firmly refused that look like classes not confused with this one':
    'entschieden abgelehnte Proben, die wie sonst nicht verwechselte Klassen aussehen',
  'share firmly refused that looks like classes not confused with this one':
    'Anteil entschieden Abgelehnter, der wie sonst nicht verwechselte Klassen aussieht',
  'samples that share the pattern': 'Proben mit dem Muster',
  'turned into the class by it, model grown before': 'davon zur Klasse gemacht, zuvor gewachsenes Modell',
  'turned into the class by it, sanitized model': 'davon zur Klasse gemacht, bereinigtes Modell',
  'class most of them are taken for': 'Klasse, für die die meisten gehalten werden',
  'taken for one of two classes': 'für eine von zwei Klassen gehalten',
  'of the images nearest to them, those with their label': 'von ihren nächsten Bildern tragen ihr Etikett',
  'the same of images of the class they are taken for': 'dasselbe bei Bildern der Klasse, für die sie gehalten werden',
  'class they crowd in': 'Klasse, in der sie sich häufen',
  'turned, model without these samples': 'dasselbe, Modell ohne diese Proben',
  'images it was laid over': 'Bilder, über die es gelegt wurde',
  'of these samples, accepted by that model': 'von diesen Proben erkannt, Modell ohne sie',
  'of the rest of the class, accepted by that model': 'vom Rest der Klasse erkannt, Modell ohne sie',
  'samples that carry a pattern which a model learnt': 'Proben mit einem Muster, das ein Modell gelernt hat',
  'other samples that show the recovered trigger': 'weitere Proben, die den geschätzten Auslöser zeigen',
  'images the flips were counted on': 'Bilder, an denen gezählt wurde',
};
