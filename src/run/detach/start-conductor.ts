import { programs } from '../../generated/programs.js';
import { again, causeOf, run } from '../../hosts/commands.js';
import { type Host, HostLostError } from '../../hosts/host.js';
import { JournalError } from '../../store/journal/replay.js';
import { isDriven } from '../../store/look/driver.js';
import { lookAtStudy, NoStudyError } from '../../store/look/look.js';
import type { Log } from '../../util/log/log.js';
import { assignments } from '../../util/shell-quote.js';
import { ConductorError, type ConductorStart, jobRequestSchema, jobWords, submitConductor } from './job.js';
import { startFiles, startPath } from './start-files.js';
import { parseState, type StartState } from './start-state.js';

/** How long a conductor may take to say that the study runs. */
export const START_TIMEOUT_S = 120;

/**
 * Starts the conductor of a detached study, in the environment of steps: in the background, and waits until it has said how far it has
 * come; or as a job, and waits until the batch system has accepted that.
 *
 * @throws ConductorError if it ended without a word, or the batch system does not take it; HostError
 */
export async function startConductor(
  host: Host,
  start: ConductorStart,
  log: Pick<Log, 'warning'>,
): Promise<StartState> {
  const { program, studyPath, token } = start;
  const startDirectory = `${studyPath}/${startPath(token)}`;
  const command = (confirms: 'yes' | 'no') =>
    assignments({
      ...program,
      study: studyPath,
      token,
      directory: startDirectory,
      patience: START_TIMEOUT_S,
      root: '',
      confirms,
    }) + programs['run/detach/start.sh'];
  const { code, stdout, stderr } = await startOnce(host, command);
  if (code !== 0) throw new ConductorError(`cannot start the conductor on ${host.name}: ${causeOf(code, stderr)}`);
  const lines = stdout.toString().split('\n');
  const file = /^logout (.*)$/.exec(lines[0]!)?.[1];
  if (file !== undefined) {
    lines.shift();
    log.warning(
      `${host.name} kills a user's processes at logout (KillUserProcesses in ${file}), and may kill the conductor when this connection closes; \`detach: job\` runs it as a batch job instead`,
    );
  }
  const [word = '', ...rest] = lines;
  const logFile = `${startDirectory}/${startFiles.log}`;
  switch (word) {
    case 'job': {
      const request = jobRequestSchema.parse(JSON.parse(rest.join('\n')));
      const job = await submitConductor(host, request, start);
      return { state: 'runs', words: `its conductor is ${jobWords(job)}, and starts with that` };
    }
    case 'state':
      return parseState(rest.join('\n')) ?? { state: 'runs', words: `its state cannot be read; see ${logFile}` };
    case 'silent':
      log.warning(`the conductor on ${host.name} has said nothing for ${START_TIMEOUT_S} s; its log is ${logFile}`);
      return { state: 'runs', words: 'it was started' };
    default:
      // Of two that are started at once one drives the study, and the other one ends.
      if (await isConducted(host, start)) return { state: 'runs', words: 'it was started before' };
      throw new ConductorError(
        `the conductor on ${host.name} exited at startup: ${rest.join('\n').trim() || 'it printed nothing'}`,
      );
  }
}

/** Whether a conductor of that start drives the study. @throws HostError if that cannot be seen */
async function isConducted(host: Host, { studyPath, token }: ConductorStart): Promise<boolean> {
  try {
    const { driver } = { driver: undefined, ...(await lookAtStudy(host, studyPath)) };
    return driver !== undefined && isDriven(driver) && driver.holder?.detached === token;
  } catch (error) {
    // Any other error, such as that the connection broke, says nothing of it: it may be driven.
    if (!(error instanceof NoStudyError || error instanceof JournalError)) throw error;
    return false;
  }
}

/** Starts what must not be started twice: where the answer is lost, it is only waited for. */
async function startOnce(host: Host, command: (confirms: 'yes' | 'no') => string): ReturnType<typeof run> {
  const start = () => run(host, command('no'), '', { isForSteps: true });
  try {
    return await start();
  } catch (error) {
    if (!(error instanceof HostLostError)) throw error;
    const seen = await again(() => run(host, command('yes'), '', { isForSteps: true }));
    return seen.stdout.toString() === 'unstarted\n' ? start() : seen;
  }
}
