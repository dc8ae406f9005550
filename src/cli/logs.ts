import { followConducted } from '../run/detach/waiting.js';
import { outputCandidates } from '../run/existing/known-instance.js';
import { findInstances, jobOf, passOn, startOutput } from '../run/existing/outputs.js';
import { type SeenInstance, viewOf } from '../run/existing/view.js';
import type { OpenedHosts } from '../run/open-hosts.js';
import type { ProcessContext } from '../run/process-context.js';
import type { StudySight } from '../store/look/look.js';
import { isOver, type JobRecord, lastJob, shownState } from '../study/state.js';
import { InputError } from '../util/errors.js';
import { alternatives } from '../util/format.js';
import { oneLine, table } from '../util/log/plain-text.js';
import type { TerminalLog } from '../util/log/terminal-log.js';
import { lookAtOurs, onHost, readExisting, whereItIs } from './existing-study.js';
import type { FlagGroup, GivenFlags } from './flags.js';
import { OutputStream } from './output-stream.js';
import type { Verb } from './verb.js';

const flags: readonly FlagGroup[] = [
  {
    title: 'Flags',
    flags: [
      { name: 'stderr', description: 'What was written to stderr, instead of stdout.' },
      { name: 'follow', short: 'f', description: 'Print what is appended too, until the step is over.' },
      { name: 'attempt', value: 'N', description: 'Of that attempt, instead of the newest.' },
    ],
  },
  whereItIs,
];

export const logs: Verb = {
  name: 'logs',
  group: 'looking after',
  synopsis: 'logs DIR [STEP] [--stderr] [-f]',
  summary: 'what a step has written',
  details:
    'STEP is an instance (run_SIZE.10), its workspace (run/SIZE.10), a step, or a glob of these in quotes. If several match, or without STEP, they are listed. Slurm has one file for all attempts of a step.',
  flags,
  async run(args, context, log) {
    const asked = readExisting(args, flags, context);
    const { given } = asked;
    const [directory, step = '*', ...more] = given.positionals;
    if (directory === undefined) given.errors.push('no study is given: logs DIR STEP');
    if (more.length > 0) given.errors.push('one step can be given; to have several listed, give a glob in quotes');
    const attempt = given.text('attempt');
    if (attempt !== undefined && !/^[1-9]\d*$/.test(attempt)) given.errors.push('--attempt must be a number from 1 up');
    given.refuseErrors();
    return onHost(asked, context, log, async (hosts) => {
      const sight = await lookAtOurs(directory!, hosts, context);
      const { instances } = viewOf(sight);
      const found = findInstances(instances, step);
      const [instance] = found.instances;
      if (instance === undefined) {
        const near = found.near.length > 0 ? `; did you mean ${alternatives(found.near)}?` : '';
        throw new InputError([
          `no step of the study is called '${step}'${near || `: \`logs ${directory}\` lists them`}`,
        ]);
      }
      if (found.instances.length > 1 || given.positionals.length === 1) {
        for (const line of table([['STEP', 'STATE', 'ATTEMPTS', 'STDOUT'], ...found.instances.map(row)]))
          log.info(line);
        return 0;
      }
      return new Printing({ hosts, given, sight, context, log }).print(instance, attempt && Number(attempt));
    });
  },
};

function row(instance: SeenInstance): string[] {
  const { name, record } = instance;
  const job = jobOf(instance);
  const files = job === undefined || job.id === '' ? [] : outputCandidates(instance, job);
  return [oneLine(name), shownState(record), String(record.jobs.length), oneLine(files[0]?.stdout ?? '')];
}

interface PrintingOptions {
  readonly hosts: OpenedHosts;
  readonly given: GivenFlags;
  readonly sight: StudySight;
  readonly context: ProcessContext;
  readonly log: TerminalLog;
}

/** Prints the outputs of one instance. */
class Printing {
  readonly #options: PrintingOptions;
  readonly #stream: 'stdout' | 'stderr';
  readonly #out: OutputStream;

  constructor(options: PrintingOptions) {
    this.#options = options;
    this.#stream = options.given.isOn('stderr') ? 'stderr' : 'stdout';
    this.#out = new OutputStream(options.context.environment);
  }

  async print(instance: SeenInstance, attempt: number | '' | undefined): Promise<number> {
    const { given, log, hosts, sight } = this.#options;
    const { record, name } = instance;
    const number = attempt === '' ? undefined : attempt;
    if (given.isOn('follow') && !isOver(record)) return this.#follow(instance, number);
    const job = jobOf(instance, number);
    const state = [shownState(record), record.reason].filter((part) => part !== '').join(', ');
    if (job === undefined) {
      const which = number === undefined ? 'has not run' : `has no attempt ${number}, but ${record.jobs.length}`;
      log.complain(`${name} ${which} (${state})`);
      return 1;
    }
    const { host } = hosts;
    const request = { studyPath: sight.path, instance, job, stream: this.#stream, follows: false };
    const process = startOutput(host, request);
    process.stdin.end();
    const isThere = await passOn(process, `the ${this.#stream} of ${name}`, this.#out.write);
    await this.#out.end();
    if (isThere) return 0;
    log.complain(`attempt ${job.attempt} of ${name} has no ${this.#stream} file (${state})`);
    return 1;
  }

  /** Prints what there is of each attempt, and what is appended, until the step is over or nothing is to drive the study any more. */
  async #follow({ name }: SeenInstance, attempt: number | undefined): Promise<number> {
    const { hosts, sight, context, log } = this.#options;
    let printing: { readonly job: JobRecord; stop(): Promise<void> } | undefined;
    let told = '';
    for await (const { view, job: awaited } of followConducted(hosts.host, sight.path, context.cancel)) {
      const instance = view.instances.find((each) => each.name === name);
      if (instance === undefined) break;
      const job = attempt === undefined ? lastJob(instance.record) : jobOf(instance, attempt);
      if (job !== undefined && job.id !== '' && job.attempt !== printing?.job.attempt) {
        await printing?.stop();
        if (printing !== undefined) log.note(`attempt ${job.attempt} of ${name}`);
        printing = { job, stop: this.#start(instance, job) };
      }
      const isEnded = isOver(instance.record) || (attempt !== undefined && job?.ended != null);
      if (awaited !== undefined && !isEnded && view.why !== told) {
        told = view.why;
        log.note(oneLine(told));
      }
      if (isEnded || view.status !== 'RUNNING' || this.#out.isClosed) {
        if (!isEnded && !this.#out.isClosed) log.warning(`nothing drives the study any more, but ${name} is not over`);
        break;
      }
    }
    await printing?.stop();
    await this.#out.end();
    return 0;
  }

  /** @returns what ends it, once all that was written until then is printed */
  #start(instance: SeenInstance, job: JobRecord): () => Promise<void> {
    const { hosts, sight } = this.#options;
    const request = { studyPath: sight.path, instance, job, stream: this.#stream, follows: true };
    const process = startOutput(hosts.host, request);
    process.stdin.on('error', () => {});
    const passed = passOn(process, `the ${this.#stream} of ${instance.name}`, this.#out.write);
    passed.catch(() => {});
    return async () => {
      process.stdin.end();
      await passed;
    };
  }
}
