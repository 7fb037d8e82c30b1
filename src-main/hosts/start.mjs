// `npm start`: the desktop application where its runtime is, otherwise the same application in a browser.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findElectron } from './find-electron.mjs';

const at = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

if (Number(process.versions.node.split('.')[0]) < 24) {
  console.error(`Coresift needs Node.js 24 or newer, met ${process.versions.node}: start it with "npm start".`);
  process.exit(4);
}
for (const built of ['out/desktop/electron.js', 'out/main/cli.js', 'out/renderer/index.html']) {
  if (existsSync(at(built))) continue;
  console.error(`${built} is missing: run "npm run build" first.`);
  process.exit(2);
}

/** Opens an address with what the system has for that; a system that has nothing leaves it to the user. */
function openInBrowser(url) {
  const [command, ...args] =
    process.platform === 'darwin'
      ? ['open', url]
      : process.platform === 'win32'
        ? ['rundll32', 'url.dll,FileProtocolHandler', url]
        : ['xdg-open', url];
  spawn(command, args, { stdio: 'ignore', detached: true })
    .on('error', () => undefined)
    .unref();
}

const forward = process.argv.slice(2);
const electron = findElectron();
let child;
if (electron !== null) {
  child = spawn(electron, [at('.'), ...forward], { stdio: 'inherit' });
} else {
  console.log(
    'Electron has no runtime here ("npx install-electron" fetches one): opening the same application in your browser.',
  );
  child = spawn(process.execPath, [at('out/main/cli.js'), 'serve', ...forward], {
    stdio: ['inherit', 'pipe', 'inherit'],
  });
  let opened = false;
  child.stdout.on('data', (data) => {
    process.stdout.write(data);
    const url = /http:\/\/127\.0\.0\.1:\d+\/#token=[\w-]+/.exec(String(data))?.[0];
    if (url !== undefined && !opened) {
      opened = true;
      if (process.env.CORESIFT_NO_BROWSER !== '1') openInBrowser(url);
    }
  });
}
// Ctrl-C reaches the child by itself; this process only waits for it.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code) => process.exit(code ?? 1));
