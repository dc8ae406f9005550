import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, lchownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { findPlace, makePlace } from '../../src/store/directory.js';
import { distrust, type Entry } from '../../src/store/ownership.js';
import { ownershipCommand, parseOwnership } from '../../src/store/ownership-text.js';
import { systemClock } from '../../src/util/clock.js';
import { plainHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';

const us = 1000;
const [theirs, lab] = [2000, 5000];
const directory = (mode: number, more: Partial<Entry> = {}): Entry => ({
  role: 'parent',
  path: '/p/x',
  uid: us,
  gid: us,
  mode: 0o040000 | mode,
  owner: 'alice',
  group: 'alice',
  user: 'alice',
  members: [],
  hasAcl: false,
  homeOwner: 0,
  ...more,
});
const root = directory(0o755, { path: '/', uid: 0, gid: 0, owner: 'root', group: 'root' });
const study = (mode: number, more: Partial<Entry> = {}) =>
  directory(mode, { role: 'study', path: '/p/x/study', ...more });
const link = (more: Partial<Entry> = {}) => directory(0, { mode: 0o120777, ...more });
const everybodys = directory(0o1777, { path: '/tmp', uid: 0, gid: 0, owner: 'root', group: 'root' });
const mallorys = { uid: theirs, gid: theirs, owner: 'mallory', group: 'mallory' };
const labs = { gid: lab, group: 'lab' };

/** Who may write, and whether that is accepted: never, if others of a group are trusted, or always. */
const rows: readonly (readonly [what: string, entries: readonly Entry[], accepted: 'never' | 'shared' | 'always'])[] = [
  ['a directory of ours', [study(0o755)], 'always'],
  ['one of root', [directory(0o755, { uid: 0, gid: 0 }), study(0o700)], 'always'],
  ['one that our private group may write', [directory(0o775), study(0o2775)], 'always'],
  [
    'one that a group of another name may write, in which only we are',
    [study(0o775, { ...labs, members: ['alice'] })],
    'always',
  ],
  ['one that a group may write of which nothing is known', [study(0o775, labs)], 'shared'],
  [
    'one that a group of our name may write in which others are too',
    [study(0o775, { members: ['alice', 'bob'] })],
    'shared',
  ],
  ['one that others may write by an access control list', [study(0o775, { hasAcl: true })], 'shared'],
  ["one that root's own group may write", [directory(0o775, { uid: 0, gid: 0, group: 'root' })], 'always'],
  ["one of root's that a group may write", [directory(0o2775, { uid: 0, ...labs })], 'shared'],
  [
    'one in a container that has names for nobody',
    [study(0o775, { group: 'UNKNOWN', owner: 'UNKNOWN', user: '' })],
    'always',
  ],
  ["one of another user's", [study(0o755, mallorys)], 'shared'],
  ["one on the way of another user's", [directory(0o755, mallorys), study(0o755)], 'shared'],
  ["one of whom the user's home belongs to", [directory(0o755, { ...mallorys, homeOwner: theirs })], 'always'],
  ['one that everybody may write', [study(0o777)], 'never'],
  ['one on the way that everybody may write', [directory(0o777), study(0o755)], 'never'],
  ['one of ours in one of everybody in which each has only his own', [everybodys, study(0o755)], 'always'],
  ["one of another user's in such a one", [everybodys, study(0o755, mallorys)], 'never'],
  ['such a one itself', [study(0o1777)], 'never'],
  ['a link of ours', [link(), study(0o755)], 'always'],
  ["a link of another user's", [link(mallorys), study(0o755)], 'shared'],
  ["a link of another user's in a directory of everybody", [everybodys, link(mallorys)], 'never'],
  [
    'a journal that is a link',
    [study(0o755), link({ role: 'own', path: '/p/x/study/.conductor/journal.jsonl' })],
    'never',
  ],
  ["a journal of another user's", [study(0o755), directory(0, { role: 'own', mode: 0o100644, ...mallorys })], 'shared'],
  ['a journal that everybody may write', [study(0o755), directory(0, { role: 'own', mode: 0o100666 })], 'never'],
];

describe('who may write a study directory', () => {
  it.each(rows)('%s', (_, entries, accepted) => {
    const of = (isShared: boolean) => distrust({ uid: us, paths: [[root, ...entries]] }, isShared);
    expect([of(false) === undefined, of(true) === undefined]).toEqual([accepted === 'always', accepted !== 'never']);
  });

  it('is told, with what to do', () => {
    const why = (entry: Entry) => distrust({ uid: us, paths: [[root, entry]] }, false);
    expect(why(study(0o755, mallorys))).toMatch(
      /^\/p\/x\/study belongs to mallory \(uid 2000\), not to you \(uid 1000\) or root\. Choose an output-path .*input 'allow-shared-directory'/,
    );
    expect(why(study(0o2775, labs))).toMatch(
      /may be written by the group lab \(gid 5000\) \(mode 2775\): `chmod g-w` it/,
    );
    expect(why(study(0o777))).toMatch(/may be written by everybody \(mode 0777\)/);
    expect(why(study(0o777))).not.toContain('allow-shared-directory');
  });
});

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn('directories of other users are NOT TESTED: only root can make them');

let here = '';
beforeEach(() => {
  here = temporaryDirectory();
});
const at = (name: string) => path.join(here, name);
const find = (isShared = false, name = 'study') =>
  findPlace(plainHost(), { path: at(name), key: 'ours', resume: 'auto', isShared });
const make = (isShared = false, name = 'study') =>
  makePlace(plainHost(), at(name), { key: 'ours', name: 'demo', isShared }, systemClock);
const refusal = (words: string) => `the study directory ${at('study')} cannot be used: ${words}`;

describe.runIf(isRoot)('a study directory on the host', () => {
  const stranger = 12_345;

  it.each(['', '.conductor', '.conductor/journal.jsonl'])('of which %o is of another user is refused', async (name) => {
    await make();
    chownSync(at(`study/${name}`), stranger, stranger);
    const words = refusal(`${path.join(at('study'), name)} belongs to uid ${stranger}`);
    await expect(find()).rejects.toThrow(words);
    expect(await find(true)).toMatchObject({ state: { key: 'ours' } });
  });

  it('in one of another user, or behind a link of another user, is refused', async () => {
    mkdirSync(at('theirs'));
    chownSync(at('theirs'), stranger, stranger);
    mkdirSync(at('ours'));
    symlinkSync('ours', at('link'));
    lchownSync(at('link'), stranger, stranger);
    for (const name of ['theirs', 'link']) {
      await expect(find(false, `${name}/study`)).rejects.toThrow(`${at(name)} belongs to uid ${stranger}`);
      expect(existsSync(at(`${name}/study`))).toBe(false);
      expect(await find(true, `${name}/study`)).toMatchObject({ state: undefined });
    }
  });

  it('behind links of ours is found, and refused if those lead through what is of another user', async () => {
    mkdirSync(at('theirs/ours'), { recursive: true });
    mkdirSync(at('real'));
    symlinkSync('real', at('one'));
    symlinkSync(at('one'), at('two'));
    symlinkSync('theirs/ours', at('bad'));
    symlinkSync('bad', at('worse'));
    expect(await find(false, 'two/study')).toMatchObject({ state: undefined });
    chownSync(at('theirs'), stranger, stranger);
    for (const name of ['bad/study', 'worse/x', 'worse']) {
      await expect(find(false, name)).rejects.toThrow(`${at('theirs')} belongs to uid ${stranger}`);
    }
  });

  it('that somebody else made meanwhile, where everybody may, is not taken', async () => {
    mkdirSync(at('tmp'));
    chmodSync(at('tmp'), 0o1777);
    expect(await find(false, 'tmp/study')).toMatchObject({ state: undefined });
    mkdirSync(at('tmp/study'));
    chownSync(at('tmp/study'), stranger, stranger);
    await expect(make(false, 'tmp/study')).rejects.toThrow(`belongs to uid ${stranger}`);
  });

  it('that a group of others may write is refused, if they are not trusted', async () => {
    await make();
    chownSync(at('study'), 0, stranger);
    chmodSync(at('study'), 0o2775);
    await expect(find()).rejects.toThrow(`${at('study')} may be written by the group gid ${stranger} (mode 2775)`);
    expect(await find(true)).toMatchObject({ state: { key: 'ours' } });
    chmodSync(at('study'), 0o777);
    for (const isShared of [false, true]) await expect(find(isShared)).rejects.toThrow('may be written by everybody');
  });
});

describe('what is ours', () => {
  it('is made so that no other group may write it, whatever the umask', async () => {
    const before = process.umask(0);
    try {
      await make();
      await make(true, 'shared');
    } finally {
      process.umask(before);
    }
    const modeOf = (name: string) =>
      execFileSync('stat', ['-c', '%a', at(name)])
        .toString()
        .trim();
    expect(['study', 'study/.conductor', 'study/.conductor/journal.jsonl'].map(modeOf)).toEqual(['755', '755', '644']);
    expect(modeOf('shared')).toBe('775');
    expect(await find()).toMatchObject({ state: { key: 'ours' } });
  });

  it('has no link in the place of its own directory or journal', async () => {
    await make();
    execFileSync('mv', [at('study/.conductor'), at('moved')]);
    symlinkSync('../moved', at('study/.conductor'));
    for (const isShared of [false, true]) {
      await expect(find(isShared)).rejects.toThrow(refusal(`${at('study/.conductor')} is a symbolic link`));
    }
  });

  it('is looked at with names of any kind, and whatever options `setup` sets', async () => {
    const name = at("a b\n:'$x*");
    mkdirSync(name);
    symlinkSync(name, at('l\n'));
    writeFileSync(path.join(name, 'x'), '');
    const text = `set -eufC; set -o posix; shopt -s failglob; IFS=/\n${ownershipCommand(`${at('l\n')}/y`)}printf rest`;
    const { ownership, rest } = parseOwnership(execFileSync('bash', ['-c', text]))!;
    expect(rest.toString()).toBe('rest');
    expect(ownership.paths.map((entries) => entries.at(-1)!.path)).toEqual([at('l\n'), name]);
    expect(ownership.uid).toBe(process.geteuid?.());
  });
});
