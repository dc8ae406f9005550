import { describe, expect, it } from 'vitest';
import { studyStatus } from '../../src/study/state.js';
import type { Shape } from '../support/graphs.js';
import { MachineStudy } from '../support/machine-study.js';

const shapes: readonly Shape[] = [
  { name: 'long', scheduled: true },
  { name: 'short', scheduled: true },
  { name: 'next', scheduled: true, after: ['short'] },
  { name: 'post', after: ['long'] },
];

describe('a step that the rest of an allocation is too short for', () => {
  it('leaves the study to go on with what fits, and to end interrupted, without any failure', () => {
    const study = new MachineStudy(shapes);
    study.begin();
    expect(study.deferred('long', false)).toEqual([]);
    expect(study.ended('short')).toEqual(['submit next 1 main']);
    expect(study.machine.isOver).toBe(false);
    expect(study.ended('next')).toEqual([]);
    expect(study.machine.isOver).toBe(true);
    expect(study.machine.interruption).toBe('long cannot run here any more: too short');
    expect(study.outcomes).toEqual([
      'PENDING (too short; to be submitted again in another allocation)',
      'FINISHED',
      'FINISHED',
      'INITIALIZED',
    ]);
    expect(studyStatus(study.machine.steps)).toBe('INTERRUPTED');
  });

  it('takes no place of the throttle meanwhile', () => {
    const study = new MachineStudy(shapes, { throttle: 1 });
    expect(study.begin()).toEqual(['submit long 1 main']);
    expect(study.deferred('long', false)).toEqual(['submit short 1 main']);
  });

  it('runs in the next one once nothing more runs in this one', () => {
    const study = new MachineStudy(shapes);
    study.begin();
    expect(study.deferred('long', true)).toEqual([]);
    expect(study.outcomes[0]).toBe('PENDING (too short; it runs in the next allocation)');
    expect(study.ended('short')).toEqual(['submit next 1 main']);
    expect(study.ended('next')).toEqual(['renew long cannot run here any more: too short', 'submit long 2 main']);
    expect(study.ended('long')).toEqual(['submit post 1 main']);
    study.ended('post');
    expect(studyStatus(study.machine.steps)).toBe('FINISHED');
  });

  it('does not wait for local steps if there is a next one, and does if the study would end', () => {
    const local: readonly Shape[] = [{ name: 'local' }, { name: 'long', scheduled: true }];
    const renewed = new MachineStudy(local);
    renewed.begin();
    expect(renewed.deferred('long', true)).toEqual([
      'renew long cannot run here any more: too short',
      'submit long 2 main',
    ]);
    const last = new MachineStudy(local);
    last.begin();
    expect(last.deferred('long', false)).toEqual([]);
    expect(last.machine.isOver).toBe(false);
    last.ended('local');
    expect(last.machine.isOver).toBe(true);
    expect(last.outcomes[0]).toBe('FINISHED');
  });

  it('is cancelled with the study', () => {
    const study = new MachineStudy(shapes);
    study.begin();
    study.deferred('long', false);
    study.cancel('enough');
    expect(study.outcomes[0]).toBe('CANCELLED (enough)');
  });

  it('has not used up an attempt', () => {
    const study = new MachineStudy([{ name: 'long', scheduled: true }], { submissionAttempts: 1 });
    study.begin();
    for (let i = 0; i < 5; i++) expect(study.deferred('long', true)).toContain(`submit long ${i + 2} main`);
    study.ended('long');
    expect(studyStatus(study.machine.steps)).toBe('FINISHED');
  });
});
