import { PassThrough, Writable } from 'node:stream';
import { Conductor } from '../../../src/conductor/conductor.js';
import { digestsOf, plannedSteps } from '../../../src/conductor/resume.js';
import type { Host } from '../../../src/hosts/host.js';
import { buildResults } from '../../../src/report/build-results.js';
import { finalTable } from '../../../src/report/final-table.js';
import { reportHtml } from '../../../src/report/html/report-html.js';
import { junitXml } from '../../../src/report/junit.js';
import { reportJson } from '../../../src/report/report-json.js';
import { summaryMarkdown } from '../../../src/report/summary.js';
import { planStudy } from '../../../src/run/plan.js';
import { Progress } from '../../../src/run/progress.js';
import { stage } from '../../../src/run/stage.js';
import type { BatchScheduler, Job, SchedulerListener } from '../../../src/schedulers/scheduler.js';
import { outputsOf } from '../../../src/scripts/outputs.js';
import { readSpec } from '../../../src/spec/read.js';
import { Source } from '../../../src/spec/source.js';
import { Journal } from '../../../src/store/journal/journal.js';
import { statusCsv, statusOrder } from '../../../src/store/status-csv.js';
import { StatusFile } from '../../../src/store/status-file.js';
import { toParameter } from '../../../src/study/parameters.js';
import { newRecord, type StepRecord } from '../../../src/study/state.js';
import type { Clock } from '../../../src/util/clock.js';
import type { Log } from '../../../src/util/log/log.js';
import { graphOf, scriptsOf } from '../graphs.js';

const START = Date.UTC(2026, 0, 31, 22, 59, 58, 125);

/** No time passes, and no timer goes off. */
const standingClock = (): Clock => ({ now: () => START, after: () => () => {}, random: () => 0.5 });

const silentLog: Log = {
  phase() {},
  endPhase() {},
  info() {},
  live() {},
  problem() {},
  error() {},
  warning() {},
};

/** A machine that takes all that is sent to it and keeps nothing. */
const sink: Host = {
  name: 'sink',
  spawn() {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    let exit: (status: { readonly code: number }) => void = () => {};
    const exited = new Promise<{ readonly code: number }>((resolve) => {
      exit = resolve;
    });
    const stdin = new Writable({
      write: (_chunk, _encoding, done) => done(),
      final(done) {
        stdout.end();
        stderr.end();
        exit({ code: 0 });
        done();
      },
    });
    return { stdin, stdout, stderr, exit: exited, leave() {} };
  },
};

const journalOf = (steps: number, clock: Clock) =>
  new Journal(
    async () => {},
    { seq: 0, fence: 1, isTorn: false, records: Array.from({ length: steps }, newRecord) },
    clock,
  );

/** Steps of a parameterised step, of one that waits for it, and a funnel. */
function specText(steps: number): string {
  const values = Array.from({ length: (steps - 1) / 2 }, (_, i) => i);
  const step = (name: string, cmd: string, depends?: string) => ({
    name,
    description: `step ${name}`,
    run: { cmd, ...(depends === undefined ? {} : { depends: [depends] }) },
  });
  return JSON.stringify({
    description: { name: 'wide', description: 'two parameterised steps and a funnel' },
    env: { variables: { GREETING: 'hello' } },
    study: [
      step('make', 'echo $(GREETING) $(N) > out'),
      step('run', 'cat $(make.workspace)/out; echo $(N.label)', 'make'),
      step('collect', 'ls $(run.workspace)', 'run_*'),
    ],
    'global.parameters': { N: { values, label: 'N.%%' } },
  });
}

function finished(): StepRecord {
  const [submitted, started, ended] = [1_769_900_398_125, 1_769_900_398_325, 1_769_900_401_225];
  return {
    ...newRecord(),
    ...{ state: 'FINISHED', exitCode: 0, submitted, started, ended },
    jobs: [
      {
        ...{ attempt: 1, script: 'main', id: '17', place: '', isDoubtful: false },
        ...{ submitted, started, ended, result: 'completed' },
      },
    ],
  };
}

/** Reads, plans and stages a study, and makes all reports of it: as a run does, but for what the host does. */
export async function stageAndReport(steps: number): Promise<void> {
  const text = specText(steps);
  const { spec } = readSpec(new Source('wide.yaml', text));
  const places = { studyPath: '/study', specRoot: '/spec', workingDirectory: '/spec' };
  const { plan } = planStudy(spec!, spec!.parameters.map(toParameter), places, { hashWorkspaces: false });
  if (plan?.graph.steps.length !== steps) throw new Error('the study has other steps');
  const clock = standingClock();
  const journal = journalOf(steps, clock);
  const records = plan.graph.steps.map(finished);
  journal.writePlan('', plannedSteps(plan.graph, digestsOf(plan.graph, plan.scripts), records));
  await journal.durable();
  await stage(sink, plan, { name: 'wide.yaml', text });
  statusCsv(plan.graph, records, statusOrder(plan.graph), clock.now());
  const ending = { status: 'FINISHED', records, interruption: '', fluxUri: null, started: 0, ended: 1 } as const;
  const outputsOfJob = outputsOf;
  const results = await buildResults(sink, plan, { ...ending, outputsOfJob }, { spec: 'wide.yaml' });
  for (const report of [reportJson, summaryMarkdown, junitXml, reportHtml, finalTable]) report(results);
}

/** Drives a study of so many steps, in layers of ten: three events a step, each with its record and its observers. */
export async function conduct(steps: number): Promise<void> {
  const names = Array.from({ length: steps }, (_, i) => `run_${i}`);
  const graph = graphOf(
    names.map((name, i) => ({
      name,
      scheduled: true,
      after: i < 10 ? [] : [0, 3, 7].map((k) => names[i - (i % 10) - 10 + ((i + k) % 10)]!),
    })),
  );
  const clock = standingClock();
  const policy = {
    throttle: 0,
    localJobs: 4,
    submissionAttempts: 1,
    resubmitOn: new Map(),
    maxWaitMs: 0,
    restartLimit: 1,
    allowsFailure: () => false,
  };
  const conductor = new Conductor({
    graph,
    scripts: scriptsOf(graph),
    policy,
    clock,
    journal: journalOf(steps, clock),
  });
  const scheduler = promptScheduler(conductor.listener);
  const progress = new Progress(silentLog, graph, clock);
  const statusFile = new StatusFile(async () => {}, graph, clock);
  const { counts } = await conductor.run({
    local: scheduler,
    batch: scheduler,
    onChange: (records, changed) => {
      statusFile.changed(records);
      progress.onChange(records, changed);
    },
  });
  progress.end();
  await statusFile.end();
  if (counts.get('FINISHED') !== steps) throw new Error('not all steps finished');
}

/** Reports on a later turn of the event loop, as a real scheduler does, many jobs at a time. */
function promptScheduler(listener: SchedulerListener): BatchScheduler {
  let jobs: Job[] = [];
  const report = () => {
    const all = jobs;
    jobs = [];
    for (const { step, attempt } of all) {
      const base = { step: step.index, attempt, at: START };
      listener({ ...base, type: 'submitted', id: '1', endpoint: 'simulated:///', mayBeDuplicate: false });
      listener({ ...base, type: 'started' });
      listener({ ...base, type: 'ended', outcome: { result: 'completed', exitCode: 0, signal: null, note: '' } });
    }
  };
  return {
    submit(more) {
      if (jobs.length === 0) setImmediate(report);
      jobs.push(...more);
    },
    reattach() {},
    async cancelObsolete() {},
    cancel() {},
    async suspend() {},
    close() {},
    outputs: () => ({ stdout: '', stderr: '' }),
  };
}
