import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../util/clock.js';
import { HostError } from './host.js';
import { AfterMark } from './marker-stream.js';
import { isWhole, type PreparedShell, readReport, SETUP_TIMEOUT_MS, SetupError, type SetupMarks } from './setup.js';

/** A shell that `setupCommand` became. */
export interface SetupProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exit: Promise<number>;
}

export interface SetupOptions {
  readonly setup: string;
  readonly marks: SetupMarks;
  readonly clock: Clock;
  /** The error when the shell ended, or printed nothing in time (then without a code), before `setup` began. */
  readonly notBegun: (code: number | undefined, noise: string) => HostError;
  /** Milliseconds until they must have begun. */
  readonly beginTimeMs: number;
  /** Aborted on cancellation, with a reason for people. */
  readonly cancel?: AbortSignal | undefined;
}

/**
 * Waits for the report of a shell that runs `setup`, not for the end of its streams: processes that `setup` leaves running may
 * keep them open.
 *
 * @throws SetupError, and what `notBegun` makes
 */
export async function awaitReport(process: SetupProcess, options: SetupOptions): Promise<PreparedShell> {
  const { setup, marks, clock, notBegun, beginTimeMs, cancel } = options;
  const begin = { stdout: new AfterMark(marks.begin), stderr: new AfterMark(marks.begin) };
  const [report, said] = [chunksOf(begin.stdout), chunksOf(begin.stderr)];
  const endMark = marks.end.join('');
  const stops: (() => void)[] = [];
  const whole = new Promise<'whole'>((resolve) => {
    const look = () => {
      if (isWhole(report()) && said().includes(endMark)) resolve('whole');
    };
    for (const stream of [begin.stdout, begin.stderr]) stream.on('data', look);
  });
  const late = (milliseconds: number) =>
    new Promise<'late'>((resolve) => void stops.push(clock.after(milliseconds, () => resolve('late'))));
  const begun = new Promise<'begun'>((resolve) => begin.stdout.once('begun', () => resolve('begun')));
  const cancelled = new Promise<'cancelled'>((resolve) => {
    const end = () => resolve('cancelled');
    if (cancel?.aborted) end();
    cancel?.addEventListener('abort', end, { once: true });
    stops.push(() => cancel?.removeEventListener('abort', end));
  });
  for (const [from, to] of [
    [process.stdout, begin.stdout],
    [process.stderr, begin.stderr],
  ] as const) {
    pipeline(from, to).catch(() => {});
  }
  const noise = () => [begin.stderr.noise, begin.stdout.noise].filter((text) => text !== '').join('\n');
  try {
    const start = await Promise.race([begun, process.exit, late(beginTimeMs), cancelled]);
    const rest = () => Promise.race([whole, process.exit, late(SETUP_TIMEOUT_MS), cancelled]);
    const end = start === 'begun' ? await rest() : start;
    if (end === 'cancelled') throw new HostError(String(cancel!.reason));
    if (!begin.stdout.hasBegun) throw notBegun(typeof end === 'number' ? end : undefined, noise());
    if (end === 'late') {
      throw new SetupError(`setup did not finish within ${SETUP_TIMEOUT_MS / 1000} s: does it wait for something?`);
    }
    const [words = ''] = said().toString('utf8').split(endMark);
    return readReport(setup, report(), words, typeof end === 'number' ? end : 0);
  } finally {
    for (const stop of stops) stop();
    process.stdin.end();
  }
}

/** Collects a stream; the result gives what there is so far. */
function chunksOf(stream: Readable): () => Buffer {
  let all = Buffer.alloc(0);
  stream.on('data', (chunk: Buffer) => {
    all = Buffer.concat([all, chunk]);
  });
  return () => all;
}
