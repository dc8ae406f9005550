import type { ProcessContext } from '../run/process-context.js';
import { isCancelled } from '../run/process-context.js';
import { exitCodes } from '../study/state.js';
import { describeError, InputError } from '../util/errors.js';
import { inert } from '../util/log/plain-text.js';
import { TerminalLog } from '../util/log/terminal-log.js';
import { describeVersion } from '../util/version.js';
import { generalHelp, verbHelp } from './help.js';
import { inOptions } from './naming.js';
import { verbs } from './verbs.js';

const isHelp = (arg: string) => arg === '--help' || arg === '-h';

/** The command line. Returns the exit status. */
export async function commandLine(args: readonly string[], context: ProcessContext): Promise<number> {
  const [first, ...rest] = args;
  const log = new TerminalLog(process.stdout, process.stderr);
  if (first === '--version') {
    log.info(describeVersion());
    return 0;
  }
  const wantsHelp = first === 'help' || args.some(isHelp);
  const name = first === 'help' || (first !== undefined && isHelp(first)) ? rest[0] : first;
  const verb = verbs.find((candidate) => candidate.name === name);
  if (wantsHelp) {
    process.stdout.write(verb === undefined ? generalHelp(verbs) : verbHelp(verb));
    return 0;
  }
  try {
    if (verb === undefined) throw new InputError([noVerb(name)]);
    return await verb.run(rest, context, log);
  } catch (error) {
    process.stderr.write(`${inert(inOptions(describeError(error)))}\n`);
    return isCancelled(context.cancel) ? exitCodes.CANCELLED : 1;
  }
}

function noVerb(given: string | undefined): string {
  const known = verbs
    .map(({ name }) => name)
    .join(', ')
    .replace(/, ([a-z]+)$/, ' or $1');
  return given === undefined
    ? `no command given: use ${known} (--help)`
    : `there is no command '${given}': use ${known} (--help)`;
}
