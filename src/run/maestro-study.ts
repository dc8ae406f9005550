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

/**
 * Takes a study that Maestro runs, or makes a new one beside what is there: a Maestro that has ended continues nothing, and
 * an existing directory would be deleted by it.
 *
 * @param isDone whether the study of a session is finished, and still the same
 * @throws HostError, LeaseHeldError, JournalError
 */
export async function takeMaestroStudy(
  context: OpenContext,
  { wanted, name, isDone }: { wanted: WantedPlace; name: string; isDone: (session: StudySession) => Promise<boolean> },
): Promise<MaestroStudy> {
  const { host, log, onlyFinishes } = context;
  const found = await findPlace(host, wanted);
  if (found.state === undefined) return takeNew(context, wanted, found.path, name);
  const session = await take(context, found.path, found.state.fence);
  try {
    const run = await lookAtRun(host, found.path);
    if (run === undefined) {
      throw new HostError(
        `the study in ${found.path} was begun by the native conductor, and Maestro cannot continue it: choose \`conductor: native\`, or \`resume: never\` to start over in a new directory beside it`,
      );
    }
    const study = { path: found.path, session, isStarted: true, hasEnded: run === 'ended' };
    if (run === 'running' || onlyFinishes || (await isDone(session))) return study;
    log.info(
      `The Maestro that ran the study in ${found.path} has ended, and cannot continue it: a new one is made beside it`,
    );
  } catch (error) {
    await session.release(undefined);
    throw error;
  }
  await session.release(undefined);
  const beside = await findPlace(host, { ...wanted, resume: 'never' });
  return takeNew(context, wanted, beside.path, name);
}

/** Takes the control directory of a study whose own directory is not there. */
async function takeNew(
  context: OpenContext,
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

function take(context: OpenContext, directory: string, lastFence: number): Promise<StudySession> {
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
