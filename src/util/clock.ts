/** Time and random numbers, passed in so that tests control both. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back once after `milliseconds`, however long that is; the returned function cancels that. */
  after(milliseconds: number, call: () => void): () => void;
  /** From 0 up to 1. */
  random(): number;
}

/** A timer of Node that is longer than this (24 days) goes off at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: Date.now,
  after(milliseconds, call) {
    let timer: NodeJS.Timeout;
    const wait = (left: number) => {
      timer = left <= MAX_TIMER_MS ? setTimeout(call, left) : setTimeout(() => wait(left - MAX_TIMER_MS), MAX_TIMER_MS);
    };
    wait(milliseconds);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};
