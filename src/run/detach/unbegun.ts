import { mustRun } from '../../hosts/commands.js';
import type { Host } from '../../hosts/host.js';
import type { StudySight } from '../../store/look/look.js';
import { assignments, quote } from '../../util/shell-quote.js';
import { viewOf } from '../existing/view.js';
import { findRegistrations, registrationsPath } from './registration.js';
import { START_TIMEOUT_S } from './start-conductor.js';
import { startFiles, startPath } from './start-files.js';

/** A start of a study that no conductor has begun: the journal was not written since it was left. */
export interface UnbegunStart {
  readonly token: string;
  /** Whether its conductor may be on its way: it was left, or started, a moment ago, and is not known to be dead. */
  readonly isStarting: boolean;
  /** Whether it is known to live, too. */
  readonly isAlive: boolean;
}

/**
 * Looks for the last start of a study that a conductor could begin, and none has begun. What the journal says of the study is older than
 * such a start, and says nothing of it.
 *
 * @param root the directory of the studies on the host
 * @param tokens the starts among which it is looked for; all if undefined
 * @returns undefined if there is none
 * @throws HostError
 */
export async function findUnbegun(
  host: Host,
  root: string,
  studyPath: string,
  tokens?: readonly string[],
): Promise<UnbegunStart | undefined> {
  const places = { starts: `${studyPath}/${startPath('')}`, registrations: `${root}/${registrationsPath}` };
  const look =
    `${assignments({ ...places, wanted: tokens === undefined ? 'all' : ` ${tokens.join(' ')} ` })}` +
    'cd -- "$starts" 2> /dev/null || exit 0\nshopt -s nullglob\nnewest=\n' +
    // By the times of files, because clocks of machines may differ. What is forgotten, or over, has no inputs any more.
    `for request in */${startFiles.request}; do\n  start=\${request%/*}\n` +
    '  [ "$wanted" = all ] || [[ $wanted == *" $start "* ]] || continue\n' +
    `  [ -f "$start/${startFiles.secrets}" ] && [ -z "$(find ../journal.jsonl -newer "$request")" ] || continue\n` +
    `  [ -n "$newest" ] && [ ! "$request" -nt "$newest/${startFiles.request}" ] || newest=$start\ndone\n` +
    '[ -n "$newest" ] || exit 0\nat=0\n' +
    `for seconds in $(stat -c %Y -- "$registrations/$newest.json" "$newest"/{${startFiles.request},${startFiles.started},${startFiles.asked}} 2> /dev/null); do\n` +
    '  ((seconds > at)) && at=$seconds\ndone\n' +
    // Behind one name there may be several machines: only on its own one is a conductor known to be dead.
    `life=unknown\n{ read -r machine conductor < "$newest/${startFiles.started}"; } 2> /dev/null &&\n` +
    '  [ "$machine" = "$HOSTNAME" ] && { kill -0 "$conductor" 2> /dev/null && life=alive || life=dead; }\n' +
    'printf "%s %s %s\\n" "$newest" $(($(date +%s) - at)) "$life"\n';
  const said = (await mustRun(host, `cannot look at the starts of ${studyPath}`, look)).toString();
  const [, token, age, life] = /^([0-9a-f]{32}) (-?\d+) (\w+)\n$/.exec(said) ?? [];
  if (token === undefined) return undefined;
  const isStarting = life !== 'dead' && Number(age) < START_TIMEOUT_S;
  return { token, isStarting, isAlive: isStarting && life === 'alive' };
}

/**
 * Whether some start that no conductor has begun is begun all the same: its conductor is being started, or those who collect it start one.
 * One that was never registered, because whoever left it was killed, is not.
 *
 * @throws HostError
 */
export async function isToBegin(host: Host, root: string, studyPath: string): Promise<boolean> {
  const unbegun = await findUnbegun(host, root, studyPath);
  if (unbegun === undefined || unbegun.isStarting) return unbegun !== undefined;
  const registered = await findRegistrations(host, root, { warning: () => {} });
  const tokens = registered.map(({ token }) => token);
  return (await findUnbegun(host, root, studyPath, tokens)) !== undefined;
}

/**
 * Whether a study that nothing drives, and no job is to conduct, is begun or gone on with all the same: `soon`, because its conductor is
 * being started, or `later`, by those who collect it.
 *
 * @throws HostError
 */
export async function goesOnByItself(
  host: Host,
  root: string,
  sight: StudySight,
): Promise<'soon' | 'later' | undefined> {
  const unbegun = await findUnbegun(host, root, sight.path);
  if (unbegun !== undefined) return unbegun.isStarting ? 'soon' : 'later';
  if (viewOf(sight).status !== 'INTERRUPTED') return undefined;
  // Without its inputs no start goes on.
  const look = `for file in ${quote(`${sight.path}/${startPath('')}`)}*/${startFiles.secrets}; do [ ! -f "$file" ] || echo kept; done`;
  const kept = await mustRun(host, `cannot look at the starts of ${sight.path}`, look);
  return kept.length > 0 ? 'later' : undefined;
}
