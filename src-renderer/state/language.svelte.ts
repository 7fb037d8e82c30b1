/** The language of the page: chosen by the user, remembered by the host, kept in this browser for the next first paint. */
import { en, type PageMessages } from '../../src-shared/messages/page-en.ts';
import { fetchGerman, rememberedLanguage, rememberLanguage, type Language } from './languages.ts';

/** A catalogue comes when its language is chosen; English is there from the start. */
const fetchers: Readonly<Record<Language, () => Promise<PageMessages>>> = {
  en: () => Promise.resolve(en),
  de: fetchGerman,
};

let current = $state.raw<{ readonly language: Language; readonly messages: PageMessages }>({
  language: 'en',
  messages: en,
});

export function language(): Language {
  return current.language;
}

/** The messages of the current language; reactive where it is read in a component. */
export function t(): PageMessages {
  return current.messages;
}

let wanted: Language = 'en';

/** A catalogue that comes when another language was chosen meanwhile changes nothing. */
async function use(chosen: Language): Promise<void> {
  wanted = chosen;
  const messages = await fetchers[chosen]();
  if (wanted !== chosen) return;
  current = { language: chosen, messages };
  document.documentElement.lang = chosen;
}

/** @throws when its catalogue cannot be had: the server is gone */
export async function chooseLanguage(chosen: Language): Promise<void> {
  rememberLanguage(chosen);
  await use(chosen);
}

/** The language this browser had last, or asks for; before anything is shown. */
export async function startLanguage(): Promise<void> {
  await use(rememberedLanguage());
}
