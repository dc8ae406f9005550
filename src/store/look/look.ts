import { gunzipSync } from 'node:zlib';
import { programs } from '../../generated/programs.js';
import { mustRun } from '../../hosts/commands.js';
import { type Host, HostError } from '../../hosts/host.js';
import type { ProcessIdentity } from '../../hosts/processes.js';
import { assignments, quoteAll } from '../../util/shell-quote.js';
import type { JournalState } from '../journal/records.js';
import { replay } from '../journal/replay.js';
import { type Driver, driverOf } from './driver.js';
import { Fields } from './fields.js';

/** Where and when something was seen. */
export interface Sighting {
  /** Milliseconds since the epoch, by the host's clock, to the second. */
  readonly now: number;
  /** The host's offset from UTC. */
  readonly offsetMinutes: number;
}

/** Everything about one study. */
export interface StudySight extends Sighting {
  readonly path: string;
  readonly driver: Driver;
  readonly state: JournalState;
  /** Of a study that was never planned: its status.csv; '' if there is none. */
  readonly statusCsv: string;
}

/** A study of Maestro's that this program has no journal of. */
export interface MaestroSight extends Sighting {
  readonly path: string;
  readonly statusCsv: string;
}

/** A directory is no study that can be looked at. The message is for people. */
export class NoStudyError extends HostError {
  /** Names beside a directory that does not exist. */
  readonly beside: readonly string[];

  constructor(message: string, beside: readonly string[] = []) {
    super(message);
    this.name = 'NoStudyError';
    this.beside = beside;
  }
}

/**
 * Looks at one study with one command. Nothing is written, and no lease is taken.
 *
 * @throws NoStudyError, HostError; JournalError if its journal is damaged or of a later version
 */
export async function lookAtStudy(
  host: Host,
  path: string,
  { isFar = false }: { readonly isFar?: boolean } = {},
): Promise<StudySight | MaestroSight> {
  const command =
    programs['store/look/look-functions.sh'] +
    assignments({ study: path, compress: isFar ? 'yes' : 'no' }) +
    programs['store/look/look.sh'];
  const fields = new Fields(await mustRun(host, `cannot look at ${path} on ${host.name}`, command));
  const { machine, sighting } = takeMachine(fields);
  const kind = fields.next();
  if (kind === 'maestro') return { ...sighting, path, statusCsv: unsqueezed(fields).toString() };
  if (kind !== 'study') throw noStudy(path, kind ?? '', fields.all());
  const driver = takeDriver(fields, machine);
  const { statusCsv } = fields.take('statusCsv');
  const state = replay(unsqueezed(fields).toString());
  if (state.seq === 0) throw new NoStudyError(`the journal of the study in ${path} is empty: it was never begun`);
  return { ...sighting, path, driver, statusCsv, state };
}

function unsqueezed(fields: Fields): Buffer {
  const isSqueezed = fields.next() === 'gzip';
  return isSqueezed ? gunzipSync(fields.rest()) : fields.rest();
}

/** What a few studies are like, without all of their journals. */
export interface BriefSight extends Sighting {
  readonly path: string;
  readonly kind: 'study' | 'maestro';
  readonly driver: Driver;
  /** The first and the last line of the journal; the last may be cut at its beginning. */
  readonly first: string;
  readonly last: string;
  /** When the journal was last written, or Maestro's status.csv; milliseconds since the epoch. */
  readonly changed: number | undefined;
  /** How many steps are in each state, by status.csv. */
  readonly counts: ReadonlyMap<string, number>;
  readonly bytes: number | undefined;
  /** Whether a conductor of it is, or was, a job; `ahead` if one was asked for after the journal was last written. */
  readonly conductorJob: 'none' | 'some' | 'ahead';
}

/** For how many seconds sizes are counted. */
const SIZES_SECONDS = 20;

/**
 * Looks at several studies with one command.
 *
 * @returns those that are studies; why the others are none has to be looked for one by one
 * @throws HostError
 */
export async function lookAtStudies(
  host: Host,
  paths: readonly string[],
): Promise<{ readonly studies: readonly BriefSight[]; readonly others: readonly string[] }> {
  const command =
    `${programs['store/look/look-functions.sh']}${assignments({ sizes: 0 })}set -- ${quoteAll(paths)}\n` +
    programs['store/look/brief.sh'];
  return takeBriefs(new Fields(await mustRun(host, `cannot look at the studies on ${host.name}`, command)));
}

/**
 * Finds the studies below a directory, and looks at them, with one command.
 *
 * @returns `isCut` if there were too many directories to look at all of them
 * @throws NoStudyError if there is no such directory, HostError
 */
export async function findStudies(
  host: Host,
  root: string,
  { depth, hasSizes }: { readonly depth: number; readonly hasSizes: boolean },
): Promise<{ readonly studies: readonly BriefSight[]; readonly isCut: boolean }> {
  const command =
    programs['store/look/look-functions.sh'] +
    assignments({ root, depth, sizes: hasSizes ? SIZES_SECONDS : 0 }) +
    programs['store/look/find.sh'] +
    programs['store/look/brief.sh'];
  const fields = new Fields(await mustRun(host, `cannot look for studies on ${host.name}`, command));
  const [word, what = ''] = (fields.next() ?? '').split(' ');
  if (word !== 'found') throw noStudy(root, what, []);
  return { studies: takeBriefs(fields).studies, isCut: what !== '' };
}

function takeBriefs(fields: Fields): { readonly studies: readonly BriefSight[]; readonly others: readonly string[] } {
  const studies: BriefSight[] = [];
  const others: string[] = [];
  const { machine, sighting } = takeMachine(fields);
  for (let kind = fields.next(); kind !== undefined && kind !== 'end'; kind = fields.next()) {
    const { path } = fields.take('path');
    if (kind !== 'study' && kind !== 'maestro') {
      others.push(path);
      continue;
    }
    const driver = takeDriver(fields, machine);
    const { first, last, changed, counts, kilobytes, conductor } = fields.take(
      ...(['first', 'last', 'changed', 'counts', 'kilobytes', 'conductor'] as const),
    );
    studies.push({
      ...sighting,
      ...{ path, kind, driver, first, last },
      changed: changed === '' ? undefined : Number(changed) * 1000,
      counts: new Map(
        counts.split('\n').flatMap((line) => {
          const [state, count] = line.split(' ');
          return state && count ? [[state, Number(count)] as const] : [];
        }),
      ),
      bytes: kilobytes === '' ? undefined : Number(kilobytes) * 1024,
      conductorJob: conductor === 'ahead' ? 'ahead' : conductor === '' ? 'none' : 'some',
    });
  }
  return { studies, others };
}

/** Takes what a command says of its machine first. */
export function takeMachine(fields: Fields): {
  readonly machine: Omit<ProcessIdentity, 'pid'>;
  readonly sighting: Sighting;
} {
  const { clock, machine, bootId, pidNamespace } = fields.take('clock', 'machine', 'bootId', 'pidNamespace');
  const [seconds, zone = ''] = clock.split(' ');
  const [, sign = '', hours = '', minutes = ''] = /^([+-])(\d\d)(\d\d)$/.exec(zone) ?? [];
  return {
    machine: { machine, ...(bootId && { bootId }), ...(pidNamespace && { pidNamespace }) },
    sighting: {
      now: Number(seconds) * 1000,
      offsetMinutes: (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)),
    },
  };
}

/** Takes what a command says of a driver. */
export function takeDriver(fields: Fields, machine: Omit<ProcessIdentity, 'pid'>): Driver {
  const { fence, quiet, line, stat } = fields.take('fence', 'quiet', 'line', 'stat');
  const quietSeconds = quiet === '' ? undefined : Number(quiet);
  return driverOf({ fence: Number(fence), quietSeconds, line, stat }, machine);
}

/** Why a directory is no study, in words. @param told what the command found there besides */
function noStudy(path: string, kind: string, told: readonly string[]): NoStudyError {
  switch (kind) {
    case 'missing':
      return new NoStudyError(`there is no directory ${path}`, told);
    case 'denied':
      return new NoStudyError(`you may not read ${path}, or a directory on the way to it`);
    case 'file':
      return new NoStudyError(`${path} is a file, and a study is a directory`);
  }
  const [where, ...studies] = told;
  if (where === 'inside') return new NoStudyError(`${path} is no study, but is in one: ${studies[0]}`);
  if (where === 'above') {
    const below = studies.filter((study) => study !== 'above');
    const some = below.slice(0, 3).join(', ');
    return new NoStudyError(`${path} is no study, but has studies in it (\`list\` shows them), such as ${some}`);
  }
  return new NoStudyError(`there is no study in ${path}: neither one of this program nor one of Maestro`);
}
