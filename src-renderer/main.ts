/**
 * The first and smallest part of the page: it connects and asks what the frame will want to know, while the browser
 * still reads the parts that show it.
 */
import { askFirst, openHost } from './state/connection.ts';
import { fetchGerman, rememberedLanguage } from './state/languages.ts';
import './styles/tokens.css';
import './styles/base.css';

const host = openHost();
const first = host.then(askFirst);
// Told by the frame, once it stands.
first.catch(() => undefined);
if (rememberedLanguage() === 'de') fetchGerman().catch(() => undefined);
void import('./frame.ts').then(({ showFrame }) => showFrame(host, first));
