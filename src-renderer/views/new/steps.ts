/** The steps of a new audit, and which fields each of them asks for. */
export const steps = ['model', 'data', 'preview', 'plan', 'run'] as const;
export type Step = (typeof steps)[number];

const ownFields: Readonly<Record<Step, readonly string[]>> = {
  model: ['encoder'],
  data: ['dataset', 'classes'],
  preview: ['arch', 'inputSize', 'mean', 'std', 'representation'],
  plan: ['seed', 'out', 'device', 'threads', 'memory'],
  run: [],
};
const inOrder = steps.flatMap((one) => ownFields[one]);

/** Whether a field is of one parameter or limit. */
export const isNamed = (field: string): boolean => /^(overrides|limits) /.test(field);

/** The step a field belongs to: what is set by name is set in the plan. */
export const stepOf = (field: string): Step | undefined =>
  isNamed(field) ? 'plan' : steps.find((one) => ownFields[one].includes(field));

/** Of the fields that are wrong, the one a person meets first; those set by name come last. */
export const firstOf = (wrong: readonly string[]): string | undefined =>
  inOrder.find((field) => wrong.includes(field)) ?? wrong[0];
