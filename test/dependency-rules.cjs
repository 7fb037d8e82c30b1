/**
 * Who may import whom: hosts -> audit -> {engine, formats, store, report} -> src-shared; src-renderer -> src-shared.
 * `npm run layers` checks it; test/unit/layers.test.ts plants one breach of each rule and expects it to be reported.
 */
const forbid = (name, comment, from, to) => ({ name, severity: 'error', comment, from, to });
const builtin = (...names) => `^(node:)?(${names.join('|')})$`;
const network = builtin(
  'http',
  'https',
  'http2',
  'net',
  'tls',
  'dgram',
  'dns',
  'dns/promises',
  'inspector',
  'inspector/promises',
);
const networkPackage = '(^|/)node_modules/(ws|undici|axios|got|node-fetch|electron-updater)/';

module.exports = {
  forbidden: [
    forbid(
      'shared-stands-alone',
      'src-shared runs anywhere: it imports nothing of ours from elsewhere, no package and no runtime.',
      { path: '^src-shared/', pathNot: '\\.mjs$' },
      { pathNot: '^src-shared/' },
    ),
    forbid(
      'renderer-knows-shared-only',
      'A page reaches the rest through the contract.',
      { path: '^src-renderer/' },
      { path: '^src-main/' },
    ),
    forbid(
      'renderer-has-no-runtime',
      'A page runs sandboxed, without Node and Electron.',
      { path: '^src-renderer/' },
      { dependencyTypes: ['core'] },
    ),
    forbid(
      'renderer-packages',
      'What is bundled into the page is svelte and d3, nothing that was meant for a host.',
      { path: '^src-renderer/' },
      {
        path: 'node_modules/',
        pathNot: 'node_modules/(svelte|d3|d3-[a-z]+|internmap|esm-env|clsx|@types/[a-z0-9-]+)/',
      },
    ),
    forbid(
      'main-does-not-know-renderer',
      'Hosts serve the built page; they do not import it.',
      { path: '^src-main/' },
      { path: '^src-renderer/' },
    ),
    forbid(
      'engine-imports-shared-only',
      'The engine computes; files, store, reports and use cases are above it.',
      { path: '^src-main/engine/' },
      { path: '^src-main/(formats|store|report|audit|hosts)/' },
    ),
    forbid(
      'engine-touches-nothing',
      'The engine knows no file system, no process, no network.',
      { path: '^src-main/engine/' },
      { path: builtin('fs', 'fs/promises', 'child_process', 'cluster', 'crypto', 'readline', 'repl', 'vm', 'sqlite') },
    ),
    forbid(
      'engine-has-no-database-and-no-images',
      'SQL and image files are handled beside the engine.',
      { path: '^src-main/engine/' },
      { path: 'node_modules/(better-sqlite3|sharp|pngjs|bmp-ts|csv-parse|commander|cli-progress)/' },
    ),
    forbid(
      'formats-are-below-audit',
      "A reader or writer knows its format and the engine's types, nothing else.",
      { path: '^src-main/formats/' },
      { path: '^src-main/(store|report|audit|hosts)/' },
    ),
    forbid(
      'store-is-below-audit',
      'The store keeps what it is given.',
      { path: '^src-main/store/' },
      { path: '^src-main/(formats|report|audit|hosts)/' },
    ),
    forbid(
      'report-is-below-audit',
      'A report is made from one record.',
      { path: '^src-main/report/' },
      { path: '^src-main/(engine|formats|store|audit|hosts)/' },
    ),
    forbid(
      'audit-is-below-hosts',
      'Use cases do not know who asked.',
      { path: '^src-main/audit/' },
      { path: '^src-main/hosts/' },
    ),
    forbid(
      'hosts-go-through-audit',
      'A front door is thin: it calls use cases.',
      { path: '^src-main/hosts/' },
      { path: '^src-main/(engine|formats|store|report)/' },
    ),
    forbid(
      'hosts-do-not-know-each-other',
      'Electron, loopback and CLI are three doors; only the CLI opens another (serve).',
      { path: '^src-main/hosts/(electron|loopback)/' },
      { path: '^src-main/hosts/(electron|loopback|cli)/', pathNot: '^src-main/hosts/$1/' },
    ),
    forbid(
      'electron-in-its-host-only',
      'Everything else runs without a window.',
      { pathNot: '^(src-main/hosts/electron/|test/)' },
      { path: '(^|/)node_modules/electron/|^electron$' },
    ),
    forbid(
      'network-in-one-file',
      'No packet leaves the machine: only the loopback server may open a socket.',
      { path: '^src-', pathNot: '^src-main/hosts/loopback/server\\.ts$' },
      { path: `${network}|${networkPackage}` },
    ),
    forbid(
      'runtime-behind-one-door',
      'ONNX Runtime reports to its maker unless it is silenced before it starts.',
      { path: '^src-', pathNot: '^src-main/engine/providers/ort/load\\.ts$' },
      { path: 'node_modules/onnxruntime-', dependencyTypesNot: ['type-only'] },
    ),
    forbid(
      'no-circles',
      'A circle has no lower layer.',
      {},
      { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    ),
    forbid('resolvable', 'An import leads somewhere.', { path: '^src-' }, { couldNotResolve: true }),
    forbid(
      'product-needs-no-tool',
      'What ships is in dependencies; electron comes with its runtime, svelte and d3 are bundled.',
      { path: '^src-main/', pathNot: '^src-main/((electron|desktop)\\.vite\\.config\\.ts|hosts/electron/)' },
      {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['type-only'],
        pathNot: 'node_modules/(@types|d3|d3-[a-z]+)/',
      },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'src-shared/tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['svelte', 'import', 'node', 'default', 'types'],
    },
    exclude: { path: '^(out|dist|test-results)/' },
  },
};
