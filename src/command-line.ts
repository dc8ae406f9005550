import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { systemClock } from './clock.js';
import { exitCodes } from './conductor/state.js';
import { examine } from './doctor.js';
import { describeError } from './errors.js';
import { helpText } from './help.js';
import { callersEnvironment } from './hosts/environment.js';
import { LocalHost } from './hosts/local-host.js';
import { commandLineInputs, InputError, type Inputs } from './inputs.js';
import { readStudy } from './prepare.js';
import { inert } from './report/plain-text.js';
import { TerminalLog } from './report/terminal-log.js';
import { runStudy } from './run.js';
import type { Spec } from './spec/spec.js';
import { studyDirectory, timeStamp } from './study/directory.js';
import { overlaysOf, pgenOf, readSpecText, type Surroundings } from './surroundings.js';
import { validateStudy } from './validate.js';
import { version } from './version.js';

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
    process.stderr.write(`${inert(describeError(error))}\n`);
    return 1;
  }
}

type Command = (inputs: Inputs, surroundings: Surroundings, log: TerminalLog) => Promise<number>;

const commands: ReadonlyMap<string, Command> = new Map([
  ['run', run],
  ['validate', validate],
  ['doctor', doctor],
]);

async function run(inputs: Inputs, surroundings: Surroundings, log: TerminalLog): Promise<number> {
  const { workingDirectory } = surroundings;
  const { results } = await runStudy({
    ...common(inputs, surroundings, log),
    directory: (spec) => ({
      path: directoryOf(spec, inputs, surroundings),
      exact: inputs['output-path'] !== '',
    }),
    reportPath: (studyPath) =>
      inputs['report-path'] === ''
        ? `${studyPath}/.conductor/report`
        : path.resolve(workingDirectory, inputs['report-path']),
  });
  return exitCodes[results.status];
}

function validate(inputs: Inputs, surroundings: Surroundings, log: TerminalLog): Promise<number> {
  return validateStudy(common(inputs, surroundings, log));
}

/** With or without a study: what it needs is looked for if there is one. */
async function doctor(inputs: Inputs, surroundings: Surroundings, log: TerminalLog): Promise<number> {
  const { workingDirectory } = surroundings;
  const spec = inputs.spec === '' ? undefined : readStudy(common(inputs, surroundings, log)).spec;
  const host = hostOf(inputs, surroundings);
  const root = spec === undefined ? workingDirectory : path.dirname(directoryOf(spec, inputs, surroundings));
  return examine({ inputs, host, clock: systemClock, log, spec, root, cancel: surroundings.cancel });
}

function directoryOf(spec: Spec, inputs: Inputs, { environment, workingDirectory }: Surroundings): string {
  return studyDirectory(spec, {
    outputPath: inputs['output-path'],
    root: workingDirectory,
    home: environment.HOME ?? homedir(),
    suffix: timeStamp(new Date()),
  });
}

function hostOf(inputs: Inputs, { environment }: Surroundings): LocalHost {
  return new LocalHost(callersEnvironment(environment), inputs.setup);
}

/** What running and validating have in common. */
function common(inputs: Inputs, surroundings: Surroundings, log: TerminalLog) {
  const { workingDirectory, cancel, hangup } = surroundings;
  const specPath = path.resolve(workingDirectory, inputs.spec);
  return {
    inputs,
    log,
    cancel,
    hangup,
    specPath,
    workingDirectory,
    text: readSpecText(specPath, inputs.spec),
    overlays: overlaysOf(inputs, (name) => `--${name}`),
    pgen: pgenOf(inputs, workingDirectory),
    host: hostOf(inputs, surroundings),
  };
}
