// `npm run notices`: writes THIRD-PARTY.md from what is installed; `--check` only compares.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

const root = fileURLToPath(new URL('..', import.meta.url));
const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
// Bundled into the page or the programs although they are development dependencies.
const bundled = ['svelte', 'd3', 'electron'];

/** The lock's entry of a package as seen from `from`, looked up as Node does. */
function locate(name, from) {
  for (let at = from; ; at = at.replace(/\/?node_modules\/(@[^/]+\/)?[^/]+$/, '')) {
    const path = `${at === '' ? '' : `${at}/`}node_modules/${name}`;
    if (packages[path] !== undefined) return path;
    if (at === '') return null;
  }
}

const met = new Map();
function walk(name, from) {
  const path = locate(name, from);
  if (path === null || met.has(path)) return;
  met.set(path, name);
  for (const child of Object.keys({ ...packages[path].dependencies, ...packages[path].optionalDependencies }))
    walk(child, path);
}
for (const name of [...Object.keys({ ...dependencies, ...optionalDependencies }), ...bundled]) walk(name, '');

const rows = [...met]
  .map(([path, name]) => ({
    name,
    version: packages[path].version,
    licence: packages[path].license ?? 'see the package',
  }))
  .sort((a, b) => a.name.localeCompare(b.name, 'en') || a.version.localeCompare(b.version, 'en'));
const unique = rows.filter((row, i) => i === 0 || row.name !== rows[i - 1].name || row.version !== rows[i - 1].version);
const text = `# Third-party notices

Coresift uses or carries the packages below under their own licences; each package holds its licence text. The sample
project's images are Fashion-MNIST (MIT; \`resources/samples/fashion/LICENSE-fashion-mnist.txt\`). Made by \`npm run notices\`.

| package | version | licence |
| --- | --- | --- |
${unique.map(({ name, version, licence }) => `| ${name} | ${version} | ${licence} |`).join('\n')}
`;
const file = join(root, 'THIRD-PARTY.md');
if (process.argv.includes('--check')) {
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) {
    console.error('THIRD-PARTY.md is not what is installed: run `npm run notices`.');
    process.exit(1);
  }
} else writeFileSync(file, text);
