import { again, collectText, mustRun, runLeashed } from '../hosts/commands.js';
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

/** Who drives a study. */
export interface LeaseHolder extends ProcessIdentity {
  /** Where people see the run, on GitHub. */
  readonly runUrl?: string;
  /** Which attempt of that run it is. */
  readonly runAttempt?: string;
}

/** Who drives the study if we do. @param runUrl where people see the run; '' if nowhere */
export function ourHolder(runUrl = '', runAttempt?: string): LeaseHolder {
  return {
    ...ourProcess(),
    ...(runUrl === '' ? {} : { runUrl }),
    ...(runAttempt === undefined ? {} : { runAttempt }),
  };
}

/** Whether both are of one attempt of a workflow run, as far as they say. */
export function isSameAttempt(one: LeaseHolder, other: LeaseHolder): boolean {
  return (
    one.runUrl !== undefined &&
    one.runUrl === other.runUrl &&
    one.runAttempt === other.runAttempt &&
    one.runAttempt !== undefined
  );
}

/** What the lease says: a line of JSON, `.conductor/lease`. */
export interface LeaseLine extends LeaseHolder {
  readonly fence: number;
  /** ISO 8601. */
  readonly since: string;
  readonly beat: number;
  /** Whether it was given back. */
  readonly released?: boolean;
}

/** Somebody else drives the study. The message is for people. */
export class LeaseHeldError extends UserError {
  readonly holder: LeaseLine | undefined;

  constructor(studyPath: string, holder: LeaseLine | undefined) {
    super(
      `the study ${studyPath} is driven by ${describeHolder(holder, 'another run that has just begun')}: ` +
        `wait until that is over, or end it with \`maestro cancel ${studyPath}\``,
    );
    this.name = 'LeaseHeldError';
    this.holder = holder;
  }
}

/** We drove the study, and somebody else has taken it over. */
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
  const { machine, pid, runUrl, bootId, pidNamespace, startTime, fence, since, beat, released } = line;
  const all = { machine, pid, runUrl, bootId, pidNamespace, startTime, fence, since, beat, released };
  return JSON.stringify(all);
}

/** Milliseconds without a sign of a driver after which it is held to be gone. */
const usualSilence = 60_000;

/** Seconds for which a lease that did not change shows that its holder is gone. */
const longSilence = 120;

/** What is to be done about a driver that there was. */
export type LeaseState = 'take' | 'held' | 'watch';

/** @param life of a holder, if it is on this machine */
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
    // One that lives and has said nothing for so long hangs, or was stopped: it has a last chance to say something.
    if (found === 'alive') return age > longSilence ? 'watch' : 'held';
  }
  return age > longSilence ? 'take' : 'watch';
}

export interface AcquireOptions {
  /** Milliseconds without a sign of a driver after which it is held to be gone. */
  readonly silence?: number;
  /** Ends the wait for that. */
  readonly cancel?: AbortSignal | undefined;
  /** The lowest fencing number to take: somebody may have cleaned up those that there were. */
  readonly least?: number;
}

/**
 * Takes the lease of a study: from then on we drive it, and whoever did notices before it next writes.
 *
 * @param tell takes a line for people if there is a wait
 * @returns our fencing number, and who drove the study before, if that is known
 * @throws LeaseHeldError if somebody else drives it; HostError; the reason of `cancel`
 */
export async function acquireLease(
  host: Host,
  studyPath: string,
  me: LeaseHolder,
  clock: Clock,
  tell: (line: string) => void,
  { silence = usualSilence, cancel, least = 1 }: AcquireOptions = {},
): Promise<{ readonly fence: number; readonly previous: LeaseHolder | undefined }> {
  const token = Array.from({ length: 16 }, () => Math.floor(clock.random() * 16).toString(16)).join('');
  const purpose = `cannot find out who drives the study ${studyPath} on ${host.name}`;
  const seen = parseSight((await mustRun(host, purpose, lookCommand(studyPath, token))).toString());
  const previous = parseLease(seen.line);
  const held = (line: string, fence: number) => new LeaseHeldError(studyPath, parseLease(line, fence));
  const verdict = classifyLease(seen, me, lifeOf);
  if (verdict === 'held') throw held(seen.line, seen.fence);
  if (verdict === 'watch') {
    const last = describeHolder(parseLease(seen.line, seen.fence), 'a run that has not said which it is');
    tell(`${studyPath} was last driven by ${last}; waiting up to ${silence / 1000} s to see whether it still is`);
    const now = await watch(host, purpose, watchCommand(studyPath, seen, silence), cancel);
    const isSame = now.fence === seen.fence && now.line === seen.line;
    if (!isSame && parseLease(now.line, now.fence)?.released !== true) throw held(now.line, now.fence);
    if (now.fence !== seen.fence) return acquireLease(host, studyPath, me, clock, tell, { silence, cancel, least });
  }
  const fence = Math.max(seen.fence + 1, least);
  const line = leaseText({ ...me, fence, since: new Date(clock.now()).toISOString(), beat: 0 });
  const taking = `cannot take the study ${studyPath} on ${host.name}`;
  const said = (await mustRun(host, taking, takeCommand(studyPath, fence, token, line))).toString();
  if (said === 'taken\n') return { fence, previous };
  const now = parseSight(said);
  throw held(now.line, now.fence);
}

async function watch(host: Host, purpose: string, command: string, cancel?: AbortSignal): Promise<LeaseSight> {
  const { code, stdout, stderr } = await runLeashed(host, command, cancel ?? new AbortController().signal);
  cancel?.throwIfAborted();
  if (code !== 0) throw new HostError(`${purpose}: ${stderr || `exit ${code}`}`);
  return parseSight(stdout.toString());
}

/** Milliseconds that a host may take to be reached: it is tried for five minutes. */
const reach = 330_000;

/**
 * Makes sure that nobody has taken the study since we did.
 *
 * @param within milliseconds that the answer may take, once the host is reached
 * @throws LeaseLostError if somebody has; HostError if that could not be found out
 */
export async function confirmLease(
  host: Host,
  studyPath: string,
  fence: number,
  clock: Clock,
  within: number,
): Promise<void> {
  const purpose = `cannot find out who drives the study ${studyPath} on ${host.name}`;
  const seen = await again(() => look(host, purpose, studyPath, clock, within));
  if (seen.fence > fence) throw new LeaseLostError(studyPath, parseLease(seen.line, fence + 1));
  if (seen.fence < fence) throw new HostError(`${purpose}: that it was ours is not written there any more`);
}

function look(host: Host, purpose: string, studyPath: string, clock: Clock, within: number): Promise<LeaseSight> {
  const process = host.spawn(confirmCommand(studyPath));
  process.stdin.on('error', () => {});
  process.stdin.end();
  const words = collectText(process.stderr, 65_536);
  let stop = () => {};
  const seen = new Promise<LeaseSight>((resolve, reject) => {
    const giveUp = () => reject(new HostError(`${purpose}: no answer`));
    stop = clock.after(reach, giveUp);
    let said = '';
    process.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (said === '') {
        stop();
        stop = clock.after(within, giveUp);
      }
      said += text;
      const sight = parseConfirmation(said);
      if (sight !== undefined) resolve(sight);
    });
    // What it said may come after the news of its end.
    process.exit.then(({ code }) => {
      if (code !== 0) reject(new HostError(`${purpose}: ${words() || `exit ${code}`}`));
    }, reject);
  });
  // One that hangs is left to itself.
  return seen.finally(() => {
    stop();
    process.leave();
  });
}

/** What writes the lease: the clerk. */
export interface LeaseWriter {
  replace(file: '.conductor/lease', text: string): Promise<void>;
}

/** Milliseconds from beat to beat. */
const interval = 10_000;

/** Milliseconds that the end may take. */
const endTime = 10_000;

/**
 * Says on the host that we still drive the study: the lease changes with every beat, so that who looks at it again (an
 * allocation does) need not compare clocks. A beat that fails is only counted: the way to the host breaks and comes back.
 */
export class Lease {
  readonly #writer: LeaseWriter;
  readonly #holder: LeaseHolder;
  readonly #fence: number;
  readonly #clock: Clock;
  readonly #since: string;
  #beat = 0;
  #failures = 0;
  /** When it was last known that it is on the host. */
  #written: number;
  #isOver = false;
  #writing: Promise<void> | undefined;
  #stopTimer: () => void = () => {};

  private constructor(clerk: LeaseWriter, holder: LeaseHolder, fence: number, clock: Clock) {
    this.#writer = clerk;
    this.#holder = holder;
    this.#fence = fence;
    this.#clock = clock;
    // It was written when the study was taken.
    this.#written = clock.now();
    this.#since = new Date(this.#written).toISOString();
  }

  /** Beats at once, and from then on until its end, or until somebody else drives the study. */
  static start(clerk: LeaseWriter, me: LeaseHolder, fence: number, clock: Clock): Lease {
    const lease = new Lease(clerk, me, fence, clock);
    lease.#next();
    return lease;
  }

  /** How many beats failed since the last one that did not. */
  get failures(): number {
    return this.#failures;
  }

  /** Milliseconds since the last beat that did not fail; one that has no answer counts as little as one that failed. */
  get silence(): number {
    return this.#clock.now() - this.#written;
  }

  /**
   * Stops. The file stays as it is, and that it does not change any more says enough, after a while; or it says that it is
   * released, and the next driver need not wait.
   *
   * @param within milliseconds after which that is waited for no longer
   */
  async end({ released, within = endTime }: { readonly released: boolean; readonly within?: number }): Promise<void> {
    const wasOver = this.#isOver;
    this.#stop();
    const write = async () => {
      await this.#writing;
      if (released && !wasOver) await this.#write(true);
    };
    await isDoneWithin(this.#clock, within, write());
  }

  #stop(): void {
    this.#isOver = true;
    this.#stopTimer();
  }

  /** One write at a time: a beat that comes due while another is on its way is left out. */
  #next(): void {
    this.#writing ??= this.#write(false).finally(() => {
      this.#writing = undefined;
    });
    this.#stopTimer = this.#clock.after(interval, () => this.#next());
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
