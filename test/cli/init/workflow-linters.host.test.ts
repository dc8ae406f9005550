import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { workflowText } from '../../../src/cli/init/workflow.js';
import { choicesOf, combinations, everythingOf } from '../../support/init-choices.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { actionlint, type Tool, zizmor } from '../../support/workflow-linters.js';

/** Everything that init can write: all kinds of site and triggers, with as little and as much as can be said of them. */
function writeAll(): string[] {
  const directory = temporaryDirectory();
  return combinations.flatMap(([site, trigger]) =>
    [{}, everythingOf(site)].flatMap((changes, i) =>
      [false, true].map((specExists) => {
        const file = path.join(directory, `${site.name}-${trigger}-${i}-${specExists}.yml`);
        writeFileSync(file, workflowText(choicesOf(site, { trigger, ...changes }), specExists));
        return file;
      }),
    ),
  );
}

// Without this repository's own settings: users do not have them.
describe.each<[string, Tool, readonly string[]]>([
  ['actionlint', actionlint, ['-no-color', '-oneline']],
  [
    'zizmor, at its strictest',
    zizmor,
    ['--offline', '--quiet', '--no-config', '--no-progress', '--color=never', '--persona=pedantic'],
  ],
])('%s', (_, tool, settings) => {
  if (tool.program === undefined) {
    console.warn(tool.why);
    it.skip(tool.why, () => {});
    return;
  }

  it('finds nothing in any workflow that init writes', () => {
    const files = writeAll();
    expect(files).toHaveLength(combinations.length * 4);
    const { status, stdout, stderr } = spawnSync(tool.program!, [...settings, ...files], { encoding: 'utf8' });
    if (status !== 0) expect(`${stdout}${stderr}`).toBe('');
    expect(status).toBe(0);
  });
});
