import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import type { Reporter } from 'vitest/node';
import { FailureList } from './test/support/failure-list.js';
import { filesOf, type ProjectName } from './test/support/projects.js';
// The programs as they are now, not as they were when they were embedded last.
import './tools/embed-programs.mjs';

// Where CI wants the counts of the tests and the failed ones, if it does.
const { TEST_RESULTS: results, TEST_FAILURES: failures } = process.env;

const reporters: (['default'] | ['json', { outputFile: string }] | Reporter)[] = [['default']];
if (results !== undefined) reporters.push(['json', { outputFile: results }]);
if (failures !== undefined) reporters.push(new FailureList(failures));

function project(
  name: ProjectName,
  more: NonNullable<TestProjectInlineConfiguration['test']> = {},
): TestProjectInlineConfiguration {
  return { extends: true, test: { name, ...filesOf(name), ...more } };
}

const withBundle = { globalSetup: ['test/support/build-bundle.ts'] };

// test/README.md tells what is in which project.
export default defineConfig({
  test: {
    // Far more than the longest takes: what hangs is found all the same, and a busy machine is not taken for a fault.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Tests start real processes; two at a time is what the smallest CI machine has.
    maxWorkers: 2,
    reporters,
    projects: [
      project('unit', { isolate: false, setupFiles: ['test/support/no-processes.ts'] }),
      project('host'),
      project('action', withBundle),
      project('sites', withBundle),
      project('conformance', withBundle),
      project('reliability', withBundle),
    ],
  },
});
