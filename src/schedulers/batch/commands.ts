import { programs } from '../../generated/programs.js';
import { run } from '../../hosts/commands.js';
import { type Host, HostError } from '../../hosts/host.js';
import { assignments, quote, quoteAll } from '../../util/shell-quote.js';
import type { BatchSystem, QueueRow } from './batch-system.js';
import { jobsPath } from './labels.js';

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
}

/** The commands of a batch system on the host, each of which concerns many jobs. */
export class BatchCommands {
  readonly #options: BatchCommandsOptions;

  constructor(options: BatchCommandsOptions) {
    this.#options = options;
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

  /** The jobs that the queue has, by id. @throws NotAnsweredError, HostError */
  query(ids: readonly string[]): Promise<Map<string, QueueRow>> {
    return this.#ask('query_jobs', ids);
  }

  /** Like `query`, also for jobs that have left the queue. @throws NotAnsweredError, HostError */
  explain(ids: readonly string[]): Promise<Map<string, QueueRow>> {
    return this.#ask('explain_jobs', ids);
  }

  /** The ids of the jobs with these labels, several for a label whose submit was repeated. @throws NotAnsweredError, HostError */
  async find(labels: readonly string[]): Promise<Map<string, string[]>> {
    const found = new Map<string, string[]>();
    for (const line of await this.#lines('find_jobs', labels)) {
      const [id = '', label = ''] = line.split(' ');
      if (labels.includes(label)) found.set(label, [...(found.get(label) ?? []), id]);
    }
    return found;
  }

  /** Cancels jobs. @throws NotAnsweredError, HostError */
  async end(ids: readonly string[]): Promise<void> {
    await this.#lines('end_jobs', ids);
  }

  async #ask(question: string, ids: readonly string[]): Promise<Map<string, QueueRow>> {
    const rows = new Map<string, QueueRow>();
    for (const line of await this.#lines(question, ids)) {
      const row = this.#options.system.parseRow(line);
      if (row !== undefined) rows.set(row.id, row);
    }
    return rows;
  }

  async #lines(name: string, words: readonly string[]): Promise<string[]> {
    const { host, system } = this.#options;
    const calls: string[] = [];
    for (let from = 0; from < words.length; from += MAX_IDS_IN_A_QUESTION) {
      calls.push(`${name} ${quoteAll(words.slice(from, from + MAX_IDS_IN_A_QUESTION))} < /dev/null || exit\n`);
    }
    if (calls.length === 0) return [];
    const { code, stdout, stderr } = await run(host, `${system.program}\n${calls.join('')}`);
    if (code !== 0) throw new NotAnsweredError(stderr.trim() || `${name} failed with exit status ${code}`);
    return stdout.toString().split('\n');
  }
}
