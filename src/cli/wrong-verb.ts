import { suggestions } from '../util/closest.js';
import { alternatives } from '../util/format.js';
import { quote } from '../util/shell-quote.js';

export interface WrongVerbContext {
  readonly program: string;
  readonly verbNames: readonly string[];
  /** Whether there is such a file. */
  readonly isFile: (name: string) => boolean;
}

/**
 * What to say of arguments that do not begin with a verb. A study is not run without the word `run`: what runs jobs on a cluster should
 * not start by mistake, and verbs that are added later must not become studies.
 */
export function wrongVerb(args: readonly string[], { program, verbNames, isFile }: WrongVerbContext): string {
  const [first = '', ...rest] = args;
  if (first.startsWith('-') && first !== '-') {
    return `the command comes before its flags: ${program} run SPEC ${shown(first)} ... (${program} --help)`;
  }
  if (first === '-' || /\.ya?ml$/i.test(first) || isFile(first)) {
    const command = [program, 'run', quote(first), ...(rest.length > 0 ? ['...'] : [])].join(' ');
    return `there is no command '${first}': to run that study, use\n    ${command}`;
  }
  const guesses = suggestions(first, verbNames);
  if (guesses.length > 0) return `there is no command '${first}': did you mean ${alternatives(guesses)}?`;
  return `there is no command '${first}': use ${alternatives(verbNames)} (${program} --help)`;
}

/** A flag without its value, which may be a secret. */
const shown = (flag: string) => quote(flag.split('=')[0]!);
