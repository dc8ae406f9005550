import { isUtf8 } from 'node:buffer';

/** What the runner and GitHub put into the environment. Steps do not need it, and some of it is secret. */
const runnersOwn = /^(INPUT|GITHUB|ACTIONS|RUNNER|STATE)_/;

/** Options of one shell, which a shell that inherits them would take for its own. */
const ofOneShell = /^(SHELLOPTS|BASHOPTS)$/;

/**
 * An environment. Bytes that are not UTF-8 are lone surrogates in its values, U+DC80 to U+DCFF, as Python's `surrogateescape`
 * has them.
 */
export type Environment = Readonly<Record<string, string>>;

/** The environment of steps on the command line: the caller's own, as with Maestro, less what an Actions runner adds. */
export function callersEnvironment(own: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(own).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && !runnersOwn.test(entry[0]) && !ofOneShell.test(entry[0]),
    ),
  );
}

/** An environment from the output of `env -0`. */
export function environmentOf(output: Buffer): Record<string, string> {
  const entries = decodeBytes(output)
    .split('\0')
    .filter((entry) => entry.includes('='))
    .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const);
  return Object.fromEntries(entries.filter(([name]) => !ofOneShell.test(name)));
}

/**
 * A process's environment with the values that Node cannot decode as they are.
 *
 * @param read gives the bytes that the process was started with, as /proc/self/environ has them
 */
export function exactEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  read: () => Buffer,
): Readonly<Record<string, string | undefined>> {
  const damaged = Object.entries(own).filter(([, value]) => value?.includes('\ufffd'));
  if (damaged.length === 0) return own;
  let exact: Environment;
  try {
    exact = environmentOf(read());
  } catch {
    return own;
  }
  return { ...own, ...Object.fromEntries(damaged.map(([name, value]) => [name, exact[name] ?? value])) };
}

/** Whether a value is text, so that JSON and Node's own functions can carry it. */
export function isText(value: string): boolean {
  return !/\p{Surrogate}/u.test(value);
}

/** Text of bytes; what is not UTF-8 becomes lone surrogates. */
export function decodeBytes(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  if (!text.includes('\ufffd')) return text;
  let decoded = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceAt(bytes, at);
    decoded += length === 0 ? String.fromCharCode(0xdc00 + bytes[at]!) : bytes.toString('utf8', at, at + length);
    at += length || 1;
  }
  return decoded;
}

/** The length of the UTF-8 sequence that begins there; 0 if none does. */
function sequenceAt(bytes: Buffer, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  const sequence = bytes.subarray(at, at + length);
  return sequence.length === length && isUtf8(sequence) && first >= 0xc2 ? length : 0;
}

/**
 * Variables that change what a command prints or does. Our own commands run without them, so that they mean the same
 * everywhere. Variables that say where something is or how it is reached are kept.
 */
const unwanted = new RegExp(
  `^(${[
    // bash: files that it reads first, functions, options, and where it looks.
    'BASH_ENV|ENV|BASH_FUNC_.*|SHELLOPTS|BASHOPTS|BASH_COMPAT|BASH_XTRACEFD|BASH_ARGV0|BASH_LOADABLES_PATH|POSIXLY_CORRECT',
    'POSIX_ME_HARDER|_POSIX2_VERSION|CDPATH|GLOBIGNORE|GLOBSORT|EXECIGNORE|FIGNORE|TMOUT|PS[0-4]|PROMPT_COMMAND|TIMEFORMAT',
    // tar and what it compresses with.
    'TAR_\\w+|TAPE|RSH|GZIP|GZIP_OPT|PIGZ|BZIP2?|XZ_OPT|XZ_DEFAULTS|ZSTD_\\w+',
    // coreutils, grep, awk, ps.
    'QUOTING_STYLE|TIME_STYLE|BLOCK_?SIZE|\\w+_BLOCK_SIZE|LS_COLORS|LS_OPTIONS|LSCOLORS|CLICOLOR\\w*|FORCE_COLOR|COLUMNS|LINES',
    'TABSIZE|VERSION_CONTROL|SIMPLE_BACKUP_SUFFIX|GREP_\\w+|AWKPATH|AWKLIBPATH|GAWK_\\w+|PS_\\w+|CMD_ENV|UNIX95',
    // Languages: what a program of theirs prints before and after.
    'PERL5OPT|PERL5DB|PYTHON(INSPECT|VERBOSE|DEBUG|STARTUP|PROFILEIMPORTTIME|DUMPREFS|MALLOCSTATS)|LD_DEBUG\\w*|LD_VERBOSE',
    // git: another repository than the one that a command names.
    'GIT_(DIR|WORK_TREE|IMPLICIT_WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|COMMON_DIR|NAMESPACE)',
    'GIT_(PREFIX|GRAFT_FILE|SHALLOW_FILE|NO_REPLACE_OBJECTS|REPLACE_REF_BASE|TEMPLATE_DIR|PAGER|EXTERNAL_DIFF|TRACE\\w*)',
    // Batch systems: what their commands print, and whether they come back.
    'SQUEUE_\\w+|SACCT_\\w+|SINFO_\\w+|SLURM_TIME_FORMAT|SLURM_BITSTR_LEN|SBATCH_WAIT|LSB_BJOBS_\\w+|LSB_BQUEUES_\\w+|BSUB_QUIET2?',
    'FLUX_\\w+_FORMAT_DEFAULT|FLUX_URI_RESOLVE_LOCAL|FLUX_HANDLE_TRACE',
    'LC_\\w+|LANG|LANGUAGE',
  ].join('|')})$`,
);

/** Messages and numbers as programs have them without a language. */
const plain: Environment = { LC_MESSAGES: 'C', LC_NUMERIC: 'C', LC_TIME: 'C', LC_COLLATE: 'C' };

/** The environment of our own commands, from that of steps. */
export function commandEnvironment(environment: Environment): Record<string, string> {
  const kept = Object.entries(environment).filter(([name]) => !unwanted.test(name));
  // `LANG`, since bash warns of an `LC_CTYPE` that the machine does not have.
  const encoding = environment.LC_ALL || environment.LC_CTYPE || environment.LANG;
  return { ...Object.fromEntries(kept), ...plain, ...(encoding ? { LANG: encoding } : {}) };
}
