import * as core from '@actions/core';
import type { LeftBehind } from '../run/context.js';
import type { DescribedAllocation } from '../store/journal/records.js';

/**
 * What the main step leaves for the post step, in the runner's own keeping (GITHUB_STATE; the post step finds it as
 * `STATE_name` in its environment).
 */
const names = {
  isPost: 'maestro_post',
  allocation: 'maestro_allocation',
  study: 'maestro_study',
  driver: 'maestro_driver',
  isCancelled: 'maestro_cancelled',
  isShown: 'maestro_shown',
  shownKey: 'maestro_shown_key',
} as const;

/** Records that the main step has started, so that the next start of the program is the post step. */
export function savePost(): void {
  core.saveState(names.isPost, 'true');
}

export function isPost(environment: Readonly<Record<string, string | undefined>>): boolean {
  return environment[`STATE_${names.isPost}`] === 'true';
}

/** Saves the given values for the post step. */
export function saveLeftBehind(left: Partial<Omit<LeftBehind, 'driver'>>): void {
  if ('allocation' in left) {
    core.saveState(names.allocation, left.allocation === undefined ? '' : JSON.stringify(left.allocation));
  }
  if ('study' in left) {
    core.saveState(names.study, left.study ?? '');
    core.saveState(names.driver, left.study === undefined ? '' : process.pid);
  }
  if ('isShown' in left) core.saveState(names.isShown, left.isShown === true ? 'true' : '');
  if ('shownKey' in left) core.saveState(names.shownKey, left.shownKey ?? '');
  if ('isCancelled' in left) core.saveState(names.isCancelled, left.isCancelled === true ? 'true' : '');
}

/** The values that the main step saved. */
export function savedLeftBehind(environment: Readonly<Record<string, string | undefined>>): LeftBehind {
  const saved = (name: string) => environment[`STATE_${name}`] ?? '';
  const allocation = saved(names.allocation);
  return {
    allocation: allocation === '' ? undefined : (JSON.parse(allocation) as DescribedAllocation),
    study: saved(names.study) || undefined,
    driver: Number(saved(names.driver)) || undefined,
    isCancelled: saved(names.isCancelled) === 'true',
    isShown: saved(names.isShown) === 'true',
    shownKey: saved(names.shownKey) || undefined,
  };
}
