import { readFileSync, statSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { callersEnvironment } from '../hosts/environment.js';
import { hostOptionsOf, isElsewhere, isStaged, overlaysOf, pgenOf, runOptionsOf } from '../inputs/derive.js';
import { fileNames } from '../inputs/file-names.js';
import { inputsForHost } from '../inputs/for-host.js';
import { withMetricsText } from '../inputs/metrics.js';
import { preflight, type Ready } from '../inputs/preflight.js';
import type { Inputs } from '../inputs/schema.js';
import { readSpecText } from '../run/given-files.js';
import { Mistakes } from '../run/mistakes.js';
import { type OpenedHosts, openHosts, stageRootOf } from '../run/open-hosts.js';
import type { HostInputs, SpecContext, StudyContext } from '../run/prepare.js';
import type { ProcessContext } from '../run/process-context.js';
import type { Spec } from '../spec/spec.js';
import { studiesRoot, studyDirectory, timeStamp } from '../study/directory.js';
import type { Log } from '../util/log/log.js';
import type { TerminalLog } from '../util/log/terminal-log.js';
import { readInputs } from './arguments.js';
import { optionOf } from './naming.js';
import { packageSample } from './package-sample.js';
import { readStdin, stdinPath, wrongWithStdin } from './stdin.js';

/** What a command line about a study gives. */
export interface Given {
  /** With the default of each that is wrong. */
  readonly inputs: Inputs;
  /** What is wrong so far. */
  readonly mistakes: Mistakes;
  /** Undefined if there is none, or it cannot be read, which is one of the mistakes. */
  readonly study: GivenStudy | undefined;
}

export interface GivenStudy extends SpecContext, Pick<StudyContext, 'pgen'> {
  readonly hostInputs: HostInputs;
  /** Whether it came from stdin. */
  readonly isPiped: boolean;
}

/**
 * Reads the arguments of a verb about a study, and the study. What is to be noted of them goes to the log.
 *
 * @param needsSpec whether there must be a study
 */
export async function readGiven(
  args: readonly string[],
  context: ProcessContext,
  log: TerminalLog,
  needsSpec = true,
): Promise<Given> {
  const { read, isFile } = filesHere(context);
  const { inputs: given, texts: asGiven, errors, notes } = readInputs(args, { read, needsSpec });
  for (const note of notes) log.note(note);
  const { inputs, errors: misnamed } = fileNames(given, { nameOf: optionOf, readsFiles: true, isFile });
  const mistakes = new Mistakes([...errors, ...misnamed]);
  const texts = withMetricsText(asGiven, inputs, context.workingDirectory);
  const isPiped = inputs.spec === '-';
  const named = isPiped ? { ...inputs, spec: 'stdin' } : inputs;
  return { inputs: named, mistakes, study: await givenStudy(named, { isPiped, texts, mistakes, context, log }) };
}

/** The files that arguments name. The shell does not expand a tilde behind an @. */
export function filesHere({ workingDirectory, environment }: ProcessContext) {
  const resolve = (file: string) =>
    file.startsWith('~/')
      ? path.join(environment.HOME ?? homedir(), file.slice(2))
      : path.resolve(workingDirectory, file);
  return {
    read: (file: string) => readFileSync(resolve(file), 'utf8'),
    isFile: (file: string) => statSync(resolve(file), { throwIfNoEntry: false })?.isFile() ?? false,
  };
}

interface Reading {
  readonly isPiped: boolean;
  /** The inputs as they were given, by name. */
  readonly texts: ReadonlyMap<string, string>;
  readonly mistakes: Mistakes;
  readonly context: ProcessContext;
  readonly log: TerminalLog;
}

async function givenStudy(
  inputs: Inputs,
  { isPiped, texts, mistakes, context, log }: Reading,
): Promise<GivenStudy | undefined> {
  const { workingDirectory } = context;
  if (inputs.spec === '') return undefined;
  const sample = isPiped ? undefined : packageSample(inputs.spec, workingDirectory);
  if (sample !== undefined) log.info(`There is no ${inputs.spec} here, so this package's own is used: ${sample}`);
  if (isPiped) mistakes.add(...wrongWithStdin(inputs));
  const specPath = isPiped
    ? stdinPath(inputs, workingDirectory)
    : (sample ?? path.resolve(workingDirectory, inputs.spec));
  const stageRoot = isStaged(inputs)
    ? mistakes.attempt(() => stageRootOf(inputs.stage, specPath, workingDirectory))
    : undefined;
  const text = isPiped
    ? await mistakes.attemptAsync(() => readStdin(context, log, mistakes))
    : mistakes.attempt(() => readSpecText(specPath, inputs.spec));
  if (text === undefined) return undefined;
  return {
    options: runOptionsOf(inputs),
    hostInputs: inputsForHost(texts),
    pgen: pgenOf(inputs, workingDirectory),
    specPath,
    workingDirectory,
    text,
    overlays: overlaysOf(inputs, optionOf),
    stageRoot,
    isPiped,
  };
}

/** What running and validating have in common. */
export function common<Study extends SpecContext & Pick<StudyContext, 'pgen' | 'arrived' | 'metrics'>>(
  study: Study,
  { cancel, hangup }: ProcessContext,
  log: TerminalLog,
  { host, here }: OpenedHosts,
) {
  return { ...study, log, cancel, hangup, host, here };
}

/** The directory of a study. @param home that of the user, on the machine where it will be */
export function directoryOf(
  spec: Spec,
  inputs: Inputs,
  context: ProcessContext,
  { isElsewhere, home }: Pick<OpenedHosts, 'isElsewhere' | 'home'>,
): string {
  return studyDirectory(spec, {
    outputPath: inputs['output-path'],
    root: isElsewhere ? rootOf(context, { home }) : context.workingDirectory,
    home,
    suffix: timeStamp(new Date()),
  });
}

/** Looks for everything else that is wrong. @throws everything that is wrong, at once */
export async function refuseMistakes(
  { inputs, study, mistakes }: Given,
  context: ProcessContext,
  log: TerminalLog,
): Promise<Ready> {
  const home = context.environment.HOME ?? homedir();
  const ready = await preflight(study, inputs, mistakes, {
    nameOf: optionOf,
    directory: context.workingDirectory,
    warn: (line) => log.warning(line),
    ...(isElsewhere(inputs)
      ? {}
      : { studyPath: (spec: Spec) => directoryOf(spec, inputs, context, { isElsewhere: false, home }) }),
  });
  mistakes.refuse();
  return ready;
}

/** Where studies are on another machine. */
export function rootOf({ workingDirectory }: ProcessContext, { home }: Pick<OpenedHosts, 'home'>): string {
  return path.posix.join(studiesRoot(home), path.basename(workingDirectory));
}

export function open(inputs: Inputs, context: ProcessContext, log: Log): Promise<OpenedHosts> {
  return openHosts(hostOptionsOf(inputs), {
    environment: callersEnvironment(context.environment),
    process: context,
    log,
    temporary: tmpdir(),
  });
}

export function openHere(inputs: Inputs, context: ProcessContext, log: TerminalLog): Promise<OpenedHosts> {
  return open({ ...inputs, host: '' }, context, log);
}
