import { describe, expect, it } from 'vitest';
import { describeProgress, doubtOf, parseWaitingLine } from '../../../src/schedulers/allocation/wait-for-start.js';
import { parseJobState } from '../../../src/schedulers/batch/queue.js';

function told(line: string): string {
  const parsed = parseWaitingLine(`state 2026-11-24|${line}`);
  if (parsed?.type !== 'state') throw new Error(`no state: ${line}`);
  return describeProgress(parsed);
}

describe('the progress of an allocation', () => {
  it.each([
    [
      '3|PENDING|pdebug||2026-11-24T20:31:00|Priority',
      'waits in pdebug: Priority (3rd in the queue), starts about 20:31',
    ],
    [
      '1|PENDING|pdebug||2026-11-25T08:00:00|Resources',
      'waits in pdebug: Resources (1st in the queue), starts about 2026-11-25 08:00',
    ],
    ['|PENDING|pdebug||N/A|None', 'waits in pdebug'],
    ['12|PENDING|a,b||N/A|None', 'waits in a,b: 12th in the queue'],
    ['22|SCHED||||', 'waits: 22nd in the queue'],
    ['|PEND|normal|||Load information unavailable: 2 hosts;', 'waits in normal: Load information unavailable: 2 hosts'],
    ['|RUNNING|pdebug|node[5-8]|2026-11-24T20:31:00|None', 'runs on node[5-8]'],
    ['|RUN|normal|40*launch1:1*c7:1*c7||', 'runs on launch1, c7'],
    ['|CONFIGURING|pdebug|node5||None', 'is CONFIGURING on node5'],
    ['|FAILED|pdebug|node5||NonZeroExitCode', 'has ended: FAILED (NonZeroExitCode)'],
    ['|CANCELED||||cancel: a note | with a bar', 'has ended: CANCELED (cancel: a note | with a bar)'],
  ])('is told for %j', (line, words) => expect(told(line)).toBe(words));

  it.each(['11', '12', '13', '111'])('is told in English: %sth', (place) =>
    expect(told(`${place}|PENDING|q|||`)).toContain(`${place}th`),
  );
});

describe('a job', () => {
  it.each([
    ['PENDING', 'waiting'],
    ['PSUSP', 'waiting'],
    ['DEPEND', 'waiting'],
    ['SUSPENDED', 'running'],
    ['SOMETHING_NEW', 'running'],
    ['OUT_OF_MEMORY', 'ended'],
    ['EXIT', 'ended'],
    ['TIMEOUT', 'ended'],
  ])('that is %s is %s', (word, phase) => expect(parseJobState(`${word}||||`).phase).toBe(phase));
});

describe('a job that may never start', () => {
  const doubt = (reason: string, word = 'PENDING') => doubtOf(parseJobState(`${word}|pdebug|||${reason}`));

  it.each([
    ['PartitionTimeLimit', 'time'],
    ['QOSMaxWallDurationPerJobLimit', 'time'],
    ['AssocMaxWallDurationPerJobLimit', 'time'],
    ['PartitionNodeLimit', 'nodes'],
    ['QOSMaxNodePerJobLimit', 'nodes'],
    ['AssocMaxCpuPerJobLimit', 'nodes'],
    ['BadConstraints', 'no node'],
    ['AssocGrpCPUMinutesLimit', 'hours'],
    ['AssocGrpBillingMinutes', 'hours'],
    ['AssocGrpNodeLimit', 'others of the account'],
    ['QOSGrpCpuLimit', 'others of the account'],
    ['QOSMaxCpuPerUserLimit', 'others of the account'],
    ['InvalidAccount', 'bank'],
    ['InvalidQOS', 'bank'],
    ['JobHeldUser', 'scontrol release'],
    ['PartitionDown', 'queue'],
    ['ReqNodeNotAvail, UnavailableNodes:node[1-4]', 'maintenance'],
  ])('of Slurm is known by its reason: %s', (reason, words) => {
    expect(doubt(reason)).toEqual({ reason, hint: expect.stringContaining(words) });
  });

  it.each([
    ['The job was suspended by the user while pending', 'bresume'],
    ['The queue is inactivated by the administrator', 'queue'],
  ])('of LSF too: %s', (reason, words) => {
    expect(doubt(reason, 'PSUSP')?.hint).toContain(words);
  });

  it.each([
    ...['Priority', 'Resources', 'None', 'Dependency', 'BeginTime', '', 'QOSMaxJobsPerUserLimit'],
    'Job slot limit reached: 3 hosts',
  ])('is not one that just waits its turn: %s', (reason) => expect(doubt(reason)).toBeUndefined());

  it('is not one that runs, or has ended', () => {
    expect(doubt('PartitionTimeLimit', 'RUNNING')).toBeUndefined();
    expect(doubt('BadConstraints', 'FAILED')).toBeUndefined();
  });
});

describe('lines of the command that waits', () => {
  it.each([
    ['gone', { type: 'gone' }],
    ['mute Unable to contact the controller', { type: 'mute', words: 'Unable to contact the controller' }],
    ['uri ssh://node5/tmp/flux-x/local-0', { type: 'uri', uri: 'ssh://node5/tmp/flux-x/local-0' }],
    ['a banner of the site', undefined],
    ['', undefined],
  ])('are read: %j', (line, parsed) => expect(parseWaitingLine(line)).toEqual(parsed));
});
