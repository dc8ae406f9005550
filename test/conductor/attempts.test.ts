import { expect, it } from 'vitest';
import { blame } from '../../src/causes/cause.js';
import { isStuckElsewhere } from '../../src/conductor/attempts.js';
import type { JobRecord } from '../../src/study/state.js';
import { MachineStudy } from '../support/machine-study.js';

const refused: JobRecord = {
  ...{ attempt: 2, script: 'main', id: '', place: '', isDoubtful: false, submitted: 1, started: null, ended: 2 },
  ...{ result: 'not submitted', excluded: ['n1'], blame: blame('submission', true) },
};
const { excluded: _, ...anywhere } = refused;

it.each<[string, JobRecord, boolean]>([
  ['for what it asks for', refused, true],
  ['because the other nodes are down', { ...refused, blame: blame('queue') }, true],
  ['because there was no connection', { ...refused, blame: blame('connection') }, false],
  ['although it might run anywhere', anywhere, false],
  ['not, because it began', { ...refused, started: 1 }, false],
])('a job that was refused is stuck for the nodes that it avoids: %s', (_, job, isStuck) => {
  expect(isStuckElsewhere(job)).toBe(isStuck);
});

it('a job that is taken out of the queue because the other nodes are down is followed by one that may run anywhere', () => {
  const study = new MachineStudy([{ name: 'run', scheduled: true }]);
  study.begin();
  study.tell({ type: 'started', step: 0, attempt: 1, at: 2, nodes: ['n1'] });
  study.ended('run', 'node-failure', { note: 'its node failed', blame: blame('node') });
  expect(study.wake('run')).toEqual(['submit run 2 main']);
  expect(study.step('run').jobs[1]!.excluded).toEqual(['n1']);
  study.submitted('run', { id: '8' });
  study.queued('run');
  const withdrawn = { step: 0, attempt: 2, at: 4, reason: 'ReqNodeNotAvail', blame: blame('queue') };
  expect(study.tell({ type: 'not-submitted', ...withdrawn })).toEqual(['back-off run 1']);
  expect(study.outcomes).toEqual([expect.stringMatching(/^PENDING \(.*n1.*: ReqNodeNotAvail; submitting again\)$/)]);
  expect(study.wake('run')).toEqual(['submit run 3 main']);
  expect(study.step('run').jobs[2]).not.toHaveProperty('excluded');
});
