import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { type Host, HostError, HostLostError, type HostProcess, type SpawnOptions } from './host.js';

export interface CommandResult {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/**
 * Runs a command to its end. For short outputs: they are kept in memory.
 *
 * @throws HostError, HostLostError
 */
export async function run(
  host: Host,
  command: string,
  input: Uint8Array | string = '',
  options: SpawnOptions = {},
): Promise<CommandResult> {
  const process = host.spawn(command, options);
  process.stdin.end(input);
  return resultOf(process);
}

/** Milliseconds without another byte, after a command's end, after which what a process that it left may still write is not waited for. */
const STREAM_QUIET_MS = 300;

/** What a command printed until it ended. Processes that it left behind may keep its streams open: they are not waited for. */
async function resultOf({ stdout, stderr, exit }: HostProcess): Promise<CommandResult> {
  const errors = collectText(stderr, 65_536);
  const chunks: Buffer[] = [];
  let quiet: NodeJS.Timeout | undefined;
  const printed = new Promise<void>((resolve, reject) => {
    stdout.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      quiet?.refresh();
    });
    finished(stdout).then(resolve, reject);
    const wait = () => {
      quiet = setTimeout(resolve, STREAM_QUIET_MS);
    };
    exit.then(wait, reject);
  });
  try {
    const [{ code }] = await Promise.all([exit, printed]);
    return { code, stdout: Buffer.concat(chunks), stderr: errors() };
  } finally {
    clearTimeout(quiet);
    // An open end of a pipe would keep this program from its own.
    for (const stream of [stdout, stderr]) stream.destroy();
  }
}

/** How often a command is run in all, while its connection breaks. */
const MAX_ATTEMPTS = 5;

/**
 * Does something that may as well be done twice, again if the way to the machine broke before it was seen to be done.
 *
 * @throws what `task` throws
 */
export async function again<T>(task: () => Promise<T>): Promise<T> {
  for (let losses = 1; ; losses++) {
    try {
      return await task();
    } catch (error) {
      if (!(error instanceof HostLostError) || losses === MAX_ATTEMPTS) throw error;
    }
  }
}

/**
 * Why a command failed, for people: its own words, or else its exit status. That it was killed comes first, because its
 * words are then those of what it left behind: `gzip: unexpected end of file` of a tar that is gone.
 */
export function causeOf(code: number, words: string): string {
  const isKilled = code === 128 + constants.signals.SIGKILL || code === 128 + constants.signals.SIGTERM;
  if (isKilled) return `killed (exit ${code})${words === '' ? '' : `: ${words}`}`;
  return words || `exit ${code}`;
}

/**
 * Runs a command that must succeed, and returns what it printed. It must be one that may run twice: it is run again if the
 * way to the machine breaks before its end.
 *
 * @param purpose what it is for, to begin the error with: `cannot create the study directory /p/x`
 * @throws HostError with the purpose and the command's own words
 */
export async function mustRun(
  host: Host,
  purpose: string,
  command: string,
  input: Uint8Array | string = '',
): Promise<Buffer> {
  const { code, stdout, stderr } = await again(() => run(host, command, input));
  if (code !== 0) throw new HostError(`${purpose}: ${causeOf(code, stderr)}`);
  return stdout;
}

/** Reads a stream to its end, keeping its last bytes: errors come last. The result gives what there is so far, as text. */
export function collectText(stream: Readable, most: number): () => string {
  let kept = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    const all = Buffer.concat([kept, chunk]);
    kept = all.subarray(Math.max(0, all.length - most));
  });
  return () => kept.toString('utf8').trim();
}

/** How long a process that was told to end may take before it is killed. */
const KILL_DELAY_SECONDS = 2;

/**
 * Runs a long command that ends when `cancel` is aborted, or this program dies: the end of its input ends it.
 * The command has no input itself.
 *
 * @param endsGroup whether what the command leaves in its process group is ended with it
 */
export async function runLeashed(
  host: Host,
  command: string,
  cancel: AbortSignal,
  { endsGroup = false, ...options }: SpawnOptions & { readonly endsGroup?: boolean } = {},
): Promise<CommandResult> {
  const process = host.spawn(
    `exec 3<&0\n{\n${command}\n} </dev/null 3<&- &\ncommand=$!\n` +
      `{ trap '' TERM; cat <&3; ${endsGroup ? '' : 'kill -0 $command && '}{ kill -TERM -- -$$; sleep ${KILL_DELAY_SECONDS}; kill -KILL -- -$$; }; } >/dev/null 2>&1 &\n` +
      `trap : TERM\nwait $command`,
    options,
  );
  const letGo = () => process.stdin.end();
  cancel.addEventListener('abort', letGo, { once: true });
  if (cancel.aborted) letGo();
  try {
    return await resultOf(process);
  } finally {
    cancel.removeEventListener('abort', letGo);
    letGo();
  }
}
