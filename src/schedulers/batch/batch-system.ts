import type { Blame } from '../../causes/cause.js';
import type { Outputs } from '../../scripts/outputs.js';
import type { Plan } from '../../scripts/plan.js';
import type { Problem } from '../../spec/problem.js';
import type { Batch } from '../../spec/spec.js';
import type { StepInstance } from '../../study/graph.js';
import type { JobResult } from '../../study/state.js';

/** The phase of a job in its batch system's queue. */
export type QueuePhase =
  /** It has not started, or it will start once more because it was requeued. */
  | 'waiting'
  /** It has its nodes; it may be suspended. */
  | 'running'
  /** Its script is over, and its nodes are being released. */
  | 'finishing'
  | 'ended';

/** What a batch system answers about a job. */
export interface QueueRow {
  /** The id as `submit_job` printed it. */
  readonly id: string;
  /** The batch system's own word for the state: `PENDING`, `TIMEOUT`, `EXIT`. */
  readonly state: string;
  /** Why it waits, or how it ended, in the batch system's words; '' if there is no reason. */
  readonly reason: string;
  /** The exit status of its script, 128 + N if signal N ended it; null if it has not ended or this is not known. */
  readonly exitCode: number | null;
  /** Milliseconds since the epoch, by the batch system's clock; null if it has not started, or this is not known. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  /** The nodes that it has or had; undefined if that is not known. */
  readonly nodes?: readonly string[];
  /** Whether this is said of a run after the first one, which the job had because it was put back into the queue. */
  readonly isLaterRun?: boolean;
  /** Why it was put back into the queue after it had begun; undefined if it was not, or that is not known. */
  readonly requeuedFor?: Blame;
}

/** What the state of a job means for its step. */
export interface StateMeaning {
  readonly phase: QueuePhase;
  /**
   * Of a job that has ended: its result, unless the launcher recorded that the script succeeded; null if only what the
   * launcher recorded decides.
   */
  readonly result: JobResult | null;
  /** Explains the end, for messages: `its time limit was reached`; '' if the result says enough. */
  readonly note: string;
  /** Why a job that has ended did not complete; undefined if it completed, or may have. */
  readonly blame?: Blame;
}

/**
 * What a refused submit means.
 *
 * - `never`: the same job would be refused again
 * - `wait`: a limit is reached or the queue is closed, so it is submitted again, without a time limit
 * - `doubt`: the batch system did not answer as it should, and may have the job all the same
 */
export type BatchRefusal = 'never' | 'wait' | 'doubt';

/** What a batch system says about itself before anything is submitted. */
export interface Site {
  /** Its version: `22.05.8`. */
  readonly version: string;
  /**
   * The name of its installation, by which a later run knows whether it asks the same one: `cluster@controller`; '' if
   * that is not known.
   */
  readonly installation: string;
  /** What a user wants to know of it, a line each, for the log. */
  readonly introduction: readonly string[];
}

/**
 * What is particular to one batch system that runs each scheduled step as a job of its own (Slurm, LSF). All of it is
 * text in and text out; the commands are in bash functions, which run on the host.
 */
export interface BatchSystem {
  readonly type: 'slurm' | 'lsf';
  /** In messages: `Slurm`. */
  readonly name: string;
  /**
   * Bash functions, which print nothing but what is said here, and read no stdin:
   *
   * - `submit_job FILE WORD...`: submits the file with these words of `submitWords`, from the current directory. Prints the
   *   id alone; otherwise fails, with what the batch system said on stderr.
   * - `query_jobs ID...`: prints a line for `parseRow` for each of these jobs that the queue has. One it does not know is
   *   left out. Fails with the words on stderr if the batch system cannot be asked.
   * - `explain_jobs ID...`: the same for jobs that may have left the queue: asks the accounting too, if there is any.
   * - `find_jobs LABEL...`: prints `ID LABEL` for each of the user's jobs, ended ones included, with one of these labels; fails
   *   likewise.
   * - `end_jobs ID...`: cancels jobs. That one is over is no failure.
   * - `describe_site`: prints what `parseSite` reads.
   */
  readonly program: string;
  /** Bash text for the id of the job, in its own environment, with something that differs if it is requeued. */
  readonly jobIdExpression: string;
  /** Bash text for the nodes of the job, in its own environment, as `parseNodes` reads them. */
  readonly nodesExpression: string;
  /** The names of nodes in a text of the batch system's; none if it is no list of them. */
  parseNodes(text: string): readonly string[];
  /**
   * The words for `submit_job`: everything that the header of the step's script does not say.
   *
   * @param label identifies the attempt among all jobs of the user: letters, digits, `.` and `-`
   * @param shown names the attempt for people: `study/step, attempt 2`
   */
  submitWords(step: StepInstance, batch: Batch, label: string, shown: string): readonly string[];
  /**
   * The words for `submit_job`, after those of `submitWords`, of a job that is not to run on some nodes. It may be refused
   * for them, or wait for ever (`lacksNodes`), and is then submitted without.
   *
   * @param header of the step's script
   */
  excludeWords(nodes: readonly string[], batch: Batch, header: string): readonly string[];
  /**
   * Whether `submitWords` has what a directive of the header says, so that the submitted file leaves it out: its text may
   * be one that the submit command cannot read. Without this all directives are kept.
   *
   * @param directive without what marks it: `--comment "text"`
   */
  replacesDirective?(directive: string): boolean;
  /**
   * Bash redirections of the script's output, in the job's own environment, to where `outputs` finds it: for a batch system
   * that may write output only after the end of a job, when steps that read it have begun. Without this the batch system's
   * own files are relied on.
   *
   * @param directives of the submitted file
   */
  redirections?(step: StepInstance, studyPath: string, directives: readonly string[]): string;
  /** @returns undefined for a line that is no row */
  parseRow(line: string): QueueRow | undefined;
  /** An unknown state counts as running, so that the job is not given up. */
  meaningOf(row: QueueRow): StateMeaning;
  /** Why a waiting job may never start, for the log, with what to do; undefined if it only waits for its turn. */
  doubtOf(row: QueueRow): { readonly reason: string; readonly hint: string } | undefined;
  /** Whether a waiting job may wait for ever because there is no other node for it now, or it is not known that there is. */
  lacksNodes(row: QueueRow): boolean;
  /** @param words what the submit command printed */
  classifyRefusal(words: string, exitCode: number): BatchRefusal;
  /** The id of the job that an owner in a claim names: the owner without what `jobIdExpression` adds. */
  idOfOwner(owner: string): string;
  outputs(step: StepInstance, id: string): Outputs;
  parseSite(printed: string): Site;
  /**
   * What of the plan this site would refuse, as far as `describe_site` tells.
   *
   * @param isOver whether a step, by its index, is over, so that it is not checked
   */
  checkPlan(plan: Plan, printed: string, isOver: (step: number) => boolean): readonly Problem[];
}
