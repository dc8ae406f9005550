import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { callersEnvironment } from '../hosts/environment.js';
import { SetupError } from '../hosts/setup.js';
import { hostOptionsOf, isElsewhere, overlaysOf, pgenOf, requestOf, runOptionsOf } from '../inputs/derive.js';
import { ineffectiveInputs } from '../inputs/ineffective.js';
import { distinctions } from '../inputs/parse.js';
import type { InputName, Inputs } from '../inputs/schema.js';
import { withPlainPaths } from '../inputs/study-key.js';
import { type OpenedHosts, openHosts, stageRootOf } from '../run/open-hosts.js';
import { readStudy, type SpecContext, type StudyContext } from '../run/prepare.js';
import {
  givenReportPlace,
  isCancelled,
  type ProcessContext,
  placeFor,
  readBaseline,
  readSpecText,
  refuseReportPath,
} from '../run/process-context.js';
import { runStudy } from '../run/run-study.js';
import { formatProblem, SpecError } from '../spec/problem.js';
import type { Spec } from '../spec/spec.js';
import { ourHolder } from '../store/lease.js';
import { shortHash, studyDirectory, timeStamp } from '../study/directory.js';
import { exitCodes } from '../study/state.js';
import { systemClock } from '../util/clock.js';
import { describeError, InputError } from '../util/errors.js';
import { counted, inert } from '../util/log/plain-text.js';
import { TerminalLog } from '../util/log/terminal-log.js';
import { quote } from '../util/shell-quote.js';
import { version } from '../util/version.js';
import { commandLineInputs } from './arguments.js';
import { examine } from './doctor/doctor.js';
import { helpText } from './help.js';
import { checkWhole, validateStudy } from './validate.js';

/** The command line. Returns the exit status. */
export async function commandLine(args: readonly string[], context: ProcessContext): Promise<number> {
  const [command, ...rest] = args;
  const log = new TerminalLog(process.stdout, process.stderr);
  if (command === '--version') {
    log.info(version);
    return 0;
  }
  if (
    command === '--help' ||
    command === '-h' ||
    command === 'help' ||
    rest.includes('--help') ||
    rest.includes('-h')
  ) {
    process.stdout.write(helpText());
    return 0;
  }
  try {
    const carryOut = command === undefined ? undefined : commands.get(command);
    if (carryOut === undefined) {
      const known = [...commands.keys()].join(', ').replace(/, ([a-z]+)$/, ' or $1');
      throw new InputError([
        command === undefined
          ? 'no command given: use run, validate or doctor (--help)'
          : `there is no command '${command}': use ${known} (--help)`,
      ]);
    }
    const read = (file: string) => readFileSync(path.resolve(context.workingDirectory, file), 'utf8');
    const inputs = commandLineInputs(rest, { read, needsSpec: command !== 'doctor' });
    return await carryOut(inputs, context, log);
  } catch (error) {
    process.stderr.write(`${inert(inOptions(describeError(error)))}\n`);
    return isCancelled(context.cancel) ? exitCodes.CANCELLED : 1;
  }
}

/** Messages call an input of the action by its option. */
function inOptions(message: string): string {
  return message.replaceAll(/\binput '([a-z-]+)'/g, '--$1');
}

type Command = (inputs: Inputs, context: ProcessContext, log: TerminalLog) => Promise<number>;

const commands: ReadonlyMap<string, Command> = new Map([
  ['run', run],
  ['validate', validate],
  ['doctor', doctor],
]);

async function run(inputs: Inputs, context: ProcessContext, log: TerminalLog): Promise<number> {
  const { workingDirectory } = context;
  const plain = withPlainPaths(inputs, workingDirectory);
  // Mistakes in the options are reported before any connection is made.
  const study = givenStudy(inputs, context);
  if (inputs.resume === 'always' && inputs['output-path'] === '') {
    throw new InputError([
      '--resume always needs --output-path: without that every run has a directory of its own, by the time',
    ]);
  }
  for (const name of onGitHubOnly(inputs))
    log.warning(`--${name} has no effect here: only the action on GitHub uses it`);
  readStudy(study);
  const request = requestOf(inputs, optionOf);
  const baseline = readBaseline(inputs.baseline, workingDirectory, (line) => log.warning(line));
  const given = givenReportPlace(study, workingDirectory);
  await refuseReportPath(given, optionOf);
  const hosts = await open(inputs, context, log);
  try {
    const { results, isResumable } = await runStudy({
      ...common(study, context, log, hosts),
      place: (spec) => ({
        path: directoryOf(spec, inputs, context, hosts),
        key: inputs['study-key'] || shortHash([study.specPath, ...distinctions(plain)].join('\0')),
        // Without an output path every run has a directory of its own, by the time.
        resume: inputs['output-path'] === '' ? 'never' : inputs.resume,
      }),
      reportPlace: (studyPath) => {
        // The study directory is known to be ours by then.
        if (given === undefined && !hosts.isElsewhere) return { path: `${studyPath}/.conductor/report`, untrusted: [] };
        return given ?? placeFor(study, workingDirectory, `${path.basename(studyPath)}.report`);
      },
      request,
      baseline,
      ineffectiveOptions: (plan) => ineffectiveInputs(inputs, plan),
      around: '',
      holder: ourHolder(''),
      // On the command line there is no post step: what is left ends by itself.
      remember: () => {},
    });
    if (isResumable) {
      log.info(`To continue it, run the same command again, with --output-path ${quote(results.path)}`);
    }
    return exitCodes[results.status];
  } finally {
    hosts.close();
  }
}

/** Inputs that were given and that only the action uses. */
function onGitHubOnly(inputs: Inputs): InputName[] {
  const given: [InputName, boolean][] = [
    ['annotations', inputs.annotations !== 'checks'],
    ['check-name', inputs['check-name'] !== ''],
    ['github-token', inputs['github-token'] !== ''],
    ['summary', !inputs.summary],
    ['allow-fork-pr', inputs['allow-fork-pr']],
  ];
  return given.flatMap(([name, isGiven]) => (isGiven ? [name] : []));
}

/** What is wrong with a study is found without any other machine. */
async function validate(inputs: Inputs, context: ProcessContext, log: TerminalLog): Promise<number> {
  const study = { ...givenStudy(inputs, context), stageRoot: undefined };
  return validateStudy(common(study, context, log, await openHere(inputs, context, log)), inputs);
}

/** With or without a study: what it needs is looked for if there is one. */
async function doctor(inputs: Inputs, context: ProcessContext, log: TerminalLog): Promise<number> {
  const { workingDirectory, cancel } = context;
  const named = inputs.spec === '' ? undefined : givenStudy(inputs, context);
  const spec = named && tryReadStudy(named);
  const study =
    named &&
    (async () => {
      const here = await openHere(inputs, context, log);
      const { plan, warnings } = await checkWhole(common({ ...named, stageRoot: undefined }, context, log, here));
      const summary = [counted(plan.graph.steps.length, 'step'), ...warnings.map(formatProblem)].join('; ');
      return { summary, plan };
    });
  const request = requestOf(inputs, optionOf);
  let hosts: OpenedHosts;
  try {
    hosts = await open(inputs, context, log);
  } catch (error) {
    const isOfSetup = error instanceof SetupError;
    if (isOfSetup && isElsewhere(inputs)) log.info(`ok    connection: ${inputs.host} lets us in`);
    log.info(`FAIL  ${isOfSetup ? 'setup' : 'connection'}: ${inOptions(describeError(error))}`);
    return 1;
  }
  if (hosts.isElsewhere) log.info(`ok    connection: ${hosts.host.name} lets us in, and its login shell runs bash`);
  if (inputs.setup.trim() !== '') log.info('ok    setup: its lines succeed, and every command is found');
  try {
    const root =
      spec === undefined
        ? hosts.isElsewhere
          ? rootOf(context, hosts)
          : workingDirectory
        : path.dirname(directoryOf(spec, inputs, context, hosts));
    return await examine({ inputs, host: hosts.host, clock: systemClock, log, spec, study, request, root, cancel });
  } finally {
    hosts.close();
  }
}

/** The study, if its text is one: the check of the study reports what is wrong with it. */
function tryReadStudy(study: SpecContext): Spec | undefined {
  try {
    return readStudy(study).spec;
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    return undefined;
  }
}

function directoryOf(spec: Spec, inputs: Inputs, context: ProcessContext, hosts: OpenedHosts): string {
  return studyDirectory(spec, {
    outputPath: inputs['output-path'],
    root: hosts.isElsewhere ? rootOf(context, hosts) : context.workingDirectory,
    home: hosts.home,
    suffix: timeStamp(new Date()),
  });
}

/** Where studies are on another machine. */
function rootOf({ workingDirectory }: ProcessContext, { home }: OpenedHosts): string {
  return path.posix.join(home, 'maestro-studies', path.basename(workingDirectory));
}

function open(inputs: Inputs, context: ProcessContext, log: TerminalLog): Promise<OpenedHosts> {
  return openHosts(hostOptionsOf(inputs), {
    environment: callersEnvironment(context.environment),
    process: context,
    log,
    temporary: tmpdir(),
  });
}

function openHere(inputs: Inputs, context: ProcessContext, log: TerminalLog): Promise<OpenedHosts> {
  return open({ ...inputs, host: '' }, context, log);
}

const optionOf = (name: string) => `--${name}`;

/** The study as it was given. */
function givenStudy(inputs: Inputs, { workingDirectory }: ProcessContext) {
  const specPath = path.resolve(workingDirectory, inputs.spec);
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
function common(
  study: SpecContext & Pick<StudyContext, 'pgen'>,
  { cancel, hangup }: ProcessContext,
  log: TerminalLog,
  { host, here }: OpenedHosts,
) {
  return { ...study, log, cancel, hangup, host, here };
}
