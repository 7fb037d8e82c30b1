/** The frame with the first view; the rest of the page comes when this stands (views.ts). */
import { mount } from 'svelte';
import App from './App.svelte';
import type { FirstAnswers, Host } from './state/connection.ts';
import { startLanguage } from './state/language.svelte.ts';

export async function showFrame(host: Promise<Host>, first: Promise<FirstAnswers>): Promise<void> {
  const target = document.getElementById('app');
  if (target === null) throw new Error('The page has no place for the application.');
  await startLanguage();
  mount(App, { target, props: { opened: host, first } });
}
