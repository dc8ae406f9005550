import path from 'node:path';
import { fileNames } from '../inputs/file-names.js';
import { connectionInputs } from '../inputs/groups.js';
import type { InputName, Inputs } from '../inputs/schema.js';
import type { OpenedHosts } from '../run/open-hosts.js';
import type { ProcessContext } from '../run/process-context.js';
import { lookAtStudy, type MaestroSight, NoStudyError, type StudySight } from '../store/look/look.js';
import { suggestions } from '../util/closest.js';
import { alternatives } from '../util/format.js';
import type { Log } from '../util/log/log.js';
import type { TerminalLog } from '../util/log/terminal-log.js';
import { inputsOf } from './arguments.js';
import { type Flag, type FlagGroup, type GivenFlags, readFlags } from './flags.js';
import { filesHere, open, rootOf } from './given-study.js';
import { optionOf } from './naming.js';
import { studyFlags } from './study-flags.js';

/** The other inputs that verbs about existing studies take. */
const others: readonly InputName[] = [
  'flux',
  'allow-shared-directory',
  'report-path',
  'collect',
  'baseline',
  'slower-than',
  'on-infrastructure',
];

/** Flags that are as those of `run`. */
export function inputFlags(names: readonly InputName[]): readonly Flag[] {
  return studyFlags.flatMap(({ flags }) => flags.filter(({ name }) => (names as readonly string[]).includes(name)));
}

/** The flags of every verb about an existing study, after those of its own. */
export const whereItIs: FlagGroup = { title: 'Where the study is', flags: inputFlags(connectionInputs) };

/** The flag of verbs whose result a program may read. */
export const jsonFlag = {
  name: 'json',
  description: 'Print JSON, whose members are in docs/looking-after.md.',
} as const;

/** The arguments of a verb about existing studies. */
export interface GivenExisting {
  readonly given: GivenFlags;
  readonly inputs: Inputs;
}

/**
 * Reads the arguments of a verb about existing studies. The verb adds what else is wrong to the errors of `given`, and refuses them.
 */
export function readExisting(
  args: readonly string[],
  flags: readonly FlagGroup[],
  context: ProcessContext,
): GivenExisting {
  const given = readFlags(args, flags);
  const { read, isFile } = filesHere(context);
  const values = new Map(
    inputFlags([...connectionInputs, ...others]).flatMap(({ name }) => {
      const texts = given.all(name);
      return texts.length > 0 ? [[name, texts] as const] : [];
    }),
  );
  const { inputs: typed, errors } = inputsOf(values, { read, needsSpec: false });
  const { inputs, errors: misnamed } = fileNames(typed, { nameOf: optionOf, readsFiles: true, isFile });
  given.errors.push(...errors, ...misnamed);
  return { given, inputs };
}

/** Does something on the machine that the arguments name, and leaves it. */
export async function onHost<T>(
  { inputs }: GivenExisting,
  context: ProcessContext,
  log: TerminalLog,
  task: (hosts: OpenedHosts) => Promise<T>,
): Promise<T> {
  const hosts = await open(inputs, context, onlyTrouble(log));
  try {
    return await task(hosts);
  } finally {
    hosts.close();
  }
}

/** What the verbs print is for programs too: that a connection is being made, or what `setup` says, is not among it. */
function onlyTrouble(log: TerminalLog): Log {
  const none = () => {};
  return {
    ...{ phase: none, endPhase: none, info: none, live: none },
    problem: (problem) => log.problem(problem),
    error: (message, place) => log.error(message, place),
    warning: (message, place) => log.warning(message, place),
  };
}

/** The path of a directory on the machine: what is relative starts at the current directory here, at home on another one. */
export function pathOn(
  given: string,
  { isElsewhere, home }: OpenedHosts,
  { workingDirectory }: ProcessContext,
): string {
  const start = isElsewhere ? home : workingDirectory;
  return path.posix.resolve(
    start,
    given.replace(/^~(?=\/|$)/, () => home),
  );
}

/** Where `list` looks if it is not told: here, or where studies of another machine are. */
export function defaultRoot(hosts: OpenedHosts, context: ProcessContext): string {
  return hosts.isElsewhere ? path.posix.dirname(rootOf(context, hosts)) : context.workingDirectory;
}

/**
 * Looks at the study that an argument names.
 *
 * @throws NoStudyError, with the nearest name there is; HostError, JournalError
 */
export async function lookAt(
  given: string,
  hosts: OpenedHosts,
  context: ProcessContext,
): Promise<StudySight | MaestroSight> {
  const where = pathOn(given, hosts, context);
  try {
    return await lookAtStudy(hosts.host, where, { isFar: hosts.isElsewhere });
  } catch (error) {
    throw error instanceof NoStudyError ? withSuggestion(error, where, hosts) : error;
  }
}

/** Looks at a study that must be one of this program. @throws NoStudyError, HostError, JournalError */
export async function lookAtOurs(given: string, hosts: OpenedHosts, context: ProcessContext): Promise<StudySight> {
  const sight = await lookAt(given, hosts, context);
  if ('state' in sight) return sight;
  throw new NoStudyError(`the study in ${sight.path} is Maestro's: this program has no journal of it`);
}

function withSuggestion({ message, beside }: NoStudyError, where: string, { host, isElsewhere }: OpenedHosts) {
  const guesses = suggestions(path.posix.basename(where), beside).slice(0, 3);
  const on = isElsewhere ? ` (on ${host.name})` : '';
  const near = guesses.map((name) => path.posix.join(path.posix.dirname(where), name));
  return new NoStudyError(
    `${message}${on}${near.length > 0 ? `; did you mean ${alternatives(near)}?` : beside.length > 0 ? '; `list` shows the studies below a directory' : ''}`,
  );
}
