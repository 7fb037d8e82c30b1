/** What the reports say, in English. One message per sentence: no language is put together from parts of another. */

const plural = (n: number, one: string, many: string): string => (n === 1 ? one : many);

/** How what was searched in the encoder flips both models, written out. */
export interface SearchedFlips {
  readonly undefended: string;
  readonly sanitized: string;
  readonly target: string;
  readonly n: string;
  readonly count: number;
}

export const en = {
  'language.name': 'English',
  'title.audit': (p: { encoder: string; dataset: string }) => `Audit of ${p.encoder} and ${p.dataset}`,
  'page.of': (p: { page: string; pages: string }) => `Page ${p.page} of ${p.pages}`,
  'head.run': (p: { run: string; preset: string; seed: string; started: string; tool: string; report: string }) =>
    `Run ${p.run}, ${p.preset}, seed ${p.seed}. Started ${p.started}, ${p.tool}. Report ${p.report}.`,
  contents: 'Contents',
  'foot.legend':
    'Verdicts: trusted = nothing examined spoke against it; suspicious = evidence was found; inconclusive = the evidence does not decide; not examined = nothing is said. This report is evidence for a decision, not the decision.',
  'foot.data': 'Sentences that the audit itself recorded stand as it recorded them.',

  'verdict.trusted': 'trusted',
  'verdict.suspicious': 'suspicious',
  'verdict.inconclusive': 'inconclusive',
  'verdict.not-examined': 'not examined',
  'verdict.confidence': (p: { value: string }) => `confidence ${p.value}`,
  'verdict.no-confidence': 'no confidence: nothing was decided',
  'verdict.rests-on': 'Rests on',
  'verdict.would-change': 'What would change this verdict',
  'verdict.decided': 'Decided by an analyst',
  'verdict.as-recorded': 'As recorded',
  'subject.encoder': 'Encoder',
  'subject.dataset': 'Dataset',
  'subject.class': 'Class',

  'section.summary': 'Summary',
  'section.subject': 'What was audited',
  'section.threats': 'Threat model',
  'section.method': 'Method and parameters',
  'section.environment': 'Environment',
  'section.not-examined': 'Not examined',
  'section.sifting': 'Sifting',
  'section.channels': 'Channels',
  'section.bootstrapping': 'Bootstrapping',
  'section.suspects': 'Suspects',
  'section.trigger': 'Recovered pattern',
  'section.shared-pattern': 'What suspects share',
  'section.opinions': 'Second opinions',
  'section.outcome': 'Outcome',
  'section.classes': 'Verdict by class',
  'section.files': 'Findings in files',
  'section.mappings': 'Laws, frameworks and standards',
  'section.risk': 'Limits and residual risk',
  'section.log': 'Run log',
  'section.integrity': 'Outputs and how to verify them',
  'section.reproduction': 'Reproduction recipe',
  'section.glossary': 'Glossary',

  'summary.claim': (p: { encoder: string; dataset: string }) =>
    `The encoder is ${p.encoder}, the dataset ${p.dataset}.`,
  'summary.parties': 'Parties, as declared',
  'summary.recommended': 'What to do',
  'summary.figures': 'The figures behind it',
  'summary.unsigned': 'Nobody has signed this report off.',
  'summary.signed': (p: { name: string; role: string; organisation: string; at: string }) =>
    `Signed off by ${p.name}, ${p.role}, ${p.organisation}, ${p.at}.`,
  'summary.suspects': 'Samples on the suspect list',
  'summary.kept': 'Channels kept as trusted',
  'summary.unseen': 'Things not examined',
  'summary.redacted': 'Names and paths in this report were replaced; the digests are those of the real files.',
  'party.assessor': 'Assessor',
  'party.reviewer': 'Reviewer',
  'party.commissioned': 'Commissioned by',
  'party.independent': 'Independent of the supplier',
  'party.validUntil': 'Relied on until',
  'party.marking': 'Marking',
  'party.undeclared': 'not declared',
  yes: 'yes',
  no: 'no',
  none: 'none',

  'subject.claim': (p: { n: number; samples: string; classes: string; parameters: string }) =>
    `${p.samples} ${plural(p.n, 'sample', 'samples')} in ${p.classes} classes and an encoder of ${p.parameters} parameters, neither of them trusted.`,
  'subject.examined': 'Examined',
  'subject.assumed': 'Assumed',
  'subject.declared': 'Declared, not examined',
  'examined.samples': (p: { samples: string; classes: string }) =>
    `${p.samples} decoded samples in ${p.classes} classes`,
  'examined.graph': (p: { nodes: string; parameters: string; format: string }) =>
    `${p.nodes} graph nodes and ${p.parameters} parameters of the encoder, read as ${p.format}`,
  'examined.taps': (p: { used: string; taps: string; labels: string }) =>
    `activations at ${p.used} of ${p.taps} taps: ${p.labels}`,
  'examined.channels': (p: { channels: string; layers: string }) => `${p.channels} channels in ${p.layers} layers`,
  'assumed.no-holdout':
    'No clean hold-out set and no known trigger were used; nothing was trusted but the agreement of samples with their own class.',
  'assumed.guard':
    'Accuracies are measured on held-out samples of the clean pool, whose labels the audit itself chose to trust.',
  'assumed.majority':
    'Of every class, more samples are clean than poisoned alike; a class poisoned above one half may look clean.',
  'assumed.trusted': '“Trusted” says that nothing examined spoke against it. It is not a proof of absence.',
  'field.file': 'File',
  'field.sha256': 'SHA-256',
  'field.size': 'Size',
  'field.format': 'Format',
  'field.reading': 'Reading',
  'field.structure': 'Structure',
  'field.input': 'Input',
  'field.normalisation': 'Normalisation',
  'field.representation': 'Representation',
  'field.taps': 'Taps',
  'field.restored': 'Restored normalisations',
  'field.path': 'Path',
  'field.samples': 'Samples',
  'field.duplicates': 'Exact duplicates',
  'field.unreadable': 'Unreadable items',
  'field.classes': 'Classes',
  'field.name': 'Name',
  'field.version': 'Version',
  'field.supplier': 'Supplier',
  'field.source': 'Source',
  'field.licence': 'Licence',
  'field.pretraining': 'Pre-training data',
  'field.signature': 'Signature of the supplier',
  'field.split': 'Split',
  'field.labels': 'Source of the labels',
  'field.reason': 'Reason',
  'table.unreadable': 'Items that could not be read',
  'format.file': (p: { format: string; architecture: string; opset: string; producer: string }) =>
    [
      p.architecture === '' ? p.format : `${p.format} (${p.architecture})`,
      ...(p.opset === '' ? [] : [`opset ${p.opset}`]),
      ...(p.producer === '' ? [] : [`by ${p.producer}`]),
    ].join(', '),
  'structure.nodes': (p: { family: string; nodes: string }) => `${p.family}; ${p.nodes} nodes`,
  'normalisation.values': (p: { mean: string; std: string; source: string }) =>
    `mean ${p.mean}; deviation ${p.std}; ${p.source}`,
  'representation.values': (p: { tensor: string; dim: string; how: string }) =>
    `${p.tensor}, ${p.dim} values; ${p.how}`,

  'threats.claim': 'Both the encoder and the dataset may have been poisoned, by someone who knows the method.',
  'threat.poisoned-encoder': 'The encoder was poisoned before it came here.',
  'threat.poisoned-dataset': 'The downstream dataset was poisoned.',
  'threat.adaptive': 'Both were poisoned with one trigger, by an attacker who knows the defence.',
  'threats.attacker': 'The attacker, in the words of NIST AI 100-2',
  'threats.stage': 'Stage of learning',
  'threats.goal': 'Goal',
  'threats.capability': 'Capability',
  'threats.knowledge': 'Knowledge',
  'table.taxonomies': 'Ids that the findings refer to',
  'column.taxonomy': 'Taxonomy',
  'column.id': 'Id',

  'method.claim': (p: { all: string; analyst: string; preset: string }) =>
    `${p.all} parameters decided this audit: ${p.analyst} chosen by the analyst, ${p.preset} by the preset, the rest defaults.`,
  'method.name': 'Method',
  'method.reference': 'Reference',
  'method.mode': 'Mode and preset',
  'method.seed': 'Seed',
  'method.device': 'Device asked for',
  'method.precision': 'Precision',
  'method.stopping': 'Stopping rule',
  'table.parameters': 'Every parameter, and who chose it',
  'column.parameter': 'Parameter',
  'column.value': 'Value',
  'column.chosen': 'Chosen by',
  'chosen.default': 'default',
  'chosen.preset': 'preset',
  'chosen.analyst': 'analyst',

  'environment.claim': 'The machine and the software that computed this audit; it ran without network.',
  'environment.tool': 'Program',

  'unseen.claim': (p: { n: number; count: string }) =>
    p.n === 0
      ? 'Everything the plan named was examined.'
      : `${p.count} ${plural(p.n, 'thing was not examined; nothing is said about it.', 'things were not examined; nothing is said about them.')}`,
  'table.unseen': 'What was not looked at, and why',
  'column.what': 'What',
  'column.detail': 'Detail',

  'sifting.claim': (p: { samples: string; seeds: string; taps: string; pool: string; seedCount: number }) =>
    p.seedCount === 0
      ? `None of ${p.samples} samples could be trusted as a seed.`
      : `Of ${p.samples} samples ${p.seeds} agree with their own class at ${p.taps} taps and were trusted as seeds; the first clean pool took ${p.pool}.`,
  'sifting.scatter': (p: { suspects: string; samples: string }) =>
    `Samples on two principal components. ${p.suspects} of ${p.samples} samples are on the suspect list.`,
  'sifting.axes':
    'Two principal components of the last used tap; the axes have no unit. Samples far outside are drawn on the edge.',
  'sifting.thinned': (p: { drawn: string; of: string }) => `${p.drawn} of ${p.of} samples are drawn, evenly chosen.`,
  'mark.admitted': 'trusted, admitted',
  'mark.open': 'inconclusive or not examined',
  'mark.seed': 'trusted seed',
  'mark.suspicious': 'suspicious',
  'table.classes-sifted': 'Samples, seeds and first pool of each class',
  'column.class': 'Class',
  'column.samples': 'Samples',
  'column.seeds': 'Seeds',
  'column.pool': 'First pool',
  'column.suspects': 'Suspects',
  'table.taps': (p: { k: string; rule: string }) =>
    `Own-class share among the ${p.k} nearest neighbours (rule: ${p.rule})`,
  'column.tap': 'Tap',
  'column.share': 'Share',
  'column.chance': 'Chance',
  'column.used': 'Used',
  'tap.unused': (p: { reason: string }) => (p.reason === '' ? 'no' : `no: ${p.reason}`),
  'table.warnings': 'Classes that need a second look',
  'column.code': 'Code',
  'column.met': 'What was met',
  'rest.of': (p: { shown: string; total: string; where: string }) =>
    `${p.shown} of ${p.total} are shown; ${p.where} has them all.`,

  'channels.claim': (p: { kept: string; total: string; rest: string; count: number }) =>
    p.count === 0
      ? 'No channel was filtered.'
      : `${p.kept} of ${p.total} channels were kept as trusted; the other ${p.rest} were made anew and learned from the clean pool alone.`,
  'channels.unused-claim': (p: { total: string }) => `Channels were not filtered: all ${p.total} were made anew.`,
  'channels.unused':
    'In distilled mode no weight of the encoder reaches the sanitized model, so no channel was unlearned, recovered or kept, and no mask was computed.',
  'channels.caption': "Share of each layer's channels that was kept (solid) and made anew (pale), in network order.",
  'channels.accuracy': (p: { unlearned: string; recovered: string; saturated: string }) =>
    `After unlearning the encoder was right on ${p.unlearned} of the clean pool, after recovering the filters on ${p.recovered}; ${p.saturated} of the mask values came back to one (0.99 or more).`,
  'channels.histogram': 'Mask values of all channels, in twentieths from 0 (gave way) to 1 (needed).',
  'axis.mask': 'mask value',
  'channels.kept-of': (p: { kept: string; of: string }) => `${p.kept} of ${p.of} kept`,
  'table.masks': 'Channel masks by layer: 0 = the channel gave way, 1 = it was needed',
  'column.layer': 'Layer',
  'column.channels': 'Channels',
  'column.kept': 'Kept',
  'column.lowest': 'Lowest mask',
  'column.mean': 'Mean mask',
  'column.lowest-kept': 'Lowest kept',

  'bootstrapping.claim': (p: { n: number; first: string; last: string; rounds: string; outside: string }) =>
    p.n === 0
      ? 'No clean model was grown.'
      : `The pool grew from ${p.first} to ${p.last} samples in ${p.rounds} ${plural(p.n, 'round', 'rounds')}; ${p.outside} ended outside it or under suspicion.`,
  'bootstrapping.again': (p: { n: number; rounds: string }) =>
    `What was grown before, in ${p.rounds} ${plural(p.n, 'round', 'rounds')}, had learnt a pattern and was given up.`,
  'bootstrapping.pool': (p: { of: string; guidance: string }) =>
    `Samples in the pool after each round, of ${p.of}. Guidance: ${p.guidance}.`,
  'bootstrapping.loss': 'Training loss, mean of each epoch.',
  'series.loss': 'training loss',
  'axis.round': 'round',
  'table.rounds': 'Rounds',
  'column.round': 'Round',
  'column.guidance': 'Guidance',
  'column.aimed': 'Aimed at',
  'column.pool-size': 'Pool',
  'column.answers': "Encoder's answers taught",
  'column.admitted': 'Admitted',
  'column.removed': 'Removed',
  'column.guard': 'Held-out accuracy',
  'column.loss': 'Loss',
  'column.stopped': 'Stopped because',
  'guidance.seeds': 'seeds',
  'guidance.loss': 'loss',
  'guidance.meta': 'meta',
  'guidance.discrepancy': 'discrepancy and loss',
  'guidance.final': 'final',

  'suspects.none-grown': 'No sample was suspected: no clean model was grown that could refuse one.',
  'suspects.none': (p: { samples: string }) => `None of ${p.samples} samples is on the suspect list.`,
  'suspects.claim': (p: { suspects: string; samples: string; share: string; name: string }) =>
    `${p.suspects} of ${p.samples} samples are on the suspect list, ${p.share} of them labelled “${p.name}”.`,
  'suspects.alt': (p: { index: string; name: string }) => `Sample ${p.index}, labelled ${p.name}`,
  'suspects.caption': (p: { rank: string; name: string; index: string }) => `${p.rank}. ${p.name}, sample ${p.index}`,
  'suspects.spread': 'How the final loss is spread among suspects and among all other samples.',
  'suspects.spread-caption':
    'Share of each group by its loss under the sanitized model; the last step holds what lies beyond.',
  'series.suspects': (p: { n: string }) => `suspects (${p.n})`,
  'series.others': (p: { n: string }) => `all others (${p.n})`,
  'axis.loss': 'loss under the sanitized model',
  'table.seen': (p: { n: string }) => `Label given and class the sanitized model sees, of ${p.n} listed suspects`,
  'column.given': 'Label given',
  'column.seen': 'Class seen',
  'table.suspects': 'The suspect list, most suspicious first',
  'column.rank': 'Rank',
  'column.sample': 'Sample',
  'column.label': 'Label',
  'column.says': 'Sanitized model says',
  'column.majority': 'Majority',
  'column.consistency': 'Consistency',
  'column.probe-loss': 'Probe loss',
  'column.final-loss': 'Final loss',
  never: 'never',
  'round.n': (p: { round: string }) => `round ${p.round}`,

  'trigger.none': 'No pattern was recovered from the encoder.',
  'trigger.claim': (p: {
    size: string;
    row: string;
    column: string;
    undefended: string;
    sanitized: string;
    target: string;
  }) =>
    `The worst square found is ${p.size} pixels wide at row ${p.row}, column ${p.column}; it flips ${p.undefended} of the images to “${p.target}” in the undefended model and ${p.sanitized} in the sanitized one.`,
  'trigger.overlay': (p: SearchedFlips & { budget: string }) =>
    `The overlay under which the encoder sees images most alike changes no pixel by more than ${p.budget} of its range; laid on ${p.n} ${plural(p.count, 'image', 'images')} it flips ${p.undefended} in the undefended model to “${p.target}” and ${p.sanitized} in the sanitized one.`,
  'trigger.overlay-picture': (p: { times: string }) => `The overlay, ${p.times} times as strong, around mid-grey`,
  'trigger.overlay-note':
    'It was searched by gradient, so it is an overlay that the encoder answers to, not certainly the one that was planted.',
  'trigger.texture': (p: SearchedFlips & { size: string; row: string; column: string }) =>
    `The patch under which the encoder sees images most alike is ${p.size} pixels wide at row ${p.row}, column ${p.column}; laid on ${p.n} ${plural(p.count, 'image', 'images')} it flips ${p.undefended} in the undefended model to “${p.target}” and ${p.sanitized} in the sanitized one.`,
  'trigger.texture-picture': 'The patch in its place, on mid-grey',
  'trigger.texture-note':
    'Its picture was searched by gradient, so it is a patch that the encoder answers to, not certainly the one that was planted.',
  'trigger.shared': 'The encoder answers to what refused samples share; the next section shows it.',
  'trigger.bare': (p: { index: string }) => `Sample ${p.index} as it is`,
  'trigger.stamped': (p: { index: string }) => `Sample ${p.index} with the square`,
  'trigger.note':
    'The square is the one under which the encoder sees different images as most alike. Whether that is a backdoor is what the verdict says.',

  'opinions.none': 'No other detector was asked; nothing is known of what one would have said.',
  'opinions.claim': (p: { ran: string; alarms: string; count: number }) =>
    `${p.ran} other ${plural(p.count, 'detector was', 'detectors were')} asked; ${p.alarms} of them raised an alarm. The verdict does not rest on them.`,
  'opinions.note':
    'Detectors that want clean data were given samples that this audit sifted. AUC is the probability that something the audit holds suspect scores higher than something it does not: agreement, not truth.',
  'opinions.of': (p: { flagged: string; of: string }) => `${p.flagged} of ${p.of}`,
  'opinions.suspects': (p: { both: string; audit: string; chance: string }) =>
    `${p.both} of ${p.audit} suspects (by chance ${p.chance})`,
  'opinions.untrusted': (p: { both: string; audit: string; chance: string }) =>
    `${p.both} of ${p.audit} channels not kept (by chance ${p.chance})`,
  'opinions.alarm': 'alarm',
  'opinions.blind': 'Cannot see:',
  'table.opinions': 'What each detector flags, and how far the audit agrees',
  'column.detector': 'Detector',
  'column.flagged': 'Flagged',
  'column.alarm': 'Alarm',
  'column.agreement': 'Of what the audit found',
  'column.auc': 'AUC',

  'shared-pattern.none': 'Too few refused samples share a label to estimate a trigger from them.',
  'shared-pattern.claim': (p: { name: string; undefended: string; sanitized: string; n: string; count: number }) =>
    `What refused samples labelled “${p.name}” have in common flips ${p.undefended} of ${p.n} other ${plural(p.count, 'image', 'images')} to that class in the undefended model, ${p.sanitized} in the sanitized one.`,
  'shared-pattern.no-trigger': (p: { name: string; undefended: string; sanitized: string; n: string; count: number }) =>
    `What refused samples labelled “${p.name}” have in common is not shown to be a trigger: it flips ${p.undefended} of ${p.n} other ${plural(p.count, 'image', 'images')} to that class in the undefended model, ${p.sanitized} in the sanitized one.`,
  'shared-pattern.control': (p: { control: string }) =>
    `The strongest of a few random patterns of its size flips ${p.control} of them in the undefended model.`,
  'shared-pattern.from': (p: { name: string }) =>
    `The flips were counted on images labelled “${p.name}” only, on which it works best.`,
  'shared-pattern.strength': (p: { times: string }) => `It was laid on ${p.times} times as strong as it was estimated.`,
  'shared-pattern.estimate': 'The trigger estimated from the suspects',
  'shared-pattern.patch': 'Estimate: covers pixels',
  'shared-pattern.overlay': 'Estimate: is added to the image',
  'shared-pattern.mean': 'Mean residue of the suspects',
  'shared-pattern.residue': (p: { sample: string }) => `Residue of sample ${p.sample}`,
  'shared-pattern.note': (p: { suspects: string; carriers: string; n: string }) =>
    `A residue is a suspect minus the mean of the credible samples that the sanitized model finds most like it; mid-grey is no difference. The estimate was made from ${p.suspects} refused samples, ${p.carriers} of which carry it; the flips were counted on ${p.n} credible images that had no part in it.`,

  'outcome.none': 'There was no held-out sample to measure the sanitized model on.',
  'outcome.claim': (p: { n: string; sanitized: string; probe: string }) =>
    `On ${p.n} held-out samples the sanitized model is right in ${p.sanitized}, the undefended probe in ${p.probe}.`,
  'table.outcome': 'Accuracy on held-out samples of the clean pool (95 % Wilson interval)',
  'column.model': 'Model',
  'column.accuracy': 'Accuracy',
  'column.interval': 'Interval',
  'column.n': 'n',
  'model.probe': 'Undefended probe',
  'model.sanitized': 'Sanitized model',
  'outcome.note':
    'These are the only labels that were examined. No trigger was given, so no attack success rate is stated; how often a pattern that was found flips an answer stands with the verdict on the encoder.',
  'outcome.caption': 'Accuracy on the held-out part of the clean pool after each round.',
  'series.accuracy': 'accuracy',

  'classes.none': 'No verdict was given class by class.',
  'classes.claim': (p: { n: number; open: string; all: string }) =>
    p.n === 0
      ? `Nothing spoke against any of ${p.all} classes.`
      : `${p.open} of ${p.all} classes ${plural(p.n, 'is', 'are')} not trusted.`,
  'table.classes': 'Every class with its evidence',
  'column.verdict': 'Verdict',
  'column.claim': 'Claim',
  'column.rests': 'Rests on',
  'column.change': 'What would change it',

  'files.claim': (p: { n: number; count: string }) =>
    p.n === 0
      ? 'No file gave cause for a finding.'
      : `${p.count} ${plural(p.n, 'file gave', 'files gave')} cause for a finding.`,
  'table.files': 'Findings in files',
  'column.rule': 'Rule',
  'column.severity': 'Severity',
  'column.file': 'File',
  'column.offset': 'Byte',

  'mappings.claim':
    'What this report is evidence for. Whether a point applies or is fulfilled is for whoever relies on the report to state.',
  'table.mappings': 'Points, and the sections that are evidence for them',
  'column.framework': 'Framework',
  'column.point': 'Point',
  'column.about': 'About',
  'column.evidence-for': 'Evidence for it in',

  'risk.claim': 'What this method cannot see, and when to audit again.',
  'risk.limits': 'Limits',
  'risk.reaudit': 'Audit again when',
  'limit.majority-poison':
    'Poison in half of a class or more turns the majority rule round; the symptoms are warned of, not the poison found.',
  'limit.clean-label': 'Poison with right labels that forms no group of its own is not seen.',
  'limit.unseen-trigger': 'A trigger that neither the dataset shows nor the scan of the encoder finds stays unseen.',
  'limit.availability': 'Poison that harms accuracy without a trigger is out of scope.',
  'limit.accuracy-loss': 'The sanitized model is less accurate than the undefended one on the held-out samples.',
  'do.look-at-suspects': 'Look at the suspect list before any sample on it is used.',
  'do.use-sanitized': 'Use the sanitized model; it does not depend on the verdicts.',
  'do.do-not-use-encoder': 'Do not use the audited encoder as it is.',
  'do.vouch-for-class': 'Vouch for a few images of each class that could not be judged, or give more samples.',
  'do.ask-supplier': 'Ask the supplier where the encoder came from and keep the file as evidence.',
  'do.measure-on-own-data': 'Measure the sanitized model on labels that you trust yourself.',
  'again.inputs-change': 'the encoder or the dataset changes',
  'again.expiry': 'the date until which this report is relied on has passed',
  'again.new-version': 'a new version of Coresift examines what this one could not',
  'again.new-attack': 'an attack becomes known that this method was not made for',

  'log.claim': (p: { n: number; entries: string; seconds: string; resumed: string; decisions: string }) =>
    `${p.entries} ${plural(p.n, 'entry', 'entries')}, ${p.seconds === '' ? '' : `${p.seconds} of computing, `}resumed ${p.resumed} ${p.resumed === '1' ? 'time' : 'times'}; ${p.decisions} ${p.decisions === '1' ? 'decision' : 'decisions'} by analysts.`,
  'table.log': 'What happened when',
  'column.time': 'Time (UTC)',
  'column.took': 'Took',
  'table.decisions': 'Decisions by analysts',
  'column.who': 'Who',
  'column.act': 'Act',
  'act.tag': 'tagged',
  'act.untag': 'tag taken off:',
  'act.override': 'judged',
  'act.note': 'noted',
  'act.withdraw': 'withdrew decision',
  'decided.sample': 'sample',
  'decided.class': 'class',
  'decided.channel': 'channel',
  'decided.encoder': 'encoder',
  'decided.dataset': 'dataset',
  'decided.run': 'run',

  'integrity.claim': (p: { n: string }) =>
    `${p.n} files came out of this audit; their digests and the head of the journal are below.`,
  'table.outputs': 'Files beside this report',
  'column.purpose': 'What it is',
  'column.size': 'Size',
  'integrity.project': 'Project',
  'integrity.run': 'Run',
  'integrity.head': 'Journal head',
  'integrity.entry': (p: { seq: string; hash: string }) => `entry ${p.seq}, ${p.hash}`,
  'integrity.work': 'Digest of the work',
  'integrity.work-note': 'Equal for the same inputs, seed, parameters and provider.',
  'integrity.chain':
    'Every entry holds the SHA-256 of the one before, over its RFC 8785 form; the first, that of the project id.',
  'integrity.baseline': 'Earlier report',
  'integrity.verify': 'To verify offline',
  'verify.folder': 'Every file of this folder against its digest, and this report against the journal',
  'verify.plain': 'The digests alone, without Coresift',
  'verify.project': "The project's journal, entry by entry",
  'verify.pack': 'A signed pack, with nothing but the public key',

  'reproduction.claim': 'The same inputs, seed, parameters, provider and thread count give the same digests.',
  'table.expects': 'What a replay must give again',

  'glossary.claim': 'The words of this report.',
  'word.encoder': 'Encoder: the pre-trained network that turns an image into a vector.',
  'word.tap': 'Tap: a layer whose activation is read.',
  'word.sifting': 'Sifting: choosing samples that agree with their own class across taps.',
  'word.seed': 'Seed: a sample that sifting trusts first; the clean pool grows from the seeds.',
  'word.mask': 'Channel mask: 0 to 1; how much a channel was needed after what it knew was unlearnt.',
  'word.channels': 'Trusted and untrusted channels: those kept, and those made anew.',
  'word.guidance': 'Loss and meta guidance: two rules by which further samples are admitted.',
  'word.suspect':
    'Suspect: a sample that the undefended model fits and the sanitized model refuses, or that shows what those have in common.',
  'word.sanitized': 'Sanitized model: the classifier grown from admitted samples and trusted channels.',
  'word.escape':
    '\\u{HEX} stands for a character that draws nothing, changes the order of others, or that this document cannot draw.',
} as const;
