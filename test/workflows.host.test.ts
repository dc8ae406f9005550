import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { root, userPages, workflowsOf } from './support/markdown.js';
import { temporaryDirectory } from './support/temporary.js';
import { actionlint, actionlintFindings, zizmor, zizmorFindings } from './support/workflow-linters.js';

const folder = path.join(root, '.github/workflows');
const own = readdirSync(folder)
  .filter((name) => /\.ya?ml$/.test(name))
  .map((name) => path.join(folder, name));

/** Writes the workflows of the documentation to files whose names say where they are from. */
function shownWorkflows(): string[] {
  const directory = temporaryDirectory();
  return userPages().flatMap((page) =>
    workflowsOf(page.text).map(({ text, line }) => {
      const file = path.join(directory, `${page.file.replaceAll('/', '_')}-line-${line}.yml`);
      writeFileSync(file, text);
      return file;
    }),
  );
}

it('there are workflows in this repository and in its documentation', () => {
  expect(own.map((file) => path.basename(file))).toContain('ci.yml');
  expect(shownWorkflows().length).toBeGreaterThan(0);
});

describe.each([
  { name: 'actionlint', tool: actionlint, findingsIn: actionlintFindings },
  { name: 'zizmor', tool: zizmor, findingsIn: zizmorFindings },
])('$name', ({ tool, findingsIn }) => {
  if (tool.program === undefined) {
    console.warn(tool.why);
    it.skip(tool.why, () => {});
    return;
  }

  it('finds nothing in the workflows of this repository', () => expect(findingsIn(own)).toBe(''));

  it('finds nothing in the workflows that the documentation shows', () =>
    expect(findingsIn(shownWorkflows())).toBe(''));

  it('finds what is wrong with a workflow', () => {
    const file = path.join(temporaryDirectory(), 'wrong.yml');
    const script = `echo "\${{ github.event.issue.title }}" \${{ inputs.nothing }}`;
    writeFileSync(
      file,
      `on: issues\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - run: ${JSON.stringify(script)}\n`,
    );
    expect(findingsIn([file])).toContain('wrong.yml');
  });
});
