import { programs } from '../../generated/programs.js';
import { run } from '../../hosts/commands.js';
import { type Host, HostError } from '../../hosts/host.js';
import type { Clock } from '../../util/clock.js';
import { assignments, quote, quoteAll } from '../../util/shell-quote.js';
import type { BatchSystem, QueueRow } from './batch-system.js';
import { jobsPath } from './labels.js';
import { Questions } from './questions.js';

/** A job as it is submitted. */
export interface Submission {
  readonly label: string;
  /** Relative to the study directory. */
  readonly workspace: string;
  /** The text of the file that is submitted. */
  readonly text: string;
  /** The words of `BatchSystem.submitWords`. */
  readonly words: readonly string[];
}

/** What became of a submit. */
export type SubmitAnswer =
  | { readonly is: 'sent'; readonly id: string }
  | { readonly is: 'refused'; readonly exitCode: number; readonly words: string }
  /** It was not tried, because several before it were refused. */
  | { readonly is: 'unsent' };

/** The batch system does not answer, or refuses to. Its words are the message. */
export class NotAnsweredError extends Error {}

/** After this many refusals in a row the rest of a batch is not tried. */
const MAX_REFUSALS_IN_A_ROW = 3;

/** Ids in one question, so that the command line stays short enough. */
const MAX_IDS_IN_A_QUESTION = 1000;

export interface BatchCommandsOptions {
  readonly host: Host;
  readonly system: BatchSystem;
  readonly studyPath: string;
  /** Variables for the environment of every job, besides the host's. */
  readonly env: ReadonlyMap<string, string>;
  readonly clock: Clock;
}

/** The commands of a batch system on the host, each of which concerns many jobs. */
export class BatchCommands {
  readonly #options: BatchCommandsOptions;
  /** The last answer about the queue: in a long wait the next one is the same, and reading it costs more than asking. */
  #answer: { readonly output: string; readonly rows: ReadonlyMap<string, QueueRow> } | undefined;
  /** On this machine. */
  readonly #questions: Questions | undefined;

  constructor(options: BatchCommandsOptions) {
    this.#options = options;
    const { host, system, clock } = options;
    if (host.runsAsThisProcess === true) {
      this.#questions = new Questions({ host, system, clock, most: MAX_IDS_IN_A_QUESTION });
    }
  }

  close(): void {
    this.#questions?.close();
  }

  /**
   * Submits jobs, in order.
   *
   * @returns by label; a label without an answer may have been submitted
   * @throws HostError; after a HostLostError each of them may have been submitted
   */
  async submit(submissions: readonly Submission[]): Promise<Map<string, SubmitAnswer>> {
    const { host, system, studyPath, env } = this.#options;
    const exports = [...env].map(([name, value]) => `  export ${name}=${quote(value)}\n`).join('');
    const text = [
      `set +a\n${system.program}\n`,
      `_maestro_exports() {\n  :\n${exports}}\n`,
      assignments({
        _maestro_study: studyPath,
        _maestro_jobs: jobsPath,
        _maestro_most_refusals: MAX_REFUSALS_IN_A_ROW,
      }),
      programs['schedulers/batch/submit.sh'],
    ].join('');
    const input = submissions.flatMap(({ label, workspace, text, words }) => [
      ...[label, workspace, text, String(words.length)],
      ...words,
    ]);
    const { code, stdout, stderr } = await run(host, text, input.map((field) => `${field}\0`).join(''), {
      isForSteps: true,
    });
    const answers = new Map<string, SubmitAnswer>();
    for (const line of stdout.toString().split('\n')) {
      const [, type, label = '', rest = ''] = /^(sent|refused|unsent) (\S+)(?: (.*))?$/.exec(line) ?? [];
      if (type === 'unsent') answers.set(label, { is: 'unsent' });
      if (type === 'sent') answers.set(label, { is: 'sent', id: rest });
      if (type === 'refused') {
        const [, status = '', words = ''] = /^(\d+) ?(.*)$/.exec(rest) ?? [];
        answers.set(label, { is: 'refused', exitCode: Number(status), words: words.trim() || `exit ${status}` });
      }
    }
    if (answers.size === 0) {
      throw new HostError(`no job can be submitted on ${host.name}: ${stderr || `exit ${code}`}`);
    }
    return answers;
  }

  /**
   * The jobs that the queue has, by id: the same map as before if the queue says the same.
   *
   * @throws NotAnsweredError, HostError
   */
  async query(ids: readonly string[]): Promise<ReadonlyMap<string, QueueRow>> {
    const output = await this.#queueOf(ids);
    const before = this.#answer;
    if (before?.output === output) return before.rows;
    const rows = this.#rowsOf(output);
    this.#answer = { output, rows };
    return rows;
  }

  /** Like `query`, also for jobs that have left the queue. @throws NotAnsweredError, HostError */
  async explain(ids: readonly string[]): Promise<ReadonlyMap<string, QueueRow>> {
    return this.#rowsOf(await this.#outputOf('explain_jobs', ids));
  }

  /** The ids of the jobs with these labels, several for a label whose submit was repeated. @throws NotAnsweredError, HostError */
  async find(labels: readonly string[]): Promise<Map<string, string[]>> {
    const found = new Map<string, string[]>();
    for (const line of (await this.#outputOf('find_jobs', labels)).split('\n')) {
      const [id = '', label = ''] = line.split(' ');
      if (labels.includes(label)) found.set(label, [...(found.get(label) ?? []), id]);
    }
    return found;
  }

  /** Cancels jobs. @throws NotAnsweredError, HostError */
  async end(ids: readonly string[]): Promise<void> {
    await this.#outputOf('end_jobs', ids);
  }

  async #queueOf(ids: readonly string[]): Promise<string> {
    const question = 'query_jobs';
    if (this.#questions === undefined || ids.length === 0) return this.#outputOf(question, ids);
    const { code, text } = await this.#questions.ask(ids);
    if (code !== 0) throw notAnswered(question, code, text);
    return text;
  }

  #rowsOf(output: string): ReadonlyMap<string, QueueRow> {
    const rows = new Map<string, QueueRow>();
    for (const line of output.split('\n')) {
      const row = this.#options.system.parseRow(line);
      if (row !== undefined) rows.set(row.id, row);
    }
    return rows;
  }

  async #outputOf(name: string, words: readonly string[]): Promise<string> {
    const { host, system } = this.#options;
    const calls: string[] = [];
    for (let from = 0; from < words.length; from += MAX_IDS_IN_A_QUESTION) {
      calls.push(`${name} ${quoteAll(words.slice(from, from + MAX_IDS_IN_A_QUESTION))} < /dev/null || exit\n`);
    }
    if (calls.length === 0) return '';
    const { code, stdout, stderr } = await run(host, `${system.program}\n${calls.join('')}`);
    if (code !== 0) throw notAnswered(name, code, stderr);
    return stdout.toString();
  }
}

function notAnswered(question: string, code: number, words: string): NotAnsweredError {
  return new NotAnsweredError(words.trim() || `${question} failed with exit status ${code}`);
}
