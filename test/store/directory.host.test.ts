import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Host, HostError, HostLostError, type HostProcess, type SpawnOptions } from '../../src/hosts/host.js';
import {
  findPlace,
  journalPath,
  makeAndTake,
  makePlace,
  readJournal,
  type StudyPlace,
  type WantedPlace,
} from '../../src/store/directory.js';
import { type Entry, journalVersion } from '../../src/store/journal/records.js';
import { JournalError, serialize } from '../../src/store/journal/replay.js';
import { acquireLease, ourHolder } from '../../src/store/lease.js';
import { systemClock } from '../../src/util/clock.js';
import { quote } from '../../src/util/shell-quote.js';
import { CutInputHost, plainHost, WatchedHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';
import { VirtualClock } from '../support/virtual-clock.js';

let directory: string;

beforeEach(() => {
  directory = temporaryDirectory();
});

const file = (name: string) => path.join(directory, name);
const read = (name: string) => readFileSync(file(name), 'utf8');

const find = (name: string, wanted: Partial<WantedPlace> = {}, host: Host = plainHost()) =>
  findPlace(host, { path: file(name), key: 'ours', resume: 'auto', ...wanted });

/** Whose token is its key's length: every maker has another. */
const clockOf = (key: string) => {
  const clock = new VirtualClock(1000);
  clock.chance = key.length / 2 ** 40;
  return clock;
};

const make = (name: string, key = 'ours', host: Host = plainHost()) =>
  makePlace(host, file(name), { key, name: 'demo' }, clockOf(key));

const line = (seq: number, entry: Entry) => serialize({ seq, fence: 0, at: 1000 }, entry);
const studyLine = (key: string, version = journalVersion) =>
  line(1, { type: 'study', version, key, name: 'demo', token: key.length.toString(36) });

/** A study that has been there for a while. */
function study(name: string, { key = 'ours', journal = studyLine(key) } = {}): void {
  mkdirSync(file(`${name}/.conductor`), { recursive: true });
  writeFileSync(file(`${name}/${journalPath}`), journal);
  writeFileSync(file(`${name}/results`), 'precious');
}

/** What is below a directory: nothing of it may change when it is only looked at. */
const below = (name = '.') => (readdirSync(file(name), { recursive: true }) as string[]).sort();

const free = (name: string): StudyPlace => ({ path: file(name), state: undefined });

const modes = ['auto', 'always', 'never'] as const;

/** Half of those who want a study at the same instant look and make by themselves, the others by commands, as over SSH. */
const eitherWay = (i: number): Host => (i % 2 === 0 ? plainHost() : new WatchedHost());

const hostile = [`it's a "name" $(touch x)`, '-p', 'new\nline', 'a b/-c', ' blank ', '`id`;*', 'é😀', '$HOME', '\\'];

describe('where a study goes', () => {
  it.each(modes)('is where it is to go if nothing is there, and nothing is made yet: resume %s', async (resume) => {
    expect(await find('a/b/study', { resume })).toEqual(free('a/b/study'));
    expect(below()).toEqual([]);
  });

  it.each(modes)('is a directory that is empty, or a link to one: resume %s', async (resume) => {
    mkdirSync(file('empty'));
    symlinkSync('empty', file('link'));
    expect(await find('empty', { resume })).toEqual(free('empty'));
    expect(await find('link', { resume })).toEqual(free('link'));
    expect(below()).toEqual(['empty', 'link']);
  });

  it('is one in which somebody was killed making a study', async () => {
    mkdirSync(file('bare/.conductor'), { recursive: true });
    mkdirSync(file('begun/.conductor'), { recursive: true });
    writeFileSync(file(`begun/${journalPath}.17`), '{"seq":1,');
    writeFileSync(file(`begun/${journalPath}.18`), studyLine('theirs'));
    expect(await find('bare')).toEqual(free('bare'));
    expect(await find('begun')).toEqual(free('begun'));
    expect(await make('begun')).toBe(true);
    expect(read(`begun/${journalPath}`)).toBe(studyLine('ours'));
  });

  it.each([
    ['results', ''],
    ['results, hidden', '.results'],
    ['what is only called as a journal is', 'journal.jsonl'],
    ['something next to .conductor', 'conductor'],
    ['an odd name', ' '],
    ['a directory', 'run/'],
    ['what a driver left of which the journal is gone', '.conductor/lease'],
    ['a journal that is a directory', '.conductor/journal.jsonl/'],
  ])('is not one that has something else in it, and that is left alone: %s', async (_, name) => {
    mkdirSync(file('full/.conductor'), { recursive: true });
    if (name.endsWith('/')) mkdirSync(file(`full/${name}`));
    else writeFileSync(file(`full/${name || 'results'}`), 'precious');
    const before = below();
    for (const resume of ['auto', 'always'] as const) {
      const error = await find('full', { resume }).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(HostError);
      expect((error as Error).message).toMatch(
        new RegExp(
          `^the study directory ${file('full')} exists and is not empty, and there is no study .*output-path.*never`,
        ),
      );
    }
    expect(await find('full', { resume: 'never' })).toEqual(free('full.2'));
    expect(await make('full')).toBe(false);
    expect(below()).toEqual(before);
  });

  it('is not where a file is, or a link to nothing', async () => {
    writeFileSync(file('plain'), 'precious');
    symlinkSync('plain', file('link'));
    symlinkSync('/nowhere/at/all', file('dangling'));
    for (const name of ['plain', 'link', 'dangling']) {
      await expect(find(name)).rejects.toThrow(HostError);
      await expect(find(name, { resume: 'always' })).rejects.toThrow(file(name));
      expect(await find(name, { resume: 'never' })).toEqual(free(`${name}.2`));
      await expect(make(name)).rejects.toThrow(`cannot create the study directory ${file(name)} on this machine: `);
    }
    expect(read('plain')).toBe('precious');
    expect(lstatSync(file('dangling')).isSymbolicLink()).toBe(true);
    expect(existsSync('/nowhere')).toBe(false);
  });

  it('says why nothing can be made below a file', async () => {
    writeFileSync(file('plain'), 'precious');
    await expect(make('plain/study')).rejects.toThrow(
      new RegExp(`^cannot create the study directory ${file('plain/study')} on this machine: .*Not a directory`),
    );
    await expect(make('plain/study')).rejects.toThrow(HostError);
    expect(read('plain')).toBe('precious');
  });

  it('says that it may not look, or make anything', async () => {
    chmodSync(directory, 0o755);
    study('closed');
    const denied = /^cannot (look at|create) the study directory .* on this machine: .*Permission denied/;
    chmodSync(file('closed'), 0o000);
    await expect(find('closed', {}, forbidden())).rejects.toThrow(denied);
    await expect(find('closed', { resume: 'never' }, forbidden())).rejects.toThrow(denied);
    chmodSync(file('closed'), 0o755);
    chmodSync(file(`closed/${journalPath}`), 0o000);
    await expect(find('closed', {}, forbidden())).rejects.toThrow(denied);
    mkdirSync(file('fixed'), { mode: 0o555 });
    expect(await find('fixed/study', {}, forbidden())).toEqual(free('fixed/study'));
    await expect(make('fixed/study', 'ours', forbidden())).rejects.toThrow(denied);
    expect(below('fixed')).toEqual([]);
  });

  it('says what a directory that cannot be listed is the matter with', async () => {
    mkdirSync(file('study'));
    // As it is for somebody who may not, whoever runs this.
    const host = plainHost(`ls() { echo 'ls: Permission denied' >&2; return 2; }`);
    await expect(find('study', {}, host)).rejects.toThrow(
      new HostError(`cannot look at the study directory ${file('study')} on this machine: ls: Permission denied`),
    );
  });

  it.each(hostile)('may have any name: %j', async (name) => {
    expect(await find(name)).toEqual(free(name));
    expect(await make(name)).toBe(true);
    expect(await find(name)).toMatchObject({ path: file(name), state: { key: 'ours', name: 'demo' } });
    expect(await find(name, { resume: 'never' })).toEqual(free(`${name}.2`));
    expect(await readJournal(plainHost(), file(name))).toMatchObject({ key: 'ours' });
    expect(readdirSync(file(path.dirname(name)))).toEqual([path.basename(name)]);
  });
});

describe('a study that is there', () => {
  it('is continued if its key is the same', async () => {
    study('study');
    symlinkSync('study', file('link'));
    for (const name of ['study', 'link']) {
      for (const resume of ['auto', 'always'] as const) {
        const { path: found, state } = await find(name, { resume });
        expect([found, state?.key, state?.name, state?.seq]).toEqual([file(name), 'ours', 'demo', 1]);
      }
    }
  });

  it('of another key is an error that says whose it is, and all that can be chosen', async () => {
    const runUrl = 'https://github.example.org/octo/studies/actions/runs/17';
    study('study', {
      journal: studyLine('theirs') + line(2, { type: 'open', holder: { machine: 'm', pid: 3, runUrl } }),
    });
    const error = await find('study').catch((error: unknown) => error);
    expect(error).toBeInstanceOf(HostError);
    const { message } = error as Error;
    for (const words of [
      `the study directory ${file('study')} holds another study: 'demo'`,
      'study key theirs,',
      `last driven by ${runUrl}`,
      "this one's key is ours",
      '`resume: never`',
      '`resume: always`',
      '`study-key`',
      '`output-path`',
    ]) {
      expect(message).toContain(words);
    }
    study('alone', { key: 'theirs' });
    await expect(find('alone')).rejects.toThrow("study key theirs, and this one's key is ours");
  });

  it('has the key that was given last', async () => {
    study('study', {
      journal: studyLine('theirs') + line(2, { type: 'study', version: 1, key: 'ours', name: 'demo' }),
    });
    expect(await find('study')).toMatchObject({ state: { key: 'ours', seq: 2 } });
    await expect(find('study', { key: 'theirs' })).rejects.toThrow(HostError);
  });

  it('of another key is continued if that is wanted', async () => {
    study('study', { key: 'theirs' });
    expect(await find('study', { resume: 'always' })).toMatchObject({ path: file('study'), state: { key: 'theirs' } });
  });

  it('is left alone if that is wanted: the study goes to the first place beside it that is free', async () => {
    study('study');
    expect(await find('study', { resume: 'never' })).toEqual(free('study.2'));
    study('study.2', { key: 'theirs' });
    writeFileSync(file('study.3'), 'precious');
    symlinkSync('/nowhere/at/all', file('study.4'));
    mkdirSync(file('study.5'));
    expect(await find('study', { resume: 'never' })).toEqual(free('study.5'));
    // What is beside it is no matter to whoever continues it.
    expect(await find('study')).toMatchObject({ path: file('study') });
  });

  it.each(modes)('of which there is no key yet is not taken for ours by chance: resume %s', async (resume) => {
    study('study', { journal: '' });
    const found = find('study', { resume });
    if (resume !== 'never') await expect(found).rejects.toThrow(/journal .* is empty: .*resume: never/);
    else expect(await found).toEqual(free('study.2'));
  });

  it('of a later version of this program is not touched: only one beside it can be had', async () => {
    study('study', { journal: studyLine('ours', journalVersion + 1) });
    for (const resume of ['auto', 'always'] as const) {
      await expect(find('study', { resume })).rejects.toThrow(JournalError);
      await expect(find('study', { resume })).rejects.toThrow(/later version of this program.*resume: never/);
    }
    await expect(readJournal(plainHost(), file('study'))).rejects.toThrow(JournalError);
    expect(await find('study', { resume: 'never' })).toEqual(free('study.2'));
    expect(read(`study/${journalPath}`)).toBe(studyLine('ours', journalVersion + 1));
  });

  it('whose journal is damaged is an error that says where', async () => {
    study('study', { journal: studyLine('ours') + line(3, { type: 'staged' }) });
    await expect(find('study')).rejects.toThrow(JournalError);
    await expect(find('study')).rejects.toThrow(/^journal\.jsonl:2: the journal is damaged: .*resume: never/);
    expect(await find('study', { resume: 'never' })).toEqual(free('study.2'));
  });

  it('whose journal ends in the middle of a line is continued', async () => {
    study('study', { journal: `${studyLine('ours')}{"seq":2,"fen` });
    expect(await find('study')).toMatchObject({ state: { key: 'ours', seq: 1, isTorn: true } });
  });

  it('whose journal says what a command would say is read all the same', async () => {
    for (const [i, first] of ['free\n', 'taken\n', 'journal\n'].entries()) {
      study(`study${i}`, { journal: first + studyLine('ours') });
      expect(await find(`study${i}`)).toMatchObject({ state: { key: 'ours' } });
    }
  });

  it('may have a long journal', async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => line(i + 2, { type: 'limits', throttle: i }));
    study('study', { journal: studyLine('ours') + lines.join('') });
    expect(await find('study')).toMatchObject({ state: { seq: 20_001, limits: { throttle: { value: 19_999 } } } });
  });

  it('is only looked at: one command, and nothing changes', async () => {
    study('study');
    const before = below();
    const host = new WatchedHost();
    await find('study', {}, host);
    expect(host.commands).toHaveLength(1);
    expect(below()).toEqual(before);
    expect(read(`study/${journalPath}`)).toBe(studyLine('ours'));
  });
});

describe('making the directory of a study', () => {
  it('makes it, its parents, and in it the journal, whose first record says whose it is; nothing else', async () => {
    expect(await make('a/b/study')).toBe(true);
    expect(below('a/b/study')).toEqual(['.conductor', journalPath]);
    expect(read(`a/b/study/${journalPath}`)).toBe(studyLine('ours'));
    expect(await readJournal(plainHost(), file('a/b/study'))).toMatchObject({
      key: 'ours',
      name: 'demo',
      seq: 1,
      fence: 0,
    });
  });

  it('makes it where a link to a directory is', async () => {
    mkdirSync(file('target'));
    symlinkSync('target', file('link'));
    expect(await make('link')).toBe(true);
    expect(below('target')).toEqual(['.conductor', journalPath]);
  });

  it('leaves a study that is there alone', async () => {
    for (const key of ['ours', 'theirs']) {
      const journal = line(1, { type: 'study', version: 1, key, name: 'earlier' });
      study(key, { journal });
      expect(await make(key)).toBe(false);
      expect([key, read(`${key}/${journalPath}`)]).toEqual([key, journal]);
      expect(readdirSync(file(`${key}/.conductor`))).toEqual(['journal.jsonl']);
    }
  });

  it('writes down any key and name', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 30 }).filter((text) => !/[\ud800-\udfff]/.test(text));
    let count = 0;
    await fc.assert(
      fc.asyncProperty(text, text, async (key, name) => {
        const studyPath = file(`study${count++}`);
        expect(await makePlace(plainHost(), studyPath, { key, name }, systemClock)).toBe(true);
        expect(await readJournal(plainHost(), studyPath)).toMatchObject({ key, name });
        expect(await findPlace(plainHost(), { path: studyPath, key, resume: 'auto' })).toMatchObject({
          state: { key },
        });
      }),
      { numRuns: 25 },
    );
  });

  it('gives it to one of many who want it at the same instant, and all others see whose it is', async () => {
    for (let round = 0; round < 5; round++) {
      const name = `study${round}`;
      const keys = Array.from({ length: 12 }, (_, i) => `key${i}`);
      const made = await Promise.all(
        keys.map((key, i) => makePlace(eitherWay(i), file(name), { key, name: 'demo' }, systemClock)),
      );
      const [winner, ...others] = keys.filter((_, i) => made[i]);
      expect(others).toEqual([]);
      expect(read(`${name}/${journalPath}`)).toContain(`"key":"${winner}"`);
      expect(below(name)).toEqual(['.conductor', journalPath]);
      const found = await Promise.allSettled(keys.map((key) => find(name, { key })));
      expect(keys.filter((_, i) => found[i]!.status === 'fulfilled')).toEqual([winner]);
    }
  });

  it('lets all who share the key agree on one study, and whoever wants none of it has one beside it', async () => {
    /** As a run does it: look, make, and look again if somebody else was there first. */
    const begin = async (resume: WantedPlace['resume']): Promise<string> => {
      for (;;) {
        const place = await find('study', { resume });
        if (place.state !== undefined) return place.path;
        if (await makePlace(plainHost(), place.path, { key: 'ours', name: 'demo' }, systemClock)) return place.path;
      }
    };
    const places = await Promise.all([
      ...Array.from({ length: 6 }, () => begin('auto')),
      ...Array.from({ length: 4 }, () => begin('never')),
    ]);
    expect(new Set(places.slice(0, 6))).toEqual(new Set([file('study')]));
    const beside = places.slice(6);
    expect(new Set(beside).size).toBe(4);
    for (const name of readdirSync(directory)) expect(below(name)).toEqual(['.conductor', journalPath]);
  });

  it('is known to have been done, although the end of the command was not seen', async () => {
    const host = new LosingHost('after', 3);
    expect(await make('study', 'ours', host)).toBe(true);
    expect(host.losses).toBe(3);
    expect(below('study')).toEqual(['.conductor', journalPath]);
    expect(read(`study/${journalPath}`)).toBe(studyLine('ours'));
  });

  it('is done again if the way to the machine broke before', async () => {
    const host = new LosingHost('before', 3);
    expect(await make('study', 'ours', host)).toBe(true);
    expect(read(`study/${journalPath}`)).toBe(studyLine('ours'));
  });

  it('is not taken to have been done by us, if somebody else did it while the way was broken', async () => {
    const host = new LosingHost('before', 1, async () => {
      expect(await make('study', 'theirs')).toBe(true);
    });
    expect(await make('study', 'ours', host)).toBe(false);
    expect(read(`study/${journalPath}`)).toBe(studyLine('theirs'));
  });

  it('gives up if the way stays broken', async () => {
    await expect(make('study', 'ours', new LosingHost('before', 99))).rejects.toThrow(HostLostError);
    await expect(find('study', {}, new LosingHost('before', 99))).rejects.toThrow(HostLostError);
    expect(below()).toEqual([]);
  });

  it.each([0, 20])(
    'leaves none if only %d bytes of its first record arrive, as of a driver that is killed',
    async (bytes) => {
      await expect(make('study', 'ours', new CutInputHost(bytes))).rejects.toThrow('cannot create the study directory');
      expect(below('study')).toEqual(['.conductor']);
      expect((await find('study')).state).toBeUndefined();
      expect(await make('study')).toBe(true);
    },
  );

  it('says that the disk is full, and leaves nothing that would be taken for a study', async () => {
    const full = plainHost(`cat() { echo 'cat: write error: No space left on device' >&2; return 1; }`);
    await expect(make('study', 'ours', full)).rejects.toThrow(
      new HostError(
        `cannot create the study directory ${file('study')} on this machine: cat: write error: No space left on device`,
      ),
    );
    expect(await find('study')).toEqual(free('study'));
    expect(await make('study')).toBe(true);
  });

  it('says that the file system has no links, rather than that somebody else was there first', async () => {
    const host = plainHost(`ln() { echo 'ln: failed to create hard link: Operation not permitted' >&2; return 1; }`);
    await expect(make('study', 'ours', host)).rejects.toThrow(
      new RegExp(`^cannot create the study directory ${file('study')} on this machine: ln: .*not permitted`),
    );
  });
});

describe('making a study and taking it', () => {
  const take = (name: string, host: Host = plainHost()) =>
    makeAndTake(host, file(name), { key: 'ours', name: 'demo', holder: ourHolder() }, clockOf('ours'));
  const taken = { fence: 1, state: expect.objectContaining({ key: 'ours', seq: 1 }) };

  it('is one command, after which the lease is as if it had been taken later', async () => {
    const host = new WatchedHost();
    expect(await take('study', host)).toEqual({ taken });
    expect(host.commands).toHaveLength(1);
    expect(read(`study/${journalPath}`)).toBe(studyLine('ours'));
    expect(readdirSync(file('study/.conductor')).sort()).toEqual(['fences', 'journal.jsonl', 'lease']);
    expect(readdirSync(file('study/.conductor/fences'))).toEqual(['1']);
    expect(JSON.parse(read('study/.conductor/lease'))).toMatchObject({ pid: process.pid, fence: 1, beat: 0 });
    const other = { machine: 'elsewhere', pid: 1 };
    const cancel = AbortSignal.abort(new Error('it is watched'));
    await expect(acquireLease(plainHost(), file('study'), ourHolder(), systemClock, () => {})).rejects.toThrow(
      `is driven by process ${process.pid}`,
    );
    await expect(acquireLease(plainHost(), file('study'), other, systemClock, () => {}, { cancel })).rejects.toThrow(
      'it is watched',
    );
  });

  it('takes nothing in a directory that was there, which may be that of others', async () => {
    mkdirSync(file('empty'));
    expect(await take('empty')).toEqual({});
    expect(readdirSync(file('empty/.conductor'))).toEqual(['journal.jsonl']);
  });

  it('takes nothing where a link leads', async () => {
    mkdirSync(file('other'));
    symlinkSync('other', file('link'));
    expect(await take('link')).toEqual({});
    expect(readdirSync(file('other/.conductor'))).toEqual(['journal.jsonl']);
  });

  it.each(['before', 'after'] as const)(
    'is done once, if the way to the machine breaks %s the command',
    async (when) => {
      expect(await take('study', new LosingHost(when, 3))).toEqual({ taken });
      expect(readdirSync(file('study/.conductor/fences'))).toEqual(['1']);
    },
  );

  it('leaves a study that another process has made meanwhile, and one that it drives', async () => {
    const host = new LosingHost('before', 1, async () => {
      expect(await make('study', 'theirs')).toBe(true);
    });
    expect(await take('study', host)).toBeUndefined();
    expect(readdirSync(file('study/.conductor'))).toEqual(['journal.jsonl']);
  });

  it('does not take what another driver has taken since', async () => {
    const host = new LosingHost('after', 1, async () => {
      const lease = JSON.stringify({ machine: 'elsewhere', pid: 1, fence: 2, since: 'now', beat: 0 });
      writeFileSync(file('study/.conductor/fences/2'), 'theirs\n');
      writeFileSync(file('study/.conductor/lease'), `${lease}\n`);
    });
    expect(await take('study', host)).toEqual({});
    expect(JSON.parse(read('study/.conductor/lease'))).toMatchObject({ fence: 2 });
  });

  it('gives a study to one of many who want it at the same instant', async () => {
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        makeAndTake(eitherWay(i), file('study'), { key: 'ours', name: 'demo', holder: ourHolder() }, systemClock),
      ),
    );
    expect(results.filter((result) => result !== undefined).length).toBe(1);
    // Another one may have made the directory: then it is still to be taken.
    expect([{}, { taken }]).toContainEqual(results.find((result) => result !== undefined));
  });

  it('says that there is no room for the lease', async () => {
    const full = plainHost(`mv() { echo 'mv: No space left on device' >&2; return 1; }`);
    await expect(take('study', full)).rejects.toThrow(/^cannot create the study directory .*: mv: No space left/);
  });
});

/** This machine as somebody sees it to whom something can be forbidden. */
function forbidden(): Host {
  const host = plainHost();
  if (process.getuid!() !== 0) return host;
  const asNobody = 'exec setpriv --reuid=65534 --regid=65534 --clear-groups bash --norc -c';
  return { name: host.name, spawn: (command) => host.spawn(`${asNobody} ${quote(command)}`) };
}

/** A host the way to which breaks: before a command has run, or after it has, without its end being seen. */
class LosingHost implements Host {
  readonly name = 'this machine';
  losses = 0;
  readonly #host = plainHost();
  readonly #when: 'before' | 'after';
  readonly #times: number;
  readonly #meanwhile: () => Promise<void>;

  constructor(when: 'before' | 'after', times: number, meanwhile: () => Promise<void> = async () => {}) {
    this.#when = when;
    this.#times = times;
    this.#meanwhile = meanwhile;
  }

  spawn(command: string, options?: SpawnOptions): HostProcess {
    if (this.losses >= this.#times) return this.#host.spawn(command, options);
    this.losses += 1;
    const process = this.#host.spawn(this.#when === 'before' ? 'cat > /dev/null' : command);
    const exit = process.exit.then(async () => {
      await this.#meanwhile();
      throw new HostLostError('the way to the machine broke');
    });
    return { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, exit, leave: () => process.leave() };
  }
}
