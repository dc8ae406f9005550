import { setTimeout as sleep } from 'node:timers/promises';
import type { VirtualClock } from './virtual-clock.js';

/** Waits for something that waits on a clock itself: whatever that is waiting for comes at once. */
export async function finish<T>(work: Promise<T>, clock: VirtualClock): Promise<T> {
  let isOver = false;
  const over = work.finally(() => {
    isOver = true;
  });
  over.catch(() => {});
  while (!isOver) {
    clock.runOut();
    await sleep(1);
  }
  return over;
}
