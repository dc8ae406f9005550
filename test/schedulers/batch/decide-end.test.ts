import { describe, expect, it } from 'vitest';
import { blame, type Cause } from '../../../src/causes/cause.js';
import type { QueuePhase, QueueRow } from '../../../src/schedulers/batch/batch-system.js';
import { decideEnd, type EndDecision, type EndFacts, factsOfClaim } from '../../../src/schedulers/batch/decide-end.js';
import type { JobOutcome } from '../../../src/schedulers/scheduler.js';
import type { JobResult } from '../../../src/study/state.js';

const row = (exitCode: number | null = null): QueueRow => ({
  ...{ id: '7', state: 'STATE', reason: 'Reason', exitCode, startedAt: 1000, endedAt: 3000 },
});

const meaning = (phase: QueuePhase, result: JobResult | null = null, note = '') => ({ phase, result, note });
const meant = (result: JobResult, cause: Cause) => ({ ...meaning('ended', result), blame: blame(cause) });
const exit = (status: number, word = '') => ({ exit: { status, at: 2000, word } });
const ended = (result: JobResult, note = '', exitCode: number | null = null) => ({
  row: row(exitCode),
  meaning: meaning('ended', result, note),
});

/** Job 7, which has the attempt, and of which nothing else is known. */
const plain: EndFacts = {
  systemName: 'Slurm',
  id: '7',
  owner: '7',
  exit: undefined,
  row: undefined,
  meaning: undefined,
  mayBeDuplicate: false,
  isCancelled: false,
  isLate: false,
  isOverdue: false,
  mayBeUnseen: false,
  words: '',
};

const over = (
  result: JobResult,
  { note = '', exitCode = null, signal = null, at = 3000 }: Partial<JobOutcome> & { at?: number | null } = {},
): EndDecision => ({ is: 'ended', at, outcome: { result, exitCode, signal, note } });

function withoutBlame(decision: EndDecision): EndDecision {
  if (decision.is !== 'ended' && decision.is !== 'requeued') return decision;
  const { blame: _, ...outcome } = decision.outcome;
  return { ...decision, outcome };
}

const unknownTo = 'Slurm does not know the job any more';

describe('the end of a job', () => {
  it.each<[string, Partial<EndFacts>, EndDecision]>([
    // What the launcher recorded.
    ['exit 0 is enough', exit(0), over('completed', { exitCode: 0, at: 2000 })],
    [
      'exit 0 counts whatever the queue says',
      { ...exit(0), ...ended('timeout') },
      over('completed', { exitCode: 0, at: 2000 }),
    ],
    [
      'exit 0 counts in a cancelled study',
      { ...exit(0), isCancelled: true },
      over('completed', { exitCode: 0, at: 2000 }),
    ],
    [
      'a job that began again after it was requeued did not run its script to the end',
      ended('failed', '', 73),
      over('node-failure', { note: 'Slurm requeued the job' }),
    ],
    ['also in a cancelled study', { ...ended('failed', '', 73), isCancelled: true }, over('cancelled')],
    ['another exit waits for the queue', { ...exit(1), row: row(), meaning: meaning('running') }, { is: 'open' }],
    ['also while nodes are released', { ...exit(1), row: row(), meaning: meaning('finishing') }, { is: 'open' }],
    [
      'but not for ever',
      { ...exit(1), row: row(), meaning: meaning('running'), isLate: true },
      over('failed', { exitCode: 1, at: 2000 }),
    ],
    [
      'longer if a signal ended the script, because it may have come from the queue',
      { ...exit(143), row: row(), meaning: meaning('finishing'), isLate: true },
      { is: 'open' },
    ],
    [
      'which is then taken to have lost the job',
      { ...exit(143), row: row(), meaning: meaning('finishing'), isLate: true, isOverdue: true },
      over('node-failure', { exitCode: 143, signal: 'SIGTERM', note: 'Slurm does not say why it was ended', at: 2000 }),
    ],
    [
      'but not longer for the end of a job that was cancelled',
      { ...exit(143), row: row(), meaning: meaning('finishing'), isLate: true, isCancelled: true },
      over('cancelled', { exitCode: 143, signal: 'SIGTERM', at: 2000 }),
    ],
    ['a script that fails', { ...exit(3), ...ended('failed', '', 3) }, over('failed', { exitCode: 3, at: 2000 })],
    [
      'a script that a signal ends',
      { ...exit(139), ...ended('failed', '', 139) },
      over('failed', { exitCode: 139, signal: 'SIGSEGV', at: 2000 }),
    ],
    [
      'a script that the time limit ends',
      { ...exit(143), ...ended('timeout', 'its time limit was reached', 143) },
      over('timeout', { exitCode: 143, signal: 'SIGTERM', note: 'its time limit was reached', at: 2000 }),
    ],
    [
      'a script that fails because the time limit ended its program',
      { ...exit(1), ...ended('timeout', 'late') },
      over('timeout', { exitCode: 1, note: 'late', at: 2000 }),
    ],
    [
      'a script that no process could be started for',
      { ...exit(126, 'never-began'), ...ended('failed'), words: 'fork: no memory' },
      over('node-failure', { note: 'the script was not run: fork: no memory', at: 2000 }),
    ],
    [
      'a script that could not be started because the disk is full',
      { ...exit(126, 'never-began'), ...ended('failed'), words: 'No space left on device' },
      over('not-run', { note: 'the script was not run: No space left on device', at: 2000 }),
    ],
    [
      'a script that is not executable',
      { ...exit(126, 'not-executable'), ...ended('failed', '', 126), words: 'its shell is not there' },
      over('failed', { exitCode: 126, note: 'its shell is not there', at: 2000 }),
    ],
    // What the queue says, of a job without a record.
    ['a job that runs', { row: row(), meaning: meaning('running') }, { is: 'open' }],
    ['a job that waits', { owner: undefined, row: row(), meaning: meaning('waiting') }, { is: 'open' }],
    [
      'a job that waits once more',
      { row: row(), meaning: meaning('waiting') },
      {
        is: 'requeued',
        outcome: { result: 'node-failure', exitCode: null, signal: null, note: 'Slurm requeued the job' },
      },
    ],
    ['a launcher that could not write its record', ended('completed', '', 0), over('completed', { exitCode: 0 })],
    ['a lost node', ended('node-failure', 'its node failed'), over('node-failure', { note: 'its node failed' })],
    [
      'too little memory',
      ended('failed', 'it needed more memory than it asked for', 137),
      over('failed', { exitCode: 137, signal: 'SIGKILL', note: 'it needed more memory than it asked for' }),
    ],
    ['a failure without an exit status', ended('failed'), over('failed', { note: 'it is STATE (Reason)' })],
    ['a cancel by others', ended('cancelled', 'by user 0'), over('cancelled', { note: 'by user 0' })],
    ['our own cancel', { ...ended('cancelled', 'by user 0'), isCancelled: true }, over('cancelled')],
    ['a timeout of a cancelled job', { ...ended('timeout', 'late'), isCancelled: true }, over('cancelled')],
    [
      'a script that a requeue ended, whose job began again since',
      { ...exit(143), ...ended('failed', '', 73) },
      over('node-failure', { note: 'Slurm requeued the job', at: 2000 }),
    ],
    [
      'a script that itself fails with 73',
      { ...exit(73), ...ended('failed', '', 73) },
      over('failed', { exitCode: 73, at: 2000 }),
    ],
    // Without a claim.
    [
      'a launcher that could not claim',
      { owner: undefined, ...ended('failed', '', 73) },
      over('not-run', {
        note: 'the script was not run: it could not be claimed; is the disk full, or the study directory read-only?',
      }),
    ],
    [
      'a cancel in the queue',
      { owner: undefined, ...ended('cancelled', 'by user 0') },
      over('cancelled', { note: 'by user 0' }),
    ],
    ['a cancel of one of two', { owner: undefined, ...ended('cancelled'), mayBeDuplicate: true }, { is: 'unclaimed' }],
    ['a claim that is late', { owner: undefined, ...ended('failed', '', 1), mayBeUnseen: true }, { is: 'open' }],
    ['no claim', { owner: undefined, ...ended('failed', '', 1) }, { is: 'unclaimed' }],
    [
      'a job that failed before its launcher',
      { owner: null, ...ended('failed', '', 1) },
      over('node-failure', { note: 'the script was not run: it is STATE (Reason)' }),
    ],
    [
      'a job that had too little memory for its launcher',
      { owner: null, row: row(), meaning: { ...meant('failed', 'memory'), note: 'it ran out of memory' } },
      over('failed', { note: 'the script was not run: it ran out of memory' }),
    ],
    [
      'an attempt that was given up',
      { owner: null, ...ended('failed', '', 73) },
      over('not-run', { note: 'the script was not run: the attempt was given up before' }),
    ],
    ['an attempt of another job', { owner: '8', ...ended('completed', '', 0) }, { is: 'other-job', id: '8' }],
    // Unknown to the queue.
    ['a forgotten job that failed', { ...exit(2) }, over('failed', { exitCode: 2, at: 2000 })],
    [
      'a forgotten job that a signal ended',
      { ...exit(137) },
      over('node-failure', { exitCode: 137, signal: 'SIGKILL', note: unknownTo, at: 2000 }),
    ],
    ['a forgotten job without a record', {}, over('node-failure', { note: unknownTo, at: null })],
    ['a forgotten job whose record may come', { mayBeUnseen: true }, { is: 'open' }],
    ['a forgotten job without a claim', { owner: undefined }, { is: 'unclaimed' }],
    [
      'a forgotten job that never began',
      { owner: null },
      over('node-failure', { note: `the script was not run: ${unknownTo}`, at: null }),
    ],
    [
      'an attempt that an earlier driver gave up',
      { owner: null, id: '', mayBeUnseen: true },
      over('not-run', { note: 'the script was not run: the attempt was given up before', at: null }),
    ],
    ['a forgotten job that was cancelled', { owner: null, isCancelled: true }, over('cancelled', { at: null })],
  ])('%s', (_, facts, decision) => {
    expect(withoutBlame(decideEnd({ ...plain, ...facts }))).toEqual(decision);
  });

  it.each<[string, Partial<EndFacts>, Cause | undefined]>([
    ['exit 0', exit(0), undefined],
    ['a script that fails', { ...exit(3), row: row(3), meaning: meant('failed', 'code') }, 'code'],
    [
      'a script that the queue has not seen end',
      { ...exit(3), row: row(), meaning: meaning('running'), isLate: true },
      'code',
    ],
    ['too little memory', { ...exit(137), row: row(137), meaning: meant('failed', 'memory') }, 'memory'],
    ['the time limit', { ...exit(143), row: row(143), meaning: meant('timeout', 'timeout') }, 'timeout'],
    ['a lost node', { row: row(), meaning: meant('node-failure', 'node') }, 'node'],
    ['a preemption', { row: row(), meaning: meant('node-failure', 'preempted') }, 'preempted'],
    ['a cancel by others', { row: row(), meaning: meant('cancelled', 'cancelled') }, 'cancelled'],
    ['our own cancel', { ...exit(3), row: row(3), meaning: meant('failed', 'code'), isCancelled: true }, 'cancelled'],
    ['a script that was not run', { owner: null, row: row(1), meaning: meant('failed', 'code') }, 'node'],
    ['one that had too little memory', { owner: null, row: row(), meaning: meant('failed', 'memory') }, 'memory'],
    ['one whose time was over', { owner: null, row: row(), meaning: meant('failed', 'timeout') }, 'timeout'],
    ['one whose prolog failed', { owner: null, row: row(1), meaning: meant('failed', 'node') }, 'node'],
    [
      'one that no process was started for',
      { ...exit(126, 'never-began'), row: row(1), meaning: meant('failed', 'code') },
      'node',
    ],
    [
      'one that a full disk kept from beginning',
      { ...exit(126, 'never-began'), row: row(1), meaning: meant('failed', 'code'), words: 'No space left on device' },
      'disk',
    ],
    [
      'one that cannot be executed',
      { ...exit(126, 'not-executable'), row: row(126), meaning: meant('failed', 'code') },
      'code',
    ],
    ['one that could not be claimed', { owner: undefined, row: row(73), meaning: meant('failed', 'code') }, 'disk'],
    ['a job that the queue has forgotten', {}, 'node'],
    ['a script that failed before the queue forgot it', exit(2), 'code'],
    // What was recorded says more than that the queue did not see the end.
    ['an end out of sight', { ...exit(2), row: row(), meaning: { ...meaning('ended'), blame: blame('node') } }, 'code'],
    [
      'an end out of sight without a record',
      { row: row(), meaning: { ...meaning('ended'), blame: blame('node') } },
      'node',
    ],
  ])('is the fault of something: %s', (_, facts, cause) => {
    const decision = decideEnd({ ...plain, ...facts });
    expect(decision.is === 'ended' ? decision.outcome.blame?.cause : decision).toBe(cause);
  });

  it.each([
    [blame('preempted'), 'preempted'],
    [undefined, 'node'],
  ])('is what a job was requeued for: %j', (requeuedFor, cause) => {
    const waiting = { ...row(), ...(requeuedFor && { requeuedFor }) };
    const decision = decideEnd({ ...plain, row: waiting, meaning: meaning('waiting') });
    expect(decision.is === 'requeued' && decision.outcome.blame?.cause).toBe(cause);
  });

  it('is read in a claim', () => {
    const idOf = (owner: string) => owner.replace(/-.*/, '');
    expect(factsOfClaim(undefined, idOf)).toEqual({ owner: undefined, exit: undefined });
    expect(factsOfClaim({ owner: null, exits: [] }, idOf)).toEqual({ owner: null, exit: undefined });
    expect(factsOfClaim({ owner: '7-1', exits: [3], endedAt: 2000 }, idOf)).toEqual({
      owner: '7',
      exit: { status: 3, at: 2000, word: '' },
    });
    expect(factsOfClaim({ owner: '7', exits: [127], isNotExecutable: true }, idOf).exit).toEqual({
      ...{ status: 127, at: null, word: 'not-executable' },
    });
    expect(factsOfClaim({ owner: '7', exits: [], hasNeverBegun: true, endedAt: 5 }, idOf).exit?.word).toBe(
      'never-began',
    );
  });
});
