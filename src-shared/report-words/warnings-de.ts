/** Warnings of a run in German, said from codes and numbers: for reports and page alike. */
import { count, learntPattern, orNull, share, word, type Lookup } from './findings-de.ts';

/** A warning as a record or an event has it. */
export interface SaidWarning {
  readonly code: string;
  readonly className: string | null;
  readonly values?: Lookup | undefined;
}

/** The sentence of a warning; null where the code or one of its numbers is not known: then the recorded English stands. */
export const deWarning = ({ code, className, values }: SaidWarning): string | null =>
  values === undefined ? null : orNull(() => said(code, className ?? '', values));

function said(code: string, name: string, v: Lookup): string | null {
  switch (code) {
    case 'empty':
      return `Die Klasse „${name}“ hat keine Probe und wurde nicht geprüft.`;
    case 'tiny':
      return `Die Klasse „${name}“ hat nur ${count(v['samples'])} Proben: Höchstens die Hälfte davon wird zum Kern.`;
    case 'no-gated-sample':
      return `In der Klasse „${name}“ hat kaum eine Probe an jedem der letzten Abgriffe eine Nachbarin ihrer eigenen Klasse.`;
    case 'oversized':
      return `Die Klasse „${name}“ hat ${count(v['samples'])} Proben, die mittlere Klasse ${count(v['median'])}: Gift, das alles zu einer Klasse macht, bläht diese auf.`;
    case 'balanced-split':
      return `Die Klasse „${name}“ zerfällt an den meisten Abgriffen in zwei etwa gleich große Gruppen: Jede von beiden könnte das Gift sein.`;
    case 'rules-disagree':
      return `In der Klasse „${name}“ liegen ${share(v['outside'])} der stimmigsten Proben außerhalb der Mehrheitsgruppe.`;
    case 'conflicting-labels':
      return `${share(v['torn'])} der Bilder der Klasse „${name}“ stehen auch unter anderen Etiketten: Welches davon richtig ist, lässt sich nicht sagen.`;
    case 'cross-fit':
      return `Vom ersten Grundstock der Klasse „${name}“ erkennt ein Modell der einen Hälfte nur ${share(v['accepted'])} der anderen und widerspricht ${share(v['against'])} entschieden: Was gesiebt wurde, ist nicht von einer Art.`;
    case 'learnt-pattern':
      return learntPattern(v, name);
    case 'no-deciding-tap':
      return 'Kein Abgriff des Encoders hält die Klassen auseinander: Kern und Grundstock sind nicht besser als zufällig gewählt.';
    case 'grown-again':
      return `Das Modell hat ein Muster gelernt, das ${count(v['sharing'])} Proben mit dem Etikett ${word(v['names'])} gemeinsam haben. Es wächst noch einmal, ohne sie.`;
    case 'trigger-shown':
      return v['apart'] === v['showing']
        ? `${count(v['apart'])} Proben zeigen den Auslöser, den der Suchlauf im Encoder gefunden hat. Sie werden beiseitegelegt und dem bereinigten Modell nicht beigebracht.`
        : `${count(v['showing'])} Proben zeigen den Auslöser, den der Suchlauf im Encoder gefunden hat. ${count(v['apart'])} werden beiseitegelegt und dem bereinigten Modell nicht beigebracht; von den Klassen der übrigen zeigen ihn so viele, dass sie vielleicht so aussehen, oder es bliebe kaum etwas.`;
    case 'memory-fitted':
      return `Um unter ${count(v['limit'])} MB zu bleiben, nimmt sich der Lauf weniger auf einmal vor: ${word(v['changes'])}.`;
    case 'engine-silent':
      return `Die Engine steckt seit ${count(v['seconds'])} s in einer einzigen Berechnung.`;
    case 'provider-changed':
      return `Der Lauf begann auf ${word(v['was'])} und geht mit ${word(v['is'])} weiter: Seine Ausgaben können in den letzten Stellen von denen eines ununterbrochenen Laufs abweichen.`;
    case 'one-computing-thread':
      return `Alles wird nacheinander berechnet, denn ein zweiter Thread war nicht zu bekommen. ${word(v['reason'])}`;
    case 'one-decoding-thread':
      return `Ein einziger Thread dekodiert die Bilder, weitere ließen sich nicht starten: ${word(v['reason'])}. Es dauert länger.`;
    case 'cache-changed':
      return `Die dekodierten Bilder eines früheren Laufs wurden seither verändert (${word(v['file'])}); sie wurden verworfen und neu angelegt.`;
    case 'label-conflict': {
      const [one, other] = [word(v['one']), word(v['other'])];
      return v['count'] === 1
        ? `Ein Bild wiederholt ein anderes unter anderem Etikett, eines der beiden Etiketten ist also falsch: ${one} und ${other}.`
        : `${count(v['count'])} Bilder wiederholen ein anderes unter anderem Etikett, eines der beiden Etiketten ist also jeweils falsch: ${one} und ${other}, und weitere.`;
    }
    default:
      return null;
  }
}
