import { readdirSync, readFileSync } from 'node:fs';
import { isAlive } from './wait.js';

/** All processes that were started with a home directory, or by what was. */
export function processesOf(home: string): number[] {
  const own = `HOME=${home}\0`;
  return processes().filter((pid) => contentOf(`/proc/${pid}/environ`).includes(own));
}

/** Kills every process of a home: as if its machine was started anew. */
export function endProcessesOf(home: string): void {
  for (let all = processesOf(home); all.length > 0; all = processesOf(home)) {
    for (const pid of all) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It is over.
      }
    }
  }
}

/** The processes that conduct studies below a directory. */
export function conductorsOf(directory: string): number[] {
  return processes().filter((pid) => contentOf(`/proc/${pid}/cmdline`).includes(`conduct\0${directory}`));
}

const processes = () =>
  readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter(isAlive);

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
