import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { errno, FluxError } from '../../../../src/flux/errors.js';
import { decodeJobId, encodeJobId } from '../../../../src/flux/job-id.js';
import { type Environment, Failure, type Run, withPythonHandle, words as wordsOf } from './command.js';

const usage = 'usage: flux-uri [-h] [--remote] [--local] [--wait] TARGET';

/** `flux uri [--remote] [--local] [--wait] TARGET` */
export const uri: Run = async (words, environment) => {
  const end = words.indexOf('--');
  const options = words.filter((word, index) => word.startsWith('--') && (end < 0 || index < end));
  const targets = words.filter((word, index) => !(word.startsWith('--') && (end < 0 || index <= end)));
  if (targets.length === 0) {
    throw new Failure(`${usage}\nflux-uri: error: the following arguments are required: TARGET`, 2);
  }
  const unknown = options.find((option) => !['--remote', '--local', '--wait'].includes(option)) ?? targets[1];
  if (unknown !== undefined) throw new Failure(`${usage}\nflux-uri: error: unrecognized arguments: ${unknown}`, 2);
  const found = await resolve(targets[0]!, environment);
  process.stdout.write(
    `${options.includes('--remote') ? remote(found) : options.includes('--local') ? local(found) : found}\n`,
  );
  return 0;
};

const remote = (found: string) => found.replace(/^local:\/\//, `ssh://${hostname()}`);
const local = (found: string) => found.replace(/^ssh:\/\/[^/]*/, 'local://');

/** @throws Failure */
async function resolve(target: string, environment: Environment): Promise<string> {
  const [, scheme, rest] = /^([A-Za-z][A-Za-z0-9+.-]*):(.*)$/.exec(target) ?? [];
  switch (scheme) {
    case 'local':
    case 'ssh':
      return target;
    case 'pid':
      return uriOfProcess(rest!);
    case 'slurm':
      return uriOfSlurmJob(rest!, environment);
    case 'lsf':
      throw failure(`LSF Job ${rest} doesn't seem to have a FLUX_URI`);
    case undefined:
      return uriOfJob(target, environment);
    default:
      throw failure(`No plugin for URI scheme ${scheme}`);
  }
}

const failure = (words: string) => new Failure(`flux-uri: ERROR: ${words}`);

/** The FLUX_URI of a process; of a broker's, its program's. */
function uriOfProcess(pid: string): string {
  const isBroker = /^Name:\s*flux-broker/m.test(read(`/proc/${pid}/status`));
  const process = isBroker ? childOf(pid) : pid;
  const entry = read(`/proc/${process}/environ`)
    .split('\0')
    .find((entry) => entry.startsWith('FLUX_URI='));
  if (entry === undefined) throw failure(`PID ${process} doesn't seem to have a FLUX_URI`);
  return entry.slice('FLUX_URI='.length);
}

function childOf(pid: string): string {
  for (const name of readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) {
    try {
      if (/^PPid:\s*([0-9]+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1] === pid) return name;
    } catch {
      // It has ended since the list was made.
    }
  }
  throw failure(`PID ${pid} is a flux-broker and no child found`);
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw failure(`${wordsOf((error as NodeJS.ErrnoException).code)}: '${file}'`);
  }
}

/** Asks Slurm for the job's processes on this node, or else asks `flux uri` on the job's first node. */
function uriOfSlurmJob(id: string, environment: Environment): string {
  const listed = ask(['scontrol', 'listpids', id], environment);
  if (listed === undefined) return uriOnNode(id, environment);
  // PID, JOBID, STEPID, LOCALID, GLOBALID: what Slurm has started itself is task 0.
  const pids = listed.split('\n').flatMap((line) => {
    const [pid, , , local] = line.trim().split(/\s+/);
    return local === '0' ? [pid!] : [];
  });
  for (const pid of pids) {
    try {
      return remote(uriOfProcess(pid));
    } catch {
      // Another may have one.
    }
  }
  throw failure(`PID ${pids.at(-1) ?? '?'} doesn't seem to have a FLUX_URI`);
}

function uriOnNode(id: string, environment: Environment): string {
  const nodes = ask(['squeue', '-h', '-o', '%N', '-j', id], environment, 'inherit');
  if (nodes === undefined) throw failure(`unable to query nodelist for Slurm job ${id}`);
  const first = nodes.trim().split(/[,\n]/)[0]!;
  if (first === '') throw failure(`empty nodelist returned for Slurm job ${id}`);
  const { FLUX_URI: _, ...others } = environment;
  const found = ask(
    ['srun', '--overlap', `--jobid=${id}`, '-w', first, '-n1', '-N1', 'flux', 'uri', `slurm:${id}`],
    others,
  );
  if (found === undefined) throw failure(`Unable to resolve Flux URI for Slurm job ${id}`);
  return found.trim();
}

function ask(
  words: readonly string[],
  environment: Environment,
  stderr: 'ignore' | 'inherit' = 'ignore',
): string | undefined {
  const { status, stdout, error } = spawnSync(words[0]!, words.slice(1), {
    env: { ...environment },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', stderr],
  });
  if (error !== undefined) throw failure(`${wordsOf((error as NodeJS.ErrnoException).code)}: '${words[0]}'`);
  return status === 0 ? stdout : undefined;
}

/** Of a job in the instance around us; jobs of the simulated broker have no instances of their own. */
function uriOfJob(target: string, environment: Environment): Promise<string> {
  return withPythonHandle(environment, 'flux-uri', async (handle) => {
    if (['/', '.', '..'].includes(target)) return environment.FLUX_URI!;
    const id = decodeJobId(target) ?? (/^[0-9]+$/.test(target) ? BigInt(target) : undefined);
    if (id === undefined) throw failure(`jobid ${target} not found`);
    try {
      await handle.rpc('job-list.list-id', { id, attrs: ['state'] });
    } catch (error) {
      if (!(error instanceof FluxError) || error.errno !== errno.ENOENT) throw error;
      throw failure(`jobid ${target} not found`);
    }
    throw failure(`URI not found for job ${encodeJobId(id)}`);
  });
}
