import { describe, expect, it } from 'vitest';
import { readFlags } from '../../../src/cli/flags.js';
import { choose } from '../../../src/cli/init/choose.js';
import { personOf } from '../../../src/cli/init/questions.js';
import { sites } from '../../../src/cli/init/sites.js';
import { init } from '../../../src/cli/init/verb.js';

/** A person who gives these answers, and then goes away. `heard` has what they were asked and told. */
function answering(...answers: readonly string[]) {
  const left = [...answers];
  const heard: string[] = [];
  const person = personOf({
    readLine: async (question) => {
      heard.push(question);
      const answer = left.shift();
      if (answer === undefined) throw Object.assign(new Error('aborted'), { name: 'AbortError' });
      return answer;
    },
    write: (text) => heard.push(text),
    close: () => {},
  });
  return { person, heard, left };
}

const flagsOf = (...args: readonly string[]) => readFlags(args, init.flags);

describe('a person', () => {
  it('is asked for the kind of site by number, and for what such a site needs', async () => {
    const { person, heard, left } = answering('2', 'me@login.example.org', 'pdebug', '', 'nightly');
    expect(await choose(flagsOf(), person)).toEqual({
      site: sites[1],
      host: { user: 'me', name: 'login.example.org', port: undefined },
      labels: [],
      queue: 'pdebug',
      bank: '',
      trigger: 'nightly',
      setup: '',
      outputPath: '',
    });
    expect(left).toEqual([]);
    expect(heard[0]).toMatch(/^Where do studies run\?\n {3}1 {2}github .*\n {3}2 {2}ssh-slurm /);
  });

  it('is told why an answer cannot be used, and asked again', async () => {
    const { person, heard } = answering(
      '0',
      '99',
      'slrum',
      'ssh-slrum',
      '',
      'ssh-slurm',
      'login',
      'me@',
      'me@a b',
      'me@login',
      'a b',
      '',
      '',
      'weekly',
      '',
    );
    expect(await choose(flagsOf(), person)).toMatchObject({
      site: { name: 'ssh-slurm' },
      host: { name: 'login' },
      trigger: 'manual',
    });
    const said = heard.join('\n');
    expect(said).toContain('  a number from 1 to 11, or a name\n');
    expect(said).toContain("  there is no kind of site 'ssh-slrum'; did you mean ssh-slurm?\n");
    expect(said).toContain('  it does not say who logs in: me@login\n');
    expect(said).toContain('  there is no name of a machine');
    expect(said).toContain("  'a b' has characters that such a name cannot have\n");
    expect(said).toContain("  there is no trigger 'weekly': use manual, nightly, pull-request\n");
  });

  it('is asked for nothing that does not matter at the site, nor what flags say', async () => {
    const { person, heard } = answering('self-hosted-local', 'login');
    const chosen = await choose(flagsOf('--trigger', 'nightly'), person);
    expect(chosen).toMatchObject({ labels: ['self-hosted', 'login'], trigger: 'nightly', queue: '' });
    expect(heard.filter((text) => text.includes('?'))).toHaveLength(2);
  });

  it('who names the site by a flag is asked only for what is missing', async () => {
    const { person, heard } = answering('me@login');
    expect(await choose(flagsOf('--site=ssh-flux'), person)).toMatchObject({
      host: { user: 'me' },
      trigger: 'manual',
      queue: '',
    });
    expect(heard).toEqual(['Who logs in, and where? (me@login.example.org) ']);
  });

  it('who gives no answer any more has nothing written', async () => {
    await expect(choose(flagsOf(), answering('2').person)).rejects.toThrow('no answer, so nothing was written');
  });
});

describe('flags', () => {
  it('are enough', async () => {
    const args = [
      '--site=ssh-slurm',
      '--host=me@login:22',
      '--queue=q',
      '--setup=a',
      '--setup=b',
      '--output-path=/p/me',
    ];
    expect(await choose(flagsOf(...args), undefined)).toMatchObject({
      host: { port: 22 },
      queue: 'q',
      setup: 'a\nb',
      outputPath: '/p/me',
    });
  });

  it.each([
    ['no site', [], /^--site is needed, as there is no terminal to ask on:\n {2}github /],
    [
      'a site that is none',
      ['--site=slurm'],
      /^--site: there is no kind of site 'slurm'; did you mean ssh-slurm or self-hosted-slurm\?$/,
    ],
    ['no host', ['--site=ssh-flux'], /^--site ssh-flux needs --host me@login\.example\.org$/],
    ['a host without a user', ['--site=ssh-flux', '--host=login'], /^--host: it does not say who logs in: me@login$/],
    [
      'a flag that the site has no use for',
      ['--site=github', '--host=me@login'],
      /^--host is of no use with --site github: GitHub's own runners, no cluster$/,
    ],
    [
      'a directory that is not of the cluster',
      ['--site=ssh-flux', '--host=me@a', '--output-path=here'],
      /^--output-path: 'here' is not a directory of the cluster/,
    ],
    ['a label that is none', ['--site=self-hosted-flux', '--runner=a b'], /^--runner: 'a b' is not a label/],
    ['control characters', ['--site=github', '--setup=a\u001bb'], /^--setup: it has control characters$/],
    [
      'several mistakes',
      ['--site=ssh-flux', '--trigger=daily', '--queue=a b', '--nothing'],
      /--nothing.*--trigger.*--queue.*--host/s,
    ],
  ])('that are wrong are refused: %s', async (_, args, message) => {
    await expect(choose(flagsOf(...args), undefined)).rejects.toThrow(message);
  });
});
