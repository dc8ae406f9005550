import type { GitDependency } from './spec.js';
import { textOf } from './yaml/access.js';
import type { MappingNode } from './yaml/read-yaml.js';

/** What a git dependency says to check out: at most one of these, if it is right. */
export const checkoutsOf = (item: MappingNode): NonNullable<GitDependency['checkout']>[] =>
  (['hash', 'tag', 'branch'] as const)
    .map((kind) => ({ kind, name: textOf(item, kind) }))
    .filter((checkout) => checkout.name !== '');
