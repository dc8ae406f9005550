import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type Host, HostError, HostLostError } from './host.js';

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
export async function run(host: Host, command: string, input: Uint8Array | string = ''): Promise<CommandResult> {
  const process = host.spawn(command);
  process.stdin.end(input);
  const stderr = collectText(process.stderr, 65_536);
  const [stdout, { code }] = await Promise.all([buffer(process.stdout), process.exit]);
  return { code, stdout, stderr: stderr() };
}

/** A command that the way to the machine broke under is run again so often. */
const mostLosses = 5;

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
      if (!(error instanceof HostLostError) || losses === mostLosses) throw error;
    }
  }
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
  if (code !== 0) throw new HostError(`${purpose}: ${stderr === '' ? `exit ${code}` : stderr}`);
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

/** What is told to end and does not is killed after so many seconds. */
const grace = 2;

/**
 * Runs a long command that ends when `cancel` is aborted, or this program dies: the end of its input ends it.
 * The command has no input itself.
 */
export async function runLeashed(host: Host, command: string, cancel: AbortSignal): Promise<CommandResult> {
  const process = host.spawn(
    `exec 3<&0\n{\n${command}\n} </dev/null 3<&- &\ncommand=$!\n` +
      `{ trap '' TERM; cat <&3; kill -0 $command && { kill -TERM -- -$$; sleep ${grace}; kill -KILL -- -$$; }; } >/dev/null 2>&1 &\n` +
      `trap : TERM\nwait $command`,
  );
  const letGo = () => process.stdin.end();
  cancel.addEventListener('abort', letGo, { once: true });
  if (cancel.aborted) letGo();
  const stderr = collectText(process.stderr, 65_536);
  const [stdout, { code }] = await Promise.all([buffer(process.stdout), process.exit]);
  cancel.removeEventListener('abort', letGo);
  letGo();
  return { code, stdout, stderr: stderr() };
}
