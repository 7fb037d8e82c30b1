// The bill of materials of the desktop application: CycloneDX 1.6, from the lockfile. Made by `npm run pack:dir` and
// `npm run pack`; `node resources/write-sbom.mjs FILE` writes it alone.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { manifest, packages, shipped } from './lock-packages.mjs';

/** Part of the command line's installation, not of the desktop package (electron-builder.yml). */
export const left = (name) => /^node-(linux|win|darwin)-/.test(name) || name.startsWith('@tensorflow/');
/** Ship inside the bundles, or as the runtime. */
const bundled = ['svelte', 'd3', 'electron'];

function purl(name, version) {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

function hashesOf(integrity) {
  return (integrity ?? '')
    .split(' ')
    .filter((entry) => entry.startsWith('sha512-'))
    .map((entry) => ({ alg: 'SHA-512', content: Buffer.from(entry.slice(7), 'base64').toString('hex') }));
}

export function sbom() {
  const own = purl(manifest.name, manifest.version);
  // Electron's own dependencies only fetch it; they do not ship.
  const met = shipped([...Object.keys(manifest.dependencies), ...bundled], left);
  const fetching = shipped(Object.keys(packages['node_modules/electron'].dependencies ?? {}));
  const needed = shipped(Object.keys(manifest.dependencies), left);
  const components = new Map();
  for (const [path, name] of met) {
    if (fetching.has(path) && !needed.has(path)) continue;
    const { version, license, integrity, optional } = packages[path];
    const ref = purl(name, version);
    components.set(ref, {
      type: name === 'electron' ? 'framework' : 'library',
      'bom-ref': ref,
      name,
      version,
      purl: ref,
      scope: optional === true ? 'optional' : 'required',
      ...(license === undefined
        ? {}
        : { licenses: [/[ ()]/.test(license) ? { expression: license } : { license: { id: license } }] }),
      ...(integrity === undefined ? {} : { hashes: hashesOf(integrity) }),
    });
  }
  const refs = [...components.keys()].sort();
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': own,
        name: manifest.name,
        version: manifest.version,
        description: manifest.description,
        licenses: [{ license: { id: manifest.license } }],
      },
    },
    components: refs.map((ref) => components.get(ref)),
    dependencies: [{ ref: own, dependsOn: refs }],
  };
}

export function writeSbom(file) {
  writeFileSync(file, `${JSON.stringify(sbom(), null, 2)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , file] = process.argv;
  if (file === undefined) throw new Error('Which file? node resources/write-sbom.mjs FILE');
  writeSbom(file);
}
