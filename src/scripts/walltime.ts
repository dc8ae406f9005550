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

/**
 * Whether `sbatch --time` accepts the text: `M`, `M:S`, `H:M:S`, `D-H`, `D-H:M`, `D-H:M:S`, or a word for no limit.
 */
export function isSlurmTime(walltime: string): boolean {
  return /^([0-9]+(:[0-9]+){0,2}|[0-9]+-[0-9]+(:[0-9]+){0,2}|-1|infinite|unlimited)$/i.test(walltime);
}
