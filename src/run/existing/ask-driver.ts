import { runPath } from '../../conductor/maestro/places.js';
import { programs } from '../../generated/programs.js';
import { mustRun } from '../../hosts/commands.js';
import { areThere } from '../../hosts/files.js';
import type { Host } from '../../hosts/host.js';
import type { Limits } from '../../store/update-lock.js';
import { assignments } from '../../util/shell-quote.js';

/** A driver looks every two seconds, or ten if nothing happens, and answers once its journal is written. */
const LOOKS = 40;

/** What became of a request to the driver of a study. */
export type Answer = 'taken' | 'waiting';

/**
 * Asks the driver of a study to cancel it: this program's or Maestro's own, as `maestro cancel` does.
 *
 * @throws HostError
 */
export function askToCancel(host: Host, studyPath: string, { waits }: { readonly waits: boolean }): Promise<Answer> {
  return ask(host, `${studyPath}/.cancel.lock`, '', waits);
}

/** Asks the driver of a study to use other limits, as `maestro update` does. @throws HostError */
export function askToUpdate(
  host: Host,
  studyPath: string,
  { throttle, restartLimit }: Limits,
  { waits }: { readonly waits: boolean },
): Promise<Answer> {
  const lines = [
    ...(restartLimit === undefined ? [] : [`rlimit: ${restartLimit}\n`]),
    ...(throttle === undefined ? [] : [`throttle: ${throttle}\n`]),
  ];
  return ask(host, `${studyPath}/.study.update.lock`, lines.join(''), waits);
}

async function ask(host: Host, file: string, text: string, waits: boolean): Promise<Answer> {
  const command = assignments({ file, looks: waits ? LOOKS : 0 }) + programs['store/look/ask.sh'];
  const said = (await mustRun(host, `cannot write ${file}`, command, text)).toString();
  return said === 'taken\n' ? 'taken' : 'waiting';
}

/** Whether a study of this program is run by the host's own Maestro, which hears of a request at its next look only. */
export async function isRunByMaestro(host: Host, studyPath: string): Promise<boolean> {
  const [isThere] = await areThere(host, [`${studyPath}/${runPath}`]);
  return isThere === true;
}
