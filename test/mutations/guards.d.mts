export interface Mutation {
  readonly name: string;
  readonly file: string;
  /** Text of the file that is the guard; stands there once. */
  readonly guard: string;
  readonly without: string;
  /** Test file that must fail. */
  readonly test: string;
}
export const mutations: readonly Mutation[];
