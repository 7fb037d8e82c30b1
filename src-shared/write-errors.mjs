// Writes errors.ts from errors.md (npm run errors). `--check` only compares.
import { readFileSync, writeFileSync } from 'node:fs';
const here = (name) => new URL(name, import.meta.url);
const sections = readFileSync(here('errors.md'), 'utf8').split(/^## /m).slice(1);
const rows = sections.map((section) => {
  const [code, ...rest] = section.split('\n');
  const field = (name) => {
    const line = rest.find((candidate) => candidate.startsWith(`- ${name}: `));
    if (!line) throw new Error(`errors.md: ${code} has no "${name}"`);
    return line.slice(name.length + 4);
  };
  return `  ${JSON.stringify(code.trim())}: {\n    text: ${JSON.stringify(field('text'))},\n    means: ${JSON.stringify(field('means'))},\n    todo: ${JSON.stringify(field('todo'))},\n  },`;
});
const source = `// Generated from errors.md by \`npm run errors\`; edit that page instead.\n/* eslint-disable */\n\nexport const errorCatalogue = {\n${rows.join('\n')}\n} as const;\n\nexport type ErrorCode = keyof typeof errorCatalogue;\n`;
if (process.argv.includes('--check')) {
  if (readFileSync(here('errors.ts'), 'utf8') !== source) {
    console.error('src-shared/errors.ts is not what errors.md says: run `npm run errors`.');
    process.exit(1);
  }
} else writeFileSync(here('errors.ts'), source);
