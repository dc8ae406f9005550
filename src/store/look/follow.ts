import { programs } from '../../generated/programs.js';
import { causeOf, collectText } from '../../hosts/commands.js';
import { type Host, HostError, HostLostError } from '../../hosts/host.js';
import { assignments } from '../../util/shell-quote.js';
import { replay } from '../journal/replay.js';
import { Fields } from './fields.js';
import { type StudySight, takeDriver, takeMachine } from './look.js';

/** Seconds between two looks on the host. */
const PAUSE_S = 1;

/** A study that is followed is replayed as a whole, so for at most this part of the time. */
const REPLAY_SHARE = 0.1;

/** How often a connection may break before anything is seen by it. */
const MAX_LOSSES = 5;

/**
 * Follows a study that is there, whoever drives it: what it is like now, and again after each change. Changes that come while the last
 * one is dealt with are seen together. Over SSH it is one command.
 *
 * @param cancel ends it
 * @throws HostError if the journal is gone; JournalError
 */
export async function* followStudy(host: Host, path: string, cancel: AbortSignal): AsyncGenerator<StudySight> {
  let losses = 0;
  while (!cancel.aborted) {
    try {
      for await (const sight of followOnce(host, path, cancel)) {
        losses = 0;
        yield sight;
      }
      return;
    } catch (error) {
      losses += 1;
      if (!(error instanceof HostLostError) || losses === MAX_LOSSES) throw error;
    }
  }
}

async function* followOnce(host: Host, path: string, cancel: AbortSignal): AsyncGenerator<StudySight> {
  const command =
    programs['store/look/look-functions.sh'] +
    assignments({ study: path, pause: PAUSE_S }) +
    programs['store/look/follow.sh'];
  const process = host.spawn(command);
  process.stdin.on('error', () => {});
  const errors = collectText(process.stderr, 65_536);
  const frames = new Frames();
  process.stdout.on('data', (chunk: Buffer) => frames.add(chunk));
  const ended = process.exit.then(
    ({ code }) => {
      if (code !== 0 && !cancel.aborted) {
        const gone = code === 3 ? 'its journal is gone, or was replaced' : causeOf(code, errors());
        frames.end(new HostError(`cannot follow the study ${path} on ${host.name}: ${gone}`));
      } else frames.end();
    },
    (error) => frames.end(error),
  );
  const stop = () => {
    process.stdin.end();
    frames.end();
  };
  cancel.addEventListener('abort', stop, { once: true });
  if (cancel.aborted) stop();
  try {
    yield* sightsOf(frames, path);
  } finally {
    cancel.removeEventListener('abort', stop);
    process.stdin.end();
    process.leave();
    process.stdout.destroy();
    process.stderr.destroy();
    ended.catch(() => {});
  }
}

async function* sightsOf(frames: Frames, path: string): AsyncGenerator<StudySight> {
  let machine: ReturnType<typeof takeMachine> | undefined;
  let driver: StudySight['driver'] | undefined;
  let journal = Buffer.alloc(0);
  let state: StudySight['state'] | undefined;
  /** By the host's clock this program's is set. */
  let ahead = 0;
  for (let some = await frames.next(); some !== undefined; some = await frames.next()) {
    const appended: Buffer[] = [];
    for (const { kind, bytes } of some) {
      if (kind === 'journal') appended.push(bytes);
      else if (kind === 'machine') {
        machine = takeMachine(fieldsOf(bytes));
        ahead = machine.sighting.now - Date.now();
      } else if (kind === 'driver' && machine !== undefined) driver = takeDriver(fieldsOf(bytes), machine.machine);
    }
    const began = Date.now();
    if (appended.length > 0) {
      journal = Buffer.concat([journal, ...appended]);
      state = replay(journal.toString());
    }
    if (machine === undefined || driver === undefined || state === undefined || state.seq === 0) continue;
    const took = Date.now() - began;
    yield { ...machine.sighting, now: Date.now() + ahead, path, driver, state, statusCsv: '' };
    await frames.pause(took / REPLAY_SHARE);
  }
}

function fieldsOf(bytes: Buffer): Fields {
  return new Fields(Buffer.from(bytes.toString().replaceAll('\u001e', '\0')));
}

interface Frame {
  readonly kind: string;
  readonly bytes: Buffer;
}

/** The frames of an output: those that have come since the last time. */
class Frames {
  #chunks: Buffer = Buffer.alloc(0);
  #frames: Frame[] = [];
  #isOver = false;
  #error: unknown;
  #wake: () => void = () => {};

  add(chunk: Buffer): void {
    this.#chunks = Buffer.concat([this.#chunks, chunk]);
    for (;;) {
      const end = this.#chunks.indexOf('\n');
      if (end === -1) break;
      const [kind = '', count = ''] = this.#chunks.toString('latin1', 0, end).split(' ');
      const whole = end + 1 + Number(count);
      if (this.#chunks.length < whole) break;
      this.#frames.push({ kind, bytes: this.#chunks.subarray(end + 1, whole) });
      this.#chunks = this.#chunks.subarray(whole);
    }
    if (this.#frames.length > 0) this.#wake();
  }

  /** There are no more. */
  end(error?: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#error = error;
    this.#wake();
  }

  /** Waits for frames. @returns undefined at the end. Rejects if it came with an error */
  async next(): Promise<readonly Frame[] | undefined> {
    while (this.#frames.length === 0 && !this.#isOver) await this.#woken();
    if (this.#frames.length > 0) return this.#frames.splice(0);
    if (this.#error !== undefined) throw this.#error;
    return undefined;
  }

  /** Waits that long, or for the end. */
  async pause(milliseconds: number): Promise<void> {
    if (this.#isOver || milliseconds < 50) return;
    const timer = setTimeout(() => this.#wake(), milliseconds);
    const until = Date.now() + milliseconds;
    while (!this.#isOver && Date.now() < until) await this.#woken();
    clearTimeout(timer);
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
