import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { callersEnvironment } from '../hosts/environment.js';
import type { Host } from '../hosts/host.js';
import { overlaysOf, requestOf, runOptionsOf } from '../inputs/derive.js';
import { inputsForHost } from '../inputs/for-host.js';
import { ineffectiveInputs } from '../inputs/ineffective.js';
import { readableMetrics } from '../inputs/metrics.js';
import { parseInputs } from '../inputs/parse.js';
import type { Inputs } from '../inputs/schema.js';
import type { RunObserver } from '../run/context.js';
import { findConductorJob, jobRequestSchema, jobWords, submitConductor } from '../run/detach/job.js';
import { JobTime } from '../run/detach/job-time.js';
import { RedactedStream, redactorOf, secretsIn } from '../run/detach/redaction.js';
import { startFiles, startPath } from '../run/detach/start-files.js';
import { type StartRequest, startRequestSchema } from '../run/detach/start-request.js';
import { StartStateFile } from '../run/detach/start-state.js';
import { partsOf } from '../run/mistakes.js';
import { type OpenedHosts, openHosts } from '../run/open-hosts.js';
import type { HostInputs } from '../run/prepare.js';
import type { ProcessContext } from '../run/process-context.js';
import { runStudy } from '../run/run-study.js';
import { formatProblem } from '../spec/problem.js';
import { LeaseHeldError, type LeaseHolder, ourHolder } from '../store/lease.js';
import { lookAtStudy } from '../store/look/look.js';
import { journalPath } from '../store/study-writer.js';
import { exitCodes, openJob, type StudyStatus } from '../study/state.js';
import { systemClock } from '../util/clock.js';
import { InputError } from '../util/errors.js';
import { BoundedFile } from '../util/log/bounded-file.js';
import { TerminalLog } from '../util/log/terminal-log.js';
import { optionOf } from './naming.js';
import type { Verb } from './verb.js';

/**
 * Runs a study that another process has begun and left: on the host, in the background, or as a job, whose id and remaining seconds are
 * given too. Only this program calls it.
 */
export const conduct: Verb = {
  name: 'conduct',
  synopsis: 'conduct DIR TOKEN [JOB SECONDS]',
  summary: 'run a detached study',
  details: '',
  flags: [],
  group: 'running',
  run: async ([studyPath = '', token = '', job = '', seconds = ''], context) => {
    const startDirectory = path.join(studyPath, startPath(token));
    const stream = new RedactedStream(new BoundedFile(path.join(startDirectory, startFiles.log)));
    const log = new TerminalLog(stream, stream);
    const state = new StartStateFile(path.join(startDirectory, startFiles.state));
    try {
      const status = await conductStudy(
        { studyPath, token, startDirectory, state, stream, log, job, seconds },
        context,
      );
      state.write({ state: 'ended', status });
      return exitCodes[status];
    } catch (error) {
      // It was started twice: the other one says how far it has come.
      if (error instanceof LeaseHeldError && error.holder?.detached === token) throw error;
      const { lines, problems } = partsOf(error);
      state.write({ state: 'failed', reasons: [...lines, ...problems.map(formatProblem)].map(stream.redact) });
      throw error;
    }
  },
};

interface Conducting {
  readonly studyPath: string;
  readonly token: string;
  readonly startDirectory: string;
  readonly state: StartStateFile;
  readonly stream: RedactedStream;
  readonly log: TerminalLog;
  /** The id of the job that this process is; '' if it is none. */
  readonly job: string;
  /** How long that may run yet, if there is a limit. */
  readonly seconds: string;
}

async function conductStudy(conducting: Conducting, context: ProcessContext): Promise<StudyStatus> {
  const leave = new AbortController();
  const onCancel = () => leave.abort(context.cancel.reason);
  if (context.cancel.aborted) onCancel();
  else context.cancel.addEventListener('abort', onCancel, { once: true });
  const hosts = await openForConducting(conducting, { ...context, cancel: leave.signal });
  try {
    const over = conducting.job === '' ? undefined : await endedBefore(conducting, hosts);
    return over ?? (await drive(conducting, { hosts, leave, hangup: context.hangup }));
  } finally {
    hosts.close();
    context.cancel.removeEventListener('abort', onCancel);
  }
}

function openForConducting({ log, startDirectory }: Conducting, process: ProcessContext): Promise<OpenedHosts> {
  const environment = callersEnvironment(process.environment);
  // The process that started this one has run `setup` before.
  return openHosts({ ssh: undefined, setup: '' }, { environment, process, log, temporary: startDirectory });
}

interface Driving {
  readonly hosts: OpenedHosts;
  /** Aborted to leave the study to the next conductor. */
  readonly leave: AbortController;
  readonly hangup: AbortSignal;
}

async function drive(conducting: Conducting, { hosts, leave, hangup }: Driving): Promise<StudyStatus> {
  const { studyPath, startDirectory, state, stream, log } = conducting;
  const { host, here } = hosts;
  const tree = path.join(startDirectory, startFiles.tree);
  const { request, inputs, hostInputs } = readOwnRequest(startDirectory, stream);
  const options = runOptionsOf(inputs);
  const { metrics } = await readableMetrics(inputs, { nameOf: optionOf, directory: request.workingDirectory });
  const time = jobTime(conducting, { leave, host });
  try {
    const { results } = await runStudy({
      // Neither a logout nor a shutdown of the host means that nobody wants the study any more.
      options: {
        ...options,
        hasRemoteHost: true,
        stop: { ...options.stop, onCancel: 'leave' },
        // That is for those to decide who collect it.
        report: { ...options.report, onInfrastructure: 'fail' },
      },
      text: request.text,
      hostInputs,
      metrics,
      overlays: overlaysOf(inputs, optionOf),
      pgen: pgenOf(request, inputs, startDirectory),
      specPath: request.specPath,
      workingDirectory: request.workingDirectory,
      stageRoot: request.stageRoot,
      arrived: { tree, answer: request.generator?.answer },
      ...{ host, here, log, hangup, redact: stream.redact },
      cancel: leave.signal,
      handOver: time,
      place: () => ({ path: studyPath, key: request.key, resume: 'always' }),
      request: requestOf(inputs, optionOf),
      around: '',
      holder: holderOf(request, conducting),
      // No post step follows a conductor, so nothing is saved for one.
      remember: ({ allocation }) => {
        if (allocation !== undefined) state.runs('it waits for its allocation');
      },
      observer: observerOf(state, tree),
      ineffectiveOptions: (plan) => ineffectiveInputs(inputs, plan),
      reportPlace: () => ({ path: path.join(studyPath, '.conductor/report'), untrusted: [] }),
      baseline: undefined,
    });
    if (results.status !== 'INTERRUPTED') forget(startDirectory);
    return results.status;
  } finally {
    time?.end();
  }
}

function holderOf({ runUrl, runAttempt, token }: StartRequest, { job }: Conducting): LeaseHolder {
  return { ...ourHolder(runUrl, runAttempt), detached: token, ...(job === '' ? {} : { job }) };
}

/** Tells the process that has started the study how far it is, and removes the working tree once all of it is staged. */
function observerOf(state: StartStateFile, tree: string): RunObserver {
  return {
    begun: async () => {},
    executing: (records) => {
      void rm(tree, { recursive: true, force: true }).catch(() => {});
      if (records.some((record) => openJob(record) !== undefined))
        state.runs('it continues with steps that are running');
    },
    changed: () => state.runs('its steps have begun'),
    lost: () => {},
  };
}

/** Removes the secrets and the working tree, which only another conductor would need. */
function forget(startDirectory: string): void {
  rmSync(path.join(startDirectory, startFiles.secrets), { force: true });
  rmSync(path.join(startDirectory, startFiles.tree), { recursive: true, force: true });
}

/** How a study ended while this job waited in the queue: then nothing is run again. */
async function endedBefore(
  { studyPath, startDirectory, log }: Conducting,
  { host }: OpenedHosts,
): Promise<StudyStatus | undefined> {
  const sight = await lookAtStudy(host, studyPath);
  const ended = 'state' in sight ? sight.state.ended : undefined;
  if (ended === undefined || ended.status === 'INTERRUPTED') return undefined;
  const changedAt = (file: string) => statSync(path.join(startDirectory, file), { throwIfNoEntry: false })?.mtimeMs;
  const submitted = changedAt(startFiles.asked) ?? changedAt(startFiles.job);
  const written = statSync(path.join(studyPath, journalPath), { throwIfNoEntry: false })?.mtimeMs;
  // By the times of both files, as those who look at the study tell it: clocks of machines may differ.
  if (submitted === undefined || written === undefined || written < submitted) return undefined;
  const { status } = ended;
  log.info(`The study has become ${status} since this job was submitted: there is nothing to do`);
  forget(startDirectory);
  return status;
}

/** The time of the job that this process is; undefined if it has no limit. */
function jobTime(
  { studyPath, token, startDirectory, job, seconds, log }: Conducting,
  { leave, host }: { readonly leave: AbortController; readonly host: Host },
): JobTime | undefined {
  if (job === '' || !/^-?\d+$/.test(seconds)) return undefined;
  const succeed = async () => {
    const request = jobRequestSchema.parse(
      JSON.parse(readFileSync(path.join(startDirectory, startFiles.jobRequest), 'utf8')),
    );
    const ours = await findConductorJob(host, studyPath);
    const program = { node: process.execPath, program: process.argv[1]! };
    const after = ours && { ...ours.job, id: job };
    return jobWords(await submitConductor(host, request, { program, studyPath, token }, after));
  };
  return new JobTime({ seconds: Number(seconds), clock: systemClock, log, succeed, leave });
}

/** @param stream takes the secrets out of what is wrong with the inputs, too */
function readOwnRequest(
  startDirectory: string,
  stream: RedactedStream,
): {
  readonly request: StartRequest;
  readonly inputs: Inputs;
  readonly hostInputs: HostInputs;
} {
  const json = (name: string): unknown => JSON.parse(readFileSync(path.join(startDirectory, name), 'utf8'));
  if (!existsSync(path.join(startDirectory, startFiles.secrets))) {
    throw new InputError([
      `the inputs of this start are gone from ${startDirectory}: they are kept until its study is over`,
    ]);
  }
  const read = startRequestSchema.safeParse(json(startFiles.request));
  if (!read.success) throw new InputError([`${startDirectory}/${startFiles.request} is not what this version writes`]);
  const request = read.data;
  const secret = json(startFiles.secrets) as Record<string, string>;
  stream.redact = redactorOf(secretsIn(Object.values(secret)));
  const texts = new Map(Object.entries({ ...request.inputs, ...secret }));
  return {
    request,
    inputs: parseInputs(texts, optionOf),
    hostInputs: inputsForHost(texts),
  };
}

/** The generator is not asked again, but its file becomes a part of the study. */
function pgenOf({ generator }: StartRequest, inputs: Inputs, startDirectory: string) {
  if (generator === undefined) return undefined;
  const file = path.join(startDirectory, 'pgen', generator.name);
  if (generator.base64 !== undefined) {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, Buffer.from(generator.base64, 'base64'));
  }
  return { file, shown: generator.name, kwargs: inputs.pargs };
}
