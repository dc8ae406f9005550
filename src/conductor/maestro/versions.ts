/** What differs between the series of Maestro that can run a study, as far as it matters here. */
interface Series {
  /** How `--hashws` names the workspaces and scripts of a combination: by its MD5, or as `STEP_instance_N`. */
  readonly hashedNames: 'md5' | 'numbered';
}

const series: ReadonlyMap<string, Series> = new Map([
  ['1.1', { hashedNames: 'md5' }],
  ['1.2', { hashedNames: 'numbered' }],
]);

/** The first lines of status.csv, up to the column after the last that is read: 1.1 has a Job ID from 1.1.9 on. */
export const statusHeaders: readonly { readonly columns: string; readonly hasJobId: boolean }[] = [
  {
    columns: 'Step Name,Job ID,Workspace,State,Run Time,Elapsed Time,Start Time,Submit Time,End Time,Number Restarts',
    hasJobId: true,
  },
  {
    columns: 'Step Name,Workspace,State,Run Time,Elapsed Time,Start Time,Submit Time,End Time,Number Restarts',
    hasJobId: false,
  },
];

/**
 * What a Maestro does.
 *
 * @param version what `maestro --version` prints: `maestro 1.2.1`
 * @returns undefined for a version that cannot run a study; a newer 1.x is taken for one like the last that is known
 */
export function seriesOf(version: string): Series | undefined {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(version) ?? [];
  if (major !== '1') return undefined;
  return series.get(`1.${minor}`) ?? (Number(minor) > series.size ? [...series.values()].at(-1) : undefined);
}
