import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { exitCodes } from './conductor/state.js';
import { describeError } from './errors.js';
import { helpText } from './help.js';
import { callersEnvironment } from './hosts/environment.js';
import { LocalHost } from './hosts/local-host.js';
import { commandLineInputs, InputError, type Inputs } from './inputs.js';
import { inert } from './report/plain-text.js';
import { TerminalLog } from './report/terminal-log.js';
import { runStudy } from './run.js';
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
    if (command !== 'run' && command !== 'validate') {
      throw new InputError([
        command === undefined
          ? 'what to do? --help tells'
          : `there is no command '${command}': use run or validate (--help)`,
      ]);
    }
    const inputs = commandLineInputs(rest, (file) =>
      readFileSync(path.resolve(surroundings.workingDirectory, file), 'utf8'),
    );
    return command === 'run' ? await run(inputs, surroundings, log) : await validate(inputs, surroundings, log);
  } catch (error) {
    process.stderr.write(`${inert(describeError(error))}\n`);
    return 1;
  }
}

async function run(inputs: Inputs, surroundings: Surroundings, log: TerminalLog): Promise<number> {
  const { environment, workingDirectory } = surroundings;
  const home = environment.HOME ?? homedir();
  const outputPath = inputs['output-path'];
  const { results } = await runStudy({
    ...common(inputs, surroundings, log),
    directory: (spec) => ({
      path: studyDirectory(spec, { outputPath, root: workingDirectory, home, suffix: timeStamp(new Date()) }),
      exact: outputPath !== '',
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

/** What running and validating have in common. */
function common(inputs: Inputs, { environment, workingDirectory, cancel }: Surroundings, log: TerminalLog) {
  const specPath = path.resolve(workingDirectory, inputs.spec);
  return {
    inputs,
    log,
    cancel,
    specPath,
    workingDirectory,
    text: readSpecText(specPath, inputs.spec),
    overlays: overlaysOf(inputs, (name) => `--${name}`),
    pgen: pgenOf(inputs, workingDirectory),
    host: new LocalHost(callersEnvironment(environment), inputs.setup),
  };
}
