import type { Batch } from '../spec/spec.js';
import { type Dialect, firstOf, resource } from './dialect.js';

/** The first line of every script except LSF's, from `batch.shell`. */
export function shellLine(batch: Batch): string {
  return `#!${firstOf(resource(batch.values, 'shell'), '/bin/bash')}`;
}

/** Scripts of a study without a batch system: no directives and no launcher, because no step is scheduled. */
export function localDialect(batch: Batch): Dialect {
  return {
    extension: '.sh',
    shellLine: shellLine(batch),
    header: () => shellLine(batch),
    launch: () => '',
    check: () => [],
  };
}
