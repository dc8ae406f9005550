import { property } from './json.js';
import { assign, type Tree } from './tree.js';

/** A job to be submitted; what flux-core's `Jobspec.from_command` and `from_nest_command` take. */
export interface JobRequest {
  /** The words to run, on each task, or as the initial program of a nested instance. */
  readonly command: readonly string[];
  /** Goes before all else that the job runs: it gets the rest as its arguments. */
  readonly prefix: readonly string[];
  /** Run the command under a Flux instance of the job's own. */
  readonly nested: boolean;
  /** Undefined: wherever there is room. */
  readonly nodes: number | undefined;
  /** Tasks; of a nested job the slots of its instance. */
  readonly procs: number;
  readonly coresPerTask: number;
  readonly gpusPerTask: number;
  /** Whole nodes to itself; needs `nodes`. */
  readonly exclusive: boolean;
  /** Seconds; 0: no limit. */
  readonly duration: number;
  readonly name: string;
  readonly cwd: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly queue: string | undefined;
  readonly bank: string | undefined;
  /** Paths, relative to `cwd`; `{{id}}` becomes the job's id. */
  readonly stdout: string;
  readonly stderr: string;
  /** Goes to `attributes.user`, for people who list jobs. */
  readonly user: Readonly<Record<string, unknown>>;
  /** `--setattr`: dotted paths below `attributes.system`, unless they begin with `user.`, `system.` or `attributes.`. */
  readonly attributes: readonly Assignment[];
  /** Names of nodes that it is not to run on (RFC 31). */
  readonly excludedHosts: readonly string[];
  /** `--setopt`: dotted paths below the shell's options. */
  readonly shellOptions: readonly Assignment[];
  /** `--conf`: the configuration of a nested instance; undefined: the default one. */
  readonly conf: unknown;
}

export type Assignment = readonly [path: string, value: unknown];

/** The smallest of jobs: one task on one core, without limit, outputs and environment. */
export const plainJob: JobRequest = {
  command: ['true'],
  prefix: [],
  nested: false,
  nodes: undefined,
  procs: 1,
  coresPerTask: 1,
  gpusPerTask: 0,
  exclusive: false,
  duration: 0,
  name: 'true',
  cwd: '/tmp',
  environment: {},
  queue: undefined,
  bank: undefined,
  stdout: '/dev/null',
  stderr: '/dev/null',
  user: {},
  attributes: [],
  excludedHosts: [],
  shellOptions: [],
  conf: undefined,
};

/** A jobspec of version 1 (RFC 25). */
export interface Jobspec {
  readonly resources: readonly Tree[];
  readonly tasks: readonly Tree[];
  readonly attributes: Tree;
  readonly version: 1;
}

/**
 * The request as a jobspec, key by key as flux-core 0.88 makes it (recorded from it).
 *
 * @throws PathError if an attribute or option leads through one that is no mapping
 */
export function jobspecOf(request: JobRequest): Jobspec {
  const { resources, count } = layout(request);
  const broker = ['flux', 'broker', ...(request.conf === undefined ? [] : ['-c{{tmpdir}}/conf.json'])];
  const attributes: Tree = { system: { duration: 0, environment: { ...request.environment } } };
  const set = ([path, value]: Assignment) => assign({ attributes }, attributePath(path), value);
  const setOption = ([path, value]: Assignment) => set([`system.shell.options.${path}`, value]);
  if (request.queue !== undefined) set(['system.queue', request.queue]);
  if (request.bank !== undefined) set(['system.bank', request.bank]);
  if (request.nested) {
    setOption(['per-resource.type', 'node']);
    setOption(['mpi', 'none']);
    setOption(['exit-timeout', 'none']);
    if (request.conf !== undefined) {
      assign(attributes, ['system', 'files'], { 'conf.json': { mode: 0o100600, data: request.conf } });
    }
  }
  set(['system.job.name', request.name]);
  set(['system.cwd', request.cwd]);
  request.attributes.forEach(set);
  request.shellOptions.forEach(setOption);
  if (request.duration > 0) set(['system.duration', request.duration]);
  for (const stream of ['stdout', 'stderr'] as const) {
    setOption([`output.${stream}.type`, 'file']);
    setOption([`output.${stream}.path`, request[stream]]);
  }
  exclude(attributes, request.excludedHosts);
  for (const [key, value] of Object.entries(request.user)) assign(attributes, ['user', key], value);
  const command = [...request.prefix, ...(request.nested ? broker : []), ...request.command];
  return { resources, tasks: [{ command, slot: 'task', count }], attributes, version: 1 };
}

/** Adds to the constraints that the job may have been given. */
function exclude(attributes: Tree, hosts: readonly string[]): void {
  if (hosts.length === 0) return;
  const given = property(attributes.system, 'constraints');
  const others = { not: [{ hostlist: [hosts.join(',')] }] };
  assign(attributes, ['system', 'constraints'], given === undefined ? others : { and: [given, others] });
}

/** Slots of cores and GPUs; on each of `nodes` nodes, if a number of nodes is requested. */
function layout(request: JobRequest): { resources: Tree[]; count: Tree } {
  const { nodes, procs, coresPerTask, gpusPerTask, exclusive } = request;
  const parts: Tree[] = [{ type: 'core', count: coresPerTask }];
  if (gpusPerTask > 0) parts.push({ type: 'gpu', count: gpusPerTask });
  const slot = (count: number): Tree => ({ type: 'slot', count, with: parts, label: 'task' });
  if (nodes === undefined) return { resources: [slot(procs)], count: { per_slot: 1 } };
  return {
    resources: [
      { type: 'node', count: nodes, ...(exclusive ? { exclusive } : {}), with: [slot(Math.ceil(procs / nodes))] },
    ],
    // Tasks that cannot be spread evenly leave slots empty.
    count: procs % nodes === 0 ? { per_slot: 1 } : { total: procs },
  };
}

function attributePath(path: string): string[] {
  const full = path.startsWith('attributes.')
    ? path
    : path.startsWith('user.') || path.startsWith('system.')
      ? `attributes.${path}`
      : `attributes.system.${path}`;
  return full.split('.');
}

/** The time limit of a job in seconds, whatever set it; 0 if it has none. */
export function durationOf({ attributes }: Jobspec): number {
  const duration = property(attributes.system, 'duration');
  return typeof duration === 'number' ? duration : 0;
}

/**
 * Signs a jobspec with the mechanism `none` (RFC 15), which a broker takes from the owner of its instance only.
 *
 * @param userid on the broker's host
 */
export function signNone(jobspec: string, userid: number): string {
  const header = `version\0i1\0userid\0i${userid}\0mechanism\0snone\0`;
  return `${base64(header)}.${base64(jobspec)}.none`;
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
