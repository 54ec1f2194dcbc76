/// <reference types="vitest/config" />
import { defineConfig } from 'vite';

export default defineConfig({
  // Every address is relative: the host serves the page at its root, whatever its name is.
  base: './',
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    // The page's policy allows no inline script, and every browser that has WebCodecs preloads modules itself.
    modulePreload: false,
    reportCompressedSize: true,
  },
  worker: { format: 'es' },
  test: { include: ['test/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false },
});
