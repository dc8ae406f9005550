import { hostname } from 'node:os';
import { describe, expect, it } from 'vitest';
import { readHostFacts } from '../../src/hosts/facts.js';
import { HostError } from '../../src/hosts/host.js';
import { stubFlux } from '../support/flux/study-flux.js';
import { plainEnvironment, plainHost } from '../support/hosts.js';

describe('the facts of a host', () => {
  it('are its user, its names, and where flux is', async () => {
    const { directory, environment } = stubFlux('exit 1');
    const { userid, names, flux } = await readHostFacts(plainHost('', environment));
    expect(userid).toBe(process.getuid!());
    expect(names).toEqual(expect.arrayContaining(['localhost', hostname(), hostname().split('.')[0]]));
    expect(names).not.toContain('');
    expect(flux).toBe(`${directory}/flux`);
  });

  it('say so if there is no flux', async () => {
    expect((await readHostFacts(plainHost('', { PATH: '/usr/bin:/bin' }))).flux).toBe('');
  });

  it('find the flux that only `setup` brings', async () => {
    const { directory } = stubFlux('exit 1');
    expect((await readHostFacts(plainHost(`PATH=${directory}:$PATH`))).flux).toBe(`${directory}/flux`);
  });

  it('cannot be had where commands do not run', async () => {
    await expect(readHostFacts(plainHost('echo no such module >&2; exit 4'))).rejects.toThrow(
      new HostError('cannot look at the environment on this machine: no such module'),
    );
  });
});

describe('the environment of a host', () => {
  it('is what `setup` makes of it', async () => {
    const setup = 'echo loading; export LOADED=yes; unset GONE; KEPT_TO_ITSELF=1';
    const { environment } = await readHostFacts(plainHost(setup, { GONE: 'x', STAYS: 'y' }));
    expect(environment).toEqual({ ...plainEnvironment, LOADED: 'yes', STAYS: 'y' });
  });

  it('is without what bash sets for itself', async () => {
    const { environment } = await readHostFacts(plainHost('cd /tmp', { SHLVL: '7', OLDPWD: '/a', PWD: '/b', _: 'c' }));
    expect(environment).toEqual(plainEnvironment);
  });

  it('may have values of several lines, with anything in them', async () => {
    const values = {
      LINES_OF: 'one\ntwo\n\n',
      SIGNS: `= 'it''s' "x" \\ $HOME é 😀`,
      EMPTY: '',
      'BASH_FUNC_ml%%': '() {  eval 1\n}',
    };
    const { environment } = await readHostFacts(plainHost('', values));
    expect(environment).toMatchObject(values);
  });

  it('is without values that are not UTF-8, which no jobspec can hold', async () => {
    const { environment, leftOut } = await readHostFacts(plainHost(`export LATIN=$'caf\\xe9' UTF8=$'caf\\xc3\\xa9'`));
    expect(environment).toEqual({ ...plainEnvironment, UTF8: 'café' });
    expect(leftOut).toEqual(['LATIN']);
  });

  it('is as big as it is', async () => {
    const { environment } = await readHostFacts(plainHost('export BIG=$(head -c 100000 /dev/zero | tr "\\0" x)'));
    expect(environment.BIG).toHaveLength(100_000);
  });
});
