import { describe, expect, it } from 'vitest';
import { StudyMachine } from '../../src/conductor/state-machine.js';
import { studyStatus } from '../../src/study/state.js';
import { graphOf, policyOf, type Shape } from '../support/graphs.js';

/** A machine whose jobs are told of by the names of their steps. */
class Study {
  readonly machine: StudyMachine;
  readonly #names: readonly string[];
  #now = 0;

  constructor(shapes: readonly Shape[], policy = policyOf()) {
    this.#names = shapes.map(({ name }) => name);
    this.machine = new StudyMachine(graphOf(shapes), policy);
  }

  begin(): string[] {
    return this.#tell({ type: 'begin', at: 0 });
  }

  deferred(name: string, mayRenew: boolean): string[] {
    return this.#tell({ ...this.#job(name), type: 'deferred', reason: 'too short', mayRenew });
  }

  completed(name: string): string[] {
    const outcome = { result: 'completed', exitCode: 0, signal: null, note: '' } as const;
    return this.#tell({ ...this.#job(name), type: 'ended', outcome });
  }

  cancel(): string[] {
    return this.#tell({ type: 'cancel', at: ++this.#now, reason: 'enough' });
  }

  get states(): string[] {
    return this.machine.steps.map(({ state, reason }) => (reason === '' ? state : `${state}: ${reason}`));
  }

  #tell(event: Parameters<StudyMachine['handle']>[0]): string[] {
    return this.machine.handle(event).commands.map((command) => {
      if (command.type === 'renew') return `renew: ${command.reason}`;
      return command.type === 'attach' ? 'attach' : `${command.type} ${this.#names[command.step]}`;
    });
  }

  #job(name: string) {
    const step = this.#names.indexOf(name);
    return { step, attempt: this.machine.steps[step]!.jobs.at(-1)!.attempt, at: ++this.#now };
  }
}

const shapes: readonly Shape[] = [
  { name: 'long', scheduled: true },
  { name: 'short', scheduled: true },
  { name: 'next', scheduled: true, after: ['short'] },
  { name: 'post', after: ['long'] },
];

describe('a step that the rest of an allocation is too short for', () => {
  it('leaves the study to go on with what fits, and to end interrupted, without any failure', () => {
    const study = new Study(shapes);
    study.begin();
    expect(study.deferred('long', false)).toEqual([]);
    expect(study.completed('short')).toEqual(['submit next']);
    expect(study.machine.isOver).toBe(false);
    expect(study.completed('next')).toEqual([]);
    expect(study.machine.isOver).toBe(true);
    expect(study.machine.interruption).toBe('long cannot run here any more: too short');
    expect(study.states).toEqual([
      'PENDING: too short; to be submitted again in another allocation',
      'FINISHED',
      'FINISHED',
      'INITIALIZED',
    ]);
    expect(studyStatus(study.machine.steps)).toBe('INTERRUPTED');
  });

  it('takes no place of the throttle meanwhile', () => {
    const study = new Study(shapes, policyOf({ throttle: 1 }));
    expect(study.begin()).toEqual(['submit long']);
    expect(study.deferred('long', false)).toEqual(['submit short']);
  });

  it('runs in the next one once nothing more runs in this one', () => {
    const study = new Study(shapes);
    study.begin();
    expect(study.deferred('long', true)).toEqual([]);
    expect(study.states[0]).toBe('PENDING: too short; it runs in the next allocation');
    expect(study.completed('short')).toEqual(['submit next']);
    expect(study.completed('next')).toEqual(['renew: long cannot run here any more: too short', 'submit long']);
    expect(study.completed('long')).toEqual(['submit post']);
    study.completed('post');
    expect(studyStatus(study.machine.steps)).toBe('FINISHED');
  });

  it('does not wait for local steps if there is a next one, and does if the study would end', () => {
    const local: readonly Shape[] = [{ name: 'local' }, { name: 'long', scheduled: true }];
    const renewed = new Study(local);
    renewed.begin();
    expect(renewed.deferred('long', true)).toEqual(['renew: long cannot run here any more: too short', 'submit long']);
    const last = new Study(local);
    last.begin();
    expect(last.deferred('long', false)).toEqual([]);
    expect(last.machine.isOver).toBe(false);
    last.completed('local');
    expect(last.machine.isOver).toBe(true);
    expect(last.states[0]).toBe('FINISHED');
  });

  it('is cancelled with the study', () => {
    const study = new Study(shapes);
    study.begin();
    study.deferred('long', false);
    study.cancel();
    expect(study.states[0]).toBe('CANCELLED: enough');
  });

  it('has not used up an attempt', () => {
    const study = new Study([{ name: 'long', scheduled: true }], policyOf({ submissionAttempts: 1 }));
    study.begin();
    for (let i = 0; i < 5; i++) expect(study.deferred('long', true)).toContain('submit long');
    study.completed('long');
    expect(studyStatus(study.machine.steps)).toBe('FINISHED');
  });
});
