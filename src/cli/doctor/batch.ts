import { mustRun, run } from '../../hosts/commands.js';
import { type Host, HostError } from '../../hosts/host.js';
import type { BatchSystem, QueueRow } from '../../schedulers/batch/batch-system.js';
import { describeSite } from '../../schedulers/batch/queue-backend.js';
import { batchSystems } from '../../schedulers/batch-systems.js';
import { resource } from '../../scripts/dialect.js';
import type { Plan } from '../../scripts/plan.js';
import { headerOf } from '../../scripts/render.js';
import { formatProblem } from '../../spec/problem.js';
import type { PyValue } from '../../spec/python.js';
import type { Batch } from '../../spec/spec.js';
import type { StepInstance } from '../../study/graph.js';
import { BackendError } from '../../util/errors.js';
import { quote, quoteAll } from '../../util/shell-quote.js';
import { sleep } from '../../util/sleep.js';
import { type Checker, type DoctorContext, indented, PROBE_TIMEOUT_MS, text } from './context.js';

/** Between two questions about the test job. */
const PROBE_INTERVAL_MS = 1000;

/** Whether the batch system of the study is there, would take its steps, and runs jobs that see the studies. */
export async function examineBatch(context: DoctorContext, check: Checker, plan: Plan | undefined): Promise<void> {
  const { host, log } = context;
  const { batch } = context.spec!;
  const system = batchSystems[batch.type as keyof typeof batchSystems];
  let printed: string | undefined;
  await check(batch.type, async () => {
    const site = await describeSite({ host }, system);
    printed = site.printed;
    return site.introduction.join('; ');
  });
  if (printed === undefined) return;
  const description = printed;
  if (plan === undefined)
    log.info(`      the steps: the study has mistakes, so ${system.name} was not asked about them`);
  else await check('the steps', async () => checkSteps(plan, system, description));
  await check('a job', () => probe(context, system, plan));
}

/**
 * Looks for Slurm and LSF where no study says which batch system it is for, and there is no Flux.
 *
 * @returns whether one of them was found
 */
export async function examineBatchSystems({ host, log }: DoctorContext, check: Checker): Promise<boolean> {
  const { stdout } = await run(host, 'type -P flux; [ -z "$FLUX_URI" ] || echo flux; type -P sbatch bsub');
  if (/\bflux$/m.test(text(stdout))) return false;
  let isFound = false;
  for (const [command, system] of [
    ['sbatch', batchSystems.slurm],
    ['bsub', batchSystems.lsf],
  ] as const) {
    if (!new RegExp(`/${command}$`, 'm').test(text(stdout))) continue;
    try {
      const { introduction } = await describeSite({ host }, system);
      isFound = true;
      await check(system.type, async () => introduction.join('; '));
    } catch (error) {
      if (!(error instanceof BackendError)) throw error;
      log.info(`      ${system.type}: ${indented(error.message)}`);
    }
  }
  if (isFound) log.info('      the steps, a job: give a study to have them checked');
  return isFound;
}

function checkSteps(plan: Plan, system: BatchSystem, description: string): string {
  const problems = system.checkPlan(plan, description, () => false);
  const shown = problems.map(formatProblem).join('; ');
  if (problems.some(({ severity }) => severity === 'error')) throw new BackendError(shown, 'a run would not start');
  return ['they fit the limits of the site', ...(shown === '' ? [] : [shown])].join('; ');
}

/** Whether jobs run, and see the directory that studies are made in. */
async function probe(context: DoctorContext, system: BatchSystem, plan: Plan | undefined): Promise<string> {
  const { host, root, spec } = context;
  const made = await mustRun(host, 'no test job can be made', `mktemp -d -- ${quote(root)}/.doctor-XXXXXX`);
  const directory = text(made);
  try {
    const step = probeStep(spec!.batch, plan);
    const [, ...directives] = headerOf(step, spec!.batch).split('\n');
    const kept = directives.filter((line) => system.replacesDirective?.(line.replace(/^#[A-Z]+ /, '')) !== true);
    const seen = `${directory}/seen`;
    const file = `#!/bin/bash -p\n${kept.join('\n')}\n\necho yes > ${quote(seen)}\n`;
    const words = system.submitWords(step, spec!.batch, directory.split('.doctor-')[1]!, 'doctor');
    const submit = quoteAll(['submit_job', `${directory}/job.sh`, ...words]);
    const { code, stdout, stderr } = await run(
      host,
      `cd -- ${quote(directory)} && cat > job.sh || exit\n${system.program}\n${submit} < /dev/null`,
      file,
      { isForSteps: true },
    );
    if (code !== 0) {
      const isPassing = system.classifyRefusal(stderr, code) !== 'never';
      const advice = isPassing ? 'it may accept it at another time' : 'jobs of a study would be refused too';
      throw new BackendError(`${system.name} refuses it: ${stderr.trim() || `exit ${code}`}`, advice);
    }
    return await watch(context, system, text(stdout).split('\n').at(-1)!, seen);
  } finally {
    await run(host, `rm -rf -- ${quote(directory)}`);
  }
}

async function watch(context: DoctorContext, system: BatchSystem, id: string, seen: string): Promise<string> {
  const { host, clock, root, cancel } = context;
  const end = clock.now() + PROBE_TIMEOUT_MS;
  let row: QueueRow | undefined;
  try {
    while (clock.now() < end && !cancel.aborted) {
      if (await hasWritten(host, seen)) return `it ran, and can write to ${root}`;
      row = (await ask(host, system, 'query_jobs', id)) ?? (await ask(host, system, 'explain_jobs', id));
      if (row === undefined || system.meaningOf(row).phase === 'ended') {
        // The file may come to this machine later than the news of the job's end.
        await sleep(clock, PROBE_INTERVAL_MS, cancel);
        if (await hasWritten(host, seen)) return `it ran, and can write to ${root}`;
        throw unseen(system, row, id, root);
      }
      await sleep(clock, PROBE_INTERVAL_MS, cancel);
    }
    const why = row === undefined || row.reason === '' ? '' : `: ${row.reason}`;
    const doubt = row && system.doubtOf(row);
    const advice = doubt === undefined ? '' : `; ${doubt.hint}`;
    return `it was still ${row?.state ?? 'waiting'}${why} when it was cancelled (after ${PROBE_TIMEOUT_MS / 1000} s at most)${advice}`;
  } finally {
    await run(host, `${system.program}\n${quoteAll(['end_jobs', id])} < /dev/null`);
  }
}

function unseen(system: BatchSystem, row: QueueRow | undefined, id: string, root: string): BackendError {
  if (row === undefined) {
    return new BackendError(`${system.name} no longer knows its job ${id}`, 'nothing was written by it');
  }
  const { result, note } = system.meaningOf(row);
  const how = [row.state, row.reason, note, row.exitCode === null ? '' : `exit status ${row.exitCode}`];
  return new BackendError(
    `it ended (${how.filter((part) => part !== '').join(', ')}), and has not written to ${root}`,
    result === 'cancelled'
      ? 'it was not cancelled from here'
      : 'studies must be in a directory that compute nodes share: choose another with `output-path`',
  );
}

async function hasWritten(host: Host, file: string): Promise<boolean> {
  // Listing the directory refreshes the NFS cache.
  const { code } = await run(host, `ls -- ${quote(`${file}/..`)} > /dev/null 2>&1; [ -s ${quote(file)} ]`);
  return code === 0;
}

async function ask(host: Host, system: BatchSystem, question: string, id: string): Promise<QueueRow | undefined> {
  const { code, stdout, stderr } = await run(host, `${system.program}\n${quoteAll([question, id])} < /dev/null`);
  if (code !== 0) throw new HostError(`${system.name} cannot be asked about it: ${stderr.trim() || `exit ${code}`}`);
  return text(stdout)
    .split('\n')
    .map((line) => system.parseRow(line))
    .find((row) => row?.id === id);
}

/** A step of one task and one minute, on as many nodes as the smallest of the study needs. */
function probeStep(batch: Batch, plan: Plan | undefined): StepInstance {
  const nodes = (plan?.graph.steps ?? [])
    .filter(({ scheduled }) => scheduled)
    .map(({ run }) => Number(resource(run, 'nodes')))
    .filter((number) => number > 0);
  const number = BigInt(nodes.length === 0 ? 1 : Math.min(...nodes));
  return {
    index: 0,
    name: 'maestro-doctor',
    jobName: 'maestro-doctor',
    step: 'maestro-doctor',
    description: '',
    at: batch.at,
    params: {},
    workspace: '',
    run: new Map<string, PyValue>([
      ['cmd', ''],
      ['restart', ''],
      ['nodes', number],
      ['procs', number],
      ['walltime', '1'],
    ]),
    placeOf: () => batch.at,
    scheduled: true,
    dependsOn: [],
    condition: 'all-succeeded',
  };
}
