/** The language of the page: chosen by the user, remembered by the host, kept in this browser for the next first paint. */
import { de } from '../../src-shared/messages/page-de.ts';
import { en, type PageMessages } from '../../src-shared/messages/page-en.ts';

export const languages = ['en', 'de'] as const;
export type Language = (typeof languages)[number];
export const languageNames: Readonly<Record<Language, string>> = { en: 'English', de: 'Deutsch' };

const catalogues: Readonly<Record<Language, PageMessages>> = { en, de };
const key = 'coresift.language';

function initial(): Language {
  if (typeof localStorage === 'undefined') return 'en';
  const stored = languages.find((one) => one === localStorage.getItem(key));
  return stored ?? (navigator.language.startsWith('de') ? 'de' : 'en');
}

let current = $state<Language>(initial());

export function language(): Language {
  return current;
}

export function chooseLanguage(chosen: Language): void {
  current = chosen;
  localStorage.setItem(key, chosen);
  document.documentElement.lang = chosen;
}

/** The messages of the current language; reactive where it is read in a component. */
export function t(): PageMessages {
  return catalogues[current];
}
