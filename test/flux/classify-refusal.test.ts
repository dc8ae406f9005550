import { describe, expect, it } from 'vitest';
import { classifyRefusal, type RefusalFacts, type RefusalKind } from '../../src/flux/classify-refusal.js';
import { errno } from '../../src/flux/errors.js';

describe('a refusal of a job', () => {
  it.each<[RefusalKind, string, Partial<RefusalFacts>?]>([
    ['never', "Invalid queue 'nope' specified", { errnum: errno.EPERM }],
    ['never', 'requested duration (3h) exceeds policy limit of 1h for queue pdebug', { errnum: errno.EINVAL }],
    ['never', 'requested duration exceeds policy limit of 1h', { errnum: errno.EINVAL }],
    ['never', 'requested nnodes (9) exceeds policy limit of 4 for queue pdebug', { errnum: errno.EINVAL }],
    ['never', 'job size (9 node(s)) is greater than max resources limit configured for queue (4 node(s))'],
    ['never', 'cannot find user/bank or user/default bank entry for uid: 1001', { errnum: errno.EINVAL }],
    ['never', 'user/bank entry has been disabled from flux-accounting DB', { errnum: errno.EINVAL }],
    ['never', 'queue "x" not valid for user; valid queues for user: pdebug', { errnum: errno.EINVAL }],
    ['never', 'only instance owner can use sign-type=none', { errnum: errno.EPERM }],
    ['never', 'flux job submit: exit 3', { exitCode: 3 }],
    ['never', 'requested job size exceeds the max job size'],
    ['wait', 'job submission is disabled: maintenance', { errnum: errno.EINVAL }],
    ['wait', 'job submission to pdebug is disabled: maintenance', { errnum: errno.EINVAL }],
    ['wait', 'job submission to pdebug is disabled: maintenance', { exitCode: 1 }],
    ['wait', 'user has max active jobs', { errnum: errno.EINVAL }],
    ['wait', 'user has reached the maximum number of active jobs'],
    ['wait', 'association has max running jobs'],
    ['wait', 'job-ingest.submit: this broker has no such service (ENOSYS)', { errnum: errno.ENOSYS }],
    ['instance-time', 'job duration (45s) exceeds remaining instance lifetime (33s)', { errnum: errno.EINVAL }],
    ['instance-time', 'duration exceeds instance lifetime', { errnum: errno.EINVAL }],
    ['unsatisfiable', 'unsatisfiable request: need 4 node(s) with 1 cores each, only 3 eligible'],
    ['unsatisfiable', 'alloc denied due to type="unsatisfiable"'],
    ['unsatisfiable', 'Unsatisfiable request', { errnum: 19 }],
    ['retry', 'Unrecoverable error: worker unexpectedly exited', { errnum: errno.EPROTO }],
    ['retry', 'Unrecoverable error: validator unexpectedly exited', { errnum: errno.EPROTO }],
    ['retry', 'Error passing job to validator', { errnum: errno.EPIPE }],
    ['retry', 'sign-munge-sign: Failed to access "/run/munge/munge.socket.2": No such file or directory'],
    ['retry', 'KVS commit failed', { errnum: errno.ENOSPC }],
    ['doubt', 'Failed to process batch response', { errnum: errno.EPROTO }],
    ['doubt', 'job-ingest.submit: EHOSTUNREACH', { errnum: errno.EHOSTUNREACH }],
    ['doubt', 'flux_open: Connection refused', { exitCode: 1 }],
    ['doubt', 'flux_job_submit: Connection reset by peer', { exitCode: 1 }],
    ['doubt', 'bash: fork: Resource temporarily unavailable', { exitCode: 254 }],
    ['doubt', 'bash: fork: retry: Resource temporarily unavailable', { exitCode: 1 }],
    ['doubt', 'flux job submit: exit 137', { exitCode: 137 }],
    ['doubt', 'bash: /usr/bin/flux: Text file busy', { exitCode: 126 }],
    ['doubt', 'flux job submit: it printed no job id', { exitCode: 0 }],
  ])('means %s: %s', (kind, words, facts = {}) => {
    expect(classifyRefusal({ words, ...facts })).toBe(kind);
  });
});
