// `npm run notices`: writes THIRD-PARTY.md from what is installed; `--check` only compares.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { manifest, packages, root, shipped } from './lock-packages.mjs';

// Bundled into the page or the programs although they are development dependencies.
const bundled = ['svelte', 'd3', 'electron'];

const met = shipped([...Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }), ...bundled]);

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
