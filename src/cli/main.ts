import { statSync } from 'node:fs';
import path from 'node:path';
import { partsOf } from '../run/mistakes.js';
import { isCancelled, type ProcessContext } from '../run/process-context.js';
import { exitCodes } from '../study/state.js';
import { InputError } from '../util/errors.js';
import { TerminalLog } from '../util/log/terminal-log.js';
import { describeVersion } from '../util/version.js';
import { withoutGlobalFlags } from './maestro-flags.js';
import { inOptions } from './naming.js';
import { programName } from './program-name.js';
import { loadVerb, loadVerbs, verbNames } from './verbs.js';
import { wrongVerb } from './wrong-verb.js';

const isHelp = (arg: string) => arg === '--help' || arg === '-h' || arg === '-help';

/** The command line. Returns the exit status. */
export async function commandLine(all: readonly string[], context: ProcessContext): Promise<number> {
  const log = new TerminalLog(process.stdout, process.stderr, context.environment);
  // However this ends, the shell's prompt begins on a line of its own.
  process.once('exit', () => log.live(undefined));
  const program = programName(process.argv[1]);
  const { args, notes } = withoutGlobalFlags(all);
  const [first, ...rest] = args;
  if (first === undefined) {
    process.stderr.write((await help()).usage(program, await loadVerbs()));
    return 1;
  }
  if (['--version', '-version', '-v', 'version'].includes(first)) {
    log.info(describeVersion());
    return 0;
  }
  const isAboutHelp = first === 'help' || isHelp(first);
  const [name] = isAboutHelp ? rest : args;
  try {
    const verb = name === undefined ? undefined : await loadVerb(name);
    if (isAboutHelp && (name === undefined || isHelp(name))) {
      process.stdout.write((await help()).generalHelp(program, await loadVerbs()));
      return 0;
    }
    if (verb === undefined) {
      const isFile = (file: string) => isFileIn(context.workingDirectory, file);
      throw new InputError([wrongVerb(isAboutHelp ? rest : args, { program, verbNames, isFile })]);
    }
    if (isAboutHelp || rest.some(isHelp)) {
      process.stdout.write((await help()).verbHelp(program, verb, process.stdout.columns || 80));
      return 0;
    }
    for (const note of notes) log.note(note);
    return await verb.run(rest, context, log);
  } catch (error) {
    const { lines, problems } = partsOf(error);
    for (const line of lines) log.complain(inOptions(line));
    for (const problem of problems) log.problem(problem);
    return isCancelled(context.cancel) ? exitCodes.CANCELLED : 1;
  }
}

/** Help describes all inputs, so only those who ask for it load it. */
const help = () => import(/* webpackMode: "eager" */ './help.js');

function isFileIn(directory: string, name: string): boolean {
  return statSync(path.resolve(directory, name), { throwIfNoEntry: false })?.isFile() ?? false;
}
