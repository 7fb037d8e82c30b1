// Version guard: better-sqlite3 dies without a word on older runtimes, so say it before anything is loaded.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  console.error(
    `Coresift needs Node.js 24 or newer, met ${process.versions.node}.\n` +
      'Start it through npm (npm run …, npx …): the project installs a Node 24 of its own that npm puts first in the path.',
  );
  process.exit(4);
}
