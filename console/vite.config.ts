import { defineConfig } from 'vite';

/** Assets are named by their content, so a browser keeps them for good; `index.html` names them. */
export default defineConfig({
  root: import.meta.dirname,
  base: '/console/',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../.cache/console',
    emptyOutDir: true,
    target: 'es2024',
    assetsDir: 'assets',
    // A page that is inlined as a `data:` URL would need a weaker policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
