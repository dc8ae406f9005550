import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { FluxError } from '../../../../src/flux/errors.js';
import { applyEvent, type JobView, newJob } from '../../../../src/flux/eventlog.js';
import type { Handle } from '../../../../src/flux/handle.js';
import { encodeJobId, type JobId } from '../../../../src/flux/job-id.js';
import { type JobRequest, jobspecOf, plainJob, signNone } from '../../../../src/flux/jobspec.js';
import { submitJob, watchEventlog } from '../../../../src/flux/requests.js';
import { type Environment, Failure, type Run, withHandle, withPythonHandle, words as wordsOf } from './command.js';

/** `flux job submit [--urgency=N] [FILE]`, with the jobspec on its input unless there is a file. */
export const job: Run = async ([name, ...words], environment) => {
  if (name !== 'submit') throw new Failure('Usage: flux-job [OPTIONS] COMMAND ARGS');
  const urgency = Number(words.find((word) => word.startsWith('--urgency='))?.slice('--urgency='.length) ?? 16);
  const file = words.find((word) => !word.startsWith('-'));
  const jobspec = file === undefined ? await text(process.stdin) : readJobspec(file);
  try {
    JSON.parse(jobspec);
  } catch (error) {
    throw new Failure(`flux-job: jobspec: invalid JSON: ${(error as Error).message}`);
  }
  const id = await withHandle(environment, 'flux-job', (handle) =>
    submitText(handle, jobspec, urgency, ({ message }) => `flux-job: ${message}`),
  );
  process.stdout.write(`${encodeJobId(id)}\n`);
  return 0;
};

function readJobspec(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Failure(`flux-job: ${file}: ${wordsOf((error as NodeJS.ErrnoException).code)}`);
  }
}

/** `flux submit [OPTION...] COMMAND [ARG...]` */
export const submit: Run = async (words, environment) => {
  const request = requestOf('flux-submit', words, environment);
  const id = await withPythonHandle(environment, 'flux-submit', (handle) => submitRequest(handle, request));
  process.stdout.write(`${encodeJobId(id)}\n`);
  return 0;
};

/** `flux run [OPTION...] COMMAND [ARG...]`: what the job prints comes when it has ended. */
export const run: Run = async (words, environment) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'stand-in-run-'));
  const [stdout, stderr] = [path.join(directory, 'out'), path.join(directory, 'err')];
  try {
    const request = { ...requestOf('flux-run', words, environment), stdout, stderr };
    return await withPythonHandle(environment, 'flux-run', async (handle) => {
      const id = await submitRequest(handle, request);
      const view = await over(handle, id);
      process.stdout.write(printed(stdout));
      process.stderr.write(`${printed(stderr)}${wordsOfEnd(id, view)}`);
      return codeOf(view);
    });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
};

function submitRequest(handle: Handle, request: JobRequest): Promise<JobId> {
  return submitText(
    handle,
    JSON.stringify(jobspecOf(request)),
    16,
    ({ errno, message }) => `[Errno ${errno}] ${message}`,
  );
}

async function submitText(
  handle: Handle,
  jobspec: string,
  urgency: number,
  say: (error: FluxError) => string,
): Promise<JobId> {
  try {
    return await submitJob(handle, signNone(jobspec, process.getuid!()), urgency);
  } catch (error) {
    if (!(error instanceof FluxError)) throw error;
    throw new Failure(say(error));
  }
}

function over(handle: Handle, id: JobId): Promise<JobView> {
  return new Promise((resolve, reject) => {
    let view: JobView = newJob;
    watchEventlog(handle, id, {
      onEvents: (events) => {
        view = events.reduce(applyEvent, view);
      },
      onEnd: (error) => (error === undefined ? resolve(view) : reject(new Failure(`flux-job: ${error.message}`))),
    });
  });
}

function printed(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // The job was never started.
    return '';
  }
}

function wordsOfEnd(id: JobId, view: JobView): string {
  const { exception } = view;
  const raised =
    exception === null
      ? ''
      : `0.000s: job.exception ${encodeJobId(id)} type=${exception.type} severity=0 ${exception.note}\n`;
  const code = codeOf(view);
  if (code === 0 || view.waitStatus === null) return raised;
  return `${raised}flux-job: task(s) ${code === 143 ? 'Terminated' : `exited with exit code ${code}`}\n`;
}

function codeOf({ waitStatus, exception }: JobView): number {
  if (waitStatus !== null) return (waitStatus >> 8) & 255 || (waitStatus & 127 && 128 + (waitStatus & 127));
  return exception === null ? 0 : 1;
}

/** Options that have a value, by the letter that stands for them. */
const letters: Readonly<Record<string, string>> = {
  n: 'ntasks',
  N: 'nodes',
  c: 'cores-per-task',
  g: 'gpus-per-task',
  t: 'time-limit',
  q: 'queue',
  B: 'bank',
  o: 'setopt',
};

/** @throws Failure for an option that the stand-in does not know, rather than to do something else */
function requestOf(name: string, words: readonly string[], environment: Environment): JobRequest {
  const rest = [...words];
  const values: Record<string, string> = {};
  while (rest[0]?.startsWith('-')) {
    const word = rest.shift()!;
    if (word === '--') break;
    if (word === '-x' || word === '--exclusive') {
      values.exclusive = 'yes';
      continue;
    }
    const short = /^-([A-Za-z])(.*)$/s.exec(word);
    const long = /^--([a-z-]+)(?:=(.*))?$/s.exec(word);
    const option = short ? letters[short[1]!] : long?.[1];
    if (option === undefined || !known.includes(option))
      throw new Failure(`${name}: the stand-in has no option ${word}`, 2);
    values[option] = (short ? short[2] || undefined : long?.[2]) ?? rest.shift() ?? '';
  }
  if (rest.length === 0) throw new Failure(`${name}: ERROR: job command and arguments are missing`);
  const number = (option: string, otherwise: number) => Number(values[option] ?? otherwise);
  const nodes = values.nodes === undefined ? undefined : Number(values.nodes);
  return {
    ...plainJob,
    command: rest,
    nodes,
    procs: number('ntasks', nodes ?? 1),
    coresPerTask: number('cores-per-task', 1),
    gpusPerTask: number('gpus-per-task', 0),
    exclusive: values.exclusive === 'yes',
    duration: secondsOf(values['time-limit'] ?? '0'),
    name: values['job-name'] ?? path.basename(rest[0]!),
    cwd: values.cwd ?? process.cwd(),
    environment: environment as Record<string, string>,
    queue: values.queue,
    bank: values.bank,
    stdout: values.output ?? '/dev/null',
    stderr: values.error ?? values.output ?? '/dev/null',
  };
}

const known = [...Object.values(letters), 'job-name', 'cwd', 'output', 'error'];

/** Flux standard duration; a number alone is in minutes. */
function secondsOf(duration: string): number {
  const [, number, unit] = /^([0-9.]+)(s|m|h|d)?$/.exec(duration) ?? [];
  if (number === undefined) throw new Failure(`invalid Flux standard duration: '${duration}'`);
  return Number(number) * { s: 1, m: 60, h: 3600, d: 86_400 }[unit ?? 'm']!;
}
