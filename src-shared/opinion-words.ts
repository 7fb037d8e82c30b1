/** What a second opinion is, in words: for the page, the command line and the reports. */
import type { OpinionId, OpinionReason } from './domain/opinion.ts';

export interface OpinionWords {
  readonly name: string;
  /** What its score is made of. */
  readonly score: string;
  /** When it flags or raises the alarm. */
  readonly rule: string;
  /** What it cannot see, or takes for poison without being right. */
  readonly blind: string;
}

/** Where a method was published; the same in every language. */
export const opinionSources: Readonly<Record<OpinionId, string>> = {
  'no-defense': 'Zhang et al., IEEE S&P 2025 (reference row)',
  'spectral-signatures': 'Tran, Li and Madry, NeurIPS 2018',
  'activation-clustering': 'Chen et al., SafeAI 2019',
  scan: 'Tang et al., USENIX Security 2021',
  spectre: 'Hayase et al., ICML 2021',
  beatrix: 'Ma et al., NDSS 2023',
  strip: 'Gao et al., ACSAC 2019',
  clp: 'Zheng et al., ECCV 2022',
  decree: 'Feng et al., CVPR 2023',
  abl: 'Li et al., NeurIPS 2021',
  'fine-pruning': 'Liu, Dolan-Gavitt and Garg, RAID 2018',
  rnp: 'Li et al., ICML 2023',
  anp: 'Wu and Wang, NeurIPS 2021',
  nad: 'Li et al., ICLR 2021',
  'i-bau': 'Zeng et al., ICLR 2022',
};

const notBuilt = { score: '', rule: '', blind: '' } as const;

export const opinionWordsEn: Readonly<Record<OpinionId, OpinionWords>> = {
  'no-defense': {
    name: 'No Defense',
    score: 'Loss of the undefended model against the given label.',
    rule: 'Flags samples whose label the undefended model does not give.',
    blind: 'Fits poison like everything else: the row that the others are measured against, not a detector.',
  },
  'spectral-signatures': {
    name: 'Spectral Signatures',
    score:
      'Squared part of the representation along the largest direction of its class; of a class, the share of variance that direction explains.',
    rule: 'Flags the top 7.5 % of every class, clean or not: read the ranking, not the count.',
    blind:
      'Needs poison to be the widest direction of its class; classes with styles of their own are wider. Fails where an encoder that never saw the poison does not part it.',
  },
  'activation-clustering': {
    name: 'Activation Clustering',
    score: 'Nearness to the smaller of two groups in the class, times the silhouette of the cut.',
    rule: 'Alarm for a class whose smaller group is under 35 % with a silhouette of at least 0.1; flags that group.',
    blind: 'Classes of two kinds are taken for poisoned; poison above 35 % of a class, or close to it, is not seen.',
  },
  scan: {
    name: 'SCAn',
    score:
      'Log-likelihood of belonging to a second group, times how well the class splits; of a class, its anomaly index among all classes.',
    rule: 'Alarm for a class with an anomaly index above 7.39; flags its smaller group.',
    blind:
      'Uses samples the audit sifted as clean. Needs at least four classes, few of them poisoned; clean-label poison that blends with its class is not seen.',
  },
  spectre: {
    name: 'SPECTRE',
    score: 'Quantum entropy score of the robustly whitened representation; of a class, its largest whitened variance.',
    rule: 'Flags the top 7.5 % of every class, clean or not: read the ranking, not the count.',
    blind: 'Outliers of any kind score high. Poison above 15 % of a class pulls the robust estimate along.',
  },
  beatrix: {
    name: 'Beatrix',
    score: 'How far products of channels lie outside the range of clean samples of the class, over the threshold.',
    rule: 'Flags what lies further out than 95 % of clean samples; of a class, the share that is flagged.',
    blind:
      'Uses samples the audit sifted as clean, which are easy ones: hard clean samples are flagged. A trigger the encoder itself maps into the class leaves no mark.',
  },
  strip: {
    name: 'STRIP',
    score: 'One minus the mean entropy of predictions under 24 overlaid pictures, as a share of the largest possible.',
    rule: 'Flags samples that stay more certain than 95 % of clean ones. Looks at the suspects and as many others only.',
    blind:
      'Triggers that an overlay destroys: blended, warped, clean-label. Plain pictures of an easy class stay certain too.',
  },
  clp: {
    name: 'CLP',
    score: 'Upper bound of a channel’s Lipschitz constant, in standard deviations of its layer.',
    rule: 'Flags channels above mean plus three standard deviations of their layer.',
    blind:
      'Reads weights only. A backdoor spread over many channels, or trained with frozen normalisation, leaves no outlier.',
  },
  decree: {
    name: 'DECREE',
    score: 'Share of the image covered by the smallest pattern found that maps all images to one representation.',
    rule: 'Alarm below 10 % of the image.',
    blind:
      'Small encoders collapse under a few scattered pixels without any backdoor: on the encoders of the sample it does not tell backdoored from clean. Frequency and warping triggers are not searched.',
  },
  abl: { name: 'ABL', ...notBuilt },
  'fine-pruning': { name: 'Fine-Pruning', ...notBuilt },
  rnp: { name: 'RNP', ...notBuilt },
  anp: { name: 'ANP', ...notBuilt },
  nad: { name: 'NAD', ...notBuilt },
  'i-bau': { name: 'I-BAU', ...notBuilt },
};

export const opinionWordsDe: Readonly<Record<OpinionId, OpinionWords>> = {
  'no-defense': {
    name: 'Ohne Verteidigung',
    score: 'Verlust des ungeschützten Modells gegen das angegebene Etikett.',
    rule: 'Markiert Proben, deren Etikett das ungeschützte Modell nicht gibt.',
    blind: 'Lernt Gift wie alles andere: die Zeile, an der die übrigen gemessen werden, kein Detektor.',
  },
  'spectral-signatures': {
    name: 'Spectral Signatures',
    score:
      'Quadrat des Anteils der Darstellung an der größten Richtung der Klasse; je Klasse der Anteil der Streuung in dieser Richtung.',
    rule: 'Markiert die oberen 7,5 % jeder Klasse, sauber oder nicht: die Reihenfolge zählt, nicht die Anzahl.',
    blind:
      'Das Gift muss die breiteste Richtung seiner Klasse sein; Klassen mit eigenen Spielarten sind breiter. Versagt, wo ein Encoder, der das Gift nie sah, es nicht trennt.',
  },
  'activation-clustering': {
    name: 'Activation Clustering',
    score: 'Nähe zur kleineren von zwei Gruppen der Klasse, mal der Silhouette des Schnitts.',
    rule: 'Alarm bei einer Klasse, deren kleinere Gruppe unter 35 % liegt bei einer Silhouette von mindestens 0,1; markiert diese Gruppe.',
    blind:
      'Klassen aus zwei Arten gelten als vergiftet; Gift über 35 % einer Klasse oder nahe bei ihr bleibt ungesehen.',
  },
  scan: {
    name: 'SCAn',
    score:
      'Log-Likelihood der Zugehörigkeit zu einer zweiten Gruppe, mal der Spaltung der Klasse; je Klasse ihr Anomalie-Index unter allen.',
    rule: 'Alarm bei einer Klasse mit Anomalie-Index über 7,39; markiert ihre kleinere Gruppe.',
    blind:
      'Nutzt Proben, die die Prüfung als sauber aussiebte. Braucht mindestens vier Klassen, davon wenige vergiftet; Gift mit richtigem Etikett, das in der Klasse aufgeht, bleibt ungesehen.',
  },
  spectre: {
    name: 'SPECTRE',
    score: 'Quantenentropie-Wert der robust geweißten Darstellung; je Klasse ihre größte geweißte Streuung.',
    rule: 'Markiert die oberen 7,5 % jeder Klasse, sauber oder nicht: die Reihenfolge zählt, nicht die Anzahl.',
    blind: 'Ausreißer jeder Art stehen oben. Gift über 15 % einer Klasse zieht die robuste Schätzung mit.',
  },
  beatrix: {
    name: 'Beatrix',
    score: 'Wie weit Produkte von Kanälen außerhalb des Bereichs sauberer Proben der Klasse liegen, über der Schwelle.',
    rule: 'Markiert, was weiter außen liegt als 95 % sauberer Proben; je Klasse der markierte Anteil.',
    blind:
      'Nutzt Proben, die die Prüfung als sauber aussiebte, also leichte: schwere saubere Proben werden markiert. Ein Trigger, den der Encoder selbst in die Klasse abbildet, hinterlässt keine Spur.',
  },
  strip: {
    name: 'STRIP',
    score: 'Eins minus mittlere Entropie der Vorhersagen unter 24 überlagerten Bildern, als Anteil der größtmöglichen.',
    rule: 'Markiert Proben, die sicherer bleiben als 95 % der sauberen. Sieht nur die Verdächtigen und ebenso viele andere an.',
    blind:
      'Trigger, die eine Überlagerung zerstört: eingeblendete, verzerrte, solche mit richtigem Etikett. Schlichte Bilder einer leichten Klasse bleiben auch sicher.',
  },
  clp: {
    name: 'CLP',
    score: 'Obere Schranke der Lipschitz-Konstante eines Kanals, in Standardabweichungen seiner Schicht.',
    rule: 'Markiert Kanäle über Mittel plus drei Standardabweichungen ihrer Schicht.',
    blind:
      'Liest nur Gewichte. Eine Hintertür, die über viele Kanäle verteilt oder mit eingefrorener Normierung trainiert ist, hinterlässt keinen Ausreißer.',
  },
  decree: {
    name: 'DECREE',
    score:
      'Anteil des Bildes, den das kleinste gefundene Muster bedeckt, das alle Bilder auf eine Darstellung abbildet.',
    rule: 'Alarm unter 10 % des Bildes.',
    blind:
      'Kleine Encoder fallen unter wenigen verstreuten Pixeln zusammen, ganz ohne Hintertür: bei den Encodern des Beispiels trennt es nicht. Frequenz- und Verzerrungs-Trigger werden nicht gesucht.',
  },
  abl: { name: 'ABL', ...notBuilt },
  'fine-pruning': { name: 'Fine-Pruning', ...notBuilt },
  rnp: { name: 'RNP', ...notBuilt },
  anp: { name: 'ANP', ...notBuilt },
  nad: { name: 'NAD', ...notBuilt },
  'i-bau': { name: 'I-BAU', ...notBuilt },
};

export const opinionReasonsEn: Readonly<Record<OpinionReason, string>> = {
  'not-built': 'Not run: this version does not have it.',
  'not-asked': 'Not run: the audit did not ask for it (--opinions all does).',
  'no-map': 'Not run: the encoder has no feature map or tokens.',
  'no-convolution': 'Not run: the encoder has no convolution.',
  'too-few': 'Not run: too few samples were sifted as clean.',
  'not-differentiable': 'Not run: an operator of the encoder has no gradient here.',
};

export const opinionReasonsDe: Readonly<Record<OpinionReason, string>> = {
  'not-built': 'Nicht gelaufen: diese Version hat es nicht.',
  'not-asked': 'Nicht gelaufen: die Prüfung fragte nicht danach (--opinions all tut es).',
  'no-map': 'Nicht gelaufen: der Encoder hat weder Merkmalskarten noch Token.',
  'no-convolution': 'Nicht gelaufen: der Encoder hat keine Faltung.',
  'too-few': 'Nicht gelaufen: zu wenige Proben wurden als sauber ausgesiebt.',
  'not-differentiable': 'Nicht gelaufen: ein Operator des Encoders hat hier keinen Gradienten.',
};
