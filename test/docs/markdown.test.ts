import { describe, expect, it } from 'vitest';
import { anchorsOf, codeBlocksOf, commandsOf, linksOf, slugOf, workflowsOf } from '../support/markdown.js';

const workflow = ['```yaml', 'name: a', 'on: push', 'jobs: {}', '```'];
const page = [
  '# A title, with `code` & [a link](other.md#x)',
  ...workflow,
  '',
  '1. In a list:',
  '   ```sh',
  '   one --flag \\',
  '     value # part of it',
  '   two   # a comment',
  '',
  "   three <<'END'",
  '   text # kept',
  '   END',
  '   ```',
  '',
  '<details><summary>Folded</summary>',
  '',
  ...workflow,
  '',
  '</details>',
  '',
  '```bash',
  '#!/bin/bash',
  'four',
  'five',
  '```',
  '<img src="a.png"> ![b](b.png) `[no link](c.md)`',
  '## Twice',
  '## Twice',
  '<a id="by-hand"></a>',
].join('\n');

describe('what is taken from a page', () => {
  it('has the workflows, folded ones too, with the lines on which they begin', () => {
    expect(workflowsOf(page)).toEqual(
      [3, 22].map((line) => ({ language: 'yaml', text: 'name: a\non: push\njobs: {}\n', line })),
    );
    expect(workflowsOf('```yaml\nwith:\n  spec: a\n```')).toEqual([]);
  });

  it('has the commands without comments, those of several lines as one', () => {
    expect(commandsOf(page)).toEqual([
      { text: 'one --flag \\\n  value # part of it', line: 10 },
      { text: 'two', line: 12 },
      { text: "three <<'END'\ntext # kept\nEND", line: 14 },
      { text: '#!/bin/bash\nfour\nfive', line: 30 },
    ]);
  });

  it('has the blocks of all languages', () => {
    expect(codeBlocksOf(page).map(({ language, line }) => [language, line])).toEqual([
      ['yaml', 3],
      ['sh', 10],
      ['yaml', 22],
      ['bash', 30],
    ]);
  });

  it('has the links and pictures that are shown as such', () => {
    expect(linksOf(page)).toEqual(['other.md#x', 'a.png', 'b.png']);
  });

  it('has the anchors that GitHub makes', () => {
    expect([...anchorsOf(page)]).toEqual(['a-title-with-code--a-link', 'twice', 'twice-1', 'by-hand']);
  });

  it.each([
    ['Jobs of Slurm', 'jobs-of-slurm'],
    ["With the host's own Maestro", 'with-the-hosts-own-maestro'],
    ['Cancelling, and time limits', 'cancelling-and-time-limits'],
    ['`ssh_key` – Größe?', 'ssh_key--größe'],
    ['How to add…', 'how-to-add'],
  ])('has the slug of %j', (heading, slug) => {
    expect(slugOf(heading)).toBe(slug);
  });
});
