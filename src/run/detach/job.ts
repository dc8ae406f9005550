import * as z from 'zod';
import { programs } from '../../generated/programs.js';
import { again, causeOf, mustRun, run } from '../../hosts/commands.js';
import { replaceFile } from '../../hosts/files.js';
import { type Host, HostError, HostLostError } from '../../hosts/host.js';
import { classifyAllocationRefusal } from '../../schedulers/allocation/classify-refusal.js';
import { parseJobState, queuedJobSchema, queueFunctions } from '../../schedulers/batch/queue.js';
import { isNewFlux, submittedId } from '../../schedulers/batch/submission.js';
import { schedulerNames } from '../../spec/spec.js';
import { type Allocator, allocators, type QueuedJob } from '../../store/journal/records.js';
import { systemClock } from '../../util/clock.js';
import { parseAs } from '../../util/json.js';
import { assignments, quote, quoteAll } from '../../util/shell-quote.js';
import { sleep } from '../../util/sleep.js';
import type { HostProgram } from './program.js';
import { startFiles, startPath } from './start-files.js';

/** How a conductor is asked for as a job: the input `detach-args`, and the batch system if the study says which. */
export const jobRequestSchema = z.object({ with: z.enum(allocators).optional(), args: z.array(z.string()) });

export type JobRequest = z.output<typeof jobRequestSchema>;

export interface ConductorStart {
  readonly program: HostProgram;
  readonly studyPath: string;
  readonly token: string;
}

/**
 * The conductor of a detached study was not started, or could not run the study: nothing of it runs. After any other error of a
 * start it may. The message is for people.
 */
export class ConductorError extends HostError {
  constructor(message: string) {
    super(message);
    this.name = 'ConductorError';
  }
}

/** `job 17 of Slurm`. */
export function jobWords({ kind, id }: Pick<QueuedJob, 'kind' | 'id'>): string {
  return `job ${id} of ${schedulerNames[kind]}`;
}

/** How long is waited before a batch system is asked again that does not take the job for now. */
const PAUSES_MS = [1000, 3000, 10_000] as const;

/**
 * Submits the conductor of a detached study as a job, and notes which job it is in the directory of the start.
 *
 * @param after the job whose end it waits for: that of the conductor before it
 * @throws ConductorError with the batch system's words if it takes no such job; HostError
 */
export async function submitConductor(
  host: Host,
  request: JobRequest,
  { program, studyPath, token }: ConductorStart,
  after?: QueuedJob,
): Promise<QueuedJob> {
  const system = after ?? (await batchSystemOf(host, request));
  const { kind, flux } = system;
  const startDirectory = `${studyPath}/${startPath(token)}`;
  // Of each submission another one, by which it is found if the answer is lost.
  const jobName = `maestro-conductor-${token.slice(0, 12)}-${systemClock.now().toString(36)}`;
  const script = `#!/bin/bash\n${assignments({ kind, ...program, study: studyPath, token })}kept=$MAESTRO_KEPT\n${programs['run/detach/job.sh']}`;
  const file = `${startDirectory}/${startFiles.script}`;
  const words = [
    ...submitWords(system, { jobName, log: `${startDirectory}/${startFiles.log}`, after }),
    ...request.args,
  ];
  const job: AskedJob = { kind, jobName, flux, fluxVersion: system.fluxVersion };
  const submit =
    `umask 077\ncd -- ${quote(startDirectory)} && cat > ${quote(file)} && : >> ${startFiles.log} || exit\n` +
    // By this a later start finds the job, if this process dies before it has heard of the job's id.
    `printf %s ${quote(JSON.stringify(job))} > ${startFiles.asked} || exit\n` +
    `export MAESTRO_KEPT="\${!SLURM_*} \${!LSB_*} \${!FLUX_*} \${!PMI*}"\nexec ${quoteAll(words)} ${scriptWords[kind](file)}`;
  for (let tries = 0; ; tries++) {
    const said = await attempt(host, submit, script);
    const id = said.code === 0 ? submittedId(kind, said.words) : undefined;
    if (id !== undefined)
      return note(host, startDirectory, { ...job, id, cluster: /^[0-9]+;(\S+)$/m.exec(said.words)?.[1] });
    const kindOfRefusal = classifyAllocationRefusal(kind, said.words, said.code);
    const found = kindOfRefusal === 'doubt' ? await findByName(host, job) : undefined;
    if (found !== undefined && 'id' in found) return note(host, startDirectory, found);
    const pause = PAUSES_MS[tries];
    if (kindOfRefusal === 'never' || pause === undefined) {
      throw new ConductorError(`${schedulerNames[kind]} does not accept the conductor's job: ${said.words}`);
    }
    await sleep(systemClock, pause);
  }
}

async function attempt(
  host: Host,
  command: string,
  input: string,
): Promise<{ readonly code: number; readonly words: string }> {
  try {
    const { code, stdout, stderr } = await run(host, command, input, { isForSteps: true });
    const printed = stdout.toString().trim();
    return { code, words: code === 0 ? printed : [stderr, printed].filter((text) => text !== '').join('\n') };
  } catch (error) {
    if (!(error instanceof HostLostError)) throw error;
    return { code: 255, words: error.message };
  }
}

interface System {
  readonly kind: Allocator;
  readonly flux: string;
  readonly fluxVersion: string;
}

/** @throws ConductorError if the host has none, or not the one that is wanted; HostError */
async function batchSystemOf(host: Host, { with: wanted }: JobRequest): Promise<System> {
  const look =
    'for command in sbatch bsub flux; do printf "%s\\n" "$(type -P "$command")"; done\n' +
    'flux=$(type -P flux) && "$flux" --version < /dev/null | sed -n "s/^commands: *//p"; true';
  const output = await mustRun(host, `cannot look for a batch system on ${host.name}`, look);
  const [sbatch = '', bsub = '', flux = '', fluxVersion = ''] = output.toString().split('\n');
  const paths: Readonly<Record<Allocator, string>> = { slurm: sbatch, lsf: bsub, flux };
  const kind = wanted ?? (['slurm', 'lsf', 'flux'] as const).find((each) => paths[each] !== '');
  if (kind === undefined || paths[kind] === '') {
    const what = kind === undefined ? 'neither sbatch nor bsub nor flux' : `no ${submitCommands[kind]}`;
    throw new ConductorError(`there is ${what} on ${host.name} to submit the conductor's job with`);
  }
  return { kind, flux, fluxVersion: fluxVersion.trim() };
}

const submitCommands: Readonly<Record<Allocator, string>> = { slurm: 'sbatch', lsf: 'bsub', flux: 'flux' };

function submitWords(
  { kind, flux, fluxVersion }: System,
  { jobName, log, after }: { readonly jobName: string; readonly log: string; readonly after: QueuedJob | undefined },
): string[] {
  switch (kind) {
    case 'slurm':
      return [
        ...['sbatch', '--parsable', '--export=ALL', `--job-name=${jobName}`, '--nodes=1', '--ntasks=1'],
        // A conductor whose node has failed goes on on another one.
        ...['--requeue', `--output=${log}`, '--open-mode=append', '--chdir=/'],
        ...(after === undefined ? [] : [`--dependency=afterany:${after.id}`]),
      ];
    case 'lsf':
      return [
        ...['bsub', '-n', '1', '-J', jobName, '-o', log],
        ...(after === undefined ? [] : ['-w', `ended(${after.id})`]),
      ];
    case 'flux':
      return [
        ...[flux, ...(isNewFlux(fluxVersion) ? ['submit'] : ['mini', 'submit'])],
        ...[`--job-name=${jobName}`, '--ntasks=1', '--cores-per-task=1', `--output=${log}`, '--cwd=/'],
        ...(after === undefined ? [] : [`--dependency=afterany:${after.id}`]),
      ];
  }
}

/** How the script goes to the batch system; LSF keeps what it reads, and has a shell run it. */
const scriptWords: Readonly<Record<Allocator, (file: string) => string>> = {
  slurm: (file) => `${quote(file)} < /dev/null`,
  lsf: (file) => `< ${quote(file)}`,
  flux: (file) => `bash ${quote(file)} < /dev/null`,
};

/** A job as it was asked for, before it had an id. */
type AskedJob = Omit<QueuedJob, 'id' | 'cluster'>;

/**
 * Looks in the queue for a job that was asked for.
 *
 * @returns undefined if there is none; `doubt`, the batch system's words, if it cannot be asked
 */
async function findByName(host: Host, asked: AskedJob): Promise<QueuedJob | { readonly doubt: string } | undefined> {
  const job = { ...asked, cluster: undefined, id: '' };
  const { code, stdout, stderr } = await again(() => run(host, `${queueFunctions(job)}\nlist`));
  const lines = stdout.toString().trim();
  if (code !== 0) return { doubt: causeOf(code, lines || stderr) };
  const id = lines.split('\n').find((line) => line !== '');
  return id === undefined ? undefined : { ...job, id };
}

async function note(host: Host, startDirectory: string, job: QueuedJob): Promise<QueuedJob> {
  const file = `${startDirectory}/${startFiles.job}`;
  const purpose = `cannot write ${file} on ${host.name}`;
  await replaceFile(host, file, JSON.stringify(job), { isPrivate: true, purpose });
  return job;
}

/** The job of a conductor, as its batch system has it. */
export interface SeenConductorJob {
  readonly job: QueuedJob;
  /** Of the start that it belongs to. */
  readonly token: string;
  /** `over` only if the batch system says so: that it cannot be asked says nothing of the job. */
  readonly phase: 'waiting' | 'running' | 'over' | 'unknown';
  /** The batch system's words for its state. */
  readonly words: string;
}

/** Which job of a conductor is looked for. */
export interface WantedJob {
  /** Only one that was asked for after the journal was last written: what drove the study since has done that job's work. */
  readonly isAhead?: boolean;
}

/**
 * Asks the batch system about the job that is to conduct a study, or conducts it.
 *
 * @returns undefined if no conductor of the study is a job
 * @throws HostError
 */
export async function findConductorJob(
  host: Host,
  studyPath: string,
  { isAhead = false }: WantedJob = {},
): Promise<SeenConductorJob | undefined> {
  const noted = await readJob(host, studyPath);
  if (noted === undefined || (isAhead && !noted.isAhead)) return undefined;
  const { token, asked } = noted;
  const found = asked && (await findByName(host, asked));
  if (found !== undefined && 'doubt' in found) {
    return { token, job: { ...asked!, cluster: undefined, id: '?' }, phase: 'unknown', words: found.doubt };
  }
  const job = found ?? noted.job;
  if (job === undefined) return undefined;
  const { code, stdout, stderr } = await again(() => run(host, `${queueFunctions(job)}\nlook`));
  const line = stdout.toString().trim();
  if (code !== 0) return { token, job, phase: 'unknown', words: causeOf(code, line || stderr) };
  if (line === '') return { token, job, phase: 'over', words: 'it is no longer in the queue' };
  const { phase, word, reason } = parseJobState(line);
  return { token, job, phase: phase === 'ended' ? 'over' : phase, words: reason === '' ? word : `${word}: ${reason}` };
}

/** Ends the job that is to conduct a study, so that it does not begin later. @throws HostError */
export async function endConductorJob(host: Host, job: QueuedJob): Promise<void> {
  const { code, stdout, stderr } = await again(() => run(host, `${queueFunctions(job)}\nend ${quote(job.id)}`));
  if (code !== 0)
    throw new HostError(`cannot end ${jobWords(job)}: ${causeOf(code, stdout.toString().trim() || stderr)}`);
}

/** What is known of the job of a conductor without asking a batch system. */
interface NotedJob {
  readonly token: string;
  readonly job: QueuedJob | undefined;
  /** A job that was asked for later, and may never have come to be. */
  readonly asked: AskedJob | undefined;
  /** Whether it was asked for after the journal was last written, by the times of both files: clocks of machines may differ. */
  readonly isAhead: boolean;
}

/** The job of the start that was noted last. */
async function readJob(host: Host, studyPath: string): Promise<NotedJob | undefined> {
  const look =
    `cd -- ${quote(`${studyPath}/${startPath('')}`)} 2> /dev/null || exit 0\nshopt -s nullglob\n` +
    `newest=\nfor file in */${startFiles.job} */${startFiles.asked}; do [ -z "$newest" ] || [ "$file" -nt "$newest" ] && newest=$file; done\n` +
    `[ -n "$newest" ] || exit 0\nstart=\${newest%/*}\nfor file in "$start"/{${startFiles.asked},${startFiles.job}}; do [ ! -f "$file" ] || break; done\n` +
    `printf "%s\\0" "$start" "$(find "$file" -newer ../journal.jsonl 2> /dev/null)"\n` +
    `for file in ${startFiles.job} ${startFiles.asked}; do\n` +
    `  [ "$start/$file" = "$newest" ] || [ "$file" = ${startFiles.job} ] && head -c 65536 -- "$start/$file" 2> /dev/null\n  printf "\\0"\ndone\ntrue`;
  const text = (await mustRun(host, `cannot look for the conductor of ${studyPath}`, look)).toString();
  const [token = '', ahead = '', noted = '', asked = ''] = text.split('\0');
  if (token === '') return undefined;
  const job = parseAs(queuedJobSchema, noted);
  return {
    token,
    job: job && { cluster: undefined, ...job },
    asked: parseAs(queuedJobSchema.omit({ id: true, cluster: true }), asked),
    isAhead: ahead !== '',
  };
}
