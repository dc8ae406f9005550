import { blame, type Cause } from '../../src/causes/cause.js';
import { explainStep, explainStudy } from '../../src/report/causes.js';
import type { StepResult, StudyResults } from '../../src/report/results.js';
import { newRecord, type StepRecord, type StepState, type StudyStatus } from '../../src/study/state.js';
import { graphOf, type Shape, scriptsOf } from './graphs.js';

/** What a test says of a step of its results; all else is as before anything happened. */
export interface Told extends Shape {
  readonly record?: Partial<StepRecord>;
  /** The end of its stderr. */
  readonly says?: string;
  /** The end of its stdout. */
  readonly prints?: string;
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
    causeLine: '',
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
      ...(steps[i]!.prints === undefined ? {} : { outputTail: steps[i]!.prints }),
    })),
  };
}

/** The same with whose fault it was, as a run finds out from its records and last words. */
export function explained(results: StudyResults, requestedNodes = 1): StudyResults {
  const { ended } = results;
  const steps = results.steps.map((step) => ({
    ...step,
    ...explainStep(step, { interruption: undefined, requestedNodes, ended }),
  }));
  return { ...results, steps, ...explainStudy({ ...results, steps }) };
}

/** One job: for how many hours it ran on which nodes, and what it did not complete for. */
export function jobOf(
  attempt: number,
  nodes: readonly string[],
  cause: Cause | null = null,
  hours = 1,
): StepRecord['jobs'][number] {
  return {
    ...{ attempt, nodes, script: 'main', id: `${attempt}`, place: '', isDoubtful: false },
    ...{ submitted: start, started: start, ended: start + hours * 3_600_000 },
    result: cause === null ? 'completed' : cause === 'node' ? 'node-failure' : 'failed',
    blame: cause === null ? null : blame(cause),
  };
}

/** A scheduled instance `STEP_A.N`, by its jobs. */
export function instanceOf(step: string, a: number, jobs: StepRecord['jobs'], more: Partial<Told> = {}): Told {
  const cause = jobs.at(-1)?.blame?.cause ?? null;
  const states: Partial<Record<Cause, StepState>> = { node: 'HWFAILURE', timeout: 'TIMEDOUT' };
  const [state, reason] = cause === null ? (['FINISHED', ''] as const) : [states[cause] ?? 'FAILED', `${cause}!`];
  return {
    ...{ name: `${step}_A.${a}`, step, params: { A: `${a}` }, workspace: `${step}/A.${a}`, scheduled: true },
    record: { state, reason, jobs, submitted: start, started: start, ended: start + 1 },
    outputs: { stdout: 'o', stderr: 'e' },
    ...more,
  };
}

/** A night on which node n7 broke: two instances are lost with it, and two passed at their second attempt. */
export const badNight: readonly Told[] = [
  ...[1, 2, 3].map((a) => instanceOf('run', a, [jobOf(1, [`n${a}`])])),
  instanceOf('run', 4, [jobOf(1, ['n7'], 'node')]),
  instanceOf('run', 5, [jobOf(1, ['n7'], 'node'), jobOf(2, ['n2'])]),
  instanceOf('post', 1, [jobOf(1, ['n1'])]),
  instanceOf('post', 2, [jobOf(1, ['n7'], 'node'), jobOf(2, ['n7'], 'node')]),
  instanceOf('post', 3, [jobOf(1, ['n3'], 'preempted'), jobOf(2, ['n3'])]),
];
