import type { Environment } from './environment.js';

/**
 * Variables that change what a command prints or does for whoever sets them, so that they are not for commands of ours, which
 * are to mean the same everywhere. Those that say where something is or how it is reached are not among them.
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

/** The environment of our own commands, from that of steps: all that leads somewhere, and nothing that changes what they mean. */
export function commandEnvironment(environment: Environment): Record<string, string> {
  const kept = Object.entries(environment).filter(([name]) => !unwanted.test(name));
  // `LANG`, since bash warns of an `LC_CTYPE` that the machine does not have.
  const encoding = environment.LC_ALL || environment.LC_CTYPE || environment.LANG;
  return { ...Object.fromEntries(kept), ...plain, ...(encoding ? { LANG: encoding } : {}) };
}
