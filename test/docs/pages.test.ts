import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { allPages, anchorsOf, codeBlocksOf, isYaml, linksOf, root, userPages } from '../support/markdown.js';

const pages = allPages();
/** What users read or copy. */
const workflows = readdirSync(path.join(root, '.github/workflows')).map((name) => `.github/workflows/${name}`);
const texts = [...pages.map(({ file }) => file), 'action.yml', ...workflows];
const anchorsOfPage = new Map(pages.map(({ file, text }) => [file, anchorsOf(text)]));

/** Why a link of a page leads nowhere; undefined if it leads somewhere, or out of the repository. */
function whyDead(file: string, target: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined;
  const [name = '', anchor] = target.split('#');
  const linked = name === '' ? file : path.posix.normalize(path.posix.join(path.posix.dirname(file), decodeURI(name)));
  if (linked.startsWith('..') || !existsSync(path.join(root, linked))) return `there is no ${linked}`;
  if (anchor === undefined) return undefined;
  const anchors = anchorsOfPage.get(linked);
  if (anchors === undefined) return `${linked} is no page with headings`;
  return anchors.has(decodeURIComponent(anchor)) ? undefined : `${linked} has no #${anchor}`;
}

describe('the documentation', () => {
  it.each(pages)('has no dead link in $file', ({ file, text }) => {
    const dead = linksOf(text).flatMap((target) => {
      const why = whyDead(file, target);
      return why === undefined ? [] : [`(${target}): ${why}`];
    });
    expect(dead).toEqual([]);
  });

  it.each(userPages())('shows only YAML that can be read in $file', ({ text }) => {
    for (const block of codeBlocksOf(text).filter(({ language }) => isYaml(language))) {
      expect(() => load(block.text), `the block at line ${block.line}`).not.toThrow();
    }
  });

  it('has a README of 11 KB at most beside the table of inputs, so that it is read', () => {
    const text = readFileSync(path.join(root, 'README.md'), 'utf8');
    const prose = text.replace(/<!-- begin inputs .*<!-- end inputs -->/s, '');
    expect(prose.length).toBeLessThan(text.length);
    expect(Buffer.byteLength(prose)).toBeLessThanOrEqual(11 * 1024);
  });

  it.each(texts)('has no name to be filled in: %s', (file) => {
    expect(readFileSync(path.join(root, file), 'utf8')).not.toContain('OWNER/');
  });

  it('is looked at as a whole', () => {
    const files = pages.map(({ file }) => file);
    expect(files).toEqual(expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'docs/slurm.md', 'test/README.md']));
    expect(texts).toEqual(expect.arrayContaining(['action.yml', '.github/workflows/example-nightly.yml']));
  });
});
