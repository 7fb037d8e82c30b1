/** Builds all but the desktop's main process into out/: main (two entries and three threads, ESM), preload (one CommonJS file, as the sandbox wants it), renderer. */
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'electron-vite';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const at = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Names the frame's files in the HTML: the browser fetches them beside the first script, not after it has run. */
const preloadFrame: Plugin = {
  name: 'preload-frame',
  transformIndexHtml: {
    order: 'post',
    handler(html, { bundle = {} }) {
      const files = new Set<string>();
      const add = (file: string): void => {
        const chunk = bundle[file];
        if (chunk?.type !== 'chunk' || chunk.isEntry || files.has(file)) return;
        files.add(file);
        chunk.imports.forEach(add);
      };
      const frame = Object.values(bundle).find(
        (one) => one.type === 'chunk' && one.facadeModuleId === at('src-renderer/frame.ts'),
      );
      if (frame === undefined) throw new Error('The page has no part of its own for the frame.');
      add(frame.fileName);
      return [...files]
        .filter((file) => !html.includes(file))
        .map((file) => ({
          tag: 'link',
          attrs: { rel: 'modulepreload', crossorigin: true, href: `./${file}` },
          injectTo: 'head' as const,
        }));
    },
  },
};

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
    plugins: [svelte({ configFile: false, compilerOptions: { runes: true } }), preloadFrame],
    build: {
      outDir: at('out/renderer'),
      emptyOutDir: true,
      target: 'chrome140',
      minify: true,
      modulePreload: { polyfill: false },
      // Parts: the connection, the frame, the views, German. One style sheet for all, so that no part waits for its own.
      cssCodeSplit: false,
      assetsInlineLimit: 0,
      reportCompressedSize: true,
      rolldownOptions: { input: at('src-renderer/index.html') },
    },
  },
});
