import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Host } from '../../src/hosts/host.js';
import { findPlace, journalPath, makeAndTake, makePlace } from '../../src/store/directory.js';
import { journalVersion } from '../../src/store/journal/records.js';
import { serialize } from '../../src/store/journal/replay.js';
import { WatchedHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';
import { VirtualClock } from '../support/virtual-clock.js';

/** This machine, which this process may write to itself, and a record of what was left to commands. */
class WritableHost extends WatchedHost {
  readonly runsAsThisProcess = true;
}

const holder = { machine: 'm', pid: 17 };
const first = serialize(
  { seq: 1, fence: 0, at: 1000 },
  { type: 'study', version: journalVersion, key: 'ours', name: 'demo' },
);

/** All that is below a directory, with types, modes and texts. */
function below(directory: string): readonly string[] {
  return (readdirSync(directory, { recursive: true }) as string[]).sort().map((name) => {
    const file = path.join(directory, name);
    const status = lstatSync(file);
    return `${name} ${status.mode.toString(8)} ${status.isFile() ? readFileSync(file, 'utf8') : ''}`;
  });
}

/** What a host is asked, and makes, in a directory that was prepared. Paths are relative to that. */
async function outcome(host: Host, prepare: (at: (name: string) => string) => void, isShared: boolean) {
  const directory = temporaryDirectory();
  chmodSync(directory, 0o755);
  const at = (name: string) => path.join(directory, name);
  prepare(at);
  const attempt = async (task: Promise<unknown>) => {
    const result = await task.then(
      (value) => value ?? null,
      (error: Error) => ({ message: error.message }),
    );
    return JSON.parse(JSON.stringify(result).replaceAll(directory, '.'));
  };
  const study = { key: 'ours', name: 'demo', isShared };
  const clock = () => {
    const virtual = new VirtualClock(1000);
    virtual.chance = 0.5;
    return virtual;
  };
  return {
    found: await attempt(findPlace(host, { path: at('p/study'), key: 'ours', resume: 'auto', isShared })),
    taken: await attempt(makeAndTake(host, at('p/study'), { ...study, holder }, clock())),
    made: await attempt(makePlace(host, at('p/other'), study, clock())),
    below: below(directory),
  };
}

const journalAt = (at: (name: string) => string) => {
  mkdirSync(at('p/study/.conductor'), { recursive: true });
  writeFileSync(at(`p/study/${journalPath}`), first);
};

const plain: readonly [what: string, prepare: (at: (name: string) => string) => void][] = [
  ['nothing is there', () => {}],
  ['the directory above it is there', (at) => mkdirSync(at('p'), { mode: 0o755 })],
];

const odd: typeof plain = [
  ['an empty directory is there', (at) => mkdirSync(at('p/study'), { recursive: true })],
  ['a study is there', journalAt],
  [
    'another driver was killed when it made one',
    (at) => {
      mkdirSync(at('p/study/.conductor'), { recursive: true });
      writeFileSync(at(`p/study/${journalPath}.x`), first);
    },
  ],
  [
    'something else is in it',
    (at) => {
      mkdirSync(at('p/study'), { recursive: true });
      writeFileSync(at('p/study/results'), 'precious');
    },
  ],
  [
    'a file is there',
    (at) => {
      mkdirSync(at('p'));
      writeFileSync(at('p/study'), 'precious');
    },
  ],
  [
    'a link is on the way',
    (at) => {
      mkdirSync(at('real'));
      symlinkSync('real', at('p'));
    },
  ],
  [
    'a link is in its place',
    (at) => {
      mkdirSync(at('p'));
      symlinkSync('/nowhere/at/all', at('p/study'));
    },
  ],
  [
    'its journal is a link',
    (at) => {
      mkdirSync(at('p/study/.conductor'), { recursive: true });
      writeFileSync(at('elsewhere'), first);
      symlinkSync('../../../elsewhere', at(`p/study/${journalPath}`));
    },
  ],
  [
    'a group may write above it',
    (at) => {
      mkdirSync(at('p'));
      chmodSync(at('p'), 0o775);
    },
  ],
  [
    'everybody may write above it',
    (at) => {
      mkdirSync(at('p'));
      chmodSync(at('p'), 0o777);
    },
  ],
  ['a file is above it', (at) => writeFileSync(at('p'), 'precious')],
];

describe.each([
  ['of one user', false],
  ['that a group shares', true],
])('the directory of a study %s', (_, isShared) => {
  it.each([...plain, ...odd])('is found and made by this process as by commands: %s', async (_, prepare) => {
    const here = await outcome(new WritableHost(), prepare, isShared);
    expect(here).toEqual(await outcome(new WatchedHost(), prepare, isShared));
  });

  it.each(plain)('takes no command where this process writes: %s', async (_, prepare) => {
    const host = new WritableHost();
    const { taken } = await outcome(host, prepare, isShared);
    expect(taken).toMatchObject({ taken: { fence: 1, state: { key: 'ours' } } });
    expect(host.commands).toEqual([]);
  });
});

it('what this process cannot say is left to commands, which say what is the matter', async () => {
  const host = new WritableHost();
  const { found } = await outcome(host, odd.find(([what]) => what.startsWith('everybody'))![1], false);
  expect(found.message).toMatch(/p cannot be used|may be written by everybody/);
  expect(host.commands.length).toBeGreaterThan(0);
});
