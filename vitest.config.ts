import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { filesOf, type ProjectName } from './test/support/projects.js';
// The programs as they are now, not as they were when they were embedded last.
import './tools/embed-programs.mjs';

// Where CI wants the counts of the tests, if it does.
const results = process.env.TEST_RESULTS;

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
    // Twice what the longest takes on a slow machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Tests start real processes; two at a time is what the smallest CI machine has.
    maxWorkers: 2,
    reporters: results === undefined ? ['default'] : ['default', ['json', { outputFile: results }]],
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
