import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Blame, blame } from '../../src/causes/cause.js';
import { digestsOf, plannedSteps, planResumption } from '../../src/conductor/resume.js';
import type { Entry } from '../../src/store/journal/records.js';
import { replay, serialize } from '../../src/store/journal/replay.js';
import type { StepRecord } from '../../src/study/state.js';
import { graphOf, type Shape, scriptsOf } from '../support/graphs.js';
import { MachineStudy } from '../support/machine-study.js';

/** `other` holds the allocation, so that what is deferred stays so. */
const shapes: readonly Shape[] = [
  { name: 'run', scheduled: true, restart: true },
  { name: 'other', scheduled: true },
];
const graph = graphOf(shapes);
const digests = digestsOf(graph, scriptsOf(graph));

/** The same study, from the journal of an earlier run of it. */
function resumed({ machine }: MachineStudy): MachineStudy {
  const entries: Entry[] = [
    { type: 'study', version: 1, key: 'k', name: 'demo' },
    { type: 'plan', flux: '', steps: plannedSteps(graph, digests, machine.steps) },
    ...(machine.cancellation === undefined ? [] : ([{ type: 'cancel', reason: machine.cancellation }] as const)),
  ];
  const text = entries.map((entry, i) => serialize({ seq: i + 1, fence: 1, at: i }, entry)).join('');
  const { records } = planResumption(replay(text), graph, digests);
  return new MachineStudy(shapes.map((shape, i) => ({ ...shape, record: records[i]! as StepRecord })));
}

/** What a later run submits first, or takes over. */
const nextOf = (study: MachineStudy) => resumed(study).begin()[0];

/** A step whose time has run out once, and that has been restarted. */
function restarted(lostOn?: string): MachineStudy {
  const study = new MachineStudy(shapes, { submissionAttempts: 2 });
  study.begin();
  if (lostOn !== undefined) loseOn(study, lostOn);
  study.started('run');
  expect(study.ended('run', 'timeout')).toHaveLength(1);
  expect(study.step('run').jobs.at(-1)!.script).toBe('restart');
  return study;
}

function loseOn(study: MachineStudy, node: string): void {
  const { attempt } = study.step('run').jobs.at(-1)!;
  study.tell({ type: 'started', step: 0, attempt, at: 20, nodes: [node] });
  study.ended('run', 'node-failure', { note: 'its node failed', blame: blame('node') });
  study.wake('run');
}

function notSubmitted(study: MachineStudy, why: Blame): void {
  const { attempt } = study.step('run').jobs.at(-1)!;
  study.tell({ type: 'not-submitted', step: 0, attempt, at: 30, reason: 'not now', blame: why });
}

/** How a restart comes back to its step without having run to an end of its own. */
const ways: Readonly<Record<string, () => MachineStudy>> = {
  'was deferred to another allocation': () => {
    const study = restarted();
    study.deferred('run', true);
    return study;
  },
  'was taken out of the queue, which had no other nodes for it than those lost before': () => {
    const study = restarted('n1');
    expect(study.step('run').jobs.at(-1)!.excluded).toEqual(['n1']);
    notSubmitted(study, blame('queue'));
    return study;
  },
  'was lost with its node, and its next job was taken out of the queue': () => {
    const study = restarted();
    loseOn(study, 'n1');
    notSubmitted(study, blame('queue'));
    return study;
  },
  'was lost with its node, and waits to be submitted again': () => {
    const study = restarted();
    study.started('run');
    study.ended('run', 'node-failure', { note: 'it was preempted', blame: blame('preempted') });
    return study;
  },
  'could not be submitted yet': () => {
    const study = restarted();
    notSubmitted(study, blame('submission'));
    return study;
  },
  'could not be run, for want of space': () => {
    const study = restarted();
    study.ended('run', 'not-run');
    return study;
  },
  'was refused after it was accepted, and then deferred': () => {
    const study = restarted('n1');
    study.ended('run', 'failed', { exitCode: null, blame: blame('submission', true) });
    study.wake('run');
    study.deferred('run', true);
    return study;
  },
};

describe.each(Object.entries(ways))('a restart that %s', (_, way) => {
  it('is still to come if the study is cancelled, and resumed', () => {
    const study = way();
    study.cancel();
    expect(study.step('run').state).toBe('CANCELLED');
    expect(nextOf(study)).toMatch(/^(attach|submit run \d restart)/);
    const later = resumed(study);
    later.begin();
    later.ended('other', 'cancelled');
    expect(later.step('run').jobs.at(-1)).toMatchObject({ script: 'restart', ended: null });
  });

  it('is so, too, if the resumed study is cancelled before it begins, and resumed once more', () => {
    const study = way();
    study.cancel();
    const second = resumed(study);
    second.cancel();
    second.begin();
    const third = resumed(second);
    third.begin();
    expect(third.step('run').jobs.at(-1)!.script).toBe('restart');
  });

  it('is so, too, if the driver is killed', () => {
    const later = resumed(way());
    later.begin();
    expect(later.step('run').jobs.at(-1)).toMatchObject({ script: 'restart', ended: null });
  });
});

describe('a restart that was cancelled', () => {
  it('before the batch system had it is still to come', () => {
    const study = restarted();
    study.cancel();
    notSubmitted(study, blame('cancelled'));
    expect(study.step('run').state).toBe('CANCELLED');
    const later = resumed(study);
    later.begin();
    expect(later.step('run').jobs.at(-1)!.script).toBe('restart');
  });
});

describe('a step with a restart', () => {
  const scriptAfter = (study: MachineStudy) => {
    const later = resumed(study);
    later.begin();
    return later.step('run').jobs.at(-1)!.script;
  };

  it('goes on with that if the restart was refused for good', () => {
    const study = restarted();
    for (let attempt = 0; attempt < 2; attempt++) {
      notSubmitted(study, blame('submission', true));
      study.wake('run');
    }
    expect(study.outcome('run')).toBe('FAILED (could not be submitted: not now (2 attempts))');
    expect(scriptAfter(study)).toBe('restart');
  });

  it('goes on with that if the restart was lost too often', () => {
    const study = restarted();
    for (let job = 0; job < 4; job++) loseOn(study, `n${job}`);
    expect(study.step('run').state).toBe('HWFAILURE');
    expect(scriptAfter(study)).toBe('restart');
  });

  it('begins anew if the restart failed by itself, or its main script has not run since it was to', () => {
    const study = restarted();
    study.started('run');
    study.ended('run', 'failed');
    expect(scriptAfter(study)).toBe('main');
    const anew = resumed(study);
    anew.begin();
    anew.deferred('run', true);
    anew.cancel();
    expect(scriptAfter(anew)).toBe('main');
  });
});

describe('a step that waits for its next attempt, after whatever was not its own end', () => {
  const happenings = {
    timeout: (study: MachineStudy) => {
      study.started('run');
      study.ended('run', 'timeout');
    },
    lost: (study: MachineStudy) => loseOn(study, 'n1'),
    'not run': (study: MachineStudy) => study.ended('run', 'not-run'),
    deferred: (study: MachineStudy) => study.deferred('run', true),
    refused: (study: MachineStudy) => notSubmitted(study, blame('submission', true)),
    'taken back': (study: MachineStudy) => notSubmitted(study, blame('queue')),
    resumed: () => undefined,
  };
  const kinds = Object.keys(happenings) as (keyof typeof happenings)[];

  /** What a later run submits for the step, or has submitted. */
  const scriptIn = (study: MachineStudy) => {
    const later = resumed(study);
    later.begin();
    return later.step('run').jobs.at(-1)!.script;
  };

  it('goes on with the same script when its study was cancelled as when its driver was killed', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 10 }), (chosen) => {
        let study = new MachineStudy(shapes, { submissionAttempts: 100, restartLimit: 0 });
        study.begin();
        for (const kind of chosen) {
          if (kind === 'resumed') {
            study.cancel();
            study = resumed(study);
            study.begin();
            continue;
          }
          happenings[kind](study);
          if (study.step('run').ended !== null) return;
          if (study.step('run').jobs.at(-1)!.ended !== null) {
            const killed = scriptIn(study);
            const copy = resumed(study);
            copy.cancel();
            expect(scriptIn(copy)).toBe(killed);
          }
          study.wake('run');
          if (study.step('run').jobs.at(-1)!.ended === null) continue;
          // What is deferred waits for the other step.
          study.ended('other');
        }
      }),
      { numRuns: 300 },
    );
  });
});
