import { defineConfig } from 'vitest/config';
import './tools/embed-programs.mjs';

// What takes too long for every change: each crash in turn, ten thousand steps, a hundred races. See docs/reliability.md.
export default defineConfig({
  test: {
    include: ['test/long/**/*.long.ts'],
    globalSetup: ['test/support/build-bundle.ts'],
    testTimeout: 7_200_000,
    hookTimeout: 120_000,
    // One file at a time: each of them has two studies going as it is.
    maxWorkers: 1,
    fileParallelism: false,
  },
});
