import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Started, startBundle } from '../support/bundle.js';
import { plainEnvironment } from '../support/hosts.js';
import type { LsfOptions } from '../support/lsf/cluster.js';
import { Lsf } from '../support/lsf.js';
import { type Brief, type StepBrief, yamlOf } from '../support/plan.js';
import { temporaryDirectory } from '../support/temporary.js';
import { validReport } from '../support/valid-report.js';
import { until } from '../support/wait.js';

const batch = { type: 'lsf', host: '', bank: '', queue: '' };
const one = { nodes: 1, procs: 1 };

/** A study that the command line runs on a stand-in for LSF. Its minutes last half a second. */
class LsfStudy {
  readonly lsf: Lsf;
  readonly directory = temporaryDirectory();

  private constructor(lsf: Lsf, brief: Brief) {
    this.lsf = lsf;
    writeFileSync(path.join(this.directory, 'study.yaml'), yamlOf({ batch, ...brief }));
  }

  static async of(brief: Brief, options: LsfOptions = {}): Promise<LsfStudy> {
    const lsf = await Lsf.forTest({ minuteMs: 500, terminateIntervalMs: 200, ...options });
    return new LsfStudy(lsf, brief);
  }

  start(...options: readonly string[]): Started {
    return startBundle(['run', 'study.yaml', '--output-path', 'out', ...options], {
      cwd: this.directory,
      env: { ...plainEnvironment, HOME: this.directory, ...this.lsf.environment },
    });
  }

  async run(...options: readonly string[]) {
    const { code, stdout, stderr } = await this.start(...options).ended;
    return { code, said: `${stdout}${stderr}` };
  }

  /** A file of the study. */
  read(name: string): string {
    return readFileSync(path.join(this.directory, 'out', name), 'utf8');
  }

  has(name: string): boolean {
    return existsSync(path.join(this.directory, 'out', name));
  }

  /** `run FINISHED` */
  get states(): string[] {
    return this.report.steps.map(({ name, state }: Record<string, string>) => `${name} ${state}`).sort();
  }

  get report() {
    return validReport(this.read('.conductor/report/report.json'));
  }

  step(name: string): Record<string, unknown> {
    return this.report.steps.find((step: Record<string, unknown>) => step.name === name);
  }

  /** How often a step ran. */
  runs(step: string): number {
    return this.has(`${step}/runs`) ? this.read(`${step}/runs`).split('\n').length - 1 : 0;
  }

  /** Starts it, and waits until a step runs. */
  async startUntilUp(step: string): Promise<Started> {
    const started = this.start();
    let ended = '';
    void started.ended.then(({ stdout, stderr }) => {
      ended = `it has ended:\n${stdout}${stderr}`;
    });
    await until(`${step} runs`, () => ended !== '' || this.runs(step) > 0, 30_000);
    if (ended !== '') throw new Error(ended);
    return started;
  }

  /** Jobs that have not ended: none may be left when a study is over. */
  async unfinished() {
    return (await this.lsf.jobs()).filter(({ state }) => !['DONE', 'EXIT'].includes(state));
  }
}

const counted = (name: string, cmd: string, more: Partial<StepBrief> = {}): StepBrief => ({
  name,
  cmd: `echo ran >> runs; ${cmd}`,
  ...one,
  ...more,
});

/** Bash: runs until the file `go` of the workspace is there. */
const waits = 'until [ -e go ]; do sleep 0.05; done';

describe('a study on LSF', () => {
  it('runs its steps as jobs, in their order, with their parameters and outputs', async () => {
    const study = await LsfStudy.of({
      parameters: { SIZE: [1, 2, 3] },
      steps: [
        {
          name: 'make',
          cmd: 'echo size $(SIZE); $(LAUNCHER) echo launched; echo problem >&2',
          walltime: '00:10:00',
          ...one,
        },
        { name: 'here', cmd: 'echo local $(SIZE)', depends: ['make'] },
        { name: 'all', cmd: 'cat $(make.workspace)/*/*.out > all', depends: ['make_*'], ...one },
      ],
    });
    const { code, said } = await study.run();
    expect({ code, said }).toMatchObject({ code: 0 });
    expect(said).toContain('LSF 10.1.0.0, cluster lsf10, master hosta.company.com');
    expect(study.states).toEqual([
      'all FINISHED',
      ...[1, 2, 3].map((size) => `here_SIZE.${size} FINISHED`),
      ...[1, 2, 3].map((size) => `make_SIZE.${size} FINISHED`),
    ]);
    const jobs = await study.lsf.jobs();
    expect(jobs.map(({ name }) => name)).toEqual(['make_SIZE.1', 'make_SIZE.2', 'make_SIZE.3', 'all']);
    expect(study.read(`make/SIZE.2/make_SIZE.2.${jobs[1]!.id}.out`)).toMatch(
      /^size 2\nlaunched\n\n-+\nSender: LSF System/,
    );
    expect(study.read(`make/SIZE.2/make_SIZE.2.${jobs[1]!.id}.err`)).toBe('problem\n');
    expect(study.read('all/all').match(/^size \d$/gm)).toEqual(['size 1', 'size 2', 'size 3']);
    expect(jobs[0]!.description).toMatch(/^make_SIZE-1-[0-9a-f]{12}\.1 demo\/make_SIZE\.1, attempt 1$/);
    expect(await study.unfinished()).toEqual([]);
  });

  it('obeys directives among the commands of a step, as bsub does with the scripts that Maestro submits', async () => {
    const study = await LsfStudy.of({
      steps: [
        counted('long', 'sleep 300\n#BSUB -q short -R "span[ptile=1]"', {
          walltime: 2,
          restart: '#BSUB -n 2\necho again',
        }),
      ],
    });
    const { code, said } = await study.run();
    expect({ code, said }).toMatchObject({ code: 0 });
    expect((await study.lsf.jobs()).map(({ queue, slots }) => [queue, slots])).toEqual([
      ['short', 1],
      ['normal', 1],
    ]);
  });

  it('fails with the exit status of a step', async () => {
    const study = await LsfStudy.of({
      steps: [
        counted('bad', 'echo oops >&2; exit 3'),
        counted('killed', 'kill -SEGV $$'),
        { name: 'after', cmd: 'true', depends: ['bad'], ...one },
      ],
    });
    const { code, said } = await study.run();
    expect({ code, said }).toMatchObject({ code: 2 });
    expect(study.states).toEqual(['after FAILED', 'bad FAILED', 'killed FAILED']);
    expect(study.step('bad')).toMatchObject({ exitCode: 3 });
    expect(study.step('killed')).toMatchObject({ exitCode: 139, signal: 'SIGSEGV' });
  });

  it('restarts a step that times out, and fails one that has no restart', async () => {
    const study = await LsfStudy.of({
      steps: [
        counted('long', 'sleep 300', { walltime: 2, restart: 'echo again >> runs' }),
        counted('endless', 'sleep 300', { walltime: '00:01' }),
      ],
    });
    const { code, said } = await study.run();
    expect({ code, said }).toMatchObject({ code: 2 });
    expect(study.states).toEqual(['endless TIMEDOUT', 'long FINISHED']);
    expect(study.read('long/runs')).toBe('ran\nagain\n');
    expect((await study.lsf.jobs()).filter(({ exitReason }) => exitReason.startsWith('TERM_RUNLIMIT'))).toHaveLength(2);
  });

  it('that is cancelled cancels its jobs', async () => {
    const study = await LsfStudy.of(
      {
        steps: [
          counted('runs', 'sleep 300'),
          counted('waits', 'true'),
          counted('later', 'true', { depends: ['runs'] }),
        ],
      },
      { slots: 1 },
    );
    const started = await study.startUntilUp('runs');
    started.process.kill('SIGTERM');
    expect(await started.ended).toMatchObject({ code: 3 });
    expect(study.states).toEqual(['later CANCELLED', 'runs CANCELLED', 'waits CANCELLED']);
    expect(await study.unfinished()).toEqual([]);
    expect(study.runs('waits')).toBe(0);
  });

  it('knows that somebody else cancelled a job', async () => {
    const study = await LsfStudy.of({ steps: [counted('runs', 'sleep 300')] });
    const started = await study.startUntilUp('runs');
    await study.lsf.bkill(101);
    expect(await started.ended).toMatchObject({ code: 3 });
    expect(study.states).toEqual(['runs CANCELLED']);
    expect(study.step('runs').reason).toContain('its owner killed it');
  });

  it.each([
    ['preempted', (lsf: Lsf) => lsf.kill(101, 'TERM_PREEMPT: job killed after preemption'), 'it was preempted'],
    ['requeued', (lsf: Lsf) => lsf.brequeue(101), 'requeued'],
  ])('runs a step again whose job is %s, as another attempt', async (_, disturb, note) => {
    const study = await LsfStudy.of({ steps: [counted('runs', `[ $(wc -l < runs) = 2 ] || sleep 300`)] });
    const started = await study.startUntilUp('runs');
    await disturb(study.lsf);
    const { code, stdout, stderr } = await started.ended;
    expect({ code, said: `${stdout}${stderr}` }).toMatchObject({ code: 0, said: expect.stringContaining(note) });
    expect(study.states).toEqual(['runs FINISHED']);
    expect(study.runs('runs')).toBe(2);
    expect(await study.unfinished()).toEqual([]);
  });

  it.each(['lost answer', 'silent bsub'] as const)(
    'runs each attempt once although an answer of bsub is lost: %s',
    async (fault) => {
      const study = await LsfStudy.of({ steps: ['a', 'b', 'c'].map((name) => counted(name, 'sleep 1')) });
      await study.lsf.set(fault);
      const { code, said } = await study.run();
      expect({ code, said }).toMatchObject({ code: 0 });
      expect(['a', 'b', 'c'].map((name) => study.runs(name))).toEqual([1, 1, 1]);
      expect(await study.unfinished()).toEqual([]);
    },
  );

  it('goes on after its driver was killed, with the jobs that went on and those that LSF has forgotten', async () => {
    const study = await LsfStudy.of({
      steps: [
        counted('ends', waits),
        counted('fails', `${waits}; exit 3`),
        counted('times', 'sleep 300', { walltime: 4, restart: 'echo again >> runs' }),
        counted('goes', 'until [ -e go ]; do sleep 0.05; done'),
        counted('after', 'true', { depends: ['ends', 'goes'] }),
      ],
    });
    const started = await study.startUntilUp('goes');
    for (const name of ['ends', 'fails', 'times']) await until(`${name} runs`, () => study.runs(name) > 0);
    started.process.kill('SIGKILL');
    await started.ended;
    for (const name of ['ends', 'fails']) writeFileSync(path.join(study.directory, 'out', name, 'go'), '');
    for (const { id, name } of await study.lsf.jobs()) {
      if (name === 'goes') continue;
      await study.lsf.reaches(id, 'DONE', 'EXIT');
      await study.lsf.forget(id);
    }
    const resumed = study.start();
    await until('it is resumed', () => study.read('.conductor/journal.jsonl').match(/"type":"open"/g)?.length === 2);
    writeFileSync(path.join(study.directory, 'out/goes/go'), '');
    const { code, stdout, stderr } = await resumed.ended;
    expect({ code, said: `${stdout}${stderr}` }).toMatchObject({ code: 2 });
    expect(study.states).toEqual([
      'after FINISHED',
      'ends FINISHED',
      'fails FAILED',
      'goes FINISHED',
      'times FINISHED',
    ]);
    expect(['after', 'ends', 'fails', 'goes', 'times'].map((name) => study.runs(name))).toEqual([1, 1, 1, 1, 2]);
  });

  it('waits while LSF is down', async () => {
    const study = await LsfStudy.of({
      steps: [counted('first', waits), counted('second', 'true', { depends: ['first'] })],
    });
    const started = await study.startUntilUp('first');
    await study.lsf.set('down');
    writeFileSync(path.join(study.directory, 'out/first/go'), '');
    await study.lsf.reaches(101, 'DONE');
    await until('the next step is submitted in vain', () => study.read('status.csv').includes('second,'));
    await study.lsf.unset('down');
    const { code, stdout, stderr } = await started.ended;
    expect({ code, said: `${stdout}${stderr}` }).toMatchObject({ code: 0 });
    expect(study.runs('second')).toBe(1);
  });

  it('waits at a limit of pending jobs', async () => {
    const steps = Array.from({ length: 6 }, (_, i) => counted(`s${i}`, 'sleep 0.5'));
    const study = await LsfStudy.of({ steps }, { slots: 1, maxPending: 1 });
    const { code, said } = await study.run();
    expect({ code, said }).toMatchObject({ code: 0, said: expect.stringContaining('Pending job threshold reached') });
    expect(steps.map(({ name }) => study.runs(name))).toEqual([1, 1, 1, 1, 1, 1]);
  });

  it('is refused before anything runs if its queue does not exist, or a walltime is over its limit', async () => {
    const study = await LsfStudy.of({ batch: { ...batch, queue: 'nosuch' }, steps: [counted('a', 'true')] });
    expect(await study.run()).toMatchObject({
      code: 1,
      said: expect.stringMatching(
        /study\.yaml:\d+:\d+: there is no queue 'nosuch' in the LSF cluster lsf10 \(its queues/,
      ),
    });
    const long = await LsfStudy.of({
      batch: { ...batch, queue: 'short' },
      steps: [counted('a', 'true', { walltime: '1:00' })],
    });
    expect(await long.run()).toMatchObject({
      code: 1,
      said: expect.stringContaining("step 'a': its walltime of 60 min is over"),
    });
    expect(study.has('.')).toBe(false);
  });
});
