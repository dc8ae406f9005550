import type { StepResult, StudyResults } from '../../src/report/results.js';
import { newRecord, type StepRecord, type StudyStatus } from '../../src/study/state.js';
import { graphOf, type Shape, scriptsOf } from './graphs.js';

/** What a test says of a step of its results; all else is as before anything happened. */
export interface Told extends Shape {
  readonly record?: Partial<StepRecord>;
  /** The end of its stderr. */
  readonly says?: string;
  readonly outputs?: StepResult['outputs'];
}

export const start = Date.UTC(2026, 0, 31, 22, 59, 58, 125);

export function recordOf(record: Partial<StepRecord> = {}): StepRecord {
  return { ...newRecord(), ...record };
}

/** A step that ran once, for so many milliseconds from the study's start. */
export function ran(milliseconds: number, record: Partial<StepRecord> = {}): Partial<StepRecord> {
  const [submitted, started, ended] = [start, start, start + milliseconds];
  const result = record.state === undefined || record.state === 'FINISHED' ? 'completed' : 'failed';
  return {
    state: 'FINISHED',
    submitted,
    started,
    ended,
    jobs: [{ attempt: 1, script: 'main', id: '17', place: '', isDoubtful: false, submitted, started, ended, result }],
    ...record,
  };
}

/** The results of a study of an hour. */
export function resultsOf(steps: readonly Told[], told: Partial<Omit<StudyResults, 'steps'>> = {}): StudyResults {
  const graph = graphOf(steps);
  const scripts = scriptsOf(graph);
  return {
    status: 'FINISHED' as StudyStatus,
    interruption: '',
    name: 'hello',
    description: 'A test.',
    path: '/p/studies/hello_1',
    spec: 'specs/hello.yaml',
    host: 'this machine',
    scheduler: 'local',
    fluxUri: null,
    started: start,
    ended: start + 3_600_000,
    ...told,
    steps: graph.steps.map((step, i) => ({
      step,
      record: recordOf(steps[i]!.record),
      scripts: scripts[i]!,
      outputs: steps[i]!.outputs ?? null,
      dependsOn: step.dependsOn.map((index) => graph.steps[index]!.name),
      errorTail: steps[i]!.says ?? '',
    })),
  };
}
