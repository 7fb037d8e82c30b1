/** Ids of the taxonomies that findings refer to, with the edition each id is of, and which finding refers to which. */

export type TaxonomyName = 'ATLAS' | 'OWASP-ML' | 'NISTAML' | 'OWASP-LLM';

export interface Taxonomy {
  readonly name: TaxonomyName;
  readonly title: string;
  readonly organisation: string;
  readonly version: string;
  readonly taxa: readonly { readonly id: string; readonly name: string }[];
}

/** MITRE ATLAS 5.6.0; OWASP ML Top 10 2023; NIST AI 100-2 E2025; OWASP Top 10 for LLM applications 2025. */
export const taxonomies: readonly Taxonomy[] = [
  {
    name: 'ATLAS',
    title: 'MITRE ATLAS',
    organisation: 'MITRE',
    version: '5.6.0',
    taxa: [
      { id: 'AML.T0010.002', name: 'AI Supply Chain Compromise: Data' },
      { id: 'AML.T0010.003', name: 'AI Supply Chain Compromise: Model' },
      { id: 'AML.T0011.000', name: 'Unsafe AI Artifacts' },
      { id: 'AML.T0018', name: 'Manipulate AI Model' },
      { id: 'AML.T0018.000', name: 'Poison AI Model' },
      { id: 'AML.T0018.001', name: 'Modify AI Model Architecture' },
      { id: 'AML.T0018.002', name: 'Embed Malware' },
      { id: 'AML.T0019', name: 'Publish Poisoned Datasets' },
      { id: 'AML.T0020', name: 'Poison Training Data' },
      { id: 'AML.T0043.004', name: 'Insert Backdoor Trigger' },
      { id: 'AML.T0058', name: 'Publish Poisoned Models' },
      { id: 'AML.T0059', name: 'Erode Dataset Integrity' },
      { id: 'AML.T0076', name: 'Corrupt AI Model' },
    ],
  },
  {
    name: 'OWASP-ML',
    title: 'OWASP Machine Learning Security Top 10',
    organisation: 'OWASP',
    version: '2023',
    taxa: [
      { id: 'ML02:2023', name: 'Data Poisoning Attack' },
      { id: 'ML06:2023', name: 'ML Supply Chain Attacks' },
      { id: 'ML07:2023', name: 'Transfer Learning Attack' },
      { id: 'ML10:2023', name: 'Model Poisoning' },
    ],
  },
  {
    name: 'OWASP-LLM',
    title: 'OWASP Top 10 for LLM Applications',
    organisation: 'OWASP',
    version: '2025',
    taxa: [
      { id: 'LLM03:2025', name: 'Supply Chain' },
      { id: 'LLM04:2025', name: 'Data and Model Poisoning' },
    ],
  },
  {
    name: 'NISTAML',
    title: 'NIST AI 100-2 E2025, Adversarial Machine Learning',
    organisation: 'NIST',
    version: 'E2025',
    taxa: [
      { id: 'NISTAML.013', name: 'Data Poisoning' },
      { id: 'NISTAML.021', name: 'Clean-label Backdoor' },
      { id: 'NISTAML.023', name: 'Backdoor Poisoning' },
      { id: 'NISTAML.026', name: 'Model Poisoning (integrity)' },
      { id: 'NISTAML.05', name: 'Supply Chain Attacks' },
      { id: 'NISTAML.051', name: 'Model Poisoning (supply chain)' },
    ],
  },
];

export interface TaxonRef {
  readonly taxonomy: TaxonomyName;
  readonly id: string;
}

const refs = (taxonomy: TaxonomyName, ...ids: string[]): TaxonRef[] => ids.map((id) => ({ taxonomy, id }));

const poisonedData: readonly TaxonRef[] = [
  ...refs('ATLAS', 'AML.T0020', 'AML.T0019', 'AML.T0010.002'),
  ...refs('OWASP-ML', 'ML02:2023'),
  ...refs('OWASP-LLM', 'LLM04:2025'),
  ...refs('NISTAML', 'NISTAML.013', 'NISTAML.021', 'NISTAML.023'),
];

const poisonedModel: readonly TaxonRef[] = [
  ...refs('ATLAS', 'AML.T0018.000', 'AML.T0058', 'AML.T0010.003', 'AML.T0043.004'),
  ...refs('OWASP-ML', 'ML10:2023', 'ML07:2023', 'ML06:2023'),
  ...refs('OWASP-LLM', 'LLM03:2025', 'LLM04:2025'),
  ...refs('NISTAML', 'NISTAML.026', 'NISTAML.05', 'NISTAML.051'),
];

const erodedData: readonly TaxonRef[] = [...refs('ATLAS', 'AML.T0059'), ...refs('OWASP-ML', 'ML02:2023')];

/** What a finding on `subject` is about. Files that could not be read may be damage or an attempt to hide. */
export function taxaOf(subject: 'encoder' | 'dataset' | 'class' | 'file'): readonly TaxonRef[] {
  switch (subject) {
    case 'encoder':
      return poisonedModel;
    case 'dataset':
    case 'class':
      return poisonedData;
    case 'file':
      return erodedData;
  }
}
