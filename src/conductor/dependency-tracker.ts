import { dependentsOf, type StepGraph } from '../study/graph.js';
import { hasRun, isFailure, isOver, openJob } from '../study/state.js';
import type { Policy } from './policy.js';
import type { EndState, StepTable } from './step-table.js';

/**
 * What the end of a step means for those that wait for it. The work is proportional to the edges of the graph that it
 * touches.
 */
export class DependencyTracker {
  readonly #graph: StepGraph;
  readonly #allowsFailure: Policy['allowsFailure'];
  readonly #table: StepTable;
  /** Told of a step that waits for nothing any more. */
  readonly #onReady: (index: number) => void;
  readonly #dependents: readonly (readonly number[])[];
  /** How many dependencies of each step are not as they must be yet. */
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

  /** Whether the step waits for no other. */
  isReady(index: number): boolean {
    return this.#missing[index] === 0;
  }

  /**
   * For once, at the beginning: what ended otherwise before, without that those which wait for it were told. A journal that
   * was cut may say so; what they would have been told they are told now.
   */
  heal(at: number): void {
    const { steps } = this.#table;
    const ended = steps.flatMap((record, index) => (isOver(record) && record.state !== 'FINISHED' ? [index] : []));
    for (const index of ended) this.giveUp(index, steps[index]!.state as EndState, at);
  }

  /** The step is over. */
  end(index: number, state: EndState, reason: string, at: number): void {
    const tolerated = isFailure(state) && this.#allowsFailure(this.#graph.steps[index]!);
    this.#table.end(index, state, reason, at, tolerated);
    if (state !== 'FINISHED') return this.giveUp(index, state, at);
    for (const dependent of this.#dependents[index]!) this.#satisfy(dependent);
  }

  /**
   * What waits for a step that did not finish never runs: it ends too, for the same reason. A step that only waits for
   * others to be over runs all the same, but not after a cancellation (MEP-004). One that has a job all the same, from before
   * the study was resumed, is seen to when that is over. Does not recurse.
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
          this.#table.end(dependent, state, reason, at, tolerated);
          ended.push(dependent);
        }
      }
    }
  }

  /**
   * Of a step that is to run anew once its job is over, and now is: whether one of those that it waits for has been given up
   * meanwhile, so that it is over too.
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
    this.#table.end(index, state, this.#reason(cause, state), at, tolerated);
    this.giveUp(index, state, at);
    return true;
  }

  /** One of the step's dependencies is as it must be. */
  #satisfy(index: number): void {
    this.#missing[index]! -= 1;
    if (this.isReady(index) && this.#table.isIdle(index)) this.#onReady(index);
  }

  /** What those that wait for the step say. Of one that was given up itself they name what it names. */
  #reason(cause: number, state: EndState): string {
    const record = this.#table.steps[cause]!;
    if (!hasRun(record) && record.reason.startsWith('dependency ')) return record.reason;
    return `dependency ${this.#graph.steps[cause]!.name} ${state === 'CANCELLED' ? 'was cancelled' : 'failed'}`;
  }

  /** Whether the study bears with a step that did not run because of `cause`. */
  #excuses(cause: number, step: number): boolean {
    return this.#table.steps[cause]!.tolerated || this.#allowsFailure(this.#graph.steps[step]!);
  }

  /** A step was given up for failures that the study bears with; now one that it does not stands against it as well. */
  #blame(step: number, cause: number): void {
    const blamed: [step: number, cause: number][] = [[step, cause]];
    for (let next = 0; next < blamed.length; next++) {
      const [index, because] = blamed[next]!;
      const record = this.#table.steps[index]!;
      if (!record.tolerated || hasRun(record) || this.#excuses(because, index)) continue;
      record.tolerated = false;
      this.#table.touch(index);
      for (const dependent of this.#dependents[index]!) blamed.push([dependent, index]);
    }
  }
}
