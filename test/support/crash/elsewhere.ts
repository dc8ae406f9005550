import { spawnSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';

/** The name that the other machine has. */
export const elsewhereName = 'elsewhere';

/**
 * The words that start a program in a container which, to the program, is a machine of its own: with another name, and
 * processes that are its own. Files are the same. When the first of the words ends, all the others end.
 */
export const elsewhere: readonly string[] = [
  ...['unshare', '--pid', '--uts', '--fork', '--mount-proc', '--kill-child'],
  ...['sh', '-c', `hostname ${elsewhereName} && exec "$@"`, 'sh'],
];

/** Whether there can be such a machine: it takes root, as a rule. */
export function isElsewherePossible(): boolean {
  return spawnSync(elsewhere[0]!, [...elsewhere.slice(1), 'true']).status === 0;
}

/** A machine that stands still, and does not know it when it goes on: all processes of the container that `pid` began. */
export function freeze(pid: number): { thaw: () => void } {
  const own = readlinkSync(`/proc/${pid}/ns/pid_for_children`);
  const all = () =>
    readdirSync('/proc')
      .filter((name) => /^[0-9]+$/.test(name) && namespaceOf(name) === own)
      .map(Number);
  const frozen = new Set<number>();
  // Until nobody is left who could start another.
  for (let left = all(); left.length > 0; left = all().filter((each) => !frozen.has(each))) {
    for (const each of left) {
      send(each, 'SIGSTOP');
      frozen.add(each);
    }
  }
  return { thaw: () => frozen.forEach((each) => void send(each, 'SIGCONT')) };
}

function namespaceOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return '';
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has just ended.
  }
}
