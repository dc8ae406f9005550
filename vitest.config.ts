import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 30_000,
    // Tests start real processes; two at a time is what the smallest CI machine has.
    maxWorkers: 2,
    reporters: ['default'],
  },
});
