/** The languages of the reports. `Words` is what English has: a language that lacks a message does not compile. */
import type { ClassWarning } from '../domain/result.ts';
import type { Finding } from '../domain/verdict.ts';
import { de } from './de.ts';
import { en } from './en.ts';

export type Words = {
  readonly [K in keyof typeof en]: (typeof en)[K] extends string ? string : (typeof en)[K];
};
export type WordKey = keyof Words;

export const languages = ['en', 'de'] as const;
export type Language = (typeof languages)[number];

export function wordsOf(language: Language): Words {
  return language === 'de' ? de.words : en;
}

/**
 * The sentences of a finding. English stands as the audit recorded it; another language says it from code, verdict and
 * evidence, and null where it does not know the code.
 */
export function findingSentences(
  finding: Finding,
  language: Language,
): { readonly claim: string; readonly wouldChange: string } | null {
  if (language === 'en') return finding;
  return de.finding(finding);
}

/** The sentence of a warning, in English where the language does not know its code or numbers. */
export function warningSentence(warning: ClassWarning, language: Language): string {
  return (language === 'de' ? de.warning(warning) : null) ?? warning.message;
}

/** Evidence names, environment names and the like in words; what a language does not know stays as it is. */
export function termIn(language: Language, term: string): string {
  if (language === 'de' && Object.hasOwn(de.terms, term)) return de.terms[term];
  return term;
}
