import type { Quota } from './api.js';

/** How often people who look at a running study see it move, at first. */
const shortest = 15_000;

/**
 * How long to wait, in milliseconds, before a check run is updated again. All workflows of a repository share a thousand
 * requests an hour: an update comes when a tenth of the study's time has gone by since the last, so a study of an hour
 * makes some 40, and one of a day some 75. What is left of the quota stretches that.
 *
 * @param age how long the study has been running, in milliseconds
 */
export function untilNextUpdate(age: number, quota: Quota | undefined, now: number): number {
  const wait = Math.max(shortest, age / 10);
  if (quota === undefined || quota.limit <= 0 || now >= quota.reset) return wait;
  const left = quota.remaining / quota.limit;
  // The rest is for how studies end. No quota is longer than an hour: what says so is a clock that is wrong.
  if (left < 0.1) return Math.max(wait, Math.min(quota.reset - now, 3_600_000));
  return left < 0.5 ? wait * 4 : wait;
}
