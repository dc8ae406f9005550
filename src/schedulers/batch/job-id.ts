/**
 * The id of a job as its batch system printed it, which may name the cluster after a `;`. A job itself knows only its
 * number.
 *
 * @param number as a claim has it
 * @param ids of jobs of the same attempt
 */
export function completeId(number: string, ids: readonly string[]): string {
  const same = ids.find((id) => numberOf(id) === number);
  if (same !== undefined) return same;
  const [, cluster] = ids.find((id) => id.includes(';'))?.split(';') ?? [];
  return cluster === undefined ? number : `${number};${cluster}`;
}

const numberOf = (id: string) => id.split(';')[0];
