import type { Plan } from '../../scripts/plan.js';
import type { SchedulerType, Spec } from '../../spec/spec.js';
import type { JournalState } from '../../store/journal/records.js';
import { Environment, type Places } from '../../study/environment.js';
import { openJob } from '../../study/state.js';
import { knownInstance, schedulerOf } from './known-instance.js';

const nowhere = { file: '', line: 1, column: 1 } as const;

/**
 * A plan by which jobs can be found and cancelled, made of nothing but the journal, so that it can be made of every study: also of one
 * whose spec has changed since, or is gone. By it nothing can be run.
 *
 * @param paramsOf what is known of the parameters of an instance, by its name
 */
export function knownPlan(
  state: JournalState,
  studyPath: string,
  paramsOf: ReadonlyMap<string, Readonly<Record<string, string>>>,
): Plan {
  const places: Places = { studyPath, specRoot: studyPath, workingDirectory: studyPath };
  const spec: Spec = {
    file: '',
    name: state.name,
    description: '',
    ...{ variables: [], labels: [], paths: [], git: [], steps: [], parameters: [] },
    batch: { type: batchTypeOf(state), values: new Map(), at: nowhere, placeOf: () => nowhere },
  };
  const steps = (state.plan?.steps ?? []).map((step, index) => ({
    ...knownInstance(step, index),
    params: paramsOf.get(step.name) ?? {},
  }));
  const scripts = steps.map(({ workspace, jobName }) => {
    // Only a job that was never submitted would run it: and then the claim says that it is cancelled.
    return { main: { path: `${workspace}/${jobName}.sh`, text: '' }, restart: null };
  });
  return { spec, places, environment: new Environment(spec, places), graph: { steps }, scripts };
}

/** What scheduled steps of a study are submitted to: its jobs say so, or else where it submitted to last. */
export function batchTypeOf({ records, endpoints, obsolete }: JournalState): SchedulerType {
  const places = [...records.map((record) => openJob(record)?.place ?? ''), ...obsolete.map(({ place }) => place)];
  const place = places.find((each) => each !== '') ?? endpoints.at(-1)?.place ?? '';
  return schedulerOf(place);
}

/** The parameters of each instance as a line of status.csv has them, so that they stay there. */
export function paramsIn(statusCsv: string): Map<string, Record<string, string>> {
  const rows = statusCsv.split('\n').slice(1);
  return new Map(
    rows.flatMap((row) => {
      const name = row.slice(0, row.indexOf(','));
      const params = row.slice(row.lastIndexOf(',') + 1);
      const colon = params.indexOf(':');
      return colon === -1 ? [] : [[name, { [params.slice(0, colon)]: params.slice(colon + 1) }] as const];
    }),
  );
}
