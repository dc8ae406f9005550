/** Where the steps of a study run: all of them as processes of the host, or many of them as jobs, of a Flux broker (`jobs`), Slurm or LSF. */
export type Kind = 'local' | 'jobs' | 'slurm' | 'lsf';

/** How often the script of a step may have begun once its study is over. */
export interface Begins {
  readonly least: number;
  readonly most: number;
}

/** A study for the tests of crashes, and what is to come of it. */
export interface MixedStudy {
  readonly text: string;
  readonly args: readonly string[];
  readonly steps: number;
  /** How often a step's script begins if the conductor was killed so many times, and nothing else was. */
  readonly begins: (step: string, kills: number) => Begins;
}

const exactly = (times: number): Begins => ({ least: times, most: times });

/** Each step writes down that it began, and that it ended: what ran, how often and in which order can be seen from that. */
const noted = (work: string, exit = '') =>
  `echo "begin $EPOCHREALTIME" >> runs\n${work}\necho "end $EPOCHREALTIME" >> runs\n${exit}`;

/**
 * Fifty steps of all sorts: a sweep of three stages, what gathers its results, a chain, steps that take a while, one that
 * fails once and is tried again, one that fails for good, what waits for its end and what cannot run because of it; and as
 * jobs one that runs out of time and is restarted, but for Slurm, whose shortest time is a minute: see `slowStudy`. A broker should have two cores: those that take a while come first, and
 * keep the others in the queue, where nobody has claimed them when the next conductor comes.
 */
export function mixedStudy(kind: Kind): MixedStudy {
  const job = jobKeys(kind);
  const chain = Array.from({ length: 8 }, (_, i) =>
    step(`link-${i + 1}`, noted(`echo link ${i + 1} | tee result`), {
      ...(i === 0 ? {} : { depends: [`link-${i}`] }),
      ...(i % 2 === 0 ? job : {}),
    }),
  );
  const naps = Array.from({ length: 4 }, (_, i) =>
    step(`nap-${i + 1}`, noted('sleep 0.6; echo slept'), i % 2 === 0 ? job : {}),
  );
  const last = kind === 'jobs' || kind === 'lsf' ? slowStep(job) : step('nap-5', noted('sleep 0.3; echo slept'));
  const steps = [
    ...naps,
    last,
    step('flaky', noted('test -e tried; again=$?; touch tried', 'exit $again')),
    step('bad', noted('echo no input >&2', 'exit 3'), job),
    step('make', noted('echo made | tee made')),
    ...chain,
    step('run', noted('cat $(make.workspace)/made; echo "run $(SIZE)" > result'), { depends: ['make'], ...job }),
    step('post', noted('sed s/run/post/ $(run.workspace)/result | tee result'), { depends: ['run'] }),
    step('third', noted('sed s/post/third/ $(post.workspace)/result | tee result'), { depends: ['post'], ...job }),
    step('gather', noted('cat $(third.workspace)/*/result | tee all'), { depends: ['third_*'], ...job }),
    step('after-flaky', noted('echo after'), { depends: ['flaky'], ...job }),
    step('after-bad', noted('echo after all'), { depends: { steps: ['bad'], condition: 'all-completed' } }),
    step('never', noted('echo never'), { depends: ['bad'] }),
  ];
  const sizes = Array.from({ length: 10 }, (_, i) => i + 1);
  return {
    text: textOf(steps, kind, { SIZE: { values: sizes, label: 'SIZE.%%' } }),
    args: ['--submission-attempts=2', '--allow-failure=bad', '--local-jobs=8'],
    steps: 50,
    begins: (name, kills) => {
      switch (name) {
        case 'flaky':
          return exactly(2);
        // Where all is slow its time may be over before it begins.
        case 'slow':
          return { least: 1, most: 2 };
        case 'never':
          return exactly(0);
        // What has failed runs again when the study is resumed, and so does what came after it.
        case 'bad':
          return kind !== 'local' ? { least: 1, most: 1 + kills } : { least: 2, most: 2 * (1 + kills) };
        case 'after-bad':
          return { least: 1, most: 1 + kills };
        default:
          return exactly(1);
      }
    },
  };
}

/**
 * So many steps, one after the other in chains of ten.
 *
 * @param work what they do; next to nothing unless told
 */
export function plainStudy(count: number, kind: Kind, work = ':'): MixedStudy {
  const chains = Math.ceil(count / 10);
  const cmd = `echo "begin $EPOCHREALTIME" >> runs; ${work}; echo "end $EPOCHREALTIME" >> runs`;
  const job = jobKeys(kind);
  const steps = Array.from({ length: 10 }, (_, i) =>
    step(`s${i}`, `${cmd} # $(CHAIN)`, { ...(i === 0 ? {} : { depends: [`s${i - 1}`] }), ...job }),
  );
  const numbers = Array.from({ length: chains }, (_, i) => i);
  return {
    text: textOf(steps, kind, { CHAIN: { values: numbers, label: 'CHAIN.%%' } }),
    args: ['--local-jobs=8', '--throttle=64'],
    steps: chains * 10,
    begins: () => exactly(1),
  };
}

/** So many jobs that run out of time, each of which is restarted. */
export function slowStudy(count: number, kind: Kind): MixedStudy {
  const numbers = Array.from({ length: count }, (_, i) => i);
  return {
    text: textOf([slowStep(jobKeys(kind), ' # $(NUMBER)')], kind, { NUMBER: { values: numbers, label: 'NUMBER.%%' } }),
    args: [],
    steps: count,
    // Once by the script and once by the restart script.
    begins: () => exactly(2),
  };
}

/** @param comment goes behind its command */
function slowStep(job: object, comment = ''): object {
  return step('slow', `echo "begin $EPOCHREALTIME" >> runs; exec sleep 600${comment}`, {
    ...job,
    walltime: '00:01',
    restart: noted('echo restarted | tee result'),
  });
}

/** The keys of a step that make it a job. */
const jobKeys = (kind: Kind) =>
  kind === 'local' ? {} : { procs: 1, ...(kind === 'jobs' ? { nested: false } : { nodes: 1 }) };

function step(name: string, cmd: string, run: object = {}): object {
  return { name, description: 'A step.', run: { cmd, ...run } };
}

function textOf(study: readonly object[], kind: Kind, parameters: object): string {
  const batch = kind === 'local' ? {} : { batch: batches[kind] };
  const description = { name: 'mixed', description: 'A test.' };
  return JSON.stringify({ description, ...batch, study, 'global.parameters': parameters }, null, 1);
}

/** The batch blocks. The queues are those of the Slurm and the LSF of the tests. */
const batches = {
  jobs: { type: 'flux' },
  slurm: { type: 'slurm', host: 'here', bank: 'guests', queue: 'pbatch' },
  lsf: { type: 'lsf', host: 'here', bank: 'guests', queue: 'normal' },
};
