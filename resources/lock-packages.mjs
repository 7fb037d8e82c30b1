// The packages that ship, from package-lock.json: what the dependencies of package.json lead to.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
export const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));

/** The lock's entry of a package as seen from `from`, looked up as Node does. */
function locate(name, from) {
  for (let at = from; ; at = at.replace(/\/?node_modules\/(@[^/]+\/)?[^/]+$/, '')) {
    const path = `${at === '' ? '' : `${at}/`}node_modules/${name}`;
    if (packages[path] !== undefined) return path;
    if (at === '') return null;
  }
}

const namesIn = ({ dependencies, optionalDependencies }) => Object.keys({ ...dependencies, ...optionalDependencies });

/** Path in the lock -> name of the package, of everything that `names` lead to; `skip` cuts a branch off. */
export function shipped(names, skip = () => false) {
  const met = new Map();
  const walk = (name, from) => {
    const path = locate(name, from);
    if (path === null || met.has(path) || skip(name)) return;
    met.set(path, name);
    for (const child of namesIn(packages[path])) walk(child, path);
  };
  for (const name of names) walk(name, '');
  return met;
}
