import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { it, onTestFinished } from 'vitest';
import { temporaryDirectory } from './temporary.js';

/** Runs `mount` or `umount`. */
export const command = (...[program, ...words]: readonly [string, ...string[]]) =>
  execFileSync(program, words, { stdio: 'ignore' });

/** A directory that holds so many KiB. */
export function smallDisk(kilobytes: number): string {
  const directory = temporaryDirectory();
  command('mount', '-t', 'tmpfs', '-o', `size=${kilobytes}k`, 'none', directory);
  onTestFinished(() => void command('umount', '-l', directory));
  return directory;
}

/** Writes to a file until the disk has no room. */
export function fill(file: string): void {
  try {
    for (;;) writeFileSync(file, Buffer.alloc(4096), { flag: 'a' });
  } catch {
    // It is full.
  }
}

export function mayMount(): boolean {
  const what = 'no file system may be mounted here: a full disk is NOT TESTED, nor a read-only one';
  try {
    command('unshare', '-m', 'mount', '-t', 'tmpfs', 'none', '/mnt');
    return true;
  } catch {
    console.warn(what);
    it.skip(what, () => {});
    return false;
  }
}
