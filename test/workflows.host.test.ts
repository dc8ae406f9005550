import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './support/markdown.js';
import { temporaryDirectory } from './support/temporary.js';
import { actionlint, actionlintFindings, zizmor, zizmorFindings } from './support/workflow-linters.js';

const folder = path.join(root, '.github/workflows');
const own = readdirSync(folder)
  .filter((name) => /\.ya?ml$/.test(name))
  .map((name) => path.join(folder, name));

it('there are workflows in this repository', () => {
  expect(own.map((file) => path.basename(file))).toContain('ci.yml');
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
