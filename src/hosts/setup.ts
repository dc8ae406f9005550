import { programs } from '../generated/programs.js';
import { quote } from '../util/shell-quote.js';
import { type Environment, environmentOf } from './environment.js';
import { HostError } from './host.js';
import { printMark } from './marker-stream.js';

/** For the lines of `setup`: one that takes longer is waiting for something that will not come. */
export const SETUP_TIMEOUT_MS = 300_000;

/** How much of what `setup` printed is shown. */
const MAX_OUTPUT_CHARACTERS = 2000;

/** `setup` fails. The message names the line. */
export class SetupError extends HostError {
  constructor(message: string) {
    super(message);
    this.name = 'SetupError';
  }
}

/** What a shell is after the lines of `setup`. */
export interface PreparedShell {
  readonly environment: Record<string, string>;
  /** The user's home, whatever `setup` makes of HOME; '' if there is none. */
  readonly home: string;
  /** Bash text that sets the umask, if `setup` changed it. */
  readonly umask: string;
  /** Bash text that sets the limits that `setup` changed. */
  readonly limits: string;
  /** What `setup` printed to stderr. */
  readonly said: string;
}

/** Bash lines before a command; what they print goes to stderr, and they cannot read what is meant for the command. */
export function preludeLines(lines: string): string {
  return lines.trim() === '' ? '' : `{ :\n${lines}\n} </dev/null >&2\n`;
}

export interface SetupMarks {
  readonly begin: readonly [string, string];
  readonly end: readonly [string, string];
}

/**
 * Bash text that becomes a shell of the user's own, with all that he has bash read first, and runs `setup` there. It prints a
 * report on stdout, and what `setup` says on stderr, both between marks.
 *
 * @param isLogin whether it is a login shell
 */
export function setupCommand(setup: string, marks: SetupMarks, isLogin: boolean): string {
  const text = `_maestro_setup=${quote(setup)}\n${variables(marks, isLogin)}${programs['hosts/setup.sh']}`;
  // The program comes by a descriptor of its own, since a profile may read stdin. `env`: what bash makes of these is not the user's.
  const shell = `bash ${isLogin ? '-l' : '--norc'} -c 'IFS= read -r -d "" -u 9 _maestro_text; exec 9<&-; eval "$_maestro_text"'`;
  return `_maestro_text=${quote(text)}\n${leash}exec env -u SHELLOPTS -u BASHOPTS _maestro_leash=$! ${shell} 9< <(printf '%s\\0' "$_maestro_text") < /dev/null`;
}

/** The processes of `setup` are ended if the input ends before the report is complete: nothing waits for them then. */
const leash = `exec 8<&0
{ read -r _ <&8; kill -KILL -- -$$; } > /dev/null 2>&1 &
exec 8<&-
`;

function variables({ begin, end }: SetupMarks, isLogin: boolean): string {
  return [
    'unset _maestro_text',
    // They are about the session, which ends with this.
    isLogin ? 'unset "${!SSH_@}"' : ':',
    'exec {_maestro_report}>&1 {_maestro_errors}>&2 > /dev/null',
    `${printMark(begin)} >&"$_maestro_report"`,
    `${printMark(begin)} >&"$_maestro_errors"`,
    `_maestro_mark=${end.join('')}`,
    '',
  ].join('\n');
}

const doneMark = Buffer.from('\0\0done\0');

/** Whether a report is complete. */
export function isWhole(report: Buffer): boolean {
  return report.includes(doneMark);
}

/**
 * What a report of `setupCommand` says.
 *
 * @param report between the marks; cut short if the shell ended before it was over
 * @param said what was printed to stderr
 * @param code the exit status of the shell, if its report is not complete
 * @throws SetupError if `setup` failed
 */
export function readReport(setup: string, report: Buffer, said: string, code: number): PreparedShell {
  const end = report.indexOf(doneMark);
  const words = readable(said);
  if (end === -1) {
    throw new SetupError(
      `setup did not come to its end: something in it replaced its shell (\`exec\`) or ended it (exit ${code})${after(words)}`,
    );
  }
  const fields = report.subarray(0, end + 1);
  const records = readRecords(fields);
  const failure = failureOf(setup, records, words);
  if (failure !== undefined) throw new SetupError(failure);
  const environment = withoutOurs(environmentOf(records.environment));
  if (Object.keys(environment).length === 0) {
    throw new SetupError(
      'setup leaves a PATH on which not even `env` is found: add to PATH instead of setting it anew',
    );
  }
  const { home, umask, limits } = records;
  return {
    environment,
    home,
    umask: umask[0] === umask[1] ? '' : `umask ${umask[1]}\n`,
    limits: limitLines(limits[0], limits[1]),
    said: words,
  };
}

interface Records {
  readonly missing: readonly { readonly line: number; readonly name: string; readonly isDirect: boolean }[];
  readonly failed: readonly { readonly status: number; readonly line: number }[];
  readonly exit: { readonly status: number; readonly line: number } | undefined;
  readonly status: number;
  /** Whether the lines came to their end. */
  readonly isOver: boolean;
  readonly home: string;
  readonly umask: readonly [string, string];
  readonly limits: readonly [string, string];
  readonly environment: Buffer;
}

function readRecords(bytes: Buffer): Records {
  let at = 0;
  const next = () => {
    const end = bytes.indexOf(0, at);
    const field = bytes.toString('utf8', at, end === -1 ? bytes.length : end);
    at = end === -1 ? bytes.length : end + 1;
    return field;
  };
  const missing: { line: number; name: string; isDirect: boolean }[] = [];
  const failed: { status: number; line: number }[] = [];
  let exit: { status: number; line: number } | undefined;
  for (let kind = next(); kind !== 'end' && at < bytes.length; kind = next()) {
    if (kind === 'missing') missing.push({ line: Number(next()), name: next(), isDirect: next() === '0' });
    else if (kind === 'failed') failed.push({ status: Number(next()), line: Number(next()) });
    else exit = { status: Number(next()), line: Number(next()) };
  }
  const status = Number(next());
  const isOver = next() === 'yes';
  const home = next();
  const umask = [next(), next()] as const;
  const limits = [next(), next()] as const;
  return { missing, failed, exit, status, isOver, home, umask, limits, environment: bytes.subarray(at) };
}

/** What a line has that asks whether a command is there, rather than to count on it. */
const guarded = /\|\||\/dev\/null|(^|[;&|({\s])(if|elif|while|until|!)\s/;

function failureOf(setup: string, records: Records, words: string): string | undefined {
  const { missing, failed, exit, status, isOver } = records;
  const lines = setup.split('\n');
  const place = (line: number) => `line ${line} of setup, \`${(lines[line - 1] ?? '').trim().slice(0, 200)}\``;
  const isGuarded = (line: number) => guarded.test(lines[line - 1] ?? '');
  const unrunAt = (line: number) => failed.some((failure) => failure.line === line && failure.status === 127);
  const absent = missing.find(({ line, isDirect }) => !isGuarded(line) || (isDirect && unrunAt(line)));
  // An assignment fails as what it takes the output of does.
  const isLookedFor = (line: number) => isGuarded(line) && missing.some((command) => command.line === line);
  const unrun = failed.find(({ line, status }) => status === 126 || (status === 127 && !isLookedFor(line)));
  if (absent !== undefined && absent.line <= (unrun?.line ?? Number.POSITIVE_INFINITY)) {
    return `${place(absent.line)}, fails: there is no command \`${absent.name}\` (if it may be missing, add \`|| true\`)`;
  }
  if (unrun !== undefined) {
    return `${place(unrun.line)}, fails: a command cannot be run, exit ${unrun.status} (if that may be, add \`|| true\`)${after(words)}`;
  }
  if (exit !== undefined) {
    return `${place(exit.line)}, ends the shell that steps are to have their environment from (exit ${exit.status}): use \`return\` to leave out what follows${after(words)}`;
  }
  if (status === 0 && isOver) return undefined;
  const said = /^line (\d+): /m.exec(words)?.[1];
  const last = lines.findLastIndex((line) => !/^\s*(#|$)/.test(line)) + 1;
  const told = failed.at(-1)?.status === status ? failed.at(-1)!.line : said === undefined ? last : Number(said);
  const line = Math.min(told, last);
  return `${place(line)}, fails: exit ${status}${isOver ? ' (if that is as it should be, add `true` as the last line)' : ''}${after(words)}`;
}

function after(words: string): string {
  return words === '' ? '' : `: ${words.split('\n').slice(-5).join(' / ')}`;
}

/** Bash names a file descriptor as the place of an error; this replaces it by the line of `setup`. */
function readable(said: string): string {
  return said
    .replaceAll(/^\++ .*_maestro_.*$\n?/gm, '')
    .replaceAll(/^(?:\S+: line \d+: )?\/dev\/fd\/\d+: (line \d+: )/gm, '$1')
    .trim()
    .slice(-MAX_OUTPUT_CHARACTERS);
}

/** `set -a` in `setup` makes variables of ours a part of the environment. */
function withoutOurs(environment: Environment): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('_maestro_')));
}

/** Soft limits first: a hard one cannot be below its soft one. */
function limitLines(before: string, now: string): string {
  const [old, current] = [readLimits(before), readLimits(now)];
  return current
    .map(({ flag, value }, i) => {
      if (old[i]?.value === value || flag === 'p') return '';
      const kind = i < current.length / 2 ? '-S' : '-H';
      return `ulimit ${kind} -${flag} ${value}\n`;
    })
    .join('');
}

function readLimits(text: string): { readonly flag: string; readonly value: string }[] {
  return text.split('\n').flatMap((line) => {
    const [, flag, value] = /-([A-Za-z])\)\s+(\w+)\s*$/.exec(line) ?? [];
    return flag === undefined || value === undefined ? [] : [{ flag, value }];
  });
}
