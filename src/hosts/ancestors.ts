import { readFileSync } from 'node:fs';

/** Whether a process of this machine started another, or what started it, and so on. */
export function isAncestor(ancestor: number, pid: number): boolean {
  for (let next: number | undefined = pid; next !== undefined && next > 1; next = parentOf(next)) {
    if (next === ancestor) return true;
  }
  return false;
}

function parentOf(pid: number): number | undefined {
  try {
    // `PID (NAME) STATE PPID ...`; the name may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}
