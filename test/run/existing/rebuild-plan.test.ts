import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { digestsOf, plannedSteps } from '../../../src/conductor/resume.js';
import { keptInputs, parseKept } from '../../../src/run/existing/kept-inputs.js';
import { rebuildPlan } from '../../../src/run/existing/rebuild-plan.js';
import { type PlanContext, planAt, readStudy } from '../../../src/run/prepare.js';
import { Source } from '../../../src/spec/source.js';
import type { Entry } from '../../../src/store/journal/records.js';
import { replay, serialize } from '../../../src/store/journal/replay.js';
import { newRecord } from '../../../src/study/state.js';
import { earlierRelease } from '../../support/existing.js';

const text = readFileSync(path.join(earlierRelease, 'mixed.yaml'), 'utf8');
const studyPath = '/p/mixed';

/** What a run plans, and what it keeps of that. */
function planned(more: Partial<PlanContext> = {}, hashWorkspaces = false) {
  const context = {
    text,
    overlays: {},
    specPath: '/home/me/studies/mixed.yaml',
    workingDirectory: '/home/me',
    stageRoot: undefined,
    pgen: undefined,
    ...more,
  };
  const options = { shownSpec: 'studies/mixed.yaml', hashWorkspaces, isDryRun: false };
  const { plan } = planAt({ ...context, options }, readStudy({ ...context, options }), studyPath);
  const records = plan.graph.steps.map(() => newRecord());
  const entries: Entry[] = [
    { type: 'study', version: 1, key: 'key', name: 'mixed' },
    { type: 'plan', flux: '', steps: plannedSteps(plan.graph, digestsOf(plan.graph, plan.scripts), records) },
  ];
  const state = replay(entries.map((entry, i) => serialize({ seq: i + 1, fence: i, at: i }, entry)).join(''));
  const policy = { throttle: 4, localJobs: 4, submissionAttempts: 1, restartLimit: 1, allowsFailure: () => false };
  const kept = keptInputs({ ...context, options: { ...options, policy } as never });
  return { plan, state, kept };
}

const specs = new Map([['mixed.yaml', text]]);

describe('the plan of a study that is there', () => {
  it.each([
    ['with nothing besides its spec', {}, false],
    ['with overlays', { overlays: { parameters: new Source('--parameters', 'SIZE: [1, 20]') } }, false],
    ['with hashed workspaces', {}, true],
    ['with a directory that was copied to the host', { stageRoot: '/home/me/studies' }, false],
  ] as const)('is made again, %s', (_, more, hashes) => {
    const { plan, state, kept } = planned(more, hashes);
    const rebuilt = rebuildPlan(state, studyPath, { inputs: parseKept(kept), specs });
    expect(rebuilt).toMatchObject({ lacks: undefined, shownSpec: 'studies/mixed.yaml' });
    const shown = ({ graph, scripts }: typeof plan) => [
      graph.steps.map(({ placeOf: _placeOf, ...step }) => step),
      scripts.map(({ main }) => main),
    ];
    expect(shown(rebuilt.plan)).toEqual(shown(plan));
  });

  it('is made of the spec alone for a study of an earlier release', () => {
    const state = replay(readFileSync(path.join(earlierRelease, '.conductor/journal.jsonl'), 'utf8'));
    const { plan, lacks } = rebuildPlan(state, studyPath, { inputs: undefined, specs });
    expect(lacks).toBeUndefined();
    expect(plan.graph.steps.map(({ params }) => params)).toContainEqual({ SIZE: '20' });
  });

  it.each([
    [
      'the spec has changed since',
      new Map([['mixed.yaml', text.replace('10,20', '10,21')]]),
      true,
      /the copy of its spec is not the one that was run$/,
    ],
    [
      'the spec is no spec any more',
      new Map([['mixed.yaml', '[']]),
      true,
      /the copy of its spec is not the one that was run$/,
    ],
    ['the spec is gone', new Map<string, string>(), true, /there is no copy of its spec$/],
    ['what it was run with is not kept', specs, false, /its inputs were not kept, or cannot be read$/],
  ])('has what the journal knows if %s, and says what it lacks', (_, found, isKept, lacks) => {
    const overlays = isKept ? {} : { parameters: new Source('--parameters', 'SIZE: [1, 20]') };
    const { state, kept } = planned({ overlays });
    const rebuilt = rebuildPlan(state, studyPath, { inputs: isKept ? parseKept(kept) : undefined, specs: found });
    expect(rebuilt.lacks).toMatch(lacks);
    expect(rebuilt.plan.graph.steps.map(({ name, workspace }) => [name, workspace])).toEqual(
      state.plan!.steps.map(({ name, workspace }) => [name, workspace]),
    );
  });

  it('has nothing of the environment in what is kept, and nothing damaged is believed', () => {
    const { kept } = planned();
    expect(Object.keys(JSON.parse(kept)).toSorted()).toEqual([
      ...['hashWorkspaces', 'limits', 'overlays', 'spec', 'specPath', 'version', 'workingDirectory'],
    ]);
    for (const damaged of ['', '{}', kept.slice(0, -9), kept.replace('"version":1', '"version":2')]) {
      expect(parseKept(damaged)).toBeUndefined();
    }
  });
});
