import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import type { Reporter } from 'vitest/node';
import { FailureList } from './test/support/failure-list.js';
import { filesOf, type ProjectName } from './test/support/projects.js';
// The programs as they are now, not as they were when they were embedded last.
import './tools/embed-programs.mjs';

// Where CI wants the counts of the tests, the failed ones, and those that passed only when they were run again, if it does.
const { TEST_RESULTS: results, TEST_FAILURES: failures, TEST_REPEATED: repeated } = process.env;

const reporters: (['default'] | ['json', { outputFile: string }] | Reporter)[] = [['default']];
if (results !== undefined) reporters.push(['json', { outputFile: results }]);
if (failures !== undefined && repeated !== undefined) reporters.push(new FailureList(failures, repeated));

/**
 * Tests that start processes may be run a second time where CI lists those that needed it: of ten thousand on a busy machine
 * one that ran into a race of its own hides what the others say. Elsewhere, and in tests of crashes, a failure is a failure.
 */
const retry = repeated === undefined ? 0 : 1;

function project(
  name: ProjectName,
  more: NonNullable<TestProjectInlineConfiguration['test']> = {},
): TestProjectInlineConfiguration {
  return { extends: true, test: { name, ...filesOf(name), retry, ...more } };
}

const withBundle = { globalSetup: ['test/support/build-bundle.ts'] };

// test/README.md tells what is in which project.
export default defineConfig({
  test: {
    // Far more than the longest takes: what hangs is found all the same, and a busy machine is not taken for a fault.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Most tests wait for real processes: with one for each of the two cores of the smallest CI machine, these are idle for half of the time.
    maxWorkers: 3,
    reporters,
    projects: [
      project('unit', { retry: 0, isolate: false, setupFiles: ['test/support/no-processes.ts'] }),
      project('host'),
      project('action', withBundle),
      project('sites', withBundle),
      project('conformance', { ...withBundle, retry: 0 }),
      project('reliability', { ...withBundle, retry: 0 }),
    ],
  },
});
