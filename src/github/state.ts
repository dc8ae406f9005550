import * as core from '@actions/core';
import type { DescribedAllocation } from '../broker/allocation/allocation.js';

/**
 * What the main step leaves for the post step, in the runner's own keeping (GITHUB_STATE; the post step finds it as
 * `STATE_name` in its environment).
 */
const names = { isPost: 'maestro_post', allocation: 'maestro_allocation' } as const;

/** Says that the main step has begun: from now on the program is started once more, to clean up. */
export function savePost(): void {
  core.saveState(names.isPost, 'true');
}

export function isPost(environment: Readonly<Record<string, string | undefined>>): boolean {
  return environment[`STATE_${names.isPost}`] === 'true';
}

/** Keeps in mind the allocation that is to be given back; none once it has been. */
export function saveAllocation(allocation: DescribedAllocation | undefined): void {
  core.saveState(names.allocation, allocation === undefined ? '' : JSON.stringify(allocation));
}

/** The allocation that the main step did not come to give back. */
export function savedAllocation(
  environment: Readonly<Record<string, string | undefined>>,
): DescribedAllocation | undefined {
  const text = environment[`STATE_${names.allocation}`] ?? '';
  return text === '' ? undefined : (JSON.parse(text) as DescribedAllocation);
}
