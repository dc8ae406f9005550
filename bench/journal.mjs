// What the journal costs: a fan-out of 500 steps that do nothing, with the journal and without, in turns on the same
// machine, as local steps and, if there is a `flux` with a broker around us (`flux start npm run bench journal`), as its jobs.
import fs from 'node:fs';
import path from 'node:path';
import { Conductor } from '../build/conductor/conductor.js';
import { digestsOf, plannedSteps } from '../build/conductor/resume.js';
import { LocalHost } from '../build/hosts/local-host.js';
import { planStudy } from '../build/run/plan.js';
import { stage } from '../build/run/stage.js';
import { FluxInstance } from '../build/schedulers/flux/instance.js';
import { LocalScheduler } from '../build/schedulers/local/scheduler.js';
import { readSpec } from '../build/spec/read.js';
import { Source } from '../build/spec/source.js';
import { makePlace } from '../build/store/directory.js';
import { ourHolder } from '../build/store/lease.js';
import { StudySession } from '../build/store/session.js';
import { toParameter } from '../build/study/parameters.js';
import { newRecord } from '../build/study/state.js';
import { systemClock } from '../build/util/clock.js';
import { inDirectory, inTurns, pick, printRow, skip } from './measure.mjs';

const count = 500;
/** How often each is run; ROUNDS in the environment changes it. */
const rounds = Number(process.env.ROUNDS ?? 3);
const log = { info() {}, warning() {} };
const policy = { throttle: 0, localJobs: 4, submissionAttempts: 1, restartLimit: 1, allowsFailure: () => false };

function specOf(isScheduled) {
  const run = { cmd: 'true # $(N)', ...(isScheduled ? { procs: 1, nested: false } : {}) };
  return JSON.stringify({
    description: { name: 'fan', description: 'a fan' },
    batch: { type: isScheduled ? 'flux' : 'local' },
    study: [{ name: 'run', description: 'a step', run }],
    'global.parameters': { N: { values: Array.from({ length: count }, (_, i) => i), label: 'N.%%' } },
  });
}

/** Seconds from the first submit to the last end, and how many lines the journal has. */
async function once(host, studyPath, isScheduled, isJournalled) {
  const { spec } = readSpec(new Source('fan.yaml', specOf(isScheduled)));
  const places = { studyPath, specRoot: '/', workingDirectory: '/' };
  const { plan } = planStudy(spec, spec.parameters.map(toParameter), places, { hashWorkspaces: false });
  await makePlace(host, studyPath, { key: 'bench', name: 'fan' }, systemClock);
  await stage(host, plan, { name: 'fan.yaml', text: '' });
  const session = await StudySession.take({ host, studyPath, holder: ourHolder(''), clock: systemClock, log });
  const records = plan.graph.steps.map(() => newRecord());
  session.journal.writePlan('', plannedSteps(plan.graph, digestsOf(plan.graph, plan.scripts), records));
  await session.journal.durable();
  const common = { host, clock: systemClock, env: new Map() };
  const cancel = new AbortController().signal;
  const flux = isScheduled
    ? await FluxInstance.find({ ...common, wanted: 'auto', batch: spec.batch, cancel, log() {} })
    : undefined;
  const begin = performance.now();
  const conductor = new Conductor({
    graph: plan.graph,
    scripts: plan.scripts,
    policy,
    clock: systemClock,
    journal: isJournalled ? session.journal : undefined,
  });
  const local = new LocalScheduler({ ...common, studyPath }, conductor.listener);
  const batch = flux?.openScheduler(plan, { log, confirm: async () => {} }, conductor.listener);
  const study = await conductor.run({ local, batch });
  const seconds = (performance.now() - begin) / 1000;
  if (study.counts.get('FINISHED') !== count) throw new Error('not all steps finished');
  local.close();
  batch?.close();
  await session.release('FINISHED');
  const lines = fs.readFileSync(path.join(studyPath, '.conductor/journal.jsonl'), 'utf8').split('\n').length;
  return { seconds, lines };
}

async function compare(name, directory, isScheduled) {
  const host = new LocalHost(process.env);
  const run = (isJournalled) => (round) =>
    once(host, path.join(directory, `${name}-${round}-${isJournalled}`), isScheduled, isJournalled);
  const runs = await inTurns(rounds, { 'no journal': run(false), ours: run(true) });
  printRow(`${count} ${name} with the journal`, pick(runs, 'seconds'), { beside: 'no journal', ratio: 1.05 });
  console.log(`  ${runs.ours[0].lines} lines in the journal`);
}

export default async function journal() {
  await inDirectory(async (directory) => {
    if (process.env.ONLY !== 'flux') await compare('local steps', directory, false);
    if (process.env.FLUX_URI) await compare('jobs of Flux', directory, true);
    else skip('the journal with jobs of Flux', 'there is no broker around us (flux start npm run bench journal)');
  });
}
