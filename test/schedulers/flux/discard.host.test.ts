import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Job } from '../../../src/schedulers/scheduler.js';
import type { ObsoleteJob } from '../../../src/store/journal/records.js';
import { completed, FluxStudy, hurried, startBroker, waiting } from '../../support/flux/study-run.js';
import { until } from '../../support/wait.js';

/** A step's job as the journal has it, once the study has no such step any more. */
function foreign(study: FluxStudy, job: Job, changes: Partial<ObsoleteJob> = {}): ObsoleteJob {
  const { id, endpoint } = study.left(job);
  const { name, workspace } = job.step;
  return { step: name, scheduled: true, workspace, attempt: job.attempt, id, place: endpoint, ...changes };
}

describe('a job of a step that the study does not have any more', () => {
  it('is cancelled, and nothing is reported of it', async () => {
    const broker = await startBroker();
    const first = await FluxStudy.start(broker);
    const job = first.submit('run', waiting());
    await first.up(job);
    first.scheduler.close();
    const second = await FluxStudy.start(broker, { after: first });
    second.scheduler.cancelObsolete([foreign(first, job)]);
    await until('it is over', () => broker.jobs[0]!.state === 'INACTIVE');
    await until('it is told', () => second.told.length > 0);
    expect(second.told).toEqual([`cancelled job ${first.ids(job)[0]} of run, which is no longer part of the study`]);
    expect(second.events).toEqual([]);
  });

  it('never runs, if it only waited, or if its submit is heard later', async () => {
    const broker = await startBroker({ cores: 1 });
    const first = await FluxStudy.start(broker);
    const [gate, job] = [first.submit('gate', waiting()), first.submit('run', 'echo ran >> ran')];
    await first.has(job, 'queued');
    await first.up(gate);
    first.scheduler.close();
    const second = await FluxStudy.start(broker, { after: first });
    // Nothing was told of its submit.
    second.scheduler.cancelObsolete([foreign(first, job, { id: '', place: '' })]);
    await until('its attempt is taken', () => second.exists('.conductor/claims/run/1'));
    first.go();
    await until('it is over', () => broker.jobs.every(({ state }) => state === 'INACTIVE'));
    expect(second.exists('run/ran')).toBe(false);
  });

  it('is found by its claim if its id was never told', async () => {
    const broker = await startBroker();
    const first = await FluxStudy.start(broker);
    const job = first.submit('run', waiting());
    await first.up(job);
    first.scheduler.close();
    const second = await FluxStudy.start(broker, { after: first });
    second.scheduler.cancelObsolete([foreign(first, job, { id: '', place: '' })]);
    await until('it is over', () => broker.jobs[0]!.state === 'INACTIVE');
    expect(broker.asked('job-manager.raise')).toHaveLength(1);
  });

  it('is not taken for another of the same id', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker);
    const job = study.submit('run', waiting());
    await study.up(job);
    const [id] = study.ids(job);
    mkdirSync(study.file('.conductor/claims/old'), { recursive: true });
    writeFileSync(study.file('.conductor/claims/old/1'), `${id}\n`);
    study.scheduler.cancelObsolete([foreign(study, job, { step: 'old', workspace: 'old', place: 'ssh://gone/x' })]);
    const next = study.step('next', 'true');
    study.scheduler.cancelObsolete([foreign(study, next)]);
    await until('the other is done', () => study.exists('.conductor/claims/next/1'));
    await until('it was looked at', () => broker.asked('job-info.lookup').length > 0);
    study.go();
    expect(await study.outcome(job)).toEqual(completed);
    expect(broker.asked('job-manager.raise')).toEqual([]);
  });

  it('is cancelled with the next connection if there is none', async () => {
    const broker = await startBroker();
    const first = await FluxStudy.start(broker);
    const job = first.submit('run', waiting());
    await first.up(job);
    first.scheduler.close();
    const second = await FluxStudy.start(broker, { after: first, clock: hurried(10) });
    await broker.die({ jobsGoOn: true });
    await until('it is noticed', () => second.told.length > 0);
    second.scheduler.cancelObsolete([foreign(first, job)]);
    await broker.comeBack();
    await until('it is over', () => broker.jobs[0]!.state === 'INACTIVE');
  });

  it('that cannot be ended is told of, and does not stop the study', async () => {
    const broker = await startBroker();
    const study = await FluxStudy.start(broker);
    const job = study.step('run', 'true');
    const file = study.file('.conductor/claims/old');
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, 'in the way');
    study.scheduler.cancelObsolete([foreign(study, job, { step: 'old', workspace: 'old' })]);
    await until('it is told', () => study.told.length > 0);
    expect(study.told[0]).toMatch(/^cannot end job without an id of old, which is no longer part of the study: /);
    expect(await study.run('run', 'true')).toEqual(completed);
  });
});
