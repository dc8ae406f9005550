import { programs } from '../generated/programs.js';
import { assignments } from '../util/shell-quote.js';

/** The lease of a study as a command on the host saw it. */
export interface LeaseSight {
  /** The highest fencing number that was taken; 0 if none was. */
  readonly fence: number;
  /** Seconds since the lease last changed, by the clock of the host's file system. */
  readonly age: number;
  /** The line in the lease; '' if there is none. */
  readonly line: string;
}

/** @param output of one of the commands below */
export function parseSight(output: string): LeaseSight {
  const [numbers = '', line = ''] = output.split('\n');
  const [fence = 0, age = 0] = numbers.split(' ').map(Number);
  return { fence, age, line };
}

/** A program about the lease, with what it begins with. */
function leaseCommand(
  studyPath: string,
  variables: Readonly<Record<string, string | number>>,
  program: string,
): string {
  return assignments({ study: studyPath }) + programs['store/lease-functions.sh'] + assignments(variables) + program;
}

/** Looks once. @param token makes the name of its temporary file unique */
export function lookCommand(studyPath: string, token: string): string {
  return leaseCommand(studyPath, { file: `fences/.look-${token}` }, programs['store/lease-look.sh']);
}

/** Bash: prints `ready` before anything that may hang, then the lease as the others do. */
export function confirmCommand(studyPath: string): string {
  return `echo ready\n${leaseCommand(studyPath, {}, 'see\nsay\n')}`;
}

/** @param output of that command so far. @returns undefined while it is incomplete */
export function parseConfirmation(output: string): LeaseSight | undefined {
  const [, sight] = /^ready\n(.*\n.*\n)/.exec(output) ?? [];
  return sight === undefined ? undefined : parseSight(sight);
}

/** Looks again and again until the lease has changed, or has not for `silenceMs`. */
export function watchCommand(studyPath: string, { fence, line }: LeaseSight, silenceMs: number): string {
  const pauseMs = Math.min(1000, Math.max(50, Math.ceil(silenceMs / 10)));
  const looks = Math.max(1, Math.ceil(silenceMs / pauseMs));
  const variables = { seen_fence: fence, seen_line: line, looks, pause: (pauseMs / 1000).toFixed(3) };
  return leaseCommand(studyPath, variables, programs['store/lease-watch.sh']);
}

/**
 * Takes a fencing number, or tells who has it.
 *
 * @param token unlike that of any other driver
 * @param line of the lease, if we get it
 */
export function takeCommand(studyPath: string, fence: number, token: string, line: string): string {
  return leaseCommand(studyPath, { wanted: fence, token, new_line: line }, programs['store/lease-take.sh']);
}
