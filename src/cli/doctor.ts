import { mustRun, run } from '../hosts/commands.js';
import { type Host, HostError } from '../hosts/host.js';
import type { Inputs } from '../inputs/schema.js';
import type { AllocationRequest } from '../schedulers/allocation/request.js';
import { rehearsalOf } from '../schedulers/batch/submission.js';
import { FluxInstance } from '../schedulers/flux/instance.js';
import type { Spec } from '../spec/spec.js';
import type { Clock } from '../util/clock.js';
import { BackendError, describeError } from '../util/errors.js';
import type { Log } from '../util/log/log.js';
import { quote } from '../util/shell-quote.js';

export interface DoctorContext {
  readonly inputs: Inputs;
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Log;
  /** The study, if one was named and can be read. */
  readonly spec: Spec | undefined;
  /** Checks a named study as far as that needs no broker: returns a summary, or throws what is wrong with it. */
  readonly study: (() => Promise<string>) | undefined;
  /** The allocation that a run is to get, if any. */
  readonly request: AllocationRequest | undefined;
  /** The directory that studies are made in. */
  readonly root: string;
  /** Aborted on cancellation. */
  readonly cancel: AbortSignal;
}

/** Runs a check: `look` returns what it found, or throws what is wrong and what to do. @returns what was found, if nothing is wrong */
type Checker = (name: string, look: () => Promise<string>) => Promise<string | undefined>;

/** A test job that has not ended by then is still waiting in the queue, which is answer enough. */
const PROBE_TIMEOUT_MS = 30_000;

/**
 * Checks everything that a run needs, and prints what it finds and what is wrong.
 *
 * @returns the exit status: 1 if something is wrong
 */
export async function examine(context: DoctorContext): Promise<number> {
  const { host, spec, log, root } = context;
  let isWell = true;
  const check: Checker = async (name, look) => {
    try {
      const found = await look();
      log.info(`ok    ${name}: ${found}`);
      return found;
    } catch (error) {
      isWell = false;
      log.info(`FAIL  ${name}: ${describeError(error)}`);
      return undefined;
    }
  };
  if (context.study !== undefined) await check('study', context.study);
  await check('bash', async () => text(await mustRun(host, 'it cannot be used', 'echo "$BASH_VERSION"')));
  await check('tar', () => version(host, 'tar', 'files travel as its archives'));
  if (spec !== undefined && spec.git.length > 0) {
    await check('git', () => version(host, 'git', 'the study clones repositories'));
  }
  await check('studies', () => writable(host, root));
  if (context.request !== undefined) await examineAllocator(context, check);
  else if (spec === undefined || spec.batch.type === 'flux') await examineFlux(context, check);
  else log.info(`      flux: the batch type of ${context.inputs.spec} is ${spec.batch.type}, so it was not looked for`);
  return isWell ? 0 : 1;
}

/** Whether the commands for an allocation are there, and whether the scheduler would grant it. None is submitted. */
async function examineAllocator({ host, request, root, log }: DoctorContext, check: Checker): Promise<void> {
  const allocator = { slurm: 'Slurm', lsf: 'LSF', flux: 'Flux' }[request!.with];
  const commands = { slurm: 'sbatch', lsf: 'bsub', flux: 'flux' };
  const command = commands[request!.with];
  const look = async (name: string) => {
    const { code, stdout } = await run(host, `type -P ${name}`);
    if (code !== 0) throw new HostError(`there is no \`${name}\` on PATH on ${host.name}: add it with \`setup\``);
    return text(stdout);
  };
  const flux = await check('flux', () => look('flux'));
  const found = await check(`allocations (${request!.with})`, () => look(command));
  if (flux === undefined || found === undefined) return;
  const rehearsal = rehearsalOf({
    request: request!,
    studyPath: root,
    number: 1,
    jobName: 'maestro-doctor',
    flux,
    fluxVersion: fluxVersionIn(text((await run(host, 'flux version')).stdout)),
  });
  if (rehearsal === undefined) {
    log.info('      the allocation: LSF has no way to ask whether it would grant it');
    return;
  }
  await check('the allocation', async () => {
    const { code, stdout, stderr } = await run(host, `cd -- ${quote(root)} && ${rehearsal.command}`, rehearsal.script);
    const said = (stderr || text(stdout)).trim();
    if (code !== 0) throw new HostError(`${allocator} would not grant it: ${said || `exit ${code}`}`);
    const isSlurms = request!.with === 'slurm' && said !== '';
    return `${allocator} would grant it${isSlurms ? ` (${said.split('\n').at(-1)})` : ''}`;
  });
}

/** In what `flux version` prints. */
function fluxVersionIn(printed: string): string {
  return /^commands:\s*(\S+)/m.exec(printed)?.[1] ?? 'unknown';
}

async function examineFlux(
  { host, inputs, spec, clock, root, cancel, log }: DoctorContext,
  check: Checker,
): Promise<void> {
  let flux: FluxInstance | undefined;
  const { stdout } = await run(host, 'type -P flux && flux version');
  const [path = '', ...versions] = text(stdout).split('\n');
  const version = fluxVersionIn(versions.join('\n'));
  // The next check shows whether it is needed.
  log.info(path === '' ? '      flux: there is no such command on PATH' : `ok    flux: ${path}, version ${version}`);
  await check('broker', async () => {
    flux = await FluxInstance.find({
      host,
      clock,
      env: inputs.env,
      cancel,
      wanted: inputs.flux,
      batch: spec?.batch,
      log: (line) => log.info(line),
    });
    const lines: string[] = [];
    const tell = (line: string) => lines.push(line);
    flux.introduce({ info: tell, warning: tell });
    return lines.join('; ');
  });
  if (flux === undefined) return;
  const opened = flux;
  await check('a job', () => probe(opened, spec, root, cancel));
  opened.close();
}

/** Whether jobs run, and see the directory that studies are made in. */
async function probe(flux: FluxInstance, spec: Spec | undefined, root: string, cancel: AbortSignal): Promise<string> {
  const job = await flux.probe({
    command: ['test', '-w', root],
    batch: spec?.batch,
    timeoutMs: PROBE_TIMEOUT_MS,
    cancel,
  });
  if (job === undefined)
    return `it was still waiting in the queue when it was cancelled (after ${PROBE_TIMEOUT_MS / 1000} s at most)`;
  if (job.exception !== null) throw new BackendError(`it failed: ${job.exception.note}`, 'jobs of a study would too');
  if (job.waitStatus === 0) return `it ran, and can write to ${root}`;
  throw new BackendError(
    `it ran, but cannot write to ${root}`,
    'studies must be in a directory that compute nodes share: choose another with `output-path`',
  );
}

async function version(host: Host, command: string, purpose: string): Promise<string> {
  const { code, stdout } = await run(host, `${command} --version`);
  if (code !== 0) throw new HostError(`there is no ${command} on ${host.name}, and ${purpose}: install it`);
  return text(stdout).split('\n')[0]!;
}

async function writable(host: Host, root: string): Promise<string> {
  const directory = quote(root);
  await mustRun(
    host,
    `${root} cannot be written to (choose another place with output-path)`,
    `mkdir -p -- ${directory} && file=$(mktemp -- ${directory}/.doctor-XXXXXX) && rm -f -- "$file"`,
  );
  return `they go to ${root}, which can be written to`;
}

function text(output: Buffer): string {
  return output.toString().trim();
}
