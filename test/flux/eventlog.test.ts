import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applyEvent,
  EventlogError,
  endOf,
  exitCodeOf,
  type FluxEvent,
  type JobView,
  newJob,
  parseEvents,
  signalOf,
} from '../../src/flux/eventlog.js';
import { type RecordedJob, recordedJobs } from '../support/flux/recordings.js';

const viewOf = (text: string): JobView => parseEvents(text).reduce(applyEvent, newJob);

/** A job's end in one line, or as far as it was seen. */
function told({ text, errnum }: RecordedJob): string {
  const view = viewOf(text);
  if (view.state !== 'INACTIVE') return errnum === undefined ? view.state : `${view.state}, then errno ${errnum}`;
  const { waitStatus, exception } = view;
  const code =
    waitStatus === null
      ? 'not run'
      : signalOf(waitStatus) === null
        ? exitCodeOf(waitStatus)
        : `signal ${signalOf(waitStatus)}`;
  return `${endOf(view)}, ${code}${exception === null ? '' : `, ${exception.type}: ${exception.note}`}`;
}

const noSuchProgram = 'failed, 127, exec: task 0 (host node1): start failed: /no/such/prog: No such file or directory';
const terminated = 'cancelled, 143, cancel: ';
const expired = 'timeout, 142, timeout: resource allocation expired';
const obsolete = 'cancelled, not run, cancel: no longer wanted';
const neverFits = 'failed, not run, alloc: unsatisfiable request';

/** How the jobs of each exchange ended. Of the brokers of several versions only where they differ. */
const ends: Readonly<Record<string, readonly string[]>> = {
  'success, exit 3, killed by SIGKILL, killed by SIGSEGV': ['completed, 0', 'failed, 3', 'failed, 137', 'failed, 139'],
  'command not found; no such directory; output that cannot be opened': [
    noSuchProgram,
    // Job shells go on in /tmp.
    'completed, 0',
    'failed, 1, exec: shell_init: No such file or directory',
  ],
  'two tasks, and the second fails': ['failed, 1'],
  'two tasks, command not found': [noSuchProgram],
  'a request that never fits': [
    `${neverFits}: need 99 slot(s) of 1 core(s), only 2 such slot(s) available (total cores: 2)`,
    `${neverFits}: need 50 node(s) with 1 cores each, only 1 eligible`,
    `${neverFits}: need 50 exclusive node(s), only 1 eligible`,
    `${neverFits}: need 1 slot(s) with 1 GPU(s) each, only 0 available (total GPUs: 0)`,
  ],
  'client-0.39.jsonl a request that never fits': [
    neverFits,
    neverFits,
    neverFits,
    "failed, not run, alloc: Unsupported resource type 'gpu'",
  ],
  'client-0.50.jsonl a request that never fits': [
    neverFits,
    neverFits,
    neverFits,
    "failed, not run, alloc: Unsupported resource type 'gpu'",
  ],
  'its own duration has passed': [expired],
  'cancel of a running job': ['cancelled, 143, cancel: no longer wanted'],
  'cancel before it is valid, and as soon as it has started': [
    'cancelled, not run, cancel: at once',
    'cancelled, signal 15, cancel: too early',
  ],
  'client-0.50.jsonl cancel before it is valid, and as soon as it has started': [
    'cancelled, signal 15, cancel: at once',
    'cancelled, signal 15, cancel: too early',
  ],
  'cancel of a job that ignores SIGTERM: twice': ['cancelled, 4, cancel: once'],
  'cancel of a pending job, then of an inactive one; kill of both, and of no job; watch of an inactive job': [
    'completed, 0',
    obsolete,
    obsolete,
  ],
  'urgency 0 holds a job; urgencies decide who is next': [
    'completed, 0',
    'completed, 0',
    'completed, 0',
    'cancelled, not run, cancel: ',
  ],
  'two watches of one job, one given up': ['RUN', 'completed, 0'],
  'list-id: at once, later, of no job': ['completed, 0'],
  'a nested job': ['completed, 0'],
  'SIGTERM to the broker: two jobs run, one waits': [terminated, terminated, 'SCHED, then errno 38'],
  'SIGKILL to the broker': ['RUN', 'RUN', 'SCHED'],
  "the instance's time has run out: two jobs run, one waits": [
    expired,
    expired,
    // It was started in the last moment, and its shell died of the signal itself.
    'timeout, signal 14, timeout: resource allocation expired',
  ],
  "client-0.50.jsonl the instance's time has run out: two jobs run, one waits": [
    expired,
    expired,
    'failed, signal 15, exec: job started after expiration',
  ],
  "client-0.39.jsonl the instance's time has run out: two jobs run, one waits": [
    expired,
    expired,
    'SCHED, then errno 38',
  ],
  'guest: flux job submit (munge-signed)': ['completed, 0'],
  'guest: cancel own job': ['RUN', terminated],
  'flux job submit < jobspec.json ; flux job wait-event ID clean : success': ['completed, 0'],
  'cancel a running job': ['RUN', terminated],
  'duration exceeded (timeout)': [expired],
  'nonzero exit': ['failed, 1'],
  'command not found': [noSuchProgram],
  'unsatisfiable request': [`${neverFits}: need 50 exclusive node(s), only 1 eligible`],
  'signal a job': ['RUN', 'failed, 143'],
  'dependency afterok': ['completed, 0'],
  'dependency afterok of a failing job': [
    'failed, not run, dependency: dependency after-success=ƒ3qh3Dgj can never be satisfied',
  ],
  'nested instance (flux batch): memo event carries the uri': ['RUN', 'completed, 0'],
  'eventlog-watch of an unknown job (ENOENT)': ['NEW, then errno 2'],
  'the instance is ended (SIGTERM to its broker): two running jobs, two pending': [
    terminated,
    terminated,
    'SCHED, then errno 38',
    'SCHED, then errno 38',
  ],
};

describe('every recorded eventlog', () => {
  const exchanges = new Map<string, RecordedJob[]>();
  for (const job of recordedJobs()) {
    const name = `${job.file} ${job.exchange}`;
    exchanges.set(name, [...(exchanges.get(name) ?? []), job]);
  }

  it.each([...exchanges])('of %s tells how its job ended', (name, jobs) => {
    expect(jobs.map(told)).toEqual(ends[name] ?? ends[jobs[0]!.exchange]);
  });

  it('is expected to be there', () => {
    const all = new Set([...exchanges].flatMap(([name, jobs]) => [name, jobs[0]!.exchange]));
    expect(Object.keys(ends).filter((name) => !all.has(name))).toEqual([]);
  });

  it('only ever goes on, and is over at its end and not before', () => {
    const order = ['NEW', 'DEPEND', 'PRIORITY', 'SCHED', 'RUN', 'CLEANUP', 'INACTIVE'];
    for (const { text } of recordedJobs()) {
      let view = newJob;
      for (const event of parseEvents(text)) {
        const next = applyEvent(view, event);
        expect(order.indexOf(next.state)).toBeGreaterThanOrEqual(order.indexOf(view.state));
        expect(next.state === 'INACTIVE').toBe(event.name === 'clean');
        view = next;
      }
    }
  });

  it('of a job that is an instance tells where', () => {
    const uris = recordedJobs()
      .filter(({ exchange }) => exchange.startsWith('a nested') || exchange.startsWith('nested'))
      .map(({ text }) => viewOf(text).uri);
    expect(uris).toHaveLength(4);
    for (const uri of uris) expect(uri).toMatch(/^ssh:\/\/node1\/.+\/local-0$/);
  });

  it('is pending until alloc, and running from start', () => {
    const { text } = recordedJobs().find(({ exchange }) => exchange === 'nonzero exit')!;
    const states = parseEvents(text).map((_, index, events) => {
      const { state, started } = events.slice(0, index + 1).reduce(applyEvent, newJob);
      return `${state}${started === null ? '' : ' started'}`;
    });
    expect(states).toEqual([
      'NEW',
      'DEPEND',
      'PRIORITY',
      'SCHED',
      'RUN',
      'RUN started',
      'CLEANUP started',
      'CLEANUP started',
      'CLEANUP started',
      'INACTIVE started',
    ]);
  });
});

const event = (name: string, context?: unknown): FluxEvent => ({ timestamp: 1, name, context });
const over = (...events: FluxEvent[]) => events.reduce(applyEvent, newJob);

describe('an end', () => {
  const exception = (type: string, note = '', severity = 0) => event('exception', { type, note, severity, userid: 0 });

  it.each<[string, FluxEvent[], string]>([
    ['by a node that failed', [exception('node-failure', 'node2 is down')], 'node-failure'],
    ['by a node that failed, as job shells tell it', [exception('exec', 'node failure on node2')], 'node-failure'],
    ['by a job shell that was lost', [exception('exec', 'lost contact with job shell on node2')], 'node-failure'],
    ['by another exception of the execution system', [exception('exec', 'a node failure?')], 'failed'],
    ['by an exception that nobody knows', [exception('surprise', '')], 'failed'],
    [
      'in spite of an exception for information',
      [exception('exec', 'slow', 1), event('finish', { status: 0 })],
      'completed',
    ],
    ['by the first of two exceptions', [exception('timeout'), exception('cancel')], 'timeout'],
    ['with a status and an exception', [exception('cancel'), event('finish', { status: 0 })], 'cancelled'],
    ['without a status', [], 'failed'],
  ])('%s', (_, events, end) => {
    expect(endOf(over(...events, event('clean')))).toBe(end);
  });

  it('is not undone by a job that is given resources too late, as 0.39 does it', () => {
    const view = over(event('priority'), exception('cancel', 'at once'), event('alloc'), event('free'), event('clean'));
    expect(view).toMatchObject({ state: 'INACTIVE', started: null, exception: { note: 'at once' } });
  });
});

describe('a wait status', () => {
  it.each([
    [0, 0, null],
    [256, 1, null],
    [768, 3, null],
    [32512, 127, null],
    [36352, 142, null],
    [36608, 143, null],
    [65280, 255, null],
    [9, null, 9],
    [15, null, 15],
    [139, null, 11],
  ])('%i is exit code %s, signal %s', (status, code, signal) => {
    expect([exitCodeOf(status), signalOf(status)]).toEqual([code, signal]);
  });
});

describe('entries', () => {
  it('may come one or several at a time', () => {
    const { text } = recordedJobs()[0]!;
    const lines = text.split('\n').filter((line) => line !== '');
    expect(lines.flatMap((line) => parseEvents(`${line}\n`))).toEqual(parseEvents(text));
    expect(parseEvents('')).toEqual([]);
    expect(parseEvents('{"timestamp":1.5,"name":"free"}')).toEqual([
      { timestamp: 1.5, name: 'free', context: undefined },
    ]);
  });

  it('of unknown names change nothing, whatever they hold', () => {
    const context = fc.option(fc.jsonValue(), { nil: undefined });
    fc.assert(
      fc.property(fc.string(), context, (name, context) => {
        expect(applyEvent(newJob, event(`x${name}`, context))).toBe(newJob);
      }),
    );
  });

  it('of known names may hold anything, and nothing is thrown', () => {
    const names = [
      'submit',
      'validate',
      'depend',
      'priority',
      'alloc',
      'start',
      'finish',
      'exception',
      'memo',
      'clean',
    ];
    const events = fc.array(
      fc.record({ timestamp: fc.double(), name: fc.constantFrom(...names), context: fc.jsonValue() }),
    );
    fc.assert(fc.property(events, (events) => void endOf(events.reduce(applyEvent, newJob))));
  });

  it.each([
    '{',
    'null',
    '[]',
    '7',
    '{}',
    '{"timestamp":"1","name":"free"}',
    '{"timestamp":1}',
    '{"timestamp":1,"name":2}',
  ])('are not %j', (line) => {
    expect(() => parseEvents(`{"timestamp":1,"name":"submit"}\n${line}\n`)).toThrow(EventlogError);
  });

  it('that are none are shown, but not in full', () => {
    expect(() => parseEvents('x'.repeat(10_000))).toThrow(/^not an entry of an eventlog: x{200}\.\.\.$/);
  });
});
