import { mount } from 'svelte';
import App from './App.svelte';
import { startLanguage } from './state/language.svelte.ts';
import './styles/tokens.css';
import './styles/base.css';

const target = document.getElementById('app');
if (target === null) throw new Error('The page has no place for the application.');
await startLanguage();
mount(App, { target });
