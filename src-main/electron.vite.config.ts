/** Builds everything into out/: main (three entries and three threads, ESM), preload (one CommonJS file, as the sandbox wants it), renderer. */
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'electron-vite';
import { fileURLToPath } from 'node:url';

const at = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

export default defineConfig({
  main: {
    root: at('src-main'),
    build: {
      outDir: at('out/main'),
      emptyOutDir: true,
      target: 'node24',
      minify: false,
      sourcemap: true,
      externalizeDeps: true,
      lib: {
        formats: ['es'],
        entry: {
          electron: at('src-main/hosts/electron/main.ts'),
          cli: at('src-main/hosts/cli/main.ts'),
          engine: at('src-main/audit/engine-process.ts'),
          hdf5: at('src-main/formats/hdf5/thread.ts'),
          decode: at('src-main/formats/datasets/decode-worker.ts'),
          aside: at('src-main/engine/providers/ort/aside-thread.ts'),
        },
      },
      rolldownOptions: { output: { entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' } },
    },
  },
  preload: {
    root: at('src-main'),
    build: {
      outDir: at('out/preload'),
      emptyOutDir: true,
      target: 'node24',
      minify: false,
      externalizeDeps: false,
      lib: { formats: ['cjs'], entry: { index: at('src-main/hosts/electron/preload.ts') } },
      rolldownOptions: { external: ['electron'], output: { entryFileNames: '[name].cjs' } },
    },
  },
  renderer: {
    root: at('src-renderer'),
    base: '/',
    publicDir: false,
    plugins: [svelte({ configFile: false, compilerOptions: { runes: true } })],
    build: {
      outDir: at('out/renderer'),
      emptyOutDir: true,
      target: 'chrome140',
      minify: true,
      modulePreload: { polyfill: false },
      // Three parts: the frame, the views, German. One style sheet for all, so that no part waits for its own.
      cssCodeSplit: false,
      assetsInlineLimit: 0,
      reportCompressedSize: true,
      rolldownOptions: { input: at('src-renderer/index.html') },
    },
  },
});
