import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

/** Collects all garbage, buffers too. */
export function collectGarbage(): void {
  collect();
  // A thread frees the buffers that the first collection has found; the second one waits for it.
  collect();
}

/** Bytes in buffers that something refers to. Unlike the size of the process it does not depend on when garbage is collected. */
export function heldInBuffers(): number {
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

/** How many more bytes buffers hold, at most, while a task runs, than before it. */
export async function mostHeldDuring(task: () => Promise<void>): Promise<number> {
  const before = heldInBuffers();
  let most = 0;
  let timer: NodeJS.Timeout;
  const sample = () => {
    const start = performance.now();
    most = Math.max(most, heldInBuffers() - before);
    // The task has nine tenths of the time, however long a collection takes.
    timer = setTimeout(sample, Math.max(10, 9 * (performance.now() - start)));
  };
  sample();
  try {
    await task();
  } finally {
    clearTimeout(timer!);
  }
  return most;
}
