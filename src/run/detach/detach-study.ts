import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { causeOf, mustRun, run } from '../../hosts/commands.js';
import { writeFiles } from '../../hosts/files.js';
import { sendTree } from '../../hosts/upload/send.js';
import type { Spec } from '../../spec/spec.js';
import { findPlace, makePlace, type WantedPlace } from '../../store/directory.js';
import type { AnswerStore, GeneratorAnswer } from '../../study/pgen/answer.js';
import { exitCodes } from '../../study/state.js';
import type { Clock } from '../../util/clock.js';
import { counted } from '../../util/format.js';
import { quote, quoteAll } from '../../util/shell-quote.js';
import { type HostInputs, type Planned, type Planner, planner, type StudyContext } from '../prepare.js';
import { treeOf } from '../stage-all.js';
import { UploadProgress } from '../upload-progress.js';
import { seeStarted } from './follow.js';
import { ConductorError, type ConductorStart, type JobRequest } from './job.js';
import { bringProgram } from './program.js';
import { registrationsPath, type StartedFor, writeRegistration } from './registration.js';
import { planAsDriven } from './same-study.js';
import { startConductor } from './start-conductor.js';
import { startFiles, startPath } from './start-files.js';
import { readStartRequest, type StartRequest } from './start-request.js';
import type { StartState } from './start-state.js';

/** What detaching a study takes. */
export interface DetachContext extends StudyContext {
  readonly clock: Clock;
  /** Chooses the study directory from the spec. */
  readonly place: (spec: Spec) => WantedPlace;
  /** The directory of the studies on the host, where this program goes. */
  readonly root: string;
  readonly hostInputs: HostInputs;
  /** Called once those who collect find the study, whatever becomes of this process. */
  readonly onRegistered?: () => void;
  /** The path of Node on the host; '' for the one on PATH. */
  readonly node: string;
  /** How the conductor is asked for as a job; undefined if it runs in the background. */
  readonly job: JobRequest | undefined;
  /** Names this start: nobody can guess it. */
  readonly token: string;
  /** What the study is started for. */
  readonly startedFor: StartedFor;
  /** Which attempt of the workflow run starts it. */
  readonly runAttempt: string | undefined;
}

/** A study that runs detached. */
export interface DetachedStudy {
  readonly studyPath: string;
  /** Names the start that its conductor is of: an earlier one, if that drives it already. */
  readonly token: string;
  readonly steps: number;
  /** That of the study if it was over when it was left, else 0. */
  readonly exitCode: number;
}

export function newToken(): string {
  return randomBytes(16).toString('hex');
}

/**
 * Starts a study whose conductor runs on the host, in the background, and leaves it once that says that the study runs.
 *
 * @throws SpecError, PgenError, HostError; ConductorError with the conductor's own words if it could not run the study
 */
export async function detachStudy(context: DetachContext): Promise<DetachedStudy> {
  const { options, log, host, clock } = context;
  log.phase(`Read ${options.shownSpec}`);
  const planning = await planner(context);
  const tree = await treeOf(context);
  const program = await bringProgram(host, context.root, context.node);
  const { studyPath, planned, driven } = await placeStudy(context, planning);
  if (driven !== undefined) return confirmed(context, studyPath, planned, driven);
  for (const warning of planned.warnings) log.problem(warning);
  log.info(`Study directory ${studyPath}`);
  log.phase('Stage');
  const { token } = context;
  const startDirectory = `${studyPath}/${startPath(token)}`;
  await sendStartRequest(context, { startDirectory, token, planned, key: context.place(planning.spec).key });
  if (tree !== undefined) {
    const progress = new UploadProgress(log, clock, tree.bytes);
    try {
      await sendTree(host, tree, `${startDirectory}/${startFiles.tree}`, {
        tell: (line) => log.info(line),
        warn: (line) => log.warning(line),
        progress: progress.update,
        cancel: context.cancel,
      });
    } finally {
      progress.end();
    }
  }
  context.cancel.throwIfAborted();
  log.phase('Start');
  await register(context, studyPath);
  context.onRegistered?.();
  const state = await start(context, { program, studyPath, token });
  const steps = counted(planned.plan.graph.steps.length, 'step');
  if (state.state === 'runs') log.info(`The study of ${steps} runs detached on ${host.name}: ${state.words}`);
  if (state.state === 'ended') log.info(`The study of ${steps} is over already: ${state.status}`);
  log.endPhase();
  const exitCode = state.state === 'ended' ? exitCodes[state.status] : 0;
  return { studyPath, token, steps: planned.plan.graph.steps.length, exitCode };
}

/** Starts the conductor. What it cannot run is not left behind as if it went on. @throws ConductorError with its words; HostError */
async function start(context: DetachContext, starting: ConductorStart): Promise<StartState> {
  const { host, log } = context;
  try {
    const state = await startConductor(host, starting, log);
    if (state.state === 'failed') throw new ConductorError(state.reasons.join('\n'));
    return state;
  } catch (error) {
    // After any other error, such as that the connection broke, it may run.
    if (error instanceof ConductorError) await forgetStart(context, starting);
    throw error;
  }
}

async function forgetStart({ host, root, log }: DetachContext, { studyPath, token }: ConductorStart): Promise<void> {
  const startDirectory = `${studyPath}/${startPath(token)}`;
  const files = [
    `${root}/${registrationsPath}/${token}.json`,
    ...inStart(startDirectory, 'secrets', 'tree', 'jobRequest'),
  ];
  const { code, stderr } = await run(host, `rm -rf -- ${quoteAll(files)}`);
  if (code !== 0)
    log.warning(`files of the start are left in ${startDirectory} on ${host.name}: ${causeOf(code, stderr)}`);
}

const inStart = (startDirectory: string, ...names: readonly (keyof typeof startFiles)[]) =>
  names.map((name) => `${startDirectory}/${startFiles[name]}`);

/** Another start has begun the study, and its conductor drives it: this one only says so. */
function confirmed({ log, host }: DetachContext, studyPath: string, { plan }: Planned, token: string): DetachedStudy {
  const steps = plan.graph.steps.length;
  log.info(`Study directory ${studyPath}`);
  log.info(`The study of ${counted(steps, 'step')} was started before, and runs detached on ${host.name}`);
  log.endPhase();
  return { studyPath, token, steps, exitCode: 0 };
}

/** The directory of the study, which is made if there is none, and its plan there. */
async function placeStudy(
  context: DetachContext,
  planning: Planner,
): Promise<{ readonly studyPath: string; readonly planned: Planned; readonly driven?: string }> {
  const { host, clock, options } = context;
  const isShared = options.allowsSharedDirectory;
  const wanted = { ...context.place(planning.spec), isShared };
  for (;;) {
    const { path: studyPath, state } = await findPlace(host, wanted);
    const seen = state === undefined ? undefined : await seeStarted(context, studyPath);
    if (seen !== undefined) {
      const { token, sight } = seen;
      const study = { studyPath, state: sight.state, request: await readStartRequest(host, { studyPath, token }) };
      return {
        studyPath,
        planned: await planAsDriven(planning, study, { commit: context.startedFor.sha, text: context.text }),
        driven: token,
      };
    }
    // The conductor keeps the answer: only the holder of the lease writes to the journal.
    const answers: AnswerStore = {
      known: state?.answers ?? [],
      takesLast: context.arrived !== undefined,
      keep: async () => {},
    };
    const planned = await planning.at(studyPath, answers);
    if (state !== undefined) return { studyPath, planned };
    const study = { key: wanted.key, name: planning.spec.name, isShared };
    if (await makePlace(host, studyPath, study, clock)) return { studyPath, planned };
  }
}

interface StartRequestContext {
  readonly startDirectory: string;
  readonly token: string;
  readonly planned: Planned;
  readonly key: string;
}

async function sendStartRequest(
  context: DetachContext,
  { startDirectory, token, planned, key }: StartRequestContext,
): Promise<void> {
  const { host, text, specPath, workingDirectory, stageRoot, runAttempt, startedFor } = context;
  const { plain, apart } = context.hostInputs;
  const secrets = `${startDirectory}/${startFiles.secrets}`;
  await mustRun(
    host,
    `cannot write ${secrets} on ${host.name}`,
    `umask 077\nmkdir -p -- ${quote(startDirectory)} && cat > ${quote(secrets)}`,
    JSON.stringify(apart),
  );
  const request: StartRequest = {
    version: 1,
    token,
    inputs: { ...plain, spec: context.options.shownSpec },
    key,
    text,
    specPath,
    workingDirectory,
    stageRoot,
    generator: generatorOf(context, planned.answer),
    runUrl: startedFor.runUrl,
    sha: startedFor.sha,
    runAttempt,
  };
  // An allocation comes from where the job of the conductor has to go too; else the study's jobs do.
  const { type } = planned.plan.spec.batch;
  const jobRequest = context.job && { ...(type === 'local' ? {} : { with: type }), ...context.job };
  const asked = jobRequest && { path: startFiles.jobRequest, text: JSON.stringify(jobRequest) };
  await writeFiles(host, startDirectory, [
    { path: startFiles.request, text: JSON.stringify(request) },
    ...(asked === undefined ? [] : [asked]),
  ]);
}

function generatorOf({ pgen }: StudyContext, answer: GeneratorAnswer | undefined): StartRequest['generator'] {
  if (pgen === undefined || answer === undefined) return undefined;
  const base64 = existsSync(pgen.file) ? readFileSync(pgen.file).toString('base64') : undefined;
  return { name: path.basename(pgen.file), base64, answer: answer as NonNullable<StartRequest['generator']>['answer'] };
}

/** Written before the start: a study that runs is never without one. */
function register({ host, root, token, startedFor, clock }: DetachContext, studyPath: string): Promise<void> {
  return writeRegistration(host, root, { version: 1, token, studyPath, ...startedFor, started: clock.now() });
}
