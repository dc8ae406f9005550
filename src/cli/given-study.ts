import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { callersEnvironment } from '../hosts/environment.js';
import { hostOptionsOf, isElsewhere, overlaysOf, pgenOf, runOptionsOf } from '../inputs/derive.js';
import type { Inputs } from '../inputs/schema.js';
import { type OpenedHosts, openHosts, stageRootOf } from '../run/open-hosts.js';
import type { SpecContext, StudyContext } from '../run/prepare.js';
import { type ProcessContext, readSpecText } from '../run/process-context.js';
import type { Spec } from '../spec/spec.js';
import { studyDirectory, timeStamp } from '../study/directory.js';
import { InputError } from '../util/errors.js';
import type { TerminalLog } from '../util/log/terminal-log.js';
import { readInputs } from './arguments.js';
import { optionOf } from './naming.js';
import { packageSample } from './package-sample.js';

/**
 * The inputs of a verb about a study. What is to be noted of them goes to the log.
 *
 * @throws InputError with a line for everything that is wrong
 */
export function givenInputs(
  args: readonly string[],
  { workingDirectory, environment }: ProcessContext,
  log: TerminalLog,
  needsSpec = true,
): Inputs {
  const home = environment.HOME ?? '';
  const read = (file: string) => {
    // The shell does not expand a tilde behind an @.
    const isOfHome = home !== '' && file.startsWith('~/');
    return readFileSync(isOfHome ? path.join(home, file.slice(2)) : path.resolve(workingDirectory, file), 'utf8');
  };
  const { inputs, errors, notes } = readInputs(args, { read, needsSpec });
  if (errors.length > 0) throw new InputError(errors);
  for (const note of notes) log.note(note);
  return inputs;
}

/** The study as it was given. */
export function givenStudy(inputs: Inputs, { workingDirectory }: ProcessContext, log: TerminalLog) {
  const sample = packageSample(inputs.spec, workingDirectory);
  if (sample !== undefined) log.info(`There is no ${inputs.spec} here, so this package's own is taken: ${sample}`);
  const specPath = sample ?? path.resolve(workingDirectory, inputs.spec);
  return {
    options: runOptionsOf(inputs),
    pgen: pgenOf(inputs, workingDirectory),
    specPath,
    workingDirectory,
    text: readSpecText(specPath, inputs.spec),
    overlays: overlaysOf(inputs, optionOf),
    stageRoot: isElsewhere(inputs) ? stageRootOf(inputs.stage, specPath, workingDirectory) : undefined,
  };
}

/** What running and validating have in common. */
export function common(
  study: SpecContext & Pick<StudyContext, 'pgen'>,
  { cancel, hangup }: ProcessContext,
  log: TerminalLog,
  { host, here }: OpenedHosts,
) {
  return { ...study, log, cancel, hangup, host, here };
}

export function directoryOf(spec: Spec, inputs: Inputs, context: ProcessContext, hosts: OpenedHosts): string {
  return studyDirectory(spec, {
    outputPath: inputs['output-path'],
    root: hosts.isElsewhere ? rootOf(context, hosts) : context.workingDirectory,
    home: hosts.home,
    suffix: timeStamp(new Date()),
  });
}

/** Where studies are on another machine. */
export function rootOf({ workingDirectory }: ProcessContext, { home }: OpenedHosts): string {
  return path.posix.join(home, 'maestro-studies', path.basename(workingDirectory));
}

export function open(inputs: Inputs, context: ProcessContext, log: TerminalLog): Promise<OpenedHosts> {
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
