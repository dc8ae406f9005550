import { Source } from '../spec/source.js';
import { entry, readYaml } from '../spec/yaml.js';

/** Limits that can be changed while a study runs: those that are given. */
export interface Limits {
  /** Most scheduled jobs in flight; 0: no limit. */
  readonly throttle?: number;
  /** Restarts after a timeout; 0: no limit. */
  readonly restartLimit?: number;
}

/**
 * Reads what `maestro update` leaves in `.study.update.lock`: a YAML mapping of `throttle`, `rlimit` and `sleep` (Maestro
 * 1.1). `sleep` means nothing here: nothing is polled.
 *
 * @returns the limits, and what a person is told about them
 */
export function readLimits(text: string): { readonly limits: Limits; readonly told: string } {
  const { root } = readYaml(new Source('.study.update.lock', text));
  const numberOf = (name: string): number | undefined => {
    const node = root?.kind === 'mapping' ? entry(root, name)?.value : undefined;
    const value = node?.kind === 'scalar' && typeof node.value === 'bigint' ? Number(node.value) : Number.NaN;
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  };
  const [throttle, restartLimit, sleep] = [numberOf('throttle'), numberOf('rlimit'), numberOf('sleep')];
  const parts = [
    ...(throttle === undefined ? [] : [`throttle ${throttle}`]),
    ...(restartLimit === undefined ? [] : [`restart limit ${restartLimit}`]),
    ...(sleep ? ['the sleep time means nothing here, where nothing is polled'] : []),
  ];
  return {
    limits: {
      ...(throttle === undefined ? {} : { throttle }),
      ...(restartLimit === undefined ? {} : { restartLimit }),
    },
    told: `Updated on the host (\`maestro update\`): ${parts.join(', ') || 'nothing that is known here'}`,
  };
}
