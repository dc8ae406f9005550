import { readFileSync } from 'node:fs';

const megabyte = 1024 * 1024;

/** Looks at how much memory processes have, twice a second. */
export class MemorySamples {
  /** Bytes, by process id. */
  readonly #samples = new Map<number, number[]>();
  readonly #timers = new Set<NodeJS.Timeout>();

  /** Watches a process for as long as it is there. */
  watch(pid: number): void {
    const samples: number[] = [];
    this.#samples.set(pid, samples);
    const timer = setInterval(() => {
      const size = residentSize(pid);
      if (size === undefined) {
        clearInterval(timer);
        this.#timers.delete(timer);
      } else samples.push(size);
    }, 500);
    this.#timers.add(timer);
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  /** The most that any had. */
  get most(): number {
    return Math.max(0, ...[...this.#samples.values()].flat());
  }

  /** Of the process that was there longest: the median of the second quarter of its life, and of the last. */
  get trend(): { readonly early: number; readonly late: number; readonly samples: number } {
    const longest = [...this.#samples.values()].reduce((one, two) => (two.length > one.length ? two : one), []);
    const quarter = Math.floor(longest.length / 4);
    const median = (part: readonly number[]) => [...part].sort((one, two) => one - two)[part.length >> 1] ?? 0;
    return {
      early: median(longest.slice(quarter, 2 * quarter)),
      late: median(longest.slice(-quarter)),
      samples: longest.length,
    };
  }
}

/** For people: `57 MB`. */
export const inMegabytes = (bytes: number) => `${Math.round(bytes / megabyte)} MB`;

/** Bytes; undefined if there is no such process any more. */
function residentSize(pid: number): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}
