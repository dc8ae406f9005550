import type { ProcessContext } from '../run/process-context.js';
import type { TerminalLog } from '../util/log/terminal-log.js';
import type { FlagGroup } from './flags.js';

/** The headings of `--help`, in their order. */
export const verbGroups = ['running', 'looking after', 'setting up'] as const;

/** What can be typed after the program's name. */
export interface Verb {
  readonly name: string;
  /** Under which heading `--help` has it. */
  readonly group: (typeof verbGroups)[number];
  /** What follows the program's name: `merge REPORT.json... [--report-path DIR]`. */
  readonly synopsis: string;
  /** Its line of `--help`. */
  readonly summary: string;
  /** What `VERB --help` says besides its flags. */
  readonly details: string;
  /** Its flags, as `VERB --help` lists them. */
  readonly flags: readonly FlagGroup[];
  /**
   * Carries it out; `--help` among the arguments never reaches it.
   *
   * @param args what follows the verb
   * @returns the exit status
   * @throws InputError with a line for everything that is wrong with the arguments, other UserErrors
   */
  run(args: readonly string[], context: ProcessContext, log: TerminalLog): Promise<number>;
}
