/** The languages of the page, and which one this browser had last or asks for. Has no catalogue, so that it is there at once. */
import type { PageMessages } from '../../src-shared/messages/page-en.ts';

export const languages = ['en', 'de'] as const;
export type Language = (typeof languages)[number];
export const languageNames: Readonly<Record<Language, string>> = { en: 'English', de: 'Deutsch' };

const key = 'coresift.language';

export function rememberedLanguage(): Language {
  const stored = languages.find((one) => one === localStorage.getItem(key));
  return stored ?? (navigator.language.startsWith('de') ? 'de' : 'en');
}

export const rememberLanguage = (chosen: Language): void => localStorage.setItem(key, chosen);

export const fetchGerman = async (): Promise<PageMessages> => (await import('../../src-shared/messages/page-de.ts')).de;
