import { defineConfig } from 'vitest/config';
// The programs as they are now, not as they were when they were embedded last.
import './tools/embed-programs.mjs';

// Where CI wants the counts of the tests, if it does.
const results = process.env.TEST_RESULTS;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Twice what the longest takes on a slow machine.
    testTimeout: 60_000,
    // Tests start real processes; two at a time is what the smallest CI machine has.
    maxWorkers: 2,
    reporters: results === undefined ? ['default'] : ['default', ['json', { outputFile: results }]],
  },
});
