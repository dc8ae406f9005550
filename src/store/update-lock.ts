import { Source } from '../spec/source.js';
import { entry, readYaml } from '../spec/yaml/read-yaml.js';

/** Limits that can be changed while a study runs: those that are given. */
export interface Limits {
  /** Most scheduled jobs in flight; 0: no limit. */
  readonly throttle?: number;
  /** Restarts after a timeout; 0: no limit. */
  readonly restartLimit?: number;
}

/** A limit that `maestro update` changed. */
export interface ChangedLimit {
  readonly value: number;
  /** The input's value at that time; undefined if that is not known. */
  readonly input: number | undefined;
  /** When, in milliseconds since the epoch. */
  readonly at: number;
}

/** The last change of each limit. */
export type ChangedLimits = { readonly [Name in keyof Limits]?: ChangedLimit };

const words: Readonly<Record<keyof Limits, string>> = { throttle: 'throttle', restartLimit: 'restart limit' };

/**
 * The limits of a study that is resumed: as `maestro update` changed them, unless the inputs have changed since, which counts
 * more.
 */
export function limitsGoingOn(
  changed: ChangedLimits,
  inputs: Required<Limits>,
): {
  /** The limits that differ from the inputs. */
  readonly limits: Limits;
  /** For the journal: the inputs' values, in place of changes that count no more. */
  readonly overruled: Limits;
  readonly told: readonly string[];
} {
  const limits: { -readonly [Name in keyof Limits]: Limits[Name] } = {};
  const overruled: { -readonly [Name in keyof Limits]: Limits[Name] } = {};
  const told: string[] = [];
  for (const name of ['throttle', 'restartLimit'] as const) {
    const change = changed[name];
    if (change === undefined || change.value === inputs[name]) continue;
    const when = `${new Date(change.at).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
    if (change.input === undefined || change.input === inputs[name]) {
      limits[name] = change.value;
      told.push(
        `The ${words[name]} is ${change.value}, as \`maestro update\` set it on ${when}; the input says ${inputs[name]}`,
      );
    } else {
      overruled[name] = inputs[name];
      told.push(
        `The ${words[name]} is ${inputs[name]}, as the input says now: the ${change.value} that \`maestro update\` set on ${when} counts no more`,
      );
    }
  }
  return { limits, overruled, told };
}

/**
 * Reads `.study.update.lock`, which `maestro update` writes: a YAML mapping of `throttle`, `rlimit` and `sleep` (Maestro 1.1).
 * `sleep` has no effect, because nothing is polled.
 *
 * @returns the limits, and a line about them for people
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
