import path from 'node:path';
import { controlDirectoryOf, runPath } from '../conductor/maestro/places.js';
import { mustRun } from '../hosts/commands.js';
import { type Host, HostError } from '../hosts/host.js';
import { findPlace, makePlace, type WantedPlace } from '../store/directory.js';
import { LeaseHeldError } from '../store/lease.js';
import { StudySession } from '../store/session.js';
import { quote } from '../util/shell-quote.js';
import type { OpenContext } from './open-study.js';

/** A study that Maestro makes, or has made. */
export interface MaestroStudy {
  /** The study directory: Maestro makes it. */
  readonly path: string;
  readonly session: StudySession;
  /** Whether an earlier run has started Maestro. */
  readonly isStarted: boolean;
  /** Whether that Maestro has ended. */
  readonly hasEnded: boolean;
}

type TakeContext = Pick<OpenContext, 'host' | 'holder' | 'clock' | 'log' | 'cancel' | 'onlyFinishes'>;

export interface MaestroRequest {
  readonly wanted: WantedPlace;
  readonly name: string;
  /** Whether the study of a session, in a directory, is finished and still the same. */
  readonly isDone: (session: StudySession, studyPath: string) => Promise<boolean>;
}

/**
 * Takes a study that Maestro runs, or makes a new one beside what is there: a Maestro that has ended continues nothing, and
 * an existing directory would be deleted by it.
 *
 * @throws HostError, LeaseHeldError, JournalError
 */
export function takeMaestroStudy(context: TakeContext, request: MaestroRequest): Promise<MaestroStudy> {
  return takeAt(context, request, request.wanted);
}

/** @param at the wanted place, or that of a study that was made beside it */
async function takeAt(context: TakeContext, request: MaestroRequest, at: WantedPlace): Promise<MaestroStudy> {
  const { host, log, onlyFinishes } = context;
  const { wanted, name, isDone } = request;
  const found = await findPlace(host, at);
  if (found.state === undefined) return takeNew(context, wanted, found.path, name);
  const session = await take(context, found.path, found.state.fence);
  let next: string;
  try {
    const run = await lookAtRun(host, found.path);
    if (run === undefined) {
      throw new HostError(
        `the study in ${found.path} was begun by the native conductor, and Maestro cannot continue it: choose \`conductor: native\`, or \`resume: never\` to start over in a new directory beside it`,
      );
    }
    const study = { path: found.path, session, isStarted: true, hasEnded: run === 'ended' };
    if (run === 'running' || onlyFinishes || (await isDone(session, found.path))) return study;
    next = await readNext(host, found.path);
    if (next === '') {
      log.info(
        `The Maestro that ran the study in ${found.path} has ended, and cannot continue it: a new one is made beside it`,
      );
    }
  } catch (error) {
    await session.release(undefined);
    throw error;
  }
  await session.release(undefined);
  if (next !== '') {
    const { former: _, ...place } = wanted;
    return takeAt(context, request, { ...place, path: next });
  }
  const beside = await findPlace(host, { ...wanted, resume: 'never' });
  const study = await takeNew(context, wanted, beside.path, name);
  try {
    await writeNext(host, found.path, beside.path);
  } catch (error) {
    await study.session.release(undefined);
    throw error;
  }
  return study;
}

/** A study names the one that was made beside it, so that a later run finds the Maestro that may still run that. */
const nextPath = '.conductor/maestro/next';

/** @returns '' if there is none */
async function readNext(host: Host, studyPath: string): Promise<string> {
  const file = quote(path.posix.join(studyPath, nextPath));
  const text = await mustRun(host, `cannot look at ${studyPath}`, `if [ -e ${file} ]; then cat -- ${file}; fi`);
  const name = text.toString();
  return name === '' ? '' : path.posix.join(path.posix.dirname(studyPath), path.posix.basename(name));
}

async function writeNext(host: Host, studyPath: string, next: string): Promise<void> {
  const file = quote(path.posix.join(studyPath, nextPath));
  const command = `cat > ${file}.new && mv -f -- ${file}.new ${file}`;
  await mustRun(host, `cannot write to ${studyPath}`, command, path.posix.basename(next));
}

/** Takes the control directory of a study whose own directory is not there. */
async function takeNew(
  context: TakeContext,
  wanted: WantedPlace,
  studyPath: string,
  name: string,
): Promise<MaestroStudy> {
  const { host, clock, onlyFinishes } = context;
  const control = controlDirectoryOf(studyPath);
  const { key, isShared = false } = wanted;
  const found = await findPlace(host, { path: control, key, isShared, resume: 'always' });
  if (found.state === undefined) {
    if (onlyFinishes) throw new HostError(`there is no study in ${studyPath} to be finished`);
    if (!(await makePlace(host, control, { key, name, isShared }, clock)))
      return takeNew(context, wanted, studyPath, name);
  }
  const session = await take(context, control, found.state?.fence ?? 0).catch((error) => {
    // Messages name the study, which is what `maestro cancel` takes.
    throw error instanceof LeaseHeldError ? new LeaseHeldError(studyPath, error.holder) : error;
  });
  const run = await lookAtRun(host, control);
  // A Maestro that ended before it made the directory has run nothing.
  if (run === 'ended') {
    const old = quote(`${control}/${runPath}`);
    await mustRun(host, `cannot put ${old} aside`, `mv -T -- ${old} ${old}."$(date +%s)"`);
  }
  return { path: studyPath, session, isStarted: run === 'running', hasEnded: false };
}

function take(context: TakeContext, directory: string, lastFence: number): Promise<StudySession> {
  const { host, holder, clock, log, cancel } = context;
  // Maestro itself looks for its lock files.
  return StudySession.take({ host, studyPath: directory, holder, clock, log, cancel, lastFence, watchesLocks: false });
}

/** @returns undefined if no Maestro was started there */
async function lookAtRun(host: Host, directory: string): Promise<'running' | 'ended' | undefined> {
  const run = quote(path.posix.join(directory, runPath));
  const command = `if [ -e ${run}/exit ]; then echo ended; elif [ -d ${run} ]; then echo running; fi`;
  const said = (await mustRun(host, `cannot look at ${directory}`, command)).toString().trim();
  return said === 'ended' || said === 'running' ? said : undefined;
}
