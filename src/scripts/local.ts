import type { Batch } from '../spec/spec.js';
import { type Dialect, firstOf, resource } from './dialect.js';

/** `batch.shell`, for the first line of every script but LSF's. */
export function shellLine(batch: Batch): string {
  return `#!${firstOf(resource(batch.values, 'shell'), '/bin/bash')}`;
}

/** Scripts of a study without a batch system. Nothing is scheduled, so there is no header and no launcher. */
export function localDialect(batch: Batch): Dialect {
  return {
    extension: '.sh',
    shellLine: shellLine(batch),
    header: () => shellLine(batch),
    launch: () => '',
    check: () => [],
  };
}
