import * as z from 'zod';
import { again, collectText, run } from '../../hosts/commands.js';
import { readTails, writeFiles } from '../../hosts/files.js';
import { type Host, HostError, HostLostError } from '../../hosts/host.js';
import type { Allocator, DescribedAllocation, QueuedJob } from '../../store/journal/records.js';
import type { Clock } from '../../util/clock.js';
import { BackendError } from '../../util/errors.js';
import { quote } from '../../util/shell-quote.js';
import { type JobState, parseJobState, queuedJobSchema, queueFunctions } from '../batch/queue.js';
import { type AllocationPlan, jobNameOf, submissionOf, submittedId } from '../batch/submission.js';
import { classifyAllocationRefusal } from './classify-refusal.js';
import { allocationFiles, initialProgramPath, initialProgramText } from './idle-guard.js';
import { NoAllocationError } from './no-allocation.js';
import { releaseCommand } from './release.js';
import type { AllocationRequest } from './request.js';
import { describeProgress, doubtOf, parseWaitingLine, type WaitingLine, waitingCommand } from './wait-for-start.js';

export interface AllocationOptions {
  readonly host: Host;
  /** The path of the `flux` command on the host. */
  readonly flux: string;
  readonly fluxVersion: string;
  readonly request: AllocationRequest;
  /** Absolute path on the host, on a file system that the nodes share. */
  readonly studyPath: string;
  readonly studyName: string;
  /** The number of the allocation in the study, counted from 1. */
  readonly number: number;
  readonly clock: Clock;
  /** Logs a line. */
  readonly log: (line: string) => void;
  /** Stops waiting when aborted, and releases the allocation unless it is kept. */
  readonly cancel: AbortSignal;
  /** Whether the allocation is kept for another run: then it is not released after `cancel`. */
  readonly isKept?: () => boolean;
  /** Whether an allocation of a scheduler that cannot be asked counts as ended (`resume: always`). */
  readonly isForced?: boolean;
}

const described = queuedJobSchema.extend({
  studyPath: z.string().startsWith('/'),
  number: z.int(),
});

/** How often in a row a submit or a wait is repeated after the connection to the host is lost. */
const mostLosses = 10;

/** A job of a batch system whose nodes run a Flux instance for the study. */
export class Allocation {
  readonly #options: AllocationOptions;
  readonly #job: DescribedAllocation;
  /** The latest known state, for messages. */
  #heard = 'nothing was heard of it';
  /** Reasons why it may never start that have been logged. */
  readonly #doubts = new Set<string>();

  private constructor(options: AllocationOptions, job: DescribedAllocation) {
    this.#options = options;
    this.#job = job;
  }

  /**
   * Submits the job of an allocation.
   *
   * @throws BackendError if it is refused, with the scheduler's message, or if the run is cancelled
   * @throws HostError
   */
  static async submit(options: AllocationOptions): Promise<Allocation> {
    const { host, request, studyPath, studyName, number, clock, cancel } = options;
    throwIfCancelled(cancel);
    const token = `${clock.now().toString(36)}${Math.floor(clock.random() * 36 ** 4).toString(36)}`;
    const plan: AllocationPlan = { ...options, jobName: jobNameOf(studyName, number, token) };
    await writeFiles(host, studyPath, [{ path: initialProgramPath, text: initialProgramText, executable: true }]);
    const { id, cluster } = await submitOnce(plan, options);
    const { jobName, flux, fluxVersion } = plan;
    const plain = { kind: request.with, id, jobName, cluster, flux, fluxVersion, studyPath, number };
    const scheduler = await schedulerOf(host, plain);
    const job = scheduler === '' ? plain : { ...plain, scheduler };
    const allocation = new Allocation(options, job);
    if (cancel.aborted && options.isKept?.() !== true) {
      await allocation.#releaseQuietly();
      throwIfCancelled(cancel);
    }
    return allocation;
  }

  /**
   * Takes over an allocation of an earlier driver of the study. If it is about to end, `uri` throws a BackendError.
   *
   * @param job the result of its `describe`
   * @returns undefined if it is over, or was told to end
   * @throws BackendError if it was told to end and does not, or if it belongs to another scheduler; HostError
   */
  static async attach(
    options: Omit<AllocationOptions, 'number'>,
    job: DescribedAllocation,
  ): Promise<Allocation | undefined> {
    const parsed = { cluster: undefined, ...described.parse(job) } as DescribedAllocation;
    const { number } = parsed;
    // The study directory may have been moved.
    const allocation = new Allocation({ ...options, number }, { ...parsed, studyPath: options.studyPath });
    const here = await schedulerOf(options.host, parsed);
    if (parsed.scheduler !== undefined && here !== '' && here !== parsed.scheduler) {
      if (options.isForced === true) return undefined;
      throw new BackendError(
        `the study has an allocation, ${parsed.id} (${parsed.kind}), of the scheduler '${parsed.scheduler}', but commands on ${options.host.name} ask '${here}': its jobs may still be running`,
        'continue the study on that cluster, or, if you know that the allocation is over, with `resume: always`',
      );
    }
    if (await allocation.hasEnded()) {
      // Its processes may take a moment to end.
      await allocation.#releaseQuietly();
      return undefined;
    }
    const end = `${options.studyPath}/${allocationFiles(number).end}`;
    const { code } = await again(() => run(options.host, `[ -e ${quote(end)} ]`));
    if (code !== 0) return allocation;
    // An earlier driver created the end file, and may have died before the release was complete.
    await allocation.release();
    return undefined;
  }

  /** Releases an allocation given by the result of `describe`. @throws BackendError, HostError */
  static async releaseDescribed(host: Host, data: unknown): Promise<void> {
    await release(host, { cluster: undefined, ...described.parse(data) } as DescribedAllocation);
  }

  get id(): string {
    return this.#job.id;
  }

  get kind(): Allocator {
    return this.#job.kind;
  }

  describe(): DescribedAllocation {
    return this.#job;
  }

  /**
   * Waits for the allocation to start, without a time limit, and returns the URI of its Flux instance.
   *
   * @throws BackendError with the reason if the allocation ends first; also if the run is cancelled, which releases it
   * @throws HostError
   */
  async uri(): Promise<string> {
    const { clock, cancel } = this.#options;
    for (let losses = 0; ; ) {
      throwIfCancelled(cancel);
      const before = this.#heard;
      try {
        return await this.#wait();
      } catch (error) {
        if (cancel.aborted) {
          if (this.#options.isKept?.() !== true) await this.#releaseQuietly();
          throwIfCancelled(cancel);
        }
        if (!(error instanceof HostLostError)) throw error;
        losses = this.#heard === before ? losses + 1 : 1;
        if (losses >= mostLosses) throw error;
        await pause(clock, Math.min(15_000, 500 * 2 ** losses), cancel);
      }
    }
  }

  /** Whether the scheduler reports that it has ended; false if the scheduler cannot be asked. @throws HostError */
  async hasEnded(): Promise<boolean> {
    const line = await this.#look();
    return line !== undefined && (line === '' || parseJobState(line).phase === 'ended');
  }

  /** Whether the scheduler reports that it waits; false if the scheduler cannot be asked. @throws HostError */
  async isWaiting(): Promise<boolean> {
    const line = await this.#look();
    return line !== undefined && line !== '' && parseJobState(line).phase === 'waiting';
  }

  /** What the scheduler says; '' if it does not know the job, undefined if it cannot be asked. */
  async #look(): Promise<string | undefined> {
    const { code, stdout } = await again(() => run(this.#options.host, `${queueFunctions(this.#job)}\nlook`));
    return code === 0 ? stdout.toString().trim() : undefined;
  }

  /** Ends the job, and waits until it is gone from the queue. May be called again. @throws BackendError, HostError */
  async release(): Promise<void> {
    await release(this.#options.host, this.#job);
  }

  /** Runs the waiting command once. */
  async #wait(): Promise<string> {
    const { host, studyPath, number, cancel } = this.#options;
    const process = host.spawn(waitingCommand(this.#job, studyPath, number));
    const errors = collectText(process.stderr, 4096);
    let stopListening = () => {};
    const letGo = () => process.stdin.end();
    // A slow scheduler must not delay a cancellation.
    const cancelled = new Promise<never>((_, reject) => {
      const give = () => {
        letGo();
        process.leave();
        reject(new HostError('cancelled'));
      };
      stopListening = () => cancel.removeEventListener('abort', give);
      cancel.addEventListener('abort', give, { once: true });
      if (cancel.aborted) give();
    });
    let uri: string | undefined;
    let hasEnded = false;
    let rest = '';
    process.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        const parsed = parseWaitingLine(line);
        if (parsed === undefined || uri !== undefined || hasEnded) continue;
        if (parsed.type === 'uri') uri = parsed.uri;
        else hasEnded = this.#hear(parsed);
        if (uri !== undefined || hasEnded) letGo();
      }
    });
    try {
      const { code } = await Promise.race([process.exit, cancelled]);
      if (uri !== undefined) {
        this.#options.log(`allocation ${this.id} has its Flux instance at ${uri}`);
        return uri;
      }
      if (hasEnded) throw await this.#endedEarly();
      throw new HostError(`cannot wait for allocation ${this.id} on ${host.name}: ${errors() || `exit ${code}`}`);
    } catch (error) {
      // Lines that came before the connection was lost count.
      if (error instanceof HostLostError && uri !== undefined) return uri;
      if (error instanceof HostLostError && hasEnded) throw await this.#endedEarly();
      throw error;
    } finally {
      stopListening();
    }
  }

  /** Logs a line of the waiting command. @returns whether the allocation has ended */
  #hear(line: Exclude<WaitingLine, { type: 'uri' }>): boolean {
    if (line.type === 'gone') {
      this.#heard = `it is gone from the queue; last, ${this.#heard}`;
      return true;
    }
    const said = line.type === 'mute' ? `cannot be asked about: ${line.words}` : describeProgress(line);
    const isEnd = line.type === 'state' && line.state.phase === 'ended';
    if (!isEnd && `it ${said}` !== this.#heard) this.#options.log(`allocation ${this.id} ${said}`);
    this.#heard = `it ${said}`;
    if (line.type === 'state') this.#doubt(line.state);
    return isEnd;
  }

  /** Logs each reason why it may never start, once. */
  #doubt(state: JobState): void {
    const doubt = doubtOf(state);
    if (doubt === undefined || this.#doubts.has(doubt.reason)) return;
    this.#doubts.add(doubt.reason);
    this.#options.log(`allocation ${this.id} may never start (${doubt.reason}): ${doubt.hint}`);
  }

  async #endedEarly(): Promise<NoAllocationError> {
    const { host, studyPath, number } = this.#options;
    const output = `${studyPath}/${allocationFiles(number).output}`;
    const [tail] = await readTails(host, [output], 4096).catch(() => [null]);
    const lines = (tail?.toString('utf8') ?? '').trim().split('\n').slice(-20).join('\n');
    const printed = lines === '' ? `it printed nothing to ${output}` : `the end of ${output}:\n${lines}\n`;
    return new NoAllocationError(
      `allocation ${this.id} (${this.kind}) ended before Flux ran in it: ${this.#heard}; ${printed}`,
      'try the input `allocate` with fewer nodes or another queue; the file has all that its job printed',
      'allocation-over',
    );
  }

  async #releaseQuietly(): Promise<void> {
    try {
      await this.release();
    } catch (error) {
      if (!(error instanceof BackendError || error instanceof HostError)) throw error;
      this.#options.log((error as Error).message);
    }
  }
}

/** The name of the batch system or cluster that commands on the host ask; '' if it has none. @throws HostError */
async function schedulerOf(host: Host, job: QueuedJob): Promise<string> {
  // A job with a named cluster can be asked about from every cluster of the site.
  if (job.cluster !== undefined) return '';
  const { stdout } = await again(() => run(host, `${queueFunctions({ ...job, scheduler: undefined })}\nscheduler`));
  return stdout.toString().trim();
}

async function release(host: Host, job: DescribedAllocation): Promise<void> {
  const { code, stdout, stderr } = await again(() => run(host, releaseCommand(job, job.studyPath, job.number)));
  if (code === 0) return;
  throw new BackendError(
    `cannot give allocation ${job.id} (${job.kind}) back: ${stdout.toString().trim() || stderr || `exit ${code}`}`,
    'check whether it is still there, and end it by hand',
  );
}

/** The delays between requests to a queue that takes no jobs at present. */
const REFUSED_DELAYS_MS = [5_000, 10_000, 20_000, 40_000, 60_000] as const;

/** How long a scheduler that does not answer is asked again. */
const TROUBLE_LIMIT_MS = 300_000;

/**
 * Submits as soon as the queue takes jobs. After a lost answer it searches the queue for the job before it submits
 * again.
 */
async function submitOnce(
  plan: AllocationPlan,
  { host, studyPath, number, request, cancel, clock, log }: AllocationOptions,
): Promise<{ readonly id: string; readonly cluster: string | undefined }> {
  const { uri, end, output } = allocationFiles(number);
  const { command, script } = submissionOf(plan);
  const submit = `cd ${quote(studyPath)} || exit\nrm -f -- ${uri} ${end} ${output}\nexec ${command}`;
  const told = new Set<string>();
  let troubleSince: number | undefined;
  for (let losses = 1, refusals = 0; ; ) {
    try {
      const { code, stdout, stderr } = await run(host, submit, script);
      const printed = stdout.toString().trim();
      const id = submittedId(request.with, printed);
      if (code === 0 && id !== undefined) return { id, cluster: /^[0-9]+;(\S+)$/m.exec(printed)?.[1] };
      const words = [stderr, printed].filter((text) => text !== '').join('\n') || `exit ${code}`;
      const kind = classifyAllocationRefusal(request.with, words, code);
      if (kind === 'doubt') {
        // The scheduler may have taken the job although its answer was lost.
        const found = await findByName(host, plan);
        if (found !== undefined) return { id: found, cluster: undefined };
      }
      troubleSince = kind === 'doubt' ? (troubleSince ?? clock.now()) : undefined;
      if (kind === 'never' || (troubleSince !== undefined && clock.now() - troubleSince > TROUBLE_LIMIT_MS)) {
        throw new NoAllocationError(
          `the allocation was refused by ${request.with}: ${words}`,
          `look at the input \`allocate\`; it was asked for with: ${command}`,
          // One that does not answer has refused nothing.
          kind === 'never' ? 'allocation-refused' : 'scheduler-lost',
        );
      }
      if (!told.has(words))
        log(`no allocation can be had from ${request.with} for now, and it is asked again: ${words}`);
      told.add(words);
      await pause(clock, REFUSED_DELAYS_MS[Math.min(refusals, REFUSED_DELAYS_MS.length - 1)]!, cancel);
      refusals += 1;
      throwIfCancelled(cancel);
    } catch (error) {
      if (!(error instanceof HostLostError) || losses === mostLosses) throw error;
      await pause(clock, Math.min(15_000, 250 * 2 ** losses), cancel);
      losses += 1;
      const id = await findByName(host, plan);
      if (id !== undefined) return { id, cluster: undefined };
      throwIfCancelled(cancel);
    }
  }
}

/** Searches the queue several times, because the lost submit may still be running, and Flux lists new jobs late. */
async function findByName(host: Host, plan: AllocationPlan): Promise<string | undefined> {
  const { jobName, flux, fluxVersion } = plan;
  const job: QueuedJob = { kind: plan.request.with, id: '0', jobName, cluster: undefined, flux, fluxVersion };
  const look =
    `${queueFunctions(job)}\n` +
    `for try in 1 2 3 4; do ids=$(list) || { printf '%s\\n' "$ids" >&2; exit 1; }; [ -z "$ids" ] || break; sleep 1; done\n` +
    `printf '%s' "$ids"`;
  const { code, stdout, stderr } = await again(() => run(host, look));
  if (code === 0) return stdout.toString().split('\n')[0] || undefined;
  throw new BackendError(
    `the connection to ${host.name} broke while the allocation was being asked for, and ${plan.request.with} cannot be asked whether it was: ${stderr}`,
    `look for a job called ${jobName}, and end it by hand`,
  );
}

function throwIfCancelled(cancel: AbortSignal): void {
  if (cancel.aborted) throw new BackendError('the allocation is not wanted any more', 'the run was cancelled');
}

function pause(clock: Clock, milliseconds: number, cancel: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const stop = clock.after(milliseconds, resolve);
    const now = () => {
      stop();
      resolve();
    };
    cancel.addEventListener('abort', now, { once: true });
    if (cancel.aborted) now();
  });
}
