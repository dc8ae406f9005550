/**
 * Parses a walltime as Maestro's Flux adapter does: whole minutes, `MM:SS` or `HH:MM:SS`; an empty text and `inf` mean
 * no limit (0). Returns seconds.
 *
 * @returns undefined if it is none of these
 */
export function walltimeSeconds(walltime: string): number | undefined {
  if (walltime === '' || walltime === 'inf') return 0;
  if (/^[0-9]+$/.test(walltime)) return Number(walltime) * 60;
  if (!/^[0-9]+(\.[0-9]*)?(:[0-9]+(\.[0-9]*)?)+$/.test(walltime)) return undefined;
  return walltime.split(':').reduce((seconds, part) => seconds * 60 + Number(part), 0);
}

const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** How times of inputs may be written, for messages. */
export const timeForms = 'minutes, "HH:MM:SS", "MM:SS", or a number with s, m, h or d';

/** Parses a time of an input. @returns undefined if the text is not a time, or is zero */
export function secondsOf(text: string): number | undefined {
  const standard = /^([0-9]+(?:\.[0-9]+)?)([smhd]?)$/.exec(text.trim());
  const seconds = standard
    ? Number(standard[1]) * units[standard[2] || 'm']!
    : text.includes(':')
      ? walltimeSeconds(text.trim())
      : undefined;
  return seconds === undefined || !(seconds > 0) ? undefined : seconds;
}

/**
 * Whether `sbatch --time` accepts the text: `M`, `M:S`, `H:M:S`, `D-H`, `D-H:M`, `D-H:M:S`, or a word for no limit.
 */
export function isSlurmTime(walltime: string): boolean {
  return /^([0-9]+(:[0-9]+){0,2}|[0-9]+-[0-9]+(:[0-9]+){0,2}|-1|infinite|unlimited)$/i.test(walltime);
}

/**
 * The minutes of a time as `sbatch --time` counts it: seconds are rounded up to a minute, and no limit (also as `0`) is
 * infinite.
 *
 * @returns undefined if it is no such time
 */
export function slurmMinutes(walltime: string): number | undefined {
  if (!isSlurmTime(walltime)) return undefined;
  if (!/^[0-9]/.test(walltime)) return Number.POSITIVE_INFINITY;
  const [, days, rest = ''] = /^(?:([0-9]+)-)?(.*)$/.exec(walltime)!;
  const parts = rest.split(':').map(Number);
  // Behind days come hours; otherwise one number is minutes, and two are minutes and seconds.
  const [hours = 0, minutes = 0, seconds = 0] = days !== undefined || parts.length === 3 ? parts : [0, ...parts];
  const total = Number(days ?? 0) * 1440 + hours * 60 + minutes + Math.ceil(seconds / 60);
  return total === 0 ? Number.POSITIVE_INFINITY : total;
}
