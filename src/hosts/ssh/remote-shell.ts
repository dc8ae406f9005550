import { Transform, type TransformCallback } from 'node:stream';
import { quote, quoteBytes } from '../../util/shell-quote.js';
import type { Environment } from '../environment.js';
import { printMark } from '../marker-stream.js';

/**
 * What runs on the other side of an SSH session.
 *
 * A server hands each command line to the user's login shell, whichever that is, and some of them read files that print
 * something first. So the command line is short and means the same to all shells: it becomes a bash, which prints a mark on both
 * outputs before its command's own output, reads the command from its input (in its arguments everybody on the machine could
 * read it), and prints the exit status on stderr.
 */

/** What marks the beginning and the end of what a command prints, each in two halves. */
export interface Marks {
  readonly begin: readonly [string, string];
  readonly end: readonly [string, string];
}

/** @param chance random hexadecimal digits, so that no other text has them */
export function marksOf(chance: string): Marks {
  return { begin: ['maestro-', `begin-${chance}`], end: ['maestro-', `end-${chance}=`] };
}

/**
 * The command line. The subshell leaves the process id `$$`, which leads the session's process group, to the command; the
 * bash around it outlives a signal to that group, so that it can report how the command ended.
 */
export function shellLine({ begin, end }: Marks): string {
  const program = [
    `${printMark(begin)}; ${printMark(begin)} >&2`,
    `IFS= read -r -d "" maestro_command`,
    `cd /`,
    `trap : HUP INT TERM`,
    `(trap - HUP INT TERM; eval "unset maestro_command; $maestro_command")`,
    `maestro_status=$?; printf "%s%s%d;" ${end.join(' ')} $maestro_status >&2; exit $maestro_status`,
  ].join('; ');
  return `exec env -i PATH="$PATH" bash --norc -c ${quote(program)}`;
}

/** The command line of a bash that runs what comes as its input until a NUL, and nothing else that the user's files say. */
export const readerLine = `exec bash --norc -p -c ${quote('IFS= read -r -d "" maestro_command; eval "unset maestro_command; $maestro_command"')}`;

/** Variables that are bash's own, read-only or about one shell. */
const bashsOwn = /^(BASHOPTS|SHELLOPTS|BASH_VERSINFO|BASH_EXECUTION_STRING|UID|EUID|PPID|PWD|OLDPWD|SHLVL|_)$/;

/** Bash that sets an environment, exported functions (`BASH_FUNC_module%%`) included. */
export function exportsOf(environment: Environment): string {
  const entries = Object.entries(environment);
  // POSIXLY_CORRECT comes last: it puts bash in a mode that allows fewer function names.
  const last = entries.filter(([name]) => name === 'POSIXLY_CORRECT');
  return [...entries.filter(([name]) => name !== 'POSIXLY_CORRECT'), ...last]
    .map(([name, value]) => {
      const functionName = /^BASH_FUNC_(.+?)(?:%%|\(\))$/.exec(name)?.[1];
      if (functionName !== undefined) {
        // A function that this bash cannot parse is skipped, as bash itself does.
        const text = `${functionName} ${value}\nexport -f ${quote(functionName)}`;
        return value.startsWith('() {') ? `eval ${quoteBytes(text)} 2>/dev/null || :\n` : '';
      }
      if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || bashsOwn.test(name)) return '';
      return `export ${name}=${quoteBytes(value)}\n`;
    })
    .join('');
}

/**
 * Bash that sets the environment of steps and becomes another bash, which passes it on and takes nothing of it for itself; the
 * command comes as its input.
 */
export function becomeStepsShell(environment: Environment): string {
  const program = 'IFS= read -r -d "" maestro_command; eval "unset maestro_command; $maestro_command"';
  return `${exportsOf(environment)}exec "$BASH" --norc -p -c ${quote(program)}\0`;
}

/** Passes on what comes before the end mark; what follows is output of processes that were left behind. */
export class BeforeEnd extends Transform {
  readonly #mark: Buffer;
  readonly #onEnd: (status: number) => void;
  #held = Buffer.alloc(0);
  #hasEnded = false;

  /** @param onEnd called with the exit status, which follows the mark and ends in `;` */
  constructor(mark: readonly [string, string], onEnd: (status: number) => void) {
    super();
    this.#mark = Buffer.from(mark.join(''));
    this.#onEnd = onEnd;
  }

  override _transform(chunk: Buffer, _: BufferEncoding, done: TransformCallback): void {
    if (this.#hasEnded) return done();
    const all = Buffer.concat([this.#held, chunk]);
    const at = all.indexOf(this.#mark);
    if (at === -1) {
      const open = this.#openAt(all);
      this.#held = all.subarray(open);
      return done(null, all.subarray(0, open));
    }
    const status = /^(\d+);/.exec(all.toString('latin1', at + this.#mark.length, at + this.#mark.length + 8));
    if (status === null) {
      this.#held = all.subarray(at);
      return done(null, all.subarray(0, at));
    }
    this.#held = Buffer.alloc(0);
    this.#hasEnded = true;
    this.push(all.subarray(0, at));
    this.#onEnd(Number(status[1]));
    done();
  }

  override _flush(done: TransformCallback): void {
    done(null, this.#hasEnded ? undefined : this.#held);
  }

  /** Where a mark may have begun that is not complete. */
  #openAt(bytes: Buffer): number {
    for (let at = Math.max(0, bytes.length - this.#mark.length + 1); at < bytes.length; at++) {
      if (bytes.subarray(at).equals(this.#mark.subarray(0, bytes.length - at))) return at;
    }
    return bytes.length;
  }
}
