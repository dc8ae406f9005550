import { mustRun } from '../../hosts/commands.js';
import type { Host } from '../../hosts/host.js';
import { systemClock } from '../../util/clock.js';
import { assignments } from '../../util/shell-quote.js';
import { type Registration, registrationsPath } from './registration.js';

/** After which time since its start a study that is not found counts as removed, in milliseconds. */
const MISSING_MS = 7 * 24 * 3_600_000;

/**
 * What became of a study whose directory is not found:
 * - `removed`: it is not where it was, for certain or as far as a week shows
 * - `missing`: it is not where it was, on a file system that this machine may not share with the one it was started on
 * - `unknown`: it cannot be looked for: what it is in is not there, or may not be read
 *
 * @param root the directory of the studies on the host
 * @throws HostError
 */
export async function seekRemoved(
  host: Host,
  root: string,
  { studyPath, started }: Registration,
): Promise<'removed' | 'missing' | 'unknown'> {
  const said = await mustRun(
    host,
    `cannot look for ${studyPath} on ${host.name}`,
    `${assignments({ study: studyPath, registrations: `${root}/${registrationsPath}` })}above=\${study%/*}\nabove=\${above:-/}\n` +
      '[ ! -e "$study" ] && [ ! -L "$study" ] && [ -x "$above" ] && ls -A -- "$above" > /dev/null 2>&1 || { echo unknown; exit; }\n' +
      // Where the registration is seen, what is not there beside it is nowhere; another file system may be one of another login node.
      '[ "$(stat -L -c %d -- "$above")" = "$(stat -L -c %d -- "$registrations")" ] && echo removed || echo missing',
  );
  const word = said.toString().trim();
  if (word === 'removed') return 'removed';
  if (word !== 'missing') return 'unknown';
  return systemClock.now() - started > MISSING_MS ? 'removed' : 'missing';
}
