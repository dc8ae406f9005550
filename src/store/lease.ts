import { again, causeOf, collectText, mustRun, runLeashed } from '../hosts/commands.js';
import { type Host, HostError } from '../hosts/host.js';
import { isSameMachine, lifeOf, ourProcess, type ProcessIdentity } from '../hosts/processes.js';
import type { Clock } from '../util/clock.js';
import { UserError } from '../util/errors.js';
import { isDoneWithin } from '../util/sleep.js';
import {
  confirmCommand,
  type LeaseSight,
  lookCommand,
  parseConfirmation,
  parseSight,
  takeCommand,
  watchCommand,
} from './lease-commands.js';

/** The process that drives a study. */
export interface LeaseHolder extends ProcessIdentity {
  /** The page of the run on GitHub. */
  readonly runUrl?: string;
  /** Which attempt of that run it is. */
  readonly runAttempt?: string;
  /** Of a conductor that runs on the host by itself: names its start. */
  readonly detached?: string;
  /** Of one that is a job of a batch system: which, such as `job 17 of Slurm`. */
  readonly job?: string;
}

/** The holder that this process is. @param runUrl the page of the run; '' if it has none */
export function ourHolder(runUrl = '', runAttempt?: string): LeaseHolder {
  return {
    ...ourProcess(),
    ...(runUrl === '' ? {} : { runUrl }),
    ...(runAttempt === undefined ? {} : { runAttempt }),
  };
}

/** Whether both are known to belong to one attempt of one workflow run. */
export function isSameAttempt(one: LeaseHolder, other: LeaseHolder): boolean {
  return (
    one.runUrl !== undefined &&
    one.runUrl === other.runUrl &&
    one.runAttempt === other.runAttempt &&
    one.runAttempt !== undefined
  );
}

/** The text of `.conductor/lease`, a line of JSON. */
export interface LeaseLine extends LeaseHolder {
  readonly fence: number;
  /** ISO 8601. */
  readonly since: string;
  readonly beat: number;
  /** Whether the holder gave it back. */
  readonly released?: boolean;
}

/** Another process drives the study. The message is for people. */
export class LeaseHeldError extends UserError {
  readonly studyPath: string;
  readonly holder: LeaseLine | undefined;

  constructor(studyPath: string, holder: LeaseLine | undefined) {
    super(
      `the study ${studyPath} is driven by ${describeHolder(holder, 'another run that has just begun')}: ` +
        `wait until that is over, or end it with \`maestro-on-flux cancel ${studyPath}\``,
    );
    this.name = 'LeaseHeldError';
    this.studyPath = studyPath;
    this.holder = holder;
  }
}

/** Another process has taken over the study that this one drove. */
export class LeaseLostError extends UserError {
  readonly holder: LeaseLine | undefined;

  constructor(studyPath: string, holder: LeaseLine | undefined) {
    super(
      `the study ${studyPath} is driven by ${describeHolder(holder, 'another run')} now, ` +
        `which heard nothing of this one for too long: this one leaves it alone`,
    );
    this.name = 'LeaseLostError';
    this.holder = holder;
  }
}

/** Nobody drives a study any more whose directory was removed. */
export class StudyGoneError extends LeaseLostError {
  constructor(studyPath: string) {
    super(studyPath, undefined);
    this.name = 'StudyGoneError';
    this.message = `the study directory ${studyPath} is gone, so nothing of the study can be kept any more: this run leaves it`;
  }
}

function describeHolder(holder: LeaseLine | undefined, otherwise: string): string {
  if (holder === undefined) return otherwise;
  const { pid, machine, since, runUrl } = holder;
  return `process ${pid} on ${machine} since ${since}${runUrl === undefined ? '' : ` (${runUrl})`}`;
}

/** @returns undefined for a line that is none of a lease, or of one with a lower fencing number than `least` */
export function parseLease(text: string, least = 0): LeaseLine | undefined {
  let line: Partial<Record<keyof LeaseLine, unknown>> | null;
  try {
    line = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof line?.machine !== 'string' || typeof line.pid !== 'number' || typeof line.since !== 'string') {
    return undefined;
  }
  return typeof line.fence === 'number' && line.fence >= least ? (line as LeaseLine) : undefined;
}

function leaseText(line: LeaseLine): string {
  // Commands on the host look for `"fence":N,`.
  const { machine, pid, runUrl, detached, job, bootId, pidNamespace, startTime, fence, since, beat, released } = line;
  const all = { machine, pid, runUrl, detached, job, bootId, pidNamespace, startTime, fence, since, beat, released };
  return JSON.stringify(all);
}

/** By which a driver that takes a lease recognises its own. */
export function newToken(clock: Clock): string {
  return Array.from({ length: 16 }, () => Math.floor(clock.random() * 16).toString(16)).join('');
}

/** The line of a lease that a driver takes. */
export function firstLine(me: LeaseHolder, fence: number, clock: Clock): string {
  return leaseText({ ...me, fence, since: new Date(clock.now()).toISOString(), beat: 0 });
}

/** A driver whose lease does not change for this long while it is watched counts as gone. */
const SILENCE_MS = 60_000;

/** A lease that has not changed for this long shows without watching that its holder is gone. */
const STALE_AGE_S = 120;

/** What to do about an earlier driver: take the study, refuse to, or watch whether its lease changes. */
export type LeaseState = 'take' | 'held' | 'watch';

/** @param life tells of a holder on this machine whether its process lives */
export function classifyLease(
  { fence, age, line }: LeaseSight,
  me: LeaseHolder,
  life: (holder: LeaseHolder) => 'alive' | 'dead' | 'unknown',
): LeaseState {
  if (fence === 0) return 'take';
  const holder = parseLease(line, fence);
  if (holder !== undefined) {
    if (holder.released === true) return 'take';
    const found = isSameMachine(holder, me) ? life(holder) : 'unknown';
    if (found === 'dead') return 'take';
    // A process that lives and has not written for so long hangs or was stopped: it is watched once more.
    if (found === 'alive') return age > STALE_AGE_S ? 'watch' : 'held';
  }
  return age > STALE_AGE_S ? 'take' : 'watch';
}

export interface AcquireOptions {
  /** A driver whose lease does not change for this long counts as gone. */
  readonly silenceMs?: number;
  /** Ends the wait for that. */
  readonly cancel?: AbortSignal | undefined;
  /** The lowest fencing number to take, in case the files of earlier numbers were removed. */
  readonly least?: number;
}

/**
 * Takes the lease of a study. An earlier driver that is still alive notices that before its next write.
 *
 * @param tell takes a line for people if there is a wait
 * @returns the fencing number of this process, and the previous driver, if that is known
 * @throws LeaseHeldError if another process drives it; HostError; the reason of `cancel`
 */
export async function acquireLease(
  host: Host,
  studyPath: string,
  me: LeaseHolder,
  clock: Clock,
  tell: (line: string) => void,
  { silenceMs = SILENCE_MS, cancel, least = 1 }: AcquireOptions = {},
): Promise<{ readonly fence: number; readonly previous: LeaseHolder | undefined }> {
  const token = newToken(clock);
  const purpose = `cannot find out who drives the study ${studyPath} on ${host.name}`;
  const seen = parseSight((await mustRun(host, purpose, lookCommand(studyPath, token))).toString());
  const previous = parseLease(seen.line);
  const held = (line: string, fence: number) => new LeaseHeldError(studyPath, parseLease(line, fence));
  const state = classifyLease(seen, me, lifeOf);
  if (state === 'held') throw held(seen.line, seen.fence);
  if (state === 'watch') {
    const last = describeHolder(parseLease(seen.line, seen.fence), 'a run that has not said which it is');
    tell(`${studyPath} was last driven by ${last}; waiting up to ${silenceMs / 1000} s to see whether it still is`);
    const now = await watch(host, purpose, watchCommand(studyPath, seen, silenceMs), cancel);
    const isSame = now.fence === seen.fence && now.line === seen.line;
    if (!isSame && parseLease(now.line, now.fence)?.released !== true) throw held(now.line, now.fence);
    if (now.fence !== seen.fence) return acquireLease(host, studyPath, me, clock, tell, { silenceMs, cancel, least });
  }
  const fence = Math.max(seen.fence + 1, least);
  const line = firstLine(me, fence, clock);
  const taking = `cannot take the study ${studyPath} on ${host.name}`;
  const said = (await mustRun(host, taking, takeCommand(studyPath, fence, token, line))).toString();
  if (said === 'taken\n') return { fence, previous };
  const now = parseSight(said);
  throw held(now.line, now.fence);
}

async function watch(host: Host, purpose: string, command: string, cancel?: AbortSignal): Promise<LeaseSight> {
  const { code, stdout, stderr } = await runLeashed(host, command, cancel ?? new AbortController().signal);
  cancel?.throwIfAborted();
  if (code !== 0) throw new HostError(`${purpose}: ${causeOf(code, stderr)}`);
  return parseSight(stdout.toString());
}

/** How long reaching the host may take: connecting is tried for five minutes. */
const REACH_TIMEOUT_MS = 330_000;

/**
 * Makes sure that no other process has taken the study since this one did.
 *
 * @param timeoutMs how long the answer may take once the host is reached
 * @throws LeaseLostError if another process has it; HostError if that could not be found out
 */
export async function confirmLease(
  host: Host,
  studyPath: string,
  fence: number,
  clock: Clock,
  timeoutMs: number,
): Promise<void> {
  const purpose = `cannot find out who drives the study ${studyPath} on ${host.name}`;
  const seen = await again(() => look(host, purpose, studyPath, clock, timeoutMs));
  if (seen.fence > fence) throw new LeaseLostError(studyPath, parseLease(seen.line, fence + 1));
  if (seen.fence < fence) throw new HostError(`${purpose}: that it was ours is not written there any more`);
}

function look(host: Host, purpose: string, studyPath: string, clock: Clock, timeoutMs: number): Promise<LeaseSight> {
  const process = host.spawn(confirmCommand(studyPath));
  process.stdin.on('error', () => {});
  process.stdin.end();
  const stderrText = collectText(process.stderr, 65_536);
  let stop = () => {};
  const seen = new Promise<LeaseSight>((resolve, reject) => {
    const giveUp = () => reject(new HostError(`${purpose}: no answer`));
    stop = clock.after(REACH_TIMEOUT_MS, giveUp);
    let said = '';
    process.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (said === '') {
        stop();
        stop = clock.after(timeoutMs, giveUp);
      }
      said += text;
      const sight = parseConfirmation(said);
      if (sight !== undefined) resolve(sight);
    });
    // Its output may arrive after its exit.
    process.exit.then(({ code }) => {
      if (code !== 0) reject(new HostError(`${purpose}: ${causeOf(code, stderrText())}`));
    }, reject);
  });
  // A command that hangs is not waited for.
  return seen.finally(() => {
    stop();
    process.leave();
  });
}

/** Writes the lease on the host. */
export interface LeaseWriter {
  replace(file: '.conductor/lease', text: string): Promise<void>;
}

const HEARTBEAT_INTERVAL_MS = 10_000;

/** How long giving the lease back may take. */
const END_TIMEOUT_MS = 10_000;

/**
 * Keeps the lease fresh on the host: its text changes with every heartbeat, so that an observer, such as the guard of an
 * allocation, need not compare clocks. A heartbeat that fails is only counted, because connections break and come back.
 */
export class Lease {
  readonly #writer: LeaseWriter;
  readonly #holder: LeaseHolder;
  readonly #fence: number;
  readonly #clock: Clock;
  readonly #since: string;
  #beat = 0;
  #failures = 0;
  /** When the last successful write ended. */
  #written: number;
  #isOver = false;
  #writing: Promise<void> | undefined;
  #stopTimer: () => void = () => {};

  private constructor(writer: LeaseWriter, holder: LeaseHolder, fence: number, clock: Clock) {
    this.#writer = writer;
    this.#holder = holder;
    this.#fence = fence;
    this.#clock = clock;
    // Taking the study wrote the lease.
    this.#written = clock.now();
    this.#since = new Date(this.#written).toISOString();
  }

  /** Writes the first heartbeat at once, and goes on until `end`, or until another process has taken the study. */
  static start(writer: LeaseWriter, me: LeaseHolder, fence: number, clock: Clock): Lease {
    const lease = new Lease(writer, me, fence, clock);
    lease.#next();
    return lease;
  }

  /** How many heartbeats failed since the last successful one. */
  get failures(): number {
    return this.#failures;
  }

  /** Milliseconds since the last heartbeat that was known to succeed. */
  get silenceMs(): number {
    return this.#clock.now() - this.#written;
  }

  /**
   * Stops the heartbeat.
   *
   * @param released whether the file says so, which spares the next driver the wait for a change
   * @param timeoutMs how long that may take
   */
  async end({
    released,
    timeoutMs = END_TIMEOUT_MS,
  }: {
    readonly released: boolean;
    readonly timeoutMs?: number;
  }): Promise<void> {
    const wasOver = this.#isOver;
    this.#stop();
    const write = async () => {
      await this.#writing;
      if (released && !wasOver) await this.#write(true);
    };
    await isDoneWithin(this.#clock, timeoutMs, write());
  }

  #stop(): void {
    this.#isOver = true;
    this.#stopTimer();
  }

  /** One write at a time: a heartbeat that is due while another is under way is skipped. */
  #next(): void {
    this.#writing ??= this.#write(false).finally(() => {
      this.#writing = undefined;
    });
    this.#stopTimer = this.#clock.after(HEARTBEAT_INTERVAL_MS, () => this.#next());
  }

  async #write(released: boolean): Promise<void> {
    this.#beat += 1;
    const line = { ...this.#holder, fence: this.#fence, since: this.#since, beat: this.#beat };
    try {
      await this.#writer.replace('.conductor/lease', `${leaseText(released ? { ...line, released } : line)}\n`);
      this.#failures = 0;
      this.#written = this.#clock.now();
    } catch (error) {
      this.#failures += 1;
      if (error instanceof LeaseLostError) this.#stop();
    }
  }
}
