import { Duplex, type Readable, type Writable } from 'node:stream';
import { collectText } from '../../hosts/commands.js';
import type { Host, HostProcess } from '../../hosts/host.js';
import { AfterMark, printMark } from '../../hosts/marker-stream.js';
import type { Destination } from '../../hosts/ssh/destination.js';
import { quote, quoteAll } from '../../util/shell-quote.js';
import { ConnectionError } from '../errors.js';
import type { BrokerAddress } from './resolve.js';

/**
 * A way to a broker by a command that carries its bytes: `flux relay` on the broker's machine, whose streams speak as
 * its socket does. That is all that Flux's own ssh connector does, too.
 */
export interface RelayPath {
  /** What messages call it. */
  readonly name: string;
  /** Bash text for the host. */
  readonly command: string;
}

const mark = ['maestro-', 'relay'] as const;

/** Exit status for "there is no socket at that path": its instance is over. */
const noSocket = 66;

/**
 * The ways to a broker, to be tried in this order.
 *
 * @param flux the path of `flux` on the host
 * @param environment the host's
 */
export function relayPaths(
  address: BrokerAddress,
  flux: string,
  environment: Readonly<Record<string, string>>,
): RelayPath[] {
  const { node, socket, slurmJob } = address;
  const relay = relayScript(socket, quote(flux));
  if (node === undefined) return [{ name: 'flux relay', command: relay }];
  // FLUX_SSH_RCMD is a command line already.
  const relayThere = relayScript(socket, environment.FLUX_SSH_RCMD || quote(flux));
  const byStep = slurmJob === undefined ? [] : [step(node, slurmJob, relay)];
  return [hop(node, relayThere, environment), ...byStep];
}

/**
 * Commands for the host that run a script on the broker's node, to be tried in this order. @param script for any POSIX
 * shell
 */
export function nodeCommands(
  { node, slurmJob }: BrokerAddress,
  script: string,
  environment: Readonly<Record<string, string>>,
): string[] {
  if (node === undefined) return [script];
  const byStep = slurmJob === undefined ? [] : [step(node, slurmJob, script)];
  return [hop(node, script, environment), ...byStep].map(({ command }) => command);
}

/** Text for any POSIX shell. */
function relayScript(socket: string, flux: string): string {
  const path = quote(socket);
  return `[ -S ${path} ] || { echo there is no socket at ${path} >&2; exit ${noSocket}; }; ${printMark(mark)}; exec ${flux} relay ${path}`;
}

/** The ssh command if the user has not chosen one; BatchMode, because no user is there to answer a question. */
const ssh = ['ssh', '-T', '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=20', '-o', 'ServerAliveInterval=30'];

/**
 * By ssh from the host, as Flux's own connector does: with the user's FLUX_SSH and FLUX_SSH_RCMD, and the host's
 * LD_LIBRARY_PATH, which ssh does not bring along.
 */
function hop(
  { user, name, port }: Destination,
  script: string,
  { FLUX_SSH, LD_LIBRARY_PATH }: Readonly<Record<string, string>>,
): RelayPath {
  const libraries = LD_LIBRARY_PATH ? `export LD_LIBRARY_PATH=${quote(LD_LIBRARY_PATH)}; ` : '';
  const words = [
    ...(FLUX_SSH ? [FLUX_SSH] : ssh),
    ...(port === undefined ? [] : ['-p', String(port)]),
    user === undefined ? name : `${user}@${name}`,
    // The login shell there may be any.
    `exec sh -c ${quote(`${libraries}${script}`)}`,
  ];
  return { name: `ssh ${name}`, command: `exec ${quoteAll(words)}` };
}

/**
 * As a step of the Slurm job that the broker is in, where ssh to compute nodes is not allowed. Slurm passes on whole
 * lines only unless it is told not to, and Flux's frames have none.
 */
function step({ name }: Destination, job: string, script: string): RelayPath {
  const place = [
    '--overlap',
    `--jobid=${job}`,
    '--nodes=1',
    '--ntasks=1',
    `--nodelist=${name}`,
    '--unbuffered',
    '--quiet',
  ];
  return { name: 'srun --overlap', command: `exec ${quoteAll(['srun', ...place, 'sh', '-c', script])}` };
}

/** The stream of a relay. Its end is an error that says why, with a code that says whether its instance is over. */
export function relayStream(host: Host, path: RelayPath): Duplex {
  const process = host.spawn(path.command);
  const after = new AfterMark(mark);
  const words = collectText(process.stderr, 4096);
  process.stdout.pipe(after);
  process.stdout.once('close', () => after.end());
  return new RelayStream(process, after, async () => {
    const { code } = await process.exit;
    const said = [words(), after.hasBegun ? '' : after.noise].filter((text) => text !== '').join(' / ');
    return relayError(path.name, code, after.hasBegun, said.replaceAll(/\s*\n\s*/g, ' / '));
  });
}

function relayError(name: string, code: number, hasBegun: boolean, words: string): ConnectionError {
  // Before the relay has started, or if it cannot be run (126, 127), such messages are not about the broker's socket.
  const isOfSocket = hasBegun && code < 126;
  const isGone = code === noSocket || (isOfSocket && /connection refused|no such file or directory/i.test(words));
  return new ConnectionError(`${name}: ${words || `ended with exit ${code}`}`, isGone ? 'ENOENT' : undefined);
}

/** Milliseconds for what was written before the end of a relay to get there. */
const flushTime = 5_000;

/** The two streams of a relay's process as one. */
class RelayStream extends Duplex {
  readonly #process: HostProcess;
  readonly #input: Writable;
  readonly #output: Readable;
  #isFlushed = false;

  /** @param reason why the relay ended, once it has */
  constructor(process: HostProcess, output: Readable, reason: () => Promise<ConnectionError>) {
    super();
    this.#process = process;
    this.#input = process.stdin;
    this.#output = output;
    output.on('data', (chunk) => {
      if (!this.destroyed && !this.push(chunk)) output.pause();
    });
    const end = (error: unknown) =>
      this.destroy(error instanceof Error ? new ConnectionError(error.message) : undefined);
    output.once('close', () => reason().then((error) => this.destroy(error), end));
  }

  override _read(): void {
    this.#output.resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    // What cannot be written comes before the end of the relay, which says why.
    this.#input.write(chunk, (error) => error || done());
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#input.end((error?: Error | null) => error || done());
  }

  /** Ends it once all that was written is on its way. */
  destroySoon(): void {
    this.#isFlushed = true;
    this.end(() => this.destroy());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    // A relay exits when its input is closed, unless its output is blocked, so the output is drained.
    this.#input.end();
    this.#output.resume();
    // One that hangs is not waited for; what was written may still be on its way.
    const leave = () => this.#process.leave();
    if (this.#isFlushed) setTimeout(leave, flushTime).unref();
    else leave();
    done(error);
  }
}
