import { formatProblem, type Problem, SpecError } from '../spec/problem.js';
import { describeError, InputError, UserError } from '../util/errors.js';

/** What is wrong with a start, of several kinds: in inputs and files, and on lines of the spec. */
export class StartError extends UserError {
  /** What has no place in the spec, a line each. */
  readonly lines: readonly string[];
  readonly problems: readonly Problem[];

  constructor(lines: readonly string[], problems: readonly Problem[]) {
    super([...lines, ...problems.map(formatProblem)].join('\n'));
    this.name = 'StartError';
    this.lines = lines;
    this.problems = problems;
  }
}

/** What an error says: lines without a place, and problems in the spec. */
export function partsOf(error: unknown): Pick<StartError, 'lines' | 'problems'> {
  if (error instanceof StartError) return error;
  if (error instanceof SpecError) return { lines: [], problems: error.problems };
  return { lines: [describeError(error)], problems: [] };
}

/** Collects everything that is wrong, so that it is told at once. */
export class Mistakes {
  readonly #errors: UserError[];

  /** @param lines what is known to be wrong */
  constructor(lines: readonly string[] = []) {
    this.#errors = lines.length > 0 ? [new InputError(lines)] : [];
  }

  get isEmpty(): boolean {
    return this.#errors.length === 0;
  }

  add(...lines: readonly string[]): void {
    if (lines.length > 0) this.#errors.push(new InputError(lines));
  }

  /** What the task returns; undefined if it throws something for the user, which is kept. */
  attempt<T>(task: () => T): T | undefined {
    try {
      return task();
    } catch (error) {
      this.#keep(error);
      return undefined;
    }
  }

  /** The same for a task that takes its time. */
  async attemptAsync<T>(task: () => Promise<T>): Promise<T | undefined> {
    try {
      return await task();
    } catch (error) {
      this.#keep(error);
      return undefined;
    }
  }

  /** @throws the error, if there is one, SpecError if all are in the spec, or a StartError */
  refuse(): void {
    const [first, ...others] = this.#errors;
    if (first === undefined) return;
    if (others.length === 0) throw first;
    const parts = this.#errors.map(partsOf);
    const byText = parts.flatMap((part) => part.problems.map((problem) => [formatProblem(problem), problem] as const));
    const problems = [...new Map(byText).values()];
    const lines = new Set(parts.flatMap((part) => part.lines.flatMap((text) => text.split('\n'))));
    throw lines.size === 0 ? new SpecError(problems) : new StartError([...lines], new SpecError(problems).problems);
  }

  #keep(error: unknown): void {
    if (!(error instanceof UserError)) throw error;
    this.#errors.push(error);
  }
}
