import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Broker } from '../../../src/flux/connect/broker.js';
import { fluxDirectory, withDirectory } from '../../../src/flux/connect/flux-command.js';
import { isAncestor } from '../../../src/hosts/processes.js';
import { plainHost } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';

const broker = (pid: number | undefined): Broker => ({
  address: { uri: 'local:///x', socket: '/x', why: '', isSystem: false },
  version: '0.88.0',
  size: 1,
  isOwner: true,
  queues: [],
  config: {},
  inventory: undefined,
  expiration: 0,
  pid,
});

/** A place where Flux is installed. */
function installation(): string {
  const prefix = path.join(temporaryDirectory(), `flux 'new'`);
  mkdirSync(path.join(prefix, 'bin'), { recursive: true });
  writeFileSync(path.join(prefix, 'bin/flux'), '');
  chmodSync(path.join(prefix, 'bin/flux'), 0o755);
  return prefix;
}

const directory = (facts: { flux?: string; FLUX_EXEC_PATH?: string }, pid?: number) => {
  const { flux = '', FLUX_EXEC_PATH } = facts;
  const environment: Record<string, string> = FLUX_EXEC_PATH === undefined ? {} : { FLUX_EXEC_PATH };
  return fluxDirectory(plainHost(), { environment, userid: 0, leftOut: [], names: ['localhost'], flux }, broker(pid));
};

describe('the directory of flux', () => {
  it('is the one on PATH, if there is one', async () => {
    expect(await directory({ flux: '/sw/flux/bin/flux', FLUX_EXEC_PATH: installation() })).toBe('/sw/flux/bin');
  });

  it('is that of the commands that the instance around us has', async () => {
    const prefix = installation();
    const FLUX_EXEC_PATH = `${prefix}/libexec/flux/cmd:/elsewhere/libexec/flux/cmd`;
    expect(await directory({ FLUX_EXEC_PATH })).toBe(`${prefix}/bin`);
    expect(await directory({ FLUX_EXEC_PATH }, 999_999_999)).toBe(`${prefix}/bin`);
  });

  it('is not one where there is none', async () => {
    const prefix = temporaryDirectory();
    mkdirSync(path.join(prefix, 'bin'));
    expect(await directory({ FLUX_EXEC_PATH: `${prefix}/libexec/flux/cmd` })).not.toBe(`${prefix}/bin`);
  });

  it("is never the broker's if that is another's process", async () => {
    expect(await directory({}, process.pid)).not.toBe(path.dirname(process.execPath));
  });

  it('may be reached by a link', async () => {
    const prefix = installation();
    const link = path.join(temporaryDirectory(), 'flux');
    symlinkSync(prefix, link);
    expect(await directory({ FLUX_EXEC_PATH: `${link}/libexec/flux/cmd` })).toBe(`${link}/bin`);
  });
});

describe('a directory', () => {
  it.each([
    ['goes to the end of PATH', '/usr/bin:/bin', '/usr/bin:/bin:/sw/flux/bin'],
    ['is not added twice', '/sw/flux/bin:/bin', '/sw/flux/bin:/bin'],
    ['may be the only one', '', '/sw/flux/bin'],
  ])('%s', (_, before, after) => {
    expect(withDirectory({ HOME: '/h', PATH: before }, '/sw/flux/bin')).toEqual({ HOME: '/h', PATH: after });
  });

  it('may be the first in an environment without PATH', () => {
    expect(withDirectory({}, '/sw/flux/bin')).toEqual({ PATH: '/sw/flux/bin' });
  });

  it('that is not there changes nothing', () => {
    expect(withDirectory({ PATH: '/bin' }, undefined)).toEqual({ PATH: '/bin' });
  });
});

describe('a process', () => {
  it.each([
    ['is around itself', process.pid, true],
    ['is around what it started', process.ppid, true],
    ['that is somebody else is not', 999_999_999, false],
    // It is around everybody, which says nothing.
    ['that is the first of the machine is not', 1, false],
  ])('%s', (_, pid, expected) => {
    expect(isAncestor(pid, process.pid)).toBe(expected);
  });

  it('is not around one that is not there', () => {
    expect(isAncestor(process.pid, 999_999_999)).toBe(false);
  });
});
