import { run } from '../../hosts/commands.js';
import type { Plan } from '../../scripts/plan.js';
import { headerOf } from '../../scripts/render.js';
import { SpecError } from '../../spec/problem.js';
import type { JournalState } from '../../store/journal/records.js';
import type { StudySession } from '../../store/session.js';
import { openJob } from '../../study/state.js';
import { BackendError } from '../../util/errors.js';
import type { Backend, BackendContext, BackendDescription, IsOver } from '../backend.js';
import { readClaims } from '../claims/claims.js';
import type { BatchScheduler, Job, SchedulerListener } from '../scheduler.js';
import type { BatchSystem, Site } from './batch-system.js';
import { QueueScheduler } from './scheduler.js';

/** The exit status of `describe_site` if a command is not on PATH, as of a shell. */
const NO_COMMAND = 127;

/** Slurm or LSF, with each scheduled step as a job of its own. */
export class QueueBackend implements Backend {
  readonly #context: BackendContext;
  readonly #system: BatchSystem;
  #site: (Site & { readonly printed: string }) | undefined;
  #isOpen = false;

  constructor(context: BackendContext, system: BatchSystem) {
    this.#context = context;
    this.#system = system;
  }

  async prepare(plan: Plan, isOver: IsOver = () => false): Promise<Plan> {
    const { log } = this.#context;
    if (this.#site === undefined) {
      this.#site = await describeSite(this.#context, this.#system);
      for (const line of this.#site.introduction) log.info(line);
    }
    const problems = this.#system.checkPlan(plan, this.#site.printed, isOver);
    if (problems.some(({ severity }) => severity === 'error')) throw new SpecError(problems);
    for (const problem of problems) log.problem(problem);
    return plan;
  }

  async open(plan: Plan, session: StudySession, listener: SchedulerListener): Promise<BatchScheduler> {
    const { host, clock, log, options } = this.#context;
    const { spec, places } = plan;
    const { studyPath } = places;
    const { state, journal } = session;
    const endpoint = this.#endpoint;
    if (!options.ignoresJobsElsewhere) await this.#refuseJobsElsewhere(studyPath, state);
    // The next driver knows from this where to look for jobs. It is on the disk before the first of them: a submit waits for a
    // later record.
    journal.write({ type: 'endpoint', endpoint: { place: endpoint, instance: endpoint, rank: 0, machine: '' } });
    this.#isOpen = true;
    const system = this.#system;
    const header = (job: Job) => headerOf(job.step, spec.batch, commandsOf(plan, job));
    return new QueueScheduler(
      {
        ...{ host, system, clock, studyPath, endpoint },
        studyName: spec.name,
        headerOf: header,
        wordsOf: (job, label, shown) => [
          ...system.submitWords(job.step, spec.batch, label, shown),
          ...(job.excluded === undefined ? [] : system.excludeWords(job.excluded, spec.batch, header(job))),
        ],
        env: options.stepEnvironment,
        fence: session.fence,
        log: (line) => log.info(line),
        confirm: () => session.confirm(),
      },
      listener,
    );
  }

  describe(): BackendDescription {
    return { version: this.#site?.version ?? '', endpoint: this.#isOpen ? this.#endpoint : '', environment: {} };
  }

  async close(): Promise<void> {}

  /** The installation of the batch system, as the records of jobs name it: `slurm:cluster@controller`. */
  get #endpoint(): string {
    const { installation } = this.#site!;
    return installation === '' ? this.#system.type : `${this.#system.type}:${installation}`;
  }

  /** @throws BackendError if a job that an earlier driver submitted elsewhere may be running */
  async #refuseJobsElsewhere(studyPath: string, { plan, records, obsolete }: JournalState): Promise<void> {
    const { host } = this.#context;
    const taken = records.flatMap((record, index) => {
      const job = openJob(record);
      const { name, workspace, scheduled } = plan?.steps[index] ?? { name: '', workspace: '', scheduled: false };
      return job === undefined || !scheduled ? [] : [{ ...job, step: name, workspace }];
    });
    const jobs = [...taken, ...obsolete.filter(({ scheduled }) => scheduled)].filter(({ place }) =>
      this.#isElsewhere(place),
    );
    const claims = await readClaims(host, studyPath, jobs);
    const open = jobs.filter((_, i) => (claims[i]?.exits.length ?? 0) === 0);
    if (open.length === 0) return;
    const names = open.map(({ id, step }) => `${id || 'a job'} of ${step}`);
    const shown = names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
    throw new BackendError(
      `jobs of this study may be running at ${open[0]!.place} (${shown}), and this run is for ${this.#endpoint}`,
      'continue the study there, or, if you know that they are over, with `resume: always`',
    );
  }

  #isElsewhere(place: string): boolean {
    // An installation whose name could not be asked for is taken for the same one.
    return place !== '' && place !== this.#endpoint && place !== this.#system.type && this.#site!.installation !== '';
  }
}

/** The commands of the script that a job runs. */
function commandsOf({ scripts }: Plan, { step, script }: Job): string {
  const { restart } = scripts[step.index]!;
  return String(step.run.get(script === restart?.path ? 'restart' : 'cmd'));
}

/** Asks the batch system what it is. @throws BackendError if its commands are not there, HostError */
export async function describeSite(
  { host }: Pick<BackendContext, 'host'>,
  system: BatchSystem,
): Promise<Site & { readonly printed: string }> {
  const { code, stdout, stderr } = await run(host, `${system.program}\ndescribe_site < /dev/null`);
  const printed = stdout.toString();
  if (code === 0) return { ...system.parseSite(printed), printed };
  throw new BackendError(
    `${system.name} cannot be used on ${host.name}: ${stderr.trim() || printed.trim() || `exit ${code}`}`,
    code === NO_COMMAND
      ? `add it with \`setup\`: \`module load ${system.type}\``
      : 'see whether its commands work in a shell there; what they need in their environment can be set with `setup`',
  );
}
