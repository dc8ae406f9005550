import { again, collectText } from '../hosts/commands.js';
import { type Host, HostError } from '../hosts/host.js';
import type { Clock } from '../util/clock.js';
import { LeaseLostError, parseLease } from './lease.js';
import { confirmCommand, type LeaseSight, parseConfirmation } from './lease-commands.js';

/** Milliseconds that a host may take to be reached: it is tried for five minutes. */
const reach = 330_000;

/**
 * Makes sure that nobody has taken the study since we did.
 *
 * @param within milliseconds that the answer may take, once the host is reached
 * @throws LeaseLostError if somebody has; HostError if that could not be found out
 */
export async function confirmLease(
  host: Host,
  studyPath: string,
  fence: number,
  clock: Clock,
  within: number,
): Promise<void> {
  const purpose = `cannot find out who drives the study ${studyPath} on ${host.name}`;
  const seen = await again(() => look(host, purpose, studyPath, clock, within));
  if (seen.fence > fence) throw new LeaseLostError(studyPath, parseLease(seen.line, fence + 1));
  if (seen.fence < fence) throw new HostError(`${purpose}: that it was ours is not written there any more`);
}

function look(host: Host, purpose: string, studyPath: string, clock: Clock, within: number): Promise<LeaseSight> {
  const process = host.spawn(confirmCommand(studyPath));
  process.stdin.on('error', () => {});
  process.stdin.end();
  const words = collectText(process.stderr, 65_536);
  let stop = () => {};
  const seen = new Promise<LeaseSight>((resolve, reject) => {
    const giveUp = () => reject(new HostError(`${purpose}: no answer`));
    stop = clock.after(reach, giveUp);
    let said = '';
    process.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (said === '') {
        stop();
        stop = clock.after(within, giveUp);
      }
      said += text;
      const sight = parseConfirmation(said);
      if (sight !== undefined) resolve(sight);
    });
    // What it said may come after the news of its end.
    process.exit.then(({ code }) => {
      if (code !== 0) reject(new HostError(`${purpose}: ${words() || `exit ${code}`}`));
    }, reject);
  });
  // One that hangs is left to itself.
  return seen.finally(() => {
    stop();
    process.leave();
  });
}
