import { en, type PageMessages } from './page-en.ts';
export const de: PageMessages = en;
