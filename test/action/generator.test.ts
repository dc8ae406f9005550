import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Job } from '../support/bundle.js';
import { dedent } from '../support/plan.js';
import { type Attempt, Reruns, statesOf } from '../support/reruns.js';

/** A generator that makes `count` values, others each time, and counts how often it is asked. */
const random = (count = 3) =>
  dedent(`
    import os, random, time, uuid
    from maestrowf.datastructures.core import ParameterGenerator

    def get_custom_generator(env, **kwargs):
        with open(os.path.join(os.environ["HOME"], "asked"), "a") as asked:
            asked.write("x")
        p_gen = ParameterGenerator()
        p_gen.add_parameter("X", [random.random() for _ in range(${count})], "X.%%")
        p_gen.add_parameter("ID", [str(uuid.uuid4()) for _ in range(${count})], "ID.%%")
        p_gen.add_parameter("AT", [time.time_ns() for _ in range(${count})], "AT.%%")
        return p_gen
  `);

/** A study of samples, a funnel, and a step that waits for the test to mend something. */
class Samples extends Reruns {
  constructor(inputs: Readonly<Record<string, string>> = {}) {
    super(
      (own) => [
        { name: 'sample', cmd: `echo $(X) $(ID) $(AT) >> ran; ${own.gate()}` },
        { name: 'gather', depends: ['sample_*'], cmd: `cat ../sample/*/ran; [ -e ${own.home}/mended ]` },
      ],
      { pgen: 'tools/pgen.py', 'local-jobs': '4', ...inputs },
    );
  }

  attempt(attempt: Attempt = {}, generator = random(), pgen = 'tools/pgen.py'): Job {
    const job = this.job(attempt).with({ pgen });
    job.study(readFileSync(path.join(job.workspace, 'study.yaml'), 'utf8'), 'specs/study.yaml');
    job.study(generator, pgen).with({ spec: 'specs/study.yaml' });
    return job;
  }

  mend(): void {
    writeFileSync(path.join(this.home, 'mended'), '');
  }

  get asked(): number {
    return readFileSync(path.join(this.home, 'asked'), 'utf8').length;
  }
}

const namesIn = (job: Job) => statesOf(job).map((line) => line.split(' ')[0]);

describe('a study whose generator gives other parameters each time', () => {
  it('keeps its samples when it is run again, says from when they are, and asks nothing', async () => {
    const samples = new Samples();
    samples.open();
    const first = samples.attempt();
    expect(await first.run()).toMatchObject({ code: 2 });
    samples.mend();
    const second = samples.attempt({ attempt: 2 });
    const ended = await second.run();
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(namesIn(second)).toEqual(namesIn(first));
    expect(ended.stdout).toMatch(
      /^The parameters are those that tools\/pgen\.py gave on \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC; `resume: never` asks it anew$/m,
    );
    expect(ended.stdout).toContain('Continuing this study: steps that stay FINISHED: 3, that run again: 1');
    expect(samples.asked).toBe(1);
    const third = await samples.attempt({ attempt: 3 }).run();
    expect(third.stdout).toContain('There is nothing to do');
    expect(samples.asked).toBe(1);
  });

  it('takes over the samples that run, after a crash, and runs none twice', async () => {
    const samples = new Samples();
    samples.mend();
    const first = samples.attempt();
    const { process, ended } = first.start();
    const started = await new Promise<string>((resolve) => {
      const timer = setInterval(() => {
        const file = samples.has('.conductor/journal.jsonl') ? samples.read('.conductor/journal.jsonl') : '';
        if ((file.match(/"submitted"/g) ?? []).length < 3 && (file.match(/"RUNNING"/g) ?? []).length < 3) return;
        clearInterval(timer);
        resolve(file);
      }, 100);
    });
    expect(started).toContain('"type":"generated"');
    process.kill('SIGKILL');
    await ended;
    samples.open();
    const second = samples.attempt({ attempt: 2 });
    expect(await second.run()).toMatchObject({ code: 0 });
    expect(second.report.steps.map(({ jobs }: { jobs: unknown[] }) => jobs.length)).toEqual([1, 1, 1, 1]);
    expect(samples.asked).toBe(1);
  });

  it('has a copy of the generator beside that of the spec, as with Maestro', async () => {
    const samples = new Samples();
    samples.open();
    samples.mend();
    expect(await samples.attempt().run()).toMatchObject({ code: 0 });
    expect(samples.read('pgen.py')).toBe(random());
    expect(samples.read('study.yaml')).toContain('sample');
  });

  it('has other samples if the generator is another one now, which is said', async () => {
    const samples = new Samples();
    samples.open();
    const first = samples.attempt();
    await first.run();
    samples.mend();
    const second = samples.attempt({ attempt: 2 }, random(2));
    const ended = await second.run();
    expect(ended.code).toBe(0);
    expect(ended.stdout).toMatch(/^tools\/pgen\.py is asked anew, for it has changed since its answer of /m);
    expect(namesIn(second)).toHaveLength(3);
    expect(samples.read('pgen.py')).toBe(random(2));
    expect(samples.asked).toBe(2);
  });

  it('has other samples in another directory with `resume: never`', async () => {
    const samples = new Samples({ 'output-path': 'here' });
    samples.open();
    samples.mend();
    const first = samples.attempt();
    await first.run();
    const second = samples.attempt({ attempt: 2, inputs: { resume: 'never' } });
    expect(await second.run()).toMatchObject({ code: 0 });
    expect(second.outputs['study-path']).toBe(`${first.outputs['study-path']}.2`);
    expect(namesIn(second)).not.toEqual(namesIn(first));
  });

  it('keeps its samples under another study key with `resume: always`', async () => {
    const samples = new Samples({ 'output-path': 'here' });
    samples.open();
    const first = samples.attempt();
    await first.run();
    samples.mend();
    const second = samples.attempt({ runId: '4712', inputs: { resume: 'always' } });
    expect(await second.run()).toMatchObject({ code: 0 });
    expect([namesIn(second), samples.asked]).toEqual([namesIn(first), 1]);
  });

  it('of a version that kept no answers is asked anew, and then keeps them', async () => {
    const samples = new Samples();
    samples.open();
    samples.mend();
    await samples.attempt().run();
    const journal = path.join(samples.studyPath, '.conductor/journal.jsonl');
    const lines = readFileSync(journal, 'utf8').split('\n');
    const isKept = (line: string) => !line.includes('"type":"generated"');
    let seq = 0;
    const earlier = lines
      .filter(isKept)
      .map((line) => line.replace(/^\{"seq":\d+/, () => `{"seq":${++seq}`).replace(',"knowsAnswers":true', ''));
    writeFileSync(journal, earlier.join('\n'));
    const second = samples.attempt({ attempt: 2 });
    expect(await second.run()).toMatchObject({ code: 0 });
    const third = samples.attempt({ attempt: 3 });
    expect(await third.run()).toMatchObject({ code: 0 });
    expect([samples.asked, namesIn(third)]).toEqual([2, namesIn(second)]);
  });
});

describe('a generator on a runner', () => {
  it('runs in the workspace, and what it leaves running does not delay the study', async () => {
    const samples = new Samples();
    samples.open();
    samples.mend();
    const generator = dedent(`
      import os, subprocess
      from maestrowf.datastructures.core import ParameterGenerator

      def get_custom_generator(env, **kwargs):
          subprocess.Popen(["sleep", "300"])
          p_gen = ParameterGenerator()
          for key in ["X", "ID", "AT"]:
              p_gen.add_parameter(key, [open("specs/study.yaml").read()[0]], key)
          return p_gen
    `);
    const began = Date.now();
    const job = samples.attempt({}, generator);
    expect(await job.run()).toMatchObject({ code: 0 });
    expect(Date.now() - began).toBeLessThan(60_000);
    rmSync(samples.studyPath, { recursive: true });
  });
});
