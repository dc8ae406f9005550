import { isAroundUs } from './broker/locate.js';
import type { Clock } from './clock.js';
import { conduct } from './conductor/conductor.js';
import type { Policy } from './conductor/policy.js';
import { studyStatus } from './conductor/state.js';
import { StatusFile } from './conductor/status-file.js';
import type { FluxBatch } from './flux-batch.js';
import { matchAny } from './globs.js';
import type { Host } from './hosts/host.js';
import type { Inputs } from './inputs.js';
import type { Plan } from './plan.js';
import type { Ending } from './report/collect.js';
import type { Log } from './report/log.js';
import { Progress } from './report/progress.js';
import type { FluxScheduler } from './schedulers/flux/scheduler.js';
import { LocalScheduler } from './schedulers/local.js';
import { Signalled } from './surroundings.js';

/** What driving a study to its end needs from outside. */
export interface DriveContext {
  readonly inputs: Inputs;
  readonly host: Host;
  readonly log: Log;
  readonly cancel: AbortSignal;
}

/** How a study was left, as far as that is known without reading any output. */
export type Ran = Omit<Ending, 'started' | 'ended'>;

/**
 * Runs the steps of a study that is staged.
 *
 * @param flux what its scheduled steps run on; undefined if it has none
 */
export async function drive(
  context: DriveContext,
  plan: Plan,
  flux: FluxBatch | undefined,
  clock: Clock,
): Promise<Ran> {
  const { inputs, host, log } = context;
  const { graph, scripts, places } = plan;
  const progress = new Progress(log, graph, clock);
  const statusFile = new StatusFile(host, places.studyPath, graph, clock);
  const { cancel, interrupt } = endings(context.cancel, flux);
  let local!: LocalScheduler;
  let batch: FluxScheduler | undefined;
  const conducted = conduct({
    graph,
    scripts,
    policy: policyOf(inputs),
    clock,
    cancel,
    interrupt,
    schedulers: (listener) => {
      local = new LocalScheduler(host, places.studyPath, localEnvironment(inputs, flux), clock, listener);
      batch = flux?.scheduler(plan, log, listener);
      return { local, batch };
    },
    onChange: (changedMachine, changed) => {
      statusFile.changed(changedMachine.steps);
      progress.onChange(changedMachine, changed);
    },
  });
  // Told and written even if the conductor fails.
  const machine = await conducted.finally(async () => {
    batch?.close();
    progress.end();
    await statusFile.end();
  });
  if (statusFile.failure !== undefined) log.warning(statusFile.failure);
  return {
    records: machine.steps,
    status: studyStatus(machine.steps),
    interruption: machine.isOver && machine.remaining === 0 ? '' : (machine.interruption ?? ''),
    schedulerOf: (step) => (step.scheduled ? batch : local),
    fluxUri: flux?.broker.address.uri ?? null,
  };
}

/**
 * What the end of this process means for the study. As the initial program of a Flux instance, or a part of it, we are told
 * to end when the instance is: its jobs end with it whatever we do, and it was not their steps' end that was meant.
 */
function endings(cancel: AbortSignal, flux: FluxBatch | undefined): { cancel: AbortSignal; interrupt: AbortSignal } {
  const [cancelling, interrupting] = [new AbortController(), new AbortController()];
  const end = () => {
    const { reason } = cancel;
    const isInstances =
      reason instanceof Signalled &&
      reason.signal !== 'SIGINT' &&
      flux !== undefined &&
      isAroundUs(flux.broker, process.pid);
    if (isInstances) interrupting.abort(`the Flux instance that this program runs in is ending (${reason.signal})`);
    else cancelling.abort(reason);
  };
  if (cancel.aborted) end();
  else cancel.addEventListener('abort', end, { once: true });
  return { cancel: cancelling.signal, interrupt: interrupting.signal };
}

/** What local steps find in their environment besides the host's: the same `flux` as jobs. */
function localEnvironment(inputs: Inputs, flux: FluxBatch | undefined): ReadonlyMap<string, string> {
  const path = flux?.environment.PATH;
  return path === undefined ? inputs.env : new Map([['PATH', path], ...inputs.env]);
}

function policyOf(inputs: Inputs): Policy {
  const allowed = matchAny(inputs['allow-failure']);
  return {
    throttle: inputs.throttle,
    localJobs: inputs['local-jobs'],
    submissionAttempts: inputs['submission-attempts'],
    restartLimit: inputs['restart-limit'],
    allowsFailure: ({ name, step }) => allowed(name) || allowed(step),
  };
}
