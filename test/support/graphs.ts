import type { Policy } from '../../src/conductor/policy.js';
import { inputsSchema } from '../../src/inputs/schema.js';
import type { StepScripts } from '../../src/scripts/render.js';
import type { PyValue } from '../../src/spec/python.js';
import type { StepGraph, StepInstance } from '../../src/study/graph.js';

/** A step of a test's graph: what the test is about; all else has a default. */
export interface Shape {
  readonly name: string;
  /** The names of the steps that it waits for, all of them earlier. */
  readonly after?: readonly string[];
  /** Whether it waits only for those to be over, however they ended. */
  readonly afterAll?: boolean;
  readonly scheduled?: boolean;
  /** Whether it has a `restart`. */
  readonly restart?: boolean;
  /** The step of the spec, if that is not the name. */
  readonly step?: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly workspace?: string;
  readonly jobName?: string;
  readonly line?: number;
}

/** A graph of steps that are local and wait for nothing, unless they say so. */
export function graphOf(shapes: readonly Shape[]): StepGraph {
  const indexes = new Map(shapes.map(({ name }, index) => [name, index]));
  return {
    steps: shapes.map((shape, index): StepInstance => {
      const { name, step = name, workspace = step, line = 1 } = shape;
      const at = { file: 'study.yaml', line, column: 1 };
      return {
        index,
        name,
        step,
        workspace,
        at,
        jobName: shape.jobName ?? name,
        description: '',
        params: shape.params ?? {},
        run: new Map<string, PyValue>([
          ['cmd', 'true'],
          ['restart', shape.restart === true ? 'true' : ''],
        ]),
        placeOf: () => at,
        scheduled: shape.scheduled === true,
        dependsOn: (shape.after ?? []).map((dependency) => indexes.get(dependency)!).sort((a, b) => a - b),
        condition: shape.afterAll === true ? 'all-completed' : 'all-succeeded',
      };
    }),
  };
}

/** The scripts of such a graph: their places only. */
export function scriptsOf(graph: StepGraph): StepScripts[] {
  return graph.steps.map(({ workspace, jobName, run }) => ({
    main: { path: `${workspace}/${jobName}.sh`, text: '' },
    restart: run.get('restart') === '' ? null : { path: `${workspace}/${jobName}.restart.sh`, text: '' },
  }));
}

/** That of the input. */
export const defaultResubmitOn = inputsSchema.parse({})['resubmit-on'];

/** Maestro's defaults, with what the test chooses. */
export function policyOf(choices: Partial<Policy> = {}): Policy {
  return {
    throttle: 0,
    localJobs: 4,
    submissionAttempts: 1,
    resubmitOn: defaultResubmitOn,
    maxWaitMs: 0,
    restartLimit: 1,
    allowsFailure: () => false,
    ...choices,
  };
}
