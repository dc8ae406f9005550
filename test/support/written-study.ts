import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { Host } from '../../src/hosts/host.js';
import type { LocalWriter } from '../../src/store/local-writer.js';
import { RemoteWriter } from '../../src/store/remote-writer.js';
import type { StudyWriter, StudyWriterContext, StudyWriterListener } from '../../src/store/study-writer.js';
import { type Clock, systemClock } from '../../src/util/clock.js';
import { plainHost } from './hosts.js';
import { temporaryDirectory } from './temporary.js';
import { isAlive, until } from './wait.js';

/** Generous, because other tests run beside these. */
const long = 30_000;

export interface WriterOptions extends Partial<Pick<StudyWriterContext, 'listener' | 'patience' | 'watchesLocks'>> {
  /** Which writer; by default the one that is a command of the host. */
  readonly Writer?: typeof RemoteWriter | typeof LocalWriter;
}

/** A study directory with one driver, and what its writer has told. */
export class WrittenStudy {
  readonly path = temporaryDirectory();
  readonly pids = path.join(temporaryDirectory(), 'pids');
  readonly told: string[] = [];
  readonly journal = path.join(this.path, '.conductor/journal.jsonl');
  readonly listener: StudyWriterListener = {
    onCancel: () => void this.told.push('cancel'),
    onUpdate: (text) => void this.told.push(`update ${text}`),
    onLost: ({ message }) => void this.told.push(`lost ${message}`),
    onTrouble: (words) => void this.told.push(`trouble ${words}`),
  };

  constructor() {
    mkdirSync(path.join(this.path, '.conductor/fences'), { recursive: true });
    this.fence(1);
  }

  fence(fence: number): void {
    writeFileSync(path.join(this.path, `.conductor/fences/${fence}`), 'x\n');
  }

  /** A host whose commands write down their process ids. */
  host(setup = ''): Host {
    return plainHost(`echo $$ >> '${this.pids}'\n${setup}`);
  }

  start(
    host: Host = this.host(),
    clock: Clock = systemClock,
    { Writer = RemoteWriter, ...options }: WriterOptions = {},
  ): StudyWriter {
    const context = { host, studyPath: this.path, fence: 1, clock, listener: this.listener, ...options };
    const writer = Writer.start(context);
    onTestFinished(() => {
      writer.giveUp('the test is over');
      for (const pid of this.clerks()) if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    });
    return writer;
  }

  /** The process ids of all clerks that there were. */
  clerks(): number[] {
    return existsSync(this.pids) ? readFileSync(this.pids, 'utf8').trim().split('\n').map(Number) : [];
  }

  /** Kills the clerk that there is. */
  async kill(): Promise<void> {
    const pid = await until('there is a clerk', () => this.clerks().filter(isAlive).at(-1), long);
    process.kill(pid, 'SIGKILL');
    await until('it is gone', () => !isAlive(pid), long);
  }

  /** The lines of the journal that say something. */
  lines(): string[] {
    return readFileSync(this.journal, 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  }

  /** What the journal says to whoever passes over repetitions. */
  distinct(): string[] {
    return [...new Set(this.lines())];
  }
}

/** Lines of a journal. */
export const numbered = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `{"seq":${from + i}}`);
