import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, until } from './wait.js';

/** Longer than a process lives that a shell has for a moment: a `sleep` that is over, the fork of a substitution. */
const MOMENT_MS = 200;

/**
 * The process that has started another.
 *
 * @throws if that is gone
 */
export const parentOf = (pid: number) =>
  Number(/^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]);

function parentIfAny(pid: number): number | undefined {
  try {
    return parentOf(pid);
  } catch {
    return undefined;
  }
}

/** The process ids of what a process has started, and has not ended. */
export function childrenOf(parent: number): number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => parentIfAny(pid) === parent && isAlive(pid));
}

/**
 * Waits for a child that stays.
 *
 * @param parent gives the parent, once there is one
 * @param gone children that are not meant
 */
export async function lastingChild(parent: () => number | undefined, ...gone: number[]): Promise<number> {
  for (;;) {
    const seen = await until('there is a child', () => {
      const pid = parent();
      return pid !== undefined && childrenOf(pid).find((child) => !gone.includes(child));
    });
    await sleep(MOMENT_MS);
    if (isAlive(seen)) return seen;
  }
}
