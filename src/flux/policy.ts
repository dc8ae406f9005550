import { property } from './json.js';

/** What an instance's configuration says of the time limits of jobs in a queue (`policy` of flux-config-policy(5)). Seconds; 0: none. */
export interface DurationPolicy {
  /** The highest time limit that a job may ask for. */
  readonly limit: number;
  /** The time limit of a job that asks for none. */
  readonly fallback: number;
}

/**
 * @param config as `config.get` answers
 * @param queue undefined: the default one
 */
export function durationPolicy(config: unknown, queue: string | undefined): DurationPolicy {
  const general = property(config, 'policy');
  const defaults = (policy: unknown) => property(property(property(policy, 'jobspec'), 'defaults'), 'system');
  const own = property(
    property(property(config, 'queues'), queue ?? String(property(defaults(general), 'queue'))),
    'policy',
  );
  const limitIn = (policy: unknown) => standardDuration(property(property(policy, 'limits'), 'duration'));
  const fallbackIn = (policy: unknown) => standardDuration(property(defaults(policy), 'duration'));
  return {
    limit: limitIn(own) ?? limitIn(general) ?? 0,
    fallback: fallbackIn(own) ?? fallbackIn(general) ?? 0,
  };
}

const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };

/** Seconds of a Flux standard duration (RFC 23), without end 0; undefined if it is none. */
export function standardDuration(value: unknown): number | undefined {
  if (typeof value === 'number') return value >= 0 ? value : undefined;
  if (typeof value !== 'string') return undefined;
  if (/^inf(inity)?$/i.test(value)) return 0;
  const [, number, unit = 's'] = /^([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ms|s|m|h|d)?$/.exec(value) ?? [];
  return number === undefined ? undefined : Number(number) * units[unit]!;
}
