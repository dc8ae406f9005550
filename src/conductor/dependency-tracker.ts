import { dependentsOf, type StepGraph } from '../study/graph.js';
import { isFailure, isOver, openJob, wasSubmitted } from '../study/state.js';
import type { Policy } from './policy.js';
import type { EndState, StepTable } from './step-table.js';

/**
 * Counts the dependencies that each step still waits for, and ends steps that can never run because a dependency did not
 * finish. The work of an event is proportional to the edges of the graph that it touches.
 */
export class DependencyTracker {
  readonly #graph: StepGraph;
  readonly #allowsFailure: Policy['allowsFailure'];
  readonly #table: StepTable;
  /** Called when the last dependency of a step is satisfied. */
  readonly #onReady: (index: number) => void;
  readonly #dependents: readonly (readonly number[])[];
  /** How many dependencies of each step are not satisfied yet. */
  readonly #missing: number[];

  constructor(
    graph: StepGraph,
    allowsFailure: Policy['allowsFailure'],
    table: StepTable,
    onReady: (index: number) => void,
  ) {
    this.#graph = graph;
    this.#allowsFailure = allowsFailure;
    this.#table = table;
    this.#onReady = onReady;
    this.#dependents = dependentsOf(graph);
    const isFinished = table.steps.map((record) => isOver(record) && record.state === 'FINISHED');
    this.#missing = graph.steps.map(({ dependsOn }) => dependsOn.filter((index) => !isFinished[index]).length);
  }

  /** Whether all dependencies of the step are satisfied. */
  isReady(index: number): boolean {
    return this.#missing[index] === 0;
  }

  /**
   * Ends the dependents of steps that did not finish, for a journal that was cut off between the two. Called once, at the
   * beginning.
   */
  endDependentsOfFailed(at: number): void {
    const { steps } = this.#table;
    const ended = steps.flatMap((record, index) => (isOver(record) && record.state !== 'FINISHED' ? [index] : []));
    for (const index of ended) this.giveUp(index, steps[index]!.state as EndState, at);
  }

  /** The step is over. */
  end(index: number, state: EndState, reason: string, at: number): void {
    const tolerated = isFailure(state) && this.#allowsFailure(this.#graph.steps[index]!);
    this.#table.end(index, { state, reason, at, tolerated });
    if (state !== 'FINISHED') return this.giveUp(index, state, at);
    for (const dependent of this.#dependents[index]!) this.#satisfy(dependent);
  }

  /**
   * Ends all steps that wait for a step that did not finish, for the same reason. A step with the condition `all-completed`
   * runs nevertheless, unless the cause was cancelled (MEP-004). A dependent that still has a job, from before the study was
   * resumed, is decided when that job is over. Does not recurse.
   */
  giveUp(cause: number, causeState: EndState, at: number): void {
    const { steps } = this.#table;
    const state: EndState = causeState === 'CANCELLED' ? 'CANCELLED' : 'FAILED';
    const reason = this.#reason(cause, state);
    const ended = [cause];
    for (let next = 0; next < ended.length; next++) {
      for (const dependent of this.#dependents[ended[next]!]!) {
        if (state === 'FAILED' && this.#graph.steps[dependent]!.condition === 'all-completed') this.#satisfy(dependent);
        else if (isOver(steps[dependent]!)) this.#blame(dependent, ended[next]!);
        else if (openJob(steps[dependent]!) === undefined) {
          const tolerated = state === 'FAILED' && this.#excuses(ended[next]!, dependent);
          this.#table.end(dependent, { state, reason, at, tolerated });
          ended.push(dependent);
        }
      }
    }
  }

  /**
   * Ends a step that was to run again after its job, if a dependency failed or was cancelled while the job ran.
   *
   * @returns whether it did
   */
  giveUpIfDependencyFailed(index: number, at: number): boolean {
    const { steps } = this.#table;
    const { dependsOn, condition } = this.#graph.steps[index]!;
    const causes = dependsOn.filter((dependency) => {
      const { state } = steps[dependency]!;
      if (!isOver(steps[dependency]!) || state === 'FINISHED') return false;
      return condition === 'all-succeeded' || state === 'CANCELLED';
    });
    const [cause] = causes;
    if (cause === undefined) return false;
    const state: EndState = steps[cause]!.state === 'CANCELLED' ? 'CANCELLED' : 'FAILED';
    const tolerated = state === 'FAILED' && causes.every((each) => this.#excuses(each, index));
    this.#table.end(index, { state, reason: this.#reason(cause, state), at, tolerated });
    this.giveUp(index, state, at);
    return true;
  }

  /** One more dependency of the step is satisfied. */
  #satisfy(index: number): void {
    this.#missing[index]! -= 1;
    if (this.isReady(index) && this.#table.isIdle(index)) this.#onReady(index);
  }

  /** The reason of the step's dependents: it names the step, or the first cause if the step itself never ran. */
  #reason(cause: number, state: EndState): string {
    const record = this.#table.steps[cause]!;
    if (!wasSubmitted(record) && record.reason.startsWith('dependency ')) return record.reason;
    return `dependency ${this.#graph.steps[cause]!.name} ${state === 'CANCELLED' ? 'was cancelled' : 'failed'}`;
  }

  /** Whether it is tolerated that a step did not run because of `cause`. */
  #excuses(cause: number, step: number): boolean {
    return this.#table.steps[cause]!.tolerated || this.#allowsFailure(this.#graph.steps[step]!);
  }

  /** A step that did not run because of tolerated failures is not tolerated once another cause is not. */
  #blame(step: number, cause: number): void {
    const blamed: [step: number, cause: number][] = [[step, cause]];
    for (let next = 0; next < blamed.length; next++) {
      const [index, because] = blamed[next]!;
      const record = this.#table.steps[index]!;
      if (!record.tolerated || wasSubmitted(record) || this.#excuses(because, index)) continue;
      record.tolerated = false;
      this.#table.touch(index);
      for (const dependent of this.#dependents[index]!) blamed.push([dependent, index]);
    }
  }
}
