/**
 * Builds the desktop's main process into out/desktop, with no part in common with out/main: what is in out/main lies beside
 * a package's archive, where processes and threads open it by path, and what lies there no integrity check covers.
 */
import { defineConfig } from 'electron-vite';
import { fileURLToPath } from 'node:url';

const at = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

export default defineConfig({
  main: {
    root: at('src-main'),
    build: {
      outDir: at('out/desktop'),
      emptyOutDir: true,
      target: 'node24',
      minify: false,
      sourcemap: true,
      externalizeDeps: true,
      lib: { formats: ['es'], entry: { electron: at('src-main/hosts/electron/main.ts') } },
      rolldownOptions: { output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' } },
    },
  },
});
