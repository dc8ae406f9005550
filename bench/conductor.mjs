// What the conductor costs per event, from 100 to 100,000 steps, on a scheduler that does nothing: each job is submitted,
// started and ended at once. The cost must not grow with the study. Then the same with a journal whose disk takes no time:
// what writing down costs, and waiting for it.
import { Conductor } from '../build/conductor/conductor.js';
import { Journal } from '../build/store/journal/journal.js';
import { newRecord } from '../build/study/state.js';
import { median } from './measure.mjs';

const sizes = [100, 1_000, 10_000, 100_000];
const eventsPerStep = 3;

/** Dependencies of step `i` of `n`. */
const shapes = {
  chain: (i) => (i === 0 ? [] : [i - 1]),
  'fan and funnel': (i, n) => (i === 0 ? [] : i === n - 1 ? Array.from({ length: n - 2 }, (_, k) => k + 1) : [0]),
  'layers of 10, 3 dependencies each': (i) => {
    const layer = Math.floor(i / 10) - 1;
    return layer < 0 ? [] : [i % 10, (i + 3) % 10, (i + 7) % 10].map((k) => layer * 10 + k).sort((a, b) => a - b);
  },
};

function makeGraph(dependsOn, n) {
  const run = new Map([['restart', '']]);
  const at = { file: 'bench', line: 1, column: 1 };
  return {
    steps: Array.from({ length: n }, (_, index) => ({
      index,
      name: `step_${index}`,
      jobName: `step_${index}`,
      step: 'step',
      at,
      params: {},
      workspace: `step/${index}`,
      run,
      scheduled: true,
      dependsOn: dependsOn(index, n),
      condition: 'all-succeeded',
    })),
  };
}

/** Reports on a later turn of the event loop, as a real scheduler does, many jobs at a time. */
function instantScheduler(listener) {
  let jobs = [];
  const tell = () => {
    const batch = jobs;
    jobs = [];
    for (const { step, attempt } of batch) {
      const base = { step: step.index, attempt, at: 0 };
      listener({ ...base, type: 'submitted', id: '1', endpoint: 'local:///bench', mayBeDuplicate: false });
      listener({ ...base, type: 'started' });
      listener({ ...base, type: 'ended', outcome: { result: 'completed', exitCode: 0, signal: null, note: '' } });
    }
  };
  return {
    submit(more) {
      if (jobs.length === 0) setImmediate(tell);
      jobs.push(...more);
    },
    reattach() {},
    async cancelObsolete() {},
    cancel() {},
    close() {},
    outputs: () => ({ stdout: '', stderr: '' }),
  };
}

const policy = { throttle: 0, localJobs: 4, submissionAttempts: 1, restartLimit: 1, allowsFailure: () => false };
const clock = { now: () => 0, after: () => () => {}, random: () => 0 };

/** A journal that forgets all that it is told. */
const journalOf = (graph) =>
  new Journal(async () => {}, { seq: 0, fence: 1, isTorn: false, records: graph.steps.map(() => newRecord()) }, clock);

async function microsecondsPerEvent(dependsOn, n, hasJournal) {
  const graph = makeGraph(dependsOn, n);
  const scripts = graph.steps.map(({ workspace }) => ({
    main: { path: `${workspace}/script.sh`, text: '' },
    restart: null,
  }));
  const journal = hasJournal ? journalOf(graph) : undefined;
  const begin = performance.now();
  const conductor = new Conductor({ graph, scripts, policy, clock, journal });
  const [local, batch] = [instantScheduler(conductor.listener), instantScheduler(conductor.listener)];
  const study = await conductor.run({ local, batch });
  const elapsed = performance.now() - begin;
  if (study.counts.get('FINISHED') !== n) throw new Error('not all steps finished');
  return (elapsed * 1000) / (n * eventsPerStep);
}

export default async function bench() {
  const cases = Object.entries(shapes).flatMap(([shape, dependsOn]) => [
    [shape, dependsOn, false],
    [`${shape}, journal`, dependsOn, true],
  ]);
  for (const [shape, dependsOn, hasJournal] of cases) {
    // The engine compiles what is hot: before that is done, small studies would look slow.
    for (let i = 0; i < 20; i++) await microsecondsPerEvent(dependsOn, 1_000, hasJournal);
    const costs = [];
    for (const n of sizes) {
      const repeats = Math.max(3, Math.min(31, Math.round(60_000 / n)));
      const runs = [];
      for (let i = 0; i < repeats; i++) runs.push(await microsecondsPerEvent(dependsOn, n, hasJournal));
      costs.push(median(runs));
    }
    const cells = sizes.map((n, i) => `${n}: ${costs[i].toFixed(2)} us (x${(costs[i] / costs[0]).toFixed(2)})`);
    console.log(`${shape.padEnd(45)} ${cells.join('   ')}`);
  }
}
