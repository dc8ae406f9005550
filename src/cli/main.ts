import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { callersEnvironment } from '../hosts/environment.js';
import { SetupError } from '../hosts/setup.js';
import { requestOf } from '../inputs/derive.js';
import { commandLineInputs, distinctions } from '../inputs/parse.js';
import type { InputName, Inputs } from '../inputs/schema.js';
import { withPlainPaths } from '../inputs/study-key.js';
import { isElsewhere, type Machines, openMachines, stageRootOf } from '../run/open-hosts.js';
import { readStudy, type SpecContext } from '../run/prepare.js';
import {
  baselineOf,
  givenReportPlace,
  isCancelled,
  overlaysOf,
  pgenOf,
  placeFor,
  readSpecText,
  refuseReportPath,
  type Surroundings,
} from '../run/process-context.js';
import { runStudy } from '../run/run-study.js';
import { formatProblem, SpecError } from '../spec/problem.js';
import type { Spec } from '../spec/spec.js';
import { ourHolder } from '../store/lease-owner.js';
import { shortHash, studyDirectory, timeStamp } from '../study/directory.js';
import { exitCodes } from '../study/state.js';
import { systemClock } from '../util/clock.js';
import { describeError } from '../util/errors.js';
import { InputError } from '../util/input-error.js';
import { counted, inert } from '../util/log/plain-text.js';
import { TerminalLog } from '../util/log/terminal-log.js';
import { quote } from '../util/shell-quote.js';
import { version } from '../util/version.js';
import { examine } from './doctor.js';
import { helpText } from './help.js';
import { checkWhole, validateStudy } from './validate.js';

/** The command line. Returns the exit status. */
export async function commandLine(args: readonly string[], surroundings: Surroundings): Promise<number> {
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
        command === undefined ? 'what to do? --help tells' : `there is no command '${command}': use ${known} (--help)`,
      ]);
    }
    const read = (file: string) => readFileSync(path.resolve(surroundings.workingDirectory, file), 'utf8');
    const inputs = commandLineInputs(rest, read, command !== 'doctor');
    return await carryOut(inputs, surroundings, log);
  } catch (error) {
    process.stderr.write(`${inert(inOptions(describeError(error)))}\n`);
    return isCancelled(surroundings.cancel) ? exitCodes.CANCELLED : 1;
  }
}

/** What the action calls an input is an option here. */
function inOptions(message: string): string {
  return message.replaceAll(/\binput '([a-z-]+)'/g, '--$1');
}

type Command = (inputs: Inputs, surroundings: Surroundings, log: TerminalLog) => Promise<number>;

const commands: ReadonlyMap<string, Command> = new Map([
  ['run', run],
  ['validate', validate],
  ['doctor', doctor],
]);

async function run(inputs: Inputs, surroundings: Surroundings, log: TerminalLog): Promise<number> {
  const { workingDirectory } = surroundings;
  const plain = withPlainPaths(inputs, workingDirectory);
  // What is wrong with what was given is told before anything is connected to.
  const study = givenStudy(inputs, surroundings);
  if (inputs.resume === 'always' && inputs['output-path'] === '') {
    throw new InputError([
      '--resume always needs --output-path: without that every run has a directory of its own, by the time',
    ]);
  }
  for (const name of onGitHubOnly(inputs)) log.warning(`--${name} has no effect here: it is for the action on GitHub`);
  readStudy(study);
  const request = requestOf(inputs, optionOf);
  const baseline = baselineOf(inputs, workingDirectory, (line) => log.warning(line));
  const given = givenReportPlace(study, workingDirectory);
  await refuseReportPath(given, optionOf);
  const machines = await open(inputs, surroundings, log);
  try {
    const { results, isResumable } = await runStudy({
      ...common(study, surroundings, log, machines),
      place: (spec) => ({
        path: directoryOf(spec, inputs, surroundings, machines),
        key: inputs['study-key'] || shortHash([study.specPath, ...distinctions(plain)].join('\0')),
        // Without an output path every run has a directory of its own, by the time.
        resume: inputs['output-path'] === '' ? 'never' : inputs.resume,
      }),
      reportPlace: (studyPath) => {
        // The study directory is known to be ours by then.
        if (given === undefined && !machines.isElsewhere)
          return { path: `${studyPath}/.conductor/report`, untrusted: [] };
        return given ?? placeFor(study, workingDirectory, `${path.basename(studyPath)}.report`);
      },
      request,
      baseline,
      around: '',
      holder: ourHolder(''),
      // Nobody comes after us who could look after it; what is left ends by itself.
      remember: () => {},
    });
    if (isResumable) {
      log.info(`To continue it, run the same command again, with --output-path ${quote(results.path)}`);
    }
    return exitCodes[results.status];
  } finally {
    machines.close();
  }
}

/** Inputs that were given and are heeded by the action only. */
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
async function validate(inputs: Inputs, surroundings: Surroundings, log: TerminalLog): Promise<number> {
  const study = { ...givenStudy(inputs, surroundings), stageRoot: undefined };
  return validateStudy(common(study, surroundings, log, await openHere(inputs, surroundings, log)));
}

/** With or without a study: what it needs is looked for if there is one. */
async function doctor(inputs: Inputs, surroundings: Surroundings, log: TerminalLog): Promise<number> {
  const { workingDirectory, cancel } = surroundings;
  const named = inputs.spec === '' ? undefined : givenStudy(inputs, surroundings);
  const spec = named && tryReadStudy(named);
  const study =
    named &&
    (async () => {
      const context = common(
        { ...named, stageRoot: undefined },
        surroundings,
        log,
        await openHere(inputs, surroundings, log),
      );
      const { graph, warnings } = await checkWhole(context);
      return [`${counted(graph.steps.length, 'step')}`, ...warnings.map(formatProblem)].join('; ');
    });
  const request = requestOf(inputs, optionOf);
  let machines: Machines;
  try {
    machines = await open(inputs, surroundings, log);
  } catch (error) {
    const isOfSetup = error instanceof SetupError;
    if (isOfSetup && isElsewhere(inputs)) log.info(`ok    connection: ${inputs.host} lets us in`);
    log.info(`FAIL  ${isOfSetup ? 'setup' : 'connection'}: ${inOptions(describeError(error))}`);
    return 1;
  }
  if (machines.isElsewhere)
    log.info(`ok    connection: ${machines.host.name} lets us in, and its login shell runs bash`);
  if (inputs.setup.trim() !== '') log.info('ok    setup: its lines succeed, and every command is found');
  try {
    const root =
      spec === undefined
        ? machines.isElsewhere
          ? rootOf(surroundings, machines)
          : workingDirectory
        : path.dirname(directoryOf(spec, inputs, surroundings, machines));
    return await examine({ inputs, host: machines.host, clock: systemClock, log, spec, study, request, root, cancel });
  } finally {
    machines.close();
  }
}

/** The study, if its text is one: what is wrong with it is told among what else is looked at. */
function tryReadStudy(study: SpecContext): Spec | undefined {
  try {
    return readStudy(study).spec;
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    return undefined;
  }
}

function directoryOf(spec: Spec, inputs: Inputs, surroundings: Surroundings, machines: Machines): string {
  return studyDirectory(spec, {
    outputPath: inputs['output-path'],
    root: machines.isElsewhere ? rootOf(surroundings, machines) : surroundings.workingDirectory,
    home: machines.home,
    suffix: timeStamp(new Date()),
  });
}

/** Where studies are on another machine. */
function rootOf({ workingDirectory }: Surroundings, { home }: Machines): string {
  return path.posix.join(home, 'maestro-studies', path.basename(workingDirectory));
}

function open(inputs: Inputs, surroundings: Surroundings, log: TerminalLog): Promise<Machines> {
  return openMachines(inputs, callersEnvironment(surroundings.environment), surroundings, log, tmpdir());
}

function openHere(inputs: Inputs, surroundings: Surroundings, log: TerminalLog): Promise<Machines> {
  return open({ ...inputs, host: '' }, surroundings, log);
}

const optionOf = (name: string) => `--${name}`;

/** The study as it was given. */
function givenStudy(inputs: Inputs, { workingDirectory }: Surroundings) {
  const specPath = path.resolve(workingDirectory, inputs.spec);
  return {
    inputs,
    specPath,
    workingDirectory,
    text: readSpecText(specPath, inputs.spec),
    overlays: overlaysOf(inputs, optionOf),
    stageRoot: isElsewhere(inputs) ? stageRootOf(inputs, specPath, workingDirectory) : undefined,
  };
}

/** What running and validating have in common. */
function common(study: SpecContext, surroundings: Surroundings, log: TerminalLog, { host, here }: Machines) {
  const { workingDirectory, cancel, hangup } = surroundings;
  return { ...study, log, cancel, hangup, host, here, pgen: pgenOf(study.inputs, workingDirectory) };
}
