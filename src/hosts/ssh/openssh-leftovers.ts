import { lstatSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isSameMachine, lifeOf, ourProcess, type ProcessIdentity } from '../processes.js';

/** The name that begins the directories of the client `openssh`. */
export const directoryPrefix = 'maestro-ssh-';

/** In such a directory: the process that made it. */
const ownerFile = 'owner';

/** Writes down whose directory it is, before anything else: one without an owner is never removed, so it must hold no key. */
export function markAsOurs(directory: string): void {
  writeFileSync(path.join(directory, ownerFile), JSON.stringify(ourProcess()), { mode: 0o600, flag: 'wx' });
}

/** Removes the directories of killed processes of this machine and this user, as far as possible. */
export function removeLeftovers(directory: string): void {
  const us = ourProcess();
  for (const name of attempt(() => readdirSync(directory)) ?? []) {
    if (!name.startsWith(directoryPrefix)) continue;
    const leftover = path.join(directory, name);
    attempt(() => {
      const status = lstatSync(leftover);
      if (!status.isDirectory() || status.uid !== process.geteuid?.()) return;
      const owner = JSON.parse(readFileSync(path.join(leftover, ownerFile), 'utf8')) as ProcessIdentity;
      if (isSameMachine(owner, us) && lifeOf(owner) === 'dead') rmSync(leftover, { recursive: true, force: true });
    });
  }
}

function attempt<T>(task: () => T): T | undefined {
  try {
    return task();
  } catch {
    return undefined;
  }
}
