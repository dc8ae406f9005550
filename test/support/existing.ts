import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Entry } from '../../src/store/journal/records.js';
import { serialize } from '../../src/store/journal/replay.js';
import type { StepRecord } from '../../src/study/state.js';
import { newRecord } from '../../src/study/state.js';

/** A study directory as this program leaves one, of which only what is looked at is there. */
export const earlierRelease = path.resolve(import.meta.dirname, '../run/existing/fixtures/earlier-release');

/** When the first record of these journals was written. */
export const beginning = Date.UTC(2026, 0, 31, 12);

export interface ExistingStep {
  readonly name: string;
  readonly workspace?: string;
  readonly scheduled?: boolean;
  readonly record?: Partial<StepRecord>;
}

/** The text of a journal: a study of these steps, as they are, that a driver began, and what it wrote besides. A second a record. */
export function journalOf(steps: readonly ExistingStep[], ...more: readonly Entry[]): string {
  const holder = { machine: 'login7', pid: 4711 };
  const planned = steps.map(({ name, workspace = name, scheduled = false, record = {} }) => {
    const { jobs, ...fields } = { ...newRecord(), ...record };
    return { name, workspace, scheduled, script: name, dependencies: '', record: { ...fields, jobs: jobs ?? [] } };
  });
  const entries: Entry[] = [
    { type: 'study', version: 1, key: 'key', name: 'sweep' },
    { type: 'open', holder },
    { type: 'plan', flux: '', steps: planned, knowsAnswers: true },
    ...more,
  ];
  return entries
    .map((entry, i) => serialize({ seq: i + 1, fence: i === 0 ? 0 : 1, at: beginning + i * 1000 }, entry))
    .join('');
}

/** Makes a study directory with a journal. @param lease its line, if there is one */
export function writeStudy(directory: string, journal: string, lease?: string): string {
  mkdirSync(path.join(directory, '.conductor/fences'), { recursive: true });
  writeFileSync(path.join(directory, '.conductor/journal.jsonl'), journal);
  if (lease !== undefined) {
    writeFileSync(path.join(directory, '.conductor/lease'), `${lease}\n`);
    writeFileSync(path.join(directory, '.conductor/fences/1'), 'token\n');
  }
  return directory;
}

/** The line of a lease. */
export function leaseOf(more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({
    machine: 'login7',
    pid: 4711,
    fence: 1,
    since: '2026-01-31T12:00:01.000Z',
    beat: 3,
    ...more,
  });
}
