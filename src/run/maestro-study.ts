import path from 'node:path';
import { controlDirectoryOf, runPath, stageBeside } from '../conductor/maestro/places.js';
import { mustRun } from '../hosts/commands.js';
import { type Host, HostError } from '../hosts/host.js';
import { findPlace, makePlace, type WantedPlace } from '../store/directory.js';
import type { JournalState } from '../store/journal/records.js';
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
  /** Whether that Maestro has ended, and a run has told how. */
  readonly hasEnded: boolean;
}

type TakeContext = Pick<OpenContext, 'host' | 'holder' | 'clock' | 'log' | 'cancel' | 'onlyFinishes'>;

/** A host that fails for that many directories in a row is not asked for another one. */
const MAX_PASSED_OVER = 100;

/**
 * Takes a study that Maestro runs, or makes a new one beside what is there: a Maestro that has ended continues nothing, and
 * an existing directory would be deleted by it. A Maestro whose end no run has told is taken, whether it runs or not.
 *
 * @param isDone whether a study is finished, and still the same
 * @throws HostError, LeaseHeldError, JournalError
 */
export async function takeMaestroStudy(
  context: TakeContext,
  {
    wanted,
    name,
    isDone,
  }: { wanted: WantedPlace; name: string; isDone: (state: JournalState, path: string) => Promise<boolean> },
): Promise<MaestroStudy> {
  const { host, log, onlyFinishes } = context;
  const { former: _, ...beside } = wanted;
  // A later run than the first may have made one beside that of the first.
  let passedOver = 0;
  for (let number = 1; ; number++) {
    const isFirst = number === 1;
    const place = isFirst ? wanted : { ...beside, path: `${wanted.path}.${number}` };
    const found = await findPlace(host, place).catch((error) => {
      if (isFirst || !(error instanceof HostError) || ++passedOver > MAX_PASSED_OVER) throw error;
    });
    // What another study has is passed over.
    if (found === undefined) continue;
    if (found.state === undefined) return takeNew(context, wanted, found.path, name);
    const run = await lookAtRun(host, found.path);
    if (run === undefined) {
      throw new HostError(
        `the study in ${found.path} was begun by the native conductor, and Maestro cannot continue it: choose \`conductor: native\`, or \`resume: never\` to start over in a new directory beside it`,
      );
    }
    const hasEnded = run === 'told';
    if (!hasEnded || onlyFinishes || (await isDone(found.state, found.path))) {
      const session = await take(context, found.path, found.state.fence);
      return { path: found.path, session, isStarted: true, hasEnded };
    }
    log.info(
      `The Maestro that ran the study in ${found.path} has ended, and cannot continue it: a new study is made beside it`,
    );
  }
}

/**
 * Writes down that a run has told how Maestro ended: the next one does not look at it again.
 *
 * @throws HostError
 */
export async function markTold(host: Host, studyPath: string): Promise<void> {
  const [inside, beside] = [studyPath, controlDirectoryOf(studyPath)].map((root) => quote(`${root}/${runPath}`));
  await mustRun(
    host,
    'cannot write down that Maestro has ended',
    `run=${inside}; [ -d "$run" ] || run=${beside}; : > "$run/told"`,
  );
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
  // The link and the copy that were left for a study which is deleted since.
  const link = quote(`${control}/.conductor`);
  const stage = quote(stageBeside(studyPath));
  await mustRun(host, `cannot empty ${control}`, `[ ! -L ${link} ] || [ -e ${link} ] || rm -rf -- ${link} ${stage}`);
  const found = await findPlace(host, { path: control, key, isShared, resume: 'always' });
  if (found.state === undefined) {
    if (onlyFinishes) throw new HostError(`there is no study in ${studyPath} to be finished`);
    if (!(await makePlace(host, control, { key, name, isShared }, clock)))
      return takeNew(context, wanted, studyPath, name);
  }
  const session = await take(context, control, found.state?.fence ?? 0).catch((error) => {
    // Messages name the study, which is what `cancel` takes.
    throw error instanceof LeaseHeldError ? new LeaseHeldError(studyPath, error.holder) : error;
  });
  const run = await lookAtRun(host, control);
  // A Maestro that ended before it made the directory has run nothing.
  if (run === 'ended' || run === 'told') {
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

/** @returns undefined if no Maestro was started there; `told` if a run has told how it ended */
async function lookAtRun(host: Host, directory: string): Promise<'running' | 'ended' | 'told' | undefined> {
  const run = quote(path.posix.join(directory, runPath));
  const command = `for each in told exit; do if [ -e ${run}/$each ]; then echo $each; exit; fi; done; [ ! -d ${run} ] || echo`;
  const said = (await mustRun(host, `cannot look at ${directory}`, command)).toString();
  if (said === '') return undefined;
  return said === 'told\n' ? 'told' : said === 'exit\n' ? 'ended' : 'running';
}
