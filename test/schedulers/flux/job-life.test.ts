import { describe, expect, it } from 'vitest';
import { blame } from '../../../src/causes/cause.js';
import type { FluxEvent } from '../../../src/flux/eventlog.js';
import { decodeJobId, encodeJobId } from '../../../src/flux/job-id.js';
import {
  type JobEnd,
  type JobLife,
  type LifeAction,
  type LifeEvent,
  newLife,
  type Step,
} from '../../../src/schedulers/flux/job-life.js';
import { inheritedLife, reduce } from '../../../src/schedulers/flux/job-life-reducer.js';
import type { JobOutcome } from '../../../src/schedulers/scheduler.js';
import { TROUBLE_LIMIT_MS } from '../../../src/schedulers/submit-backoff.js';

const here = 'local:///here';
const one = encodeJobId(1n);
const two = encodeJobId(2n);

function outcome(result: JobOutcome['result'], exitCode: number | null = null): JobOutcome {
  return { result, exitCode, signal: null, note: result };
}

/** A life after some events. */
function lived(life: JobLife, ...events: readonly LifeEvent[]): JobLife {
  return events.reduce((before, event) => reduce(before, event).life, life);
}

const log = (name: string, timestamp: number, context: unknown = {}): LifeEvent => {
  const event: FluxEvent = { name, timestamp, context };
  return { type: 'log', event };
};

const start = log('start', 3);
const clean = log('clean', 5);
const finish = log('finish', 4, { status: 0 });
const accepted: LifeEvent = { type: 'accepted', id: 1n };
const unanswered: LifeEvent = { type: 'unanswered', mayBeHeard: true };
const cancel: LifeEvent = { type: 'cancel' };

const refused = (kind: Extract<LifeEvent, { type: 'refused' }>['kind'], more: object = {}): LifeEvent => ({
  type: 'refused',
  kind,
  words: 'no',
  at: 1_000,
  lastAccepted: Number.NEGATIVE_INFINITY,
  ...more,
});
const classified = (end: JobEnd, reading = 1): LifeEvent => ({ type: 'classified', reading, end });
const owner = (id: bigint | undefined, asked: bigint | undefined): LifeEvent => ({ type: 'owner', owner: id, asked });

const waiting = newLife(here);
const submitting = lived(waiting, { type: 'sent' });
const watching = lived(submitting, accepted);
const waitingAgain = lived(submitting, unanswered);
const submittingAgain = lived(waitingAgain, { type: 'sent' });
const watchingAgain = lived(submittingAgain, accepted);
const classifying = lived(watching, start, finish, clean);
const sought = inheritedLife(here, { id: '', endpoint: '', mayBeDuplicate: false }, true).life;
const soughtById = inheritedLife(here, { id: one, endpoint: here, mayBeDuplicate: true }, true).life;

/** Every phase, and what differs within it. */
const lives = {
  sought,
  'sought by its id': soughtById,
  waiting,
  'waiting again': waitingAgain,
  submitting,
  'submitting again': submittingAgain,
  checking: lived(submittingAgain, refused('wait')),
  watching,
  'watching one of two': watchingAgain,
  classifying,
  withdrawing: lived(submittingAgain, refused('never')),
  undetermined: lived(classifying, classified({ is: 'undetermined', isInstanceEnding: true })),
  over: lived(submitting, refused('never')),
  'sought by its id, cancelled': lived(soughtById, cancel),
  'submitting, cancelled': lived(submitting, cancel),
  'submitting again, cancelled': lived(submittingAgain, cancel),
  'checking, cancelled': lived(submittingAgain, refused('wait'), cancel),
  'watching, cancelled': lived(watching, cancel),
  'watching one of two, cancelled': lived(watchingAgain, cancel),
  'classifying, cancelled': lived(classifying, cancel),
  'withdrawing, cancelled': lived(submittingAgain, refused('never'), cancel),
  'undetermined, cancelled': lived(classifying, cancel, classified({ is: 'undetermined', isInstanceEnding: true })),
} as const satisfies Record<string, JobLife>;

type Name = keyof typeof lives;

function describeAction(action: LifeAction): string {
  switch (action.type) {
    case 'report': {
      const { report } = action;
      switch (report.type) {
        case 'submitted':
          return `submitted ${report.id}${report.mayBeDuplicate ? ' perhaps' : ''}`;
        case 'not-submitted':
        case 'deferred':
          return `${report.type}: ${report.reason}`;
        case 'ended':
          return `ended ${report.outcome.result}${report.at === undefined ? '' : ` at ${report.at}`}`;
        default:
          return `${report.type} at ${report.at}`;
      }
    }
    case 'read-log':
    case 'cancel':
      return `${action.type} ${encodeJobId(action.id)}`;
    case 'read-log-later':
    case 'read-claim':
      return `${action.type} ${action.delayMs}`;
    case 'hold-back':
      return `hold-back ${action.kind}`;
    case 'classify':
      return action.isForgotten ? 'classify-forgotten' : 'classify';
    case 'interrupt':
      return `interrupt${action.alsoLocal ? ' all' : ''}: ${action.reason}`;
    default:
      return action.type;
  }
}

/** `phase | actions`, the phase with what is in doubt about it. */
function summary({ life, actions }: Step): string {
  const doubt = life.mayBeDuplicate ? '?' : '';
  return [`${life.phase}${doubt}`, ...actions.map(describeAction)].join(' | ');
}

const before = 'it was cancelled before';
const unsubmittable = 'no job can be submitted any more: gone';

/** What an event does in each state that is named; in all others it does nothing. */
const table: readonly (readonly [string, LifeEvent, Partial<Record<Name, string>>])[] = [
  ['is sent', { type: 'sent' }, { waiting: 'submitting', 'waiting again': 'submitting?' }],
  [
    'is accepted',
    accepted,
    {
      submitting: `watching | submitted ${one} | read-log ${one}`,
      'submitting again': `watching? | submitted ${one} perhaps | read-log ${one}`,
      'submitting, cancelled': `watching | submitted ${one} | read-log ${one} | cancel ${one}`,
      'submitting again, cancelled': `watching? | submitted ${one} perhaps | read-log ${one} | cancel ${one}`,
    },
  ],
  [
    'is refused for good',
    refused('never'),
    {
      submitting: 'over | forget | not-submitted: no',
      'submitting again': 'withdrawing? | fence',
      'submitting, cancelled': 'over | forget | not-submitted: no',
      'submitting again, cancelled': 'withdrawing? | fence',
    },
  ],
  [
    'is refused for the time that the instance has left',
    refused('instance-time'),
    {
      submitting: 'over | forget | deferred: no',
      'submitting again': 'withdrawing? | fence',
      'submitting, cancelled': `over | forget | not-submitted: ${before}`,
      'submitting again, cancelled': 'withdrawing? | fence',
    },
  ],
  [
    'is refused for resources that never were',
    refused('unsatisfiable'),
    {
      submitting: 'over | forget | not-submitted: no',
      'submitting again': 'withdrawing? | fence',
      'submitting, cancelled': 'over | forget | not-submitted: no',
      'submitting again, cancelled': 'withdrawing? | fence',
    },
  ],
  [
    'is refused for resources that are lost',
    refused('unsatisfiable', { loss: '1 node lost' }),
    {
      submitting: 'over | forget | deferred: 1 node lost (no)',
      'submitting again': 'withdrawing? | fence',
      'submitting, cancelled': `over | forget | not-submitted: ${before}`,
      'submitting again, cancelled': 'withdrawing? | fence',
    },
  ],
  [
    'is refused for a limit',
    refused('wait'),
    {
      submitting: 'waiting | hold-back wait | enqueue',
      'submitting again': 'checking? | hold-back wait | read-claim 0',
      'submitting, cancelled': `over | hold-back wait | forget | not-submitted: ${before}`,
      'submitting again, cancelled': 'checking? | hold-back wait | read-claim 0',
    },
  ],
  [
    'is refused for a failure that passes',
    refused('retry'),
    {
      submitting: 'waiting | hold-back retry | enqueue',
      'submitting again': 'checking? | hold-back retry | read-claim 0',
      'submitting, cancelled': `over | hold-back retry | forget | not-submitted: ${before}`,
      'submitting again, cancelled': 'checking? | hold-back retry | read-claim 0',
    },
  ],
  [
    'is refused by a command that may have submitted it',
    refused('doubt'),
    {
      submitting: 'checking? | hold-back doubt | read-claim 0',
      'submitting again': 'checking? | hold-back doubt | read-claim 0',
      'submitting, cancelled': 'checking? | hold-back doubt | read-claim 0',
      'submitting again, cancelled': 'checking? | hold-back doubt | read-claim 0',
    },
  ],
  [
    'has no answer, and may have been heard',
    unanswered,
    {
      submitting: 'waiting? | enqueue',
      'submitting again': 'waiting? | enqueue',
      'submitting, cancelled': 'withdrawing? | fence',
      'submitting again, cancelled': 'withdrawing? | fence',
    },
  ],
  [
    'is answered by an instance that ends',
    { type: 'unanswered', mayBeHeard: false },
    {
      submitting: 'waiting | enqueue',
      'submitting again': 'waiting? | enqueue',
      'submitting, cancelled': `over | forget | not-submitted: ${before}`,
      'submitting again, cancelled': 'withdrawing? | fence',
    },
  ],
  [
    'cannot be submitted from the host',
    { type: 'unsubmittable', words: 'gone' },
    {
      submitting: `submitting | interrupt all: ${unsubmittable}`,
      'submitting again': `submitting? | interrupt all: ${unsubmittable}`,
      'submitting, cancelled': `over | forget | not-submitted: ${before}`,
      'submitting again, cancelled': 'withdrawing? | fence',
    },
  ],
  [
    'is not claimed so far',
    owner(undefined, 1n),
    { checking: 'waiting? | enqueue', 'checking, cancelled': 'withdrawing? | fence' },
  ],
  [
    'is claimed by the job that is known',
    owner(1n, 1n),
    {
      checking: `watching | submitted ${one} | read-log ${one}`,
      'checking, cancelled': `watching | submitted ${one} | read-log ${one} | cancel ${one}`,
      watching: 'watching',
      'watching, cancelled': 'watching',
      'watching one of two': 'watching',
      'watching one of two, cancelled': 'watching',
    },
  ],
  [
    'is claimed by another job',
    owner(2n, 1n),
    {
      checking: `watching | submitted ${two} | read-log ${two}`,
      'checking, cancelled': `watching | submitted ${two} | read-log ${two} | cancel ${two}`,
      watching: `watching | submitted ${two} | read-log ${two}`,
      'watching, cancelled': `watching | submitted ${two} | read-log ${two} | cancel ${two}`,
      'watching one of two': `watching | submitted ${two} | read-log ${two}`,
      'watching one of two, cancelled': `watching | submitted ${two} | read-log ${two} | cancel ${two}`,
    },
  ],
  [
    'was claimed by another job when another was known',
    owner(2n, 7n),
    {
      checking: `watching | submitted ${two} | read-log ${two}`,
      'checking, cancelled': `watching | submitted ${two} | read-log ${two} | cancel ${two}`,
    },
  ],
  [
    'is found to be the job that is known',
    { type: 'found', found: { is: 'job', id: 1n, mayBeDuplicate: true } },
    {
      sought: `watching? | submitted ${one} perhaps | read-log ${one}`,
      'sought by its id': `watching? | read-log ${one}`,
      'sought by its id, cancelled': `watching? | read-log ${one}`,
    },
  ],
  [
    'is found to be another job for certain',
    { type: 'found', found: { is: 'job', id: 2n, mayBeDuplicate: false } },
    {
      sought: `watching | submitted ${two} | read-log ${two}`,
      'sought by its id': `watching | submitted ${two} | read-log ${two}`,
      'sought by its id, cancelled': `watching | submitted ${two} | read-log ${two} | cancel ${two}`,
    },
  ],
  [
    'is found to have ended by a job that is gone',
    { type: 'found', found: { is: 'end', owner: 2n, outcome: outcome('completed', 0) } },
    {
      sought: `over? | submitted ${two} perhaps | forget | ended completed`,
      'sought by its id': `over? | submitted ${two} perhaps | forget | ended completed`,
      'sought by its id, cancelled': `over? | submitted ${two} perhaps | forget | ended completed`,
    },
  ],
  [
    'is found to be lost',
    { type: 'found', found: { is: 'end', owner: undefined, outcome: outcome('node-failure') } },
    {
      sought: 'over? | forget | ended node-failure',
      'sought by its id': 'over? | forget | ended node-failure',
      'sought by its id, cancelled': 'over? | forget | ended cancelled',
    },
  ],
  [
    'is found to have no job',
    { type: 'found', found: { is: 'no-job' } },
    {
      sought: 'waiting? | enqueue',
      'sought by its id': 'waiting? | enqueue',
      'sought by its id, cancelled': 'withdrawing? | fence',
    },
  ],
  [
    'is queued',
    log('priority', 2),
    {
      watching: 'watching | queued at 2000',
      'watching, cancelled': 'watching | queued at 2000',
      'watching one of two': 'watching? | queued at 2000',
      'watching one of two, cancelled': 'watching? | queued at 2000',
    },
  ],
  [
    'starts',
    start,
    {
      watching: 'watching | started at 3000',
      'watching, cancelled': 'watching | started at 3000',
      'watching one of two': 'watching? | read-claim 2000',
      'watching one of two, cancelled': 'watching? | read-claim 2000',
    },
  ],
  [
    'is over',
    clean,
    {
      watching: 'classifying | classify',
      'watching, cancelled': 'classifying | classify',
      'watching one of two': 'classifying? | classify',
      'watching one of two, cancelled': 'classifying? | classify',
    },
  ],
  [
    'has a log that fails',
    { type: 'log-failed', reading: 1, isUnknown: true },
    {
      watching: 'watching | read-log-later 500',
      'watching, cancelled': 'watching | read-log-later 500',
      'watching one of two': 'watching? | read-log-later 500',
      'watching one of two, cancelled': 'watching? | read-log-later 500',
    },
  ],
  ['had a log that failed in an earlier reading', { type: 'log-failed', reading: 0, isUnknown: true }, {}],
  [
    'has its log read again',
    { type: 'read-again', reading: 1 },
    {
      watching: `watching | read-log ${one}`,
      'watching, cancelled': `watching | read-log ${one}`,
      'watching one of two': `watching? | read-log ${one}`,
      'watching one of two, cancelled': `watching? | read-log ${one}`,
    },
  ],
  ['was to have its log read again in an earlier reading', { type: 'read-again', reading: 0 }, {}],
  [
    'has nodes',
    { type: 'nodes', reading: 1, nodes: ['n1'] },
    {
      watching: 'watching',
      'watching one of two': 'watching?',
      classifying: 'classifying',
      undetermined: 'undetermined',
      'watching, cancelled': 'watching',
      'watching one of two, cancelled': 'watching?',
      'classifying, cancelled': 'classifying',
      'undetermined, cancelled': 'undetermined',
    },
  ],
  ['had nodes in an earlier reading', { type: 'nodes', reading: 0, nodes: ['n1'] }, {}],
  [
    'has ended',
    classified({ is: 'ended', outcome: outcome('completed', 0) }),
    {
      classifying: 'over | forget | ended completed at 4000',
      'classifying, cancelled': 'over | forget | ended completed at 4000',
    },
  ],
  ['had ended in an earlier reading', classified({ is: 'ended', outcome: outcome('completed', 0) }, 0), {}],
  [
    'has ended, and was not the job that ran the step',
    classified({ is: 'other-job', id: 2n }),
    {
      classifying: `watching | submitted ${two} | read-log ${two}`,
      'classifying, cancelled': `watching | submitted ${two} | read-log ${two} | cancel ${two}`,
    },
  ],
  [
    'cannot run in the instance any more',
    classified({ is: 'deferred', reason: 'nodes lost' }),
    {
      classifying: 'over | forget | deferred: nodes lost',
      'classifying, cancelled': `over | forget | not-submitted: ${before}`,
    },
  ],
  [
    'has ended for reasons that are not known yet',
    classified({ is: 'undetermined', isInstanceEnding: true }),
    { classifying: 'undetermined', 'classifying, cancelled': 'undetermined' },
  ],
  [
    'is fenced',
    { type: 'fenced', owner: undefined },
    {
      withdrawing: 'over? | forget | not-submitted: no',
      'withdrawing, cancelled': 'over? | forget | not-submitted: no',
    },
  ],
  [
    'cannot be fenced, as a job has it',
    { type: 'fenced', owner: 2n },
    {
      withdrawing: `watching | submitted ${two} | read-log ${two}`,
      'withdrawing, cancelled': `watching | submitted ${two} | read-log ${two} | cancel ${two}`,
    },
  ],
  [
    'is cancelled',
    cancel,
    {
      sought: 'withdrawing? | fence',
      'sought by its id': `inherited? | cancel ${one}`,
      waiting: `over | forget | not-submitted: ${before}`,
      'waiting again': 'withdrawing? | fence',
      submitting: 'submitting',
      'submitting again': 'submitting?',
      checking: 'checking?',
      watching: `watching | cancel ${one}`,
      'watching one of two': `watching? | cancel ${one}`,
      classifying: `classifying | cancel ${one}`,
      withdrawing: 'withdrawing?',
      undetermined: `classifying | cancel ${one} | classify`,
    },
  ],
  [
    'has another connection',
    { type: 'connected' },
    {
      watching: `watching | read-log ${one}`,
      'watching one of two': `watching? | read-log ${one}`,
      classifying: `watching | read-log ${one}`,
      undetermined: `watching | read-log ${one}`,
      'sought by its id, cancelled': `inherited? | cancel ${one}`,
      'watching, cancelled': `watching | read-log ${one} | cancel ${one}`,
      'watching one of two, cancelled': `watching? | read-log ${one} | cancel ${one}`,
      'classifying, cancelled': `watching | read-log ${one} | cancel ${one}`,
      'undetermined, cancelled': `watching | read-log ${one} | cancel ${one}`,
    },
  ],
  [
    'is in an instance that runs after all',
    { type: 'instance-runs' },
    { undetermined: 'classifying | classify', 'undetermined, cancelled': 'classifying | classify' },
  ],
];

describe.each(table)('an attempt that %s', (_, event, expected) => {
  it.each(Object.entries(lives))('while it is %s', (name, life) => {
    const next = reduce(life, event);
    const wanted = expected[name as Name];
    if (wanted !== undefined) expect(summary(next)).toBe(wanted);
    else {
      expect(next.life).toBe(life);
      expect(next.actions).toEqual([]);
    }
  });
});

it('the table has a row for every event that there is', () => {
  const types: Record<LifeEvent['type'], true> = {
    sent: true,
    accepted: true,
    refused: true,
    unanswered: true,
    unsubmittable: true,
    owner: true,
    found: true,
    log: true,
    nodes: true,
    'log-failed': true,
    'read-again': true,
    classified: true,
    fenced: true,
    cancel: true,
    connected: true,
    'instance-runs': true,
  };
  expect(new Set(table.map(([, { type }]) => type))).toEqual(new Set(Object.keys(types)));
  const phases = new Set(Object.values(lives).map(({ phase }) => phase));
  expect(phases.size).toBe(9);
});

describe('a log', () => {
  const entries = [
    log('submit', 1),
    log('validate', 1),
    log('depend', 1),
    log('priority', 2),
    log('alloc', 2),
    start,
    finish,
    clean,
  ];
  const reports = (life: JobLife, events: readonly LifeEvent[]) => {
    const actions: string[] = [];
    let present = life;
    for (const event of events) {
      const next = reduce(present, event);
      present = next.life;
      actions.push(...next.actions.map(describeAction));
    }
    return { life: present, actions };
  };
  const story = ['queued at 2000', 'started at 3000', 'finishing at 4000', 'classify'];

  it('is told stage by stage', () => expect(reports(watching, entries).actions).toEqual(story));

  it('is not told again where it was told before, wherever it was cut', () => {
    for (let cut = 0; cut <= entries.length; cut++) {
      const events = [...entries.slice(0, cut), { type: 'connected' } as const, ...entries];
      const { actions } = reports(watching, events);
      expect(actions.filter((action) => /at/.test(action))).toEqual(story.slice(0, 3));
    }
  });

  it('of a job that starts as one of two is told once it is known to have the attempt, whose claim is read once', () => {
    const { life, actions } = reports(watchingAgain, [...entries.slice(0, 6), owner(1n, 1n), ...entries.slice(6)]);
    expect(actions).toEqual(['queued at 2000', 'read-claim 2000', ...story.slice(1)]);
    expect(life.mayBeDuplicate).toBe(false);
  });

  it('of one of two whose claim cannot be read is told with its end', () => {
    const { life, actions } = reports(watchingAgain, [...entries, owner(undefined, 1n)]);
    expect(actions).toEqual(['queued at 2000', 'read-claim 2000', 'classify']);
    const ended = reduce(life, classified({ is: 'ended', outcome: outcome('failed', 3) }));
    expect(summary(ended)).toBe('over | started at 3000 | finishing at 4000 | forget | ended failed at 4000');
  });

  it('that the broker does not know is asked for five times more, at growing intervals, and then the claim decides', () => {
    const failures = Array.from({ length: 6 }, () => ({ type: 'log-failed', reading: 1, isUnknown: true }) as const);
    expect(reports(watching, failures).actions).toEqual([
      ...[500, 1000, 2000, 4000, 8000].map((delay) => `read-log-later ${delay}`),
      'classify-forgotten',
    ]);
    // An entry of the log says that the broker knows it.
    const known = [...failures.slice(1), log('memo', 2), ...failures.slice(1)];
    expect(reports(watching, known).actions).not.toContain('classify-forgotten');
  });

  it('that fails for another reason is asked for as long as there is a connection', () => {
    const failure = { type: 'log-failed', reading: 1, isUnknown: false } as const;
    expect(
      reports(
        watching,
        Array.from({ length: 20 }, () => failure),
      ).actions.at(-1),
    ).toBe('read-log-later 30000');
  });
});

describe('submits that fail for minutes', () => {
  const late = { at: 1_000 + TROUBLE_LIMIT_MS + 1 };
  const failing = lived(submitting, refused('retry'), { type: 'sent' });

  it('interrupt the study, if no other job was accepted meanwhile', () => {
    const reason = 'no job can be submitted any more, for 5 minutes now: no';
    expect(summary(reduce(failing, refused('retry', late)))).toBe(`submitting | interrupt: ${reason}`);
    expect(summary(reduce(failing, refused('doubt', late)))).toBe(`submitting? | interrupt: ${reason}`);
  });

  it('are the end of the one job, if others were', () => {
    const others = { ...late, lastAccepted: 2_000 };
    expect(summary(reduce(failing, refused('retry', others)))).toBe('over | forget | not-submitted: no');
    expect(summary(reduce(failing, refused('doubt', others)))).toBe('withdrawing? | fence');
  });

  it.each([
    ['KVS commit failed', blame('submission')],
    ['job-ingest worker unexpectedly exited', blame('submission')],
    ['No space left on device', blame('disk')],
  ])('are not the fault of what the job asks for: %s', (words, why) => {
    const others = { ...late, words, lastAccepted: 2_000 };
    expect(reduce(failing, refused('retry', others)).actions).toContainEqual({
      ...{ type: 'report', report: { type: 'not-submitted', reason: words, blame: why } },
    });
  });

  it('are counted from the first after a limit', () => {
    const limited = lived(failing, refused('wait'), { type: 'sent' });
    expect(summary(reduce(limited, refused('retry', late)))).toBe('waiting | hold-back retry | enqueue');
  });
});

describe('an attempt of an earlier driver', () => {
  const inherited = (id: string, endpoint: string, mayBeDuplicate: boolean, isHere = true) =>
    summary(inheritedLife(here, { id, endpoint, mayBeDuplicate }, isHere));

  it('whose job is known is watched at once', () => {
    expect(inherited(one, here, false)).toBe(`watching | read-log ${one}`);
  });

  it('is looked for otherwise', () => {
    expect(inherited(one, here, true)).toBe('inherited?');
    expect(inherited(one, 'local:///elsewhere', false)).toBe('inherited?');
    expect(inherited(one, here, false, false)).toBe('inherited?');
    expect(inherited('', '', false)).toBe('inherited?');
    expect(inherited('4711', here, false)).toBe('inherited?');
  });

  it('that is found under the id that is known, in an instance that might have been another, is cancelled and read again', () => {
    const life = inheritedLife(here, { id: one, endpoint: here, mayBeDuplicate: false }, false).life;
    const found = lived(life, { type: 'found', found: { is: 'job', id: decodeJobId(one)!, mayBeDuplicate: false } });
    expect(summary(reduce(found, cancel))).toBe(`watching | cancel ${one}`);
    expect(summary(reduce(found, { type: 'connected' }))).toBe(`watching | read-log ${one}`);
  });
});

describe('an end', () => {
  it('that is undetermined while the instance ends is remembered to be', () => {
    const again = lived(lives.undetermined, { type: 'instance-runs' });
    expect(again.endedWithInstance).toBe(true);
    const still = lived(again, classified({ is: 'undetermined', isInstanceEnding: false }));
    expect(still).toMatchObject({ phase: 'undetermined', endedWithInstance: true });
  });

  it('has the time of the last process, else of the exception, else that of the claim', () => {
    const ended = (life: JobLife, endedAt?: number) => {
      const more = endedAt === undefined ? {} : { endedAt };
      const { actions } = reduce(life, classified({ is: 'ended', outcome: { ...outcome('failed'), ...more } }));
      return describeAction(actions.at(-1)!);
    };
    expect(ended(classifying, 7)).toBe('ended failed at 4000');
    const exception = log('exception', 3.5, { type: 'alloc', severity: 0, note: '' });
    expect(ended(lived(watching, exception, clean))).toBe('ended failed at 3500');
    const forgotten = { ...watching, phase: 'classifying' } as const;
    expect(ended(forgotten, 7)).toBe('ended failed at 7');
    expect(ended(forgotten)).toBe('ended failed');
  });
});

describe('the nodes of an attempt', () => {
  const reports = (first: JobLife, ...events: LifeEvent[]) => {
    const found: unknown[] = [];
    let life = first;
    for (const event of events) {
      const next = reduce(life, event);
      life = next.life;
      for (const action of next.actions) {
        if (action.type !== 'report') continue;
        const { type } = action.report;
        if (type === 'started' || type === 'ended') found.push([type, action.report.nodes]);
      }
    }
    return found;
  };
  const ended = classified({ is: 'ended', outcome: outcome('completed', 0) });

  it('are told with its start and its end if the log has them', () => {
    const alloc: LifeEvent = { type: 'log', event: { timestamp: 2, name: 'alloc', context: {}, nodes: ['n1', 'n2'] } };
    expect(reports(watching, alloc, start, finish, clean, ended)).toEqual([
      ['started', ['n1', 'n2']],
      ['ended', ['n1', 'n2']],
    ]);
  });

  it('are told with its end if they came later', () => {
    const nodes: LifeEvent = { type: 'nodes', reading: 1, nodes: ['n1'] };
    expect(reports(watching, start, nodes, finish, clean, ended)).toEqual([
      ['started', undefined],
      ['ended', ['n1']],
    ]);
    expect(reports(watching, start, finish, clean, ended)).toEqual([
      ['started', undefined],
      ['ended', undefined],
    ]);
  });
});
