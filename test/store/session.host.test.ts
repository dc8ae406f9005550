import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Host, HostProcess } from '../../src/hosts/host.js';
import { makePlace } from '../../src/store/directory.js';
import { ourHolder } from '../../src/store/lease.js';
import { StudySession } from '../../src/store/session.js';
import { systemClock } from '../../src/util/clock.js';
import { plainHost, WatchedHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';
import { until } from '../support/wait.js';

/** A host on which a study's journal is read only once the test lets it be. */
class SlowReader implements Host {
  readonly name = 'this machine';
  readonly #host = new WatchedHost();
  /** Which of the two writers a study has there. */
  readonly runsAsThisProcess: boolean;
  go = '';

  constructor(runsAsThisProcess: boolean) {
    this.runsAsThisProcess = runsAsThisProcess;
  }

  spawn(command: string): HostProcess {
    const isReader = /^cat -- .*journal\.jsonl/.test(command);
    return this.#host.spawn(isReader ? `until [ -e ${this.go} ]; do sleep 0.05; done\n${command}` : command);
  }
}

class Study {
  readonly directory = temporaryDirectory();
  readonly path = path.join(this.directory, 'study');
  readonly host: SlowReader;
  readonly told: string[] = [];

  constructor(isWrittenHere: boolean) {
    this.host = new SlowReader(isWrittenHere);
    this.host.go = path.join(this.directory, 'go');
  }

  async make(...locks: readonly (readonly [name: string, text: string])[]): Promise<void> {
    await makePlace(plainHost(), this.path, { key: 'k', name: 'demo' }, systemClock);
    for (const [name, text] of locks) writeFileSync(path.join(this.path, name), text);
  }

  take(): Promise<StudySession> {
    const tell = (line: string) => this.told.push(line);
    return StudySession.take({
      host: this.host,
      studyPath: this.path,
      holder: ourHolder(''),
      clock: systemClock,
      log: { info: tell, warning: tell },
      limits: { throttle: 1, restartLimit: 2 },
    });
  }

  readJournal(): void {
    writeFileSync(this.host.go, '');
  }

  get journal(): string {
    return readFileSync(path.join(this.path, '.conductor/journal.jsonl'), 'utf8');
  }

  has(name: string): boolean {
    return existsSync(path.join(this.path, name));
  }
}

describe.each([
  ['cancelled', '.cancel.lock', '', '"type":"cancel"', false],
  ['cancelled', '.cancel.lock', '', '"type":"cancel"', true],
  ['given other limits', '.study.update.lock', 'throttle: 7\n', '"type":"limits","throttle":7', false],
  ['given other limits', '.study.update.lock', 'throttle: 7\n', '"type":"limits","throttle":7', true],
])('a study that somebody has %s while nobody drove it', (_, lock, text, record, isWrittenHere) => {
  it('has that in its journal before the lock file is removed, however long it takes to read that', async () => {
    const study = new Study(isWrittenHere);
    await study.make([lock, text]);
    const taking = study.take();
    // Longer than it takes to see the lock file.
    await sleep(3000);
    expect([study.has(lock), study.journal.includes(record)]).toEqual([true, false]);
    study.readJournal();
    const session = await taking;
    await until('the lock file is gone', () => !study.has(lock));
    expect(study.journal).toContain(record);
    await session.release(undefined);
  });
});

describe('limits that somebody changes on the host', () => {
  it.each([false, true])(
    'are in the journal with what the inputs said, even if nothing is driven yet',
    async (isWrittenHere) => {
      const study = new Study(isWrittenHere);
      await study.make(['.study.update.lock', 'throttle: 7\nrlimit: null\n']);
      study.readJournal();
      const session = await study.take();
      await until('the lock file is gone', () => !study.has('.study.update.lock'));
      expect(study.journal).toContain('"type":"limits","throttle":7,"inputs":{"throttle":1,"restartLimit":2}');
      const limits: unknown[] = [];
      session.onLimits((change) => limits.push(change));
      expect(limits).toEqual([{ throttle: 7 }]);
      await session.release(undefined);
      const again = await study.take();
      expect(again.state.limits.throttle).toMatchObject({ value: 7, input: 1 });
      await again.release(undefined);
    },
  );
});
