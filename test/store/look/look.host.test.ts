import { appendFileSync, chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../../../src/hosts/host.js';
import { ourHolder } from '../../../src/store/lease.js';
import { findStudies, lookAtStudies, lookAtStudy } from '../../../src/store/look/look.js';
import { quote } from '../../../src/util/shell-quote.js';
import { beginning, earlierRelease, journalOf, leaseOf, writeStudy } from '../../support/existing.js';
import { plainHost, WatchedHost } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';

let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
});
const at = (...names: string[]) => path.join(directory, ...names);
const steps = [{ name: 'a' }, { name: 'b' }];

/** This machine, as a user who may read nothing of the tests'. */
const stranger: Host = {
  name: 'this machine',
  spawn: (command) =>
    plainHost().spawn(
      process.getuid!() === 0
        ? `exec setpriv --reuid=65534 --regid=65534 --clear-groups bash --norc -p -c ${quote(command)}`
        : command,
    ),
};

async function ours(host: Host, study: string, isFar = false) {
  const sight = await lookAtStudy(host, study, { isFar });
  if (!('state' in sight)) throw new Error('it has no journal');
  return sight;
}

describe('looking at a study', () => {
  it.each([[false], [true]])('takes one command, and changes nothing (compressed: %s)', async (isFar) => {
    const study = writeStudy(at('study'), journalOf(steps, { type: 'end', status: 'FINISHED' }), leaseOf());
    chmodSync(at('study/.conductor'), 0o555);
    const host = new WatchedHost();
    const sight = await ours(host, study, isFar);
    expect(host.commands).toHaveLength(1);
    expect(sight.state).toMatchObject({ name: 'sweep', ended: { status: 'FINISHED' } });
    expect(sight.driver).toMatchObject({ state: 'driving', holder: { pid: 4711 } });
    expect(Math.abs(sight.now - Date.now())).toBeLessThan(60_000);
    chmodSync(at('study/.conductor'), 0o755);
  });

  it('sees that a driver of this machine lives, and that it is dead', async () => {
    const study = at('study');
    writeStudy(study, journalOf(steps), leaseOf({ ...ourHolder() }));
    expect((await ours(plainHost(), study)).driver.state).toBe('driving');
    writeStudy(study, journalOf(steps), leaseOf({ ...ourHolder(), startTime: '1' }));
    expect((await ours(plainHost(), study)).driver.state).toBe('gone');
  });

  it('leaves out a last line that is not whole yet', async () => {
    const study = writeStudy(at('study'), journalOf(steps), leaseOf());
    appendFileSync(at('study/.conductor/journal.jsonl'), '{"seq":4,"fence":1,"at":1,"type":"end","sta');
    expect((await ours(plainHost(), study)).state).toMatchObject({ seq: 3, isTorn: true, ended: undefined });
  });

  it('reads a study of an earlier release', async () => {
    cpSync(earlierRelease, at('study'), { recursive: true });
    const { state, driver } = await ours(plainHost(), at('study'));
    expect(driver).toMatchObject({ state: 'none', holder: { pid: 16270 } });
    expect(state).toMatchObject({ name: 'mixed', ended: { status: 'FAILURE' } });
    expect(state.records.map((record) => record.state)).toEqual([
      ...['FINISHED', 'FINISHED', 'FINISHED', 'FINISHED', 'FAILED', 'FINISHED', 'FAILED'],
    ]);
  });

  it('works with blanks, quotes and newlines in the path', async () => {
    const study = writeStudy(at(`a 'b'\n$(touch x)`), journalOf(steps));
    expect((await ours(plainHost(), study)).state.plan?.steps).toHaveLength(2);
  });
});

describe('what is no study of this program', () => {
  const why = (study: string, host: Host = plainHost()) =>
    lookAtStudy(host, study).then(
      () => '',
      ({ message }: Error) => message,
    );

  it('is said to be what it is', async () => {
    writeStudy(at('here/study'), journalOf(steps));
    mkdirSync(at('empty'));
    writeFileSync(at('file'), '');
    expect(await why(at('here'))).toBe(
      `${at('here')} is no study, but has studies in it (\`list\` shows them), such as ${at('here/study')}`,
    );
    mkdirSync(at('here/study/run'));
    expect(await why(at('here/study/run'))).toBe(
      `${at('here/study/run')} is no study, but is in one: ${at('here/study')}`,
    );
    expect(await why(at('empty'))).toBe(
      `there is no study in ${at('empty')}: neither one of this program nor one of Maestro`,
    );
    expect(await why(at('file'))).toBe(`${at('file')} is a file, and a study is a directory`);
    expect(await why(at('nowhere'))).toBe(`there is no directory ${at('nowhere')}`);
    writeFileSync(at('here/study/.conductor/journal.jsonl'), '');
    expect(await why(at('here/study'))).toBe(
      `the journal of the study in ${at('here/study')} is empty: it was never begun`,
    );
  });

  it('names what is beside a directory that is not there', async () => {
    for (const name of ['sweep', 'other']) mkdirSync(at(name));
    await expect(lookAtStudy(plainHost(), at('sweeep'))).rejects.toMatchObject({ beside: ['other', 'sweep'] });
  });

  it('is said to be out of reach if it may not be read', async () => {
    writeStudy(at('mine/study'), journalOf(steps));
    chmodSync(at('mine'), 0);
    expect(await why(at('mine/study'), stranger)).toBe(
      `you may not read ${at('mine/study')}, or a directory on the way to it`,
    );
    chmodSync(at('mine'), 0o755);
  });

  it("is a study of Maestro's, whose status.csv is read", async () => {
    mkdirSync(at('study/meta'), { recursive: true });
    writeFileSync(at('study/status.csv'), 'Step Name,\n');
    expect(await lookAtStudy(plainHost(), at('study'))).toMatchObject({ statusCsv: 'Step Name,\n' });
  });
});

describe('several studies', () => {
  beforeEach(() => {
    writeStudy(at('one'), journalOf(steps, { type: 'end', status: 'FINISHED' }), leaseOf({ released: true }));
    writeStudy(at('deep/er/two'), journalOf(steps), leaseOf());
    cpSync(earlierRelease, at('old'), { recursive: true });
    // What is in a study is no study of its own, nor is what is hidden.
    writeStudy(at('one/.conductor/stage'), journalOf(steps));
    writeStudy(at('.hidden/three'), journalOf(steps));
    mkdirSync(at('empty'));
  });

  it('are looked at with one command', async () => {
    const host = new WatchedHost();
    const { studies, others } = await lookAtStudies(host, [at('one'), at('empty'), at('old'), at('nowhere')]);
    expect(host.commands).toHaveLength(1);
    expect(others).toEqual([at('empty'), at('nowhere')]);
    expect(studies.map(({ path: where, driver }) => [path.basename(where), driver.state])).toEqual([
      ['one', 'none'],
      ['old', 'none'],
    ]);
    expect(studies[0]!.first).toContain(`"at":${beginning}`);
    expect(studies[0]!.last).toMatch(/"type":"end","status":"FINISHED"}$/);
    expect(Object.fromEntries(studies[1]!.counts)).toEqual({ FINISHED: 5, FAILED: 2 });
    expect(studies[1]!.bytes).toBeUndefined();
  });

  it('are found below a directory, with their sizes if they are wanted', async () => {
    const host = new WatchedHost();
    const { studies, isCut } = await findStudies(host, directory, { depth: 4, hasSizes: true });
    expect(host.commands).toHaveLength(1);
    expect(isCut).toBe(false);
    expect(studies.map((study) => study.path).toSorted()).toEqual([at('deep/er/two'), at('old'), at('one')]);
    expect(studies.every(({ bytes = 0 }) => bytes > 1000)).toBe(true);
  });

  it('are found no deeper than is wanted', async () => {
    const { studies } = await findStudies(plainHost(), directory, { depth: 2, hasSizes: false });
    expect(studies.map((study) => path.basename(study.path)).toSorted()).toEqual(['old', 'one']);
    await expect(findStudies(plainHost(), at('nowhere'), { depth: 2, hasSizes: false })).rejects.toThrow(
      `there is no directory ${at('nowhere')}`,
    );
  });
});
