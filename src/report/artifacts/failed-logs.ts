import { readTails } from '../../hosts/files.js';
import type { Host } from '../../hosts/host.js';
import { GuardedDirectory } from '../../util/guarded-directory.js';
import { fitting, storableFileName } from './storable-names.js';

/** What a step wrote. */
export interface StepLogs {
  /** The instance's name. */
  readonly name: string;
  /** Absolute, on the host. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface BroughtLogs {
  /** How many files there are on this machine now. */
  readonly files: number;
  /** Steps that were too many. */
  readonly leftOut: number;
}

/** How much of the end of each file is brought: failures are reported there. */
const TAIL_BYTES = 64 * 1024;
/** Leaves room for `.out` and `.err`. */
const MAX_NAME_BYTES = 250;
/** What one command brings is kept in memory. */
const STEPS_PER_COMMAND = 20;

/**
 * Brings the ends of steps' outputs into `logs/` of the destination: `<name>.out` and `<name>.err`. The first line of one
 * that is not whole says so. What is not there, or cannot be read, is not brought.
 *
 * @param destination a directory of this machine, or its path, if that is known to be safe
 * @param mostSteps how many, from the first
 * @throws HostError, UnsafePathError, what the operating system says of the destination
 */
export async function bringLogs(
  host: Host,
  logs: readonly StepLogs[],
  destination: GuardedDirectory | string,
  mostSteps = 200,
): Promise<BroughtLogs> {
  const chosen = logs.slice(0, mostSteps);
  const taken = new Set<string>();
  let files = 0;
  if (chosen.length === 0) return { files, leftOut: 0 };
  const target = await GuardedDirectory.at(destination);
  for (let i = 0; i < chosen.length; i += STEPS_PER_COMMAND) {
    const some = chosen.slice(i, i + STEPS_PER_COMMAND);
    const tails = await readTails(
      host,
      some.flatMap(({ stdout, stderr }) => [stdout, stderr]),
      TAIL_BYTES + 1,
    );
    for (const [j, { name, stdout, stderr }] of some.entries()) {
      const base = freeName(storableFileName(name), taken);
      for (const [ending, path, tail] of [
        ['out', stdout, tails[2 * j]],
        ['err', stderr, tails[2 * j + 1]],
      ] as const) {
        if (tail == null) continue;
        await target.write(`logs/${base}.${ending}`, tail.length > TAIL_BYTES ? endOf(tail, path, host) : tail);
        files += 1;
      }
    }
  }
  return { files, leftOut: logs.length - chosen.length };
}

/** From the first line that is whole, if there is one. */
function endOf(tail: Buffer, path: string, host: Host): Buffer {
  const end = tail.subarray(tail.length - TAIL_BYTES);
  const first = Buffer.from(
    `[the last ${TAIL_BYTES / 1024} KiB; all of it is in ${JSON.stringify(path)} on ${host.name}]\n`,
  );
  const line = end.indexOf('\n');
  return Buffer.concat([first, line === -1 || line === end.length - 1 ? end : end.subarray(line + 1)]);
}

/** A name that no other has. */
function freeName(name: string, taken: Set<string>): string {
  let free = fitting(name, '', MAX_NAME_BYTES);
  for (let number = 2; taken.has(free); number++) free = fitting(name, `~${number}`, MAX_NAME_BYTES);
  taken.add(free);
  return free;
}
