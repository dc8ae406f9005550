import { createHash } from 'node:crypto';
import type { HistoryRun } from './record.js';

/** More records of one study are not kept. */
export const MAX_RECORDS = 400;
/** So many of the latest files are read: the last runs that finished are among them. */
export const READ_RECORDS = 60;

/**
 * The directory of a study's records, relative to the history's: a name that a person recognizes, and a digest that tells
 * apart what looks alike.
 */
export function recordDirectory({ repository, workflow, spec, branch, leg }: Omit<HistoryRun, 'commit'>): string {
  const parts = [repository, workflow, spec, branch, leg];
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12);
  const shown = parts.map((part) => part.replaceAll(/[^A-Za-z0-9]+/g, '-').replaceAll(/^-+|-+$/g, ''));
  const name = shown.filter((part) => part !== '').join('_');
  return `${name.slice(0, 100)}_${digest}`;
}

/**
 * The name of a record's file, which sorts by its time.
 *
 * @param ended milliseconds since the epoch
 * @param random letters and digits that no other writer has
 */
export function recordFile(ended: number, random: string): string {
  return `${new Date(ended).toISOString().replaceAll(/[-:.]/g, '')}-${random}.json`;
}

const recordName = /^\d{8}T\d{9}Z-[A-Za-z0-9]+\.json$/;
/** A record that is being written, or what a file server hides. */
const passingName = /^\d{8}T\d{9}Z-[A-Za-z0-9]+\.json\.|^\./;

export interface RecordNames {
  /** The latest, the earliest of them first. */
  readonly toRead: readonly string[];
  /** Those beyond the number that is kept. */
  readonly toRemove: readonly string[];
  /** What is no record. It is left alone. */
  readonly foreign: readonly string[];
}

/** What is to be done with the files of a directory, in any order. */
export function chooseRecords(names: readonly string[]): RecordNames {
  const sorted = names.filter((name) => recordName.test(name)).sort();
  return {
    toRead: sorted.slice(-READ_RECORDS),
    toRemove: sorted.slice(0, Math.max(0, sorted.length - MAX_RECORDS)),
    foreign: names.filter((name) => name !== '' && !recordName.test(name) && !passingName.test(name)),
  };
}
