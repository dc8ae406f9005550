import { describe, expect, it } from 'vitest';
import { blame } from '../../../src/causes/cause.js';
import { type JobView, newJob } from '../../../src/flux/eventlog.js';
import { endedByRestart, isEarlyTimeout, outcomeOf } from '../../../src/schedulers/flux/outcome.js';

/** A job that is over: it got its resources at 100 s. */
function over(job: Partial<JobView> = {}): JobView {
  return { ...newJob, state: 'INACTIVE', allocated: 100, ...job };
}

const exception = (type: string, note = '', timestamp = 160): Partial<JobView> => ({
  exception: { type, note, userid: 1000, timestamp },
});

describe('the outcome of a job', () => {
  it.each([
    [0, { result: 'completed', exitCode: 0, signal: null }],
    [256, { result: 'failed', exitCode: 1, signal: null }],
    [0xff00, { result: 'failed', exitCode: 255, signal: null }],
    // Of a task that a signal ended a job shell tells as shells do; other ways of running tasks may tell the signal itself.
    [143 << 8, { result: 'failed', exitCode: 143, signal: 'SIGTERM' }],
    [9, { result: 'failed', exitCode: 137, signal: 'SIGKILL' }],
    [11 | 128, { result: 'failed', exitCode: 139, signal: 'SIGSEGV' }],
    [(128 + 100) << 8, { result: 'failed', exitCode: 228, signal: null }],
  ])('with wait status %i is %o', (waitStatus, outcome) => {
    const why = outcome.result === 'completed' ? {} : { blame: blame('code') };
    expect(outcomeOf(over({ waitStatus }), 0)).toEqual({ ...outcome, note: '', ...why });
  });

  it('has no exit status if the job never ran, and says why', () => {
    expect(outcomeOf(over(exception('alloc', 'unsatisfiable request: need 9 slots')), 0)).toEqual({
      result: 'failed',
      exitCode: null,
      signal: null,
      note: 'unsatisfiable request: need 9 slots',
      blame: blame('submission', true),
    });
  });

  it.each([
    ['alloc', 'no such resource', 'failed', 'no such resource', 'submission'],
    ['dependency', 'job ƒ1 failed', 'failed', 'job ƒ1 failed', 'submission'],
    ['anything', '', 'failed', 'exception anything', 'code'],
    ['preempt', 'for another', 'failed', 'for another', 'preempted'],
    [
      'exec',
      'task 0: start failed: x: No such file or directory',
      'failed',
      'task 0: start failed: x: No such file or directory',
      'code',
    ],
    ['exec', 'node failure on node3', 'node-failure', 'node failure on node3', 'node'],
    ['exec', 'lost contact with job shell on node3', 'node-failure', 'lost contact with job shell on node3', 'node'],
    ['node-failure', '', 'node-failure', 'exception node-failure', 'node'],
    ['cancel', '', 'cancelled', 'its job was cancelled by user 1000', 'cancelled'],
    ['cancel', ' maintenance\n', 'cancelled', 'its job was cancelled by user 1000: maintenance', 'cancelled'],
    ['timeout', 'resource allocation expired', 'timeout', 'its walltime (60 s) ran out', 'timeout'],
  ])('of exception %s "%s" is %s: %s, the fault of: %s', (type, words, result, note, cause) => {
    const { blame: why, ...outcome } = outcomeOf(over({ waitStatus: null, ...exception(type, words) }), 60);
    expect(why?.cause).toBe(cause);
    expect(outcome).toEqual({
      result,
      exitCode: null,
      signal: null,
      note,
    });
  });

  it('keeps the exit status of a job that had one and an exception too', () => {
    expect(outcomeOf(over({ waitStatus: 143 << 8, ...exception('cancel') }), 0)).toMatchObject({
      result: 'cancelled',
      exitCode: 143,
      signal: 'SIGTERM',
    });
  });

  it('says nothing of who cancelled a job where logs do not', () => {
    const { exception: raised } = exception('cancel');
    expect(outcomeOf(over({ exception: { ...raised!, userid: undefined } }), 0).note).toBe('its job was cancelled');
  });
});

describe('a timeout is early', () => {
  it.each([
    ['of a job without a limit', 0, 160, true],
    ['before its limit', 61, 160, true],
    ['at its limit', 60, 160, false],
    ['a little before, as brokers count from before the allocation is written down', 60, 159.6, false],
    ['a hundredth before, of a broker that is slow', 10_000, 10_001, false],
    ['half way', 10_000, 5100, true],
    ['after its limit', 60, 190, false],
  ])('%s: %i s, %f → %s', (_, duration, timestamp, expected) => {
    expect(isEarlyTimeout(over(exception('timeout', '', timestamp)), duration)).toBe(expected);
  });

  it('never if it is no timeout', () => {
    expect(isEarlyTimeout(over(), 60)).toBe(false);
    expect(isEarlyTimeout(over(exception('cancel')), 60)).toBe(false);
  });
});

describe("the end of a job whose instance was started again at 200 s is the instance's", () => {
  const byOwner = (note: string, timestamp = 160) => exception('cancel', note, timestamp);
  const byOther = { exception: { type: 'cancel', note: '', userid: 1001, timestamp: 160 } };
  it.each<[string, Partial<JobView>, boolean]>([
    ['if its owner cancelled it before without a word, as an instance does that is told to end', byOwner(''), true],
    ['if the log does not say who did', { exception: { ...byOther.exception, userid: -1 } }, true],
    ['if it gave up at its start what had run before', exception('exec', 'failed to create guest ns', 201), true],
    ['if its time ran out, and not that of the job', exception('timeout', 'resource allocation expired', 150), true],
    ['not if somebody said why he cancelled it', byOwner('not wanted'), false],
    ['not if another user cancelled it', byOther, false],
    ['not if it was cancelled after the start', byOwner('', 230), false],
    [
      'not if it was cancelled while it waited: an instance that ends leaves such jobs alone',
      { ...byOwner(''), allocated: null },
      false,
    ],
    ['not if it began after the start', { ...exception('exec', 'no such file', 220), allocated: 210 }, false],
    ['not if it could not be executed before', exception('exec', 'no such file', 110), false],
    ['not if its own time ran out before', exception('timeout', 'resource allocation expired', 160.1), false],
    ['not if there is nothing wrong with it', { waitStatus: 256 }, false],
  ])('%s', (_, job, expected) => {
    expect(endedByRestart(over(job), 60, { owner: 1000, startedAt: 200 })).toBe(expected);
  });

  it('never if the broker cannot say when it started', () => {
    expect(endedByRestart(over(byOwner('')), 60, { owner: 1000, startedAt: undefined })).toBe(false);
  });
});
