import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandsIn } from '../support/bundle.js';
import { startBroker } from '../support/flux/study-run.js';
import { counted, oneTask, Reruns, statesOf } from '../support/reruns.js';
import { isAlive, until } from '../support/wait.js';

/** The lines of a log that say which steps run again, and why. */
const againIn = ({ stdout }: { readonly stdout: string }) =>
  stdout.split('\n').flatMap((line) => /^ {2}(\S+ runs again: .*)$/.exec(line)?.slice(1) ?? []);

const continued = ({ stdout }: { readonly stdout: string }) => /^Continuing this study: (.*)$/m.exec(stdout)?.[1];

/** A study of Flux jobs, in a broker of few cores. */
async function fluxReruns(steps: ConstructorParameters<typeof Reruns>[0], inputs: Record<string, string> = {}) {
  const broker = await startBroker({ cores: 2 });
  return { broker, reruns: new Reruns(steps, { flux: broker.uri, ...inputs }, { type: 'flux' }) };
}

describe('a job that is run again because its study failed', () => {
  it('runs what failed and what did not run, with the reasons in its log, and nothing else', async () => {
    const reruns = new Reruns((own) => [
      counted('a'),
      counted('b', { depends: ['a'], cmd: `echo wrong >&2; [ -e ${path.join(own.home, 'mended')} ] || exit 3` }),
      counted('c', { depends: ['b'] }),
      counted('d', { depends: ['a'] }),
    ]);
    const first = reruns.job();
    expect(await first.run()).toMatchObject({ code: 2 });
    expect(statesOf(first)).toEqual(['a FINISHED', 'b FAILED', 'c FAILED', 'd FINISHED']);
    writeFileSync(path.join(reruns.home, 'mended'), '');
    const second = reruns.job({ attempt: 2 });
    const ended = await second.run();
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(second.outputs['study-path']).toBe(first.outputs['study-path']);
    expect(statesOf(second)).toEqual(['a FINISHED', 'b FINISHED', 'c FINISHED', 'd FINISHED']);
    expect(reruns.ran).toEqual(['a 1', 'b 2', 'c 1', 'd 1']);
    expect(continued(ended)).toBe('steps that stay FINISHED: 2, that run again: 1, that have not run yet: 1');
    expect(againIn(ended)).toEqual(['b runs again: was FAILED: exit 3']);
    expect(second.report.steps[1].jobs).toHaveLength(2);
    expect(reruns.status).toEqual(expect.arrayContaining(['b FINISHED', 'c FINISHED']));
  });

  it('says of one that fails again what is wrong now', async () => {
    const reruns = new Reruns((own) => [
      counted('a', { cmd: `test -e ${own.home}/x && { echo second >&2; exit 4; }; echo first >&2; exit 3` }),
    ]);
    await reruns.job().run();
    writeFileSync(path.join(reruns.home, 'x'), '');
    const job = reruns.job({ attempt: 2 });
    const ended = await job.run();
    expect(ended.code).toBe(2);
    const [annotation] = commandsIn(ended.stdout).filter(({ name }) => name === 'error');
    expect(annotation).toMatchObject({
      properties: { title: 'a FAILED: exit 4' },
      message: expect.stringMatching(/^second\n/),
    });
    expect(job.outputs).toMatchObject({ status: 'FAILURE', 'steps-failed': '1' });
  });

  it('stages anew what somebody has removed to begin cleanly', async () => {
    const reruns = new Reruns((own) => [
      counted('a'),
      counted('b', { depends: ['a'], cmd: `[ -e ${path.join(own.home, 'mended')} ]` }),
      counted('c', { depends: ['b'] }),
    ]);
    expect(await reruns.job().run()).toMatchObject({ code: 2 });
    writeFileSync(path.join(reruns.home, 'mended'), '');
    for (const name of ['b', 'c', 'status.csv']) rmSync(path.join(reruns.studyPath, name), { recursive: true });
    expect(await reruns.job({ attempt: 2 }).run()).toMatchObject({ code: 0, stderr: '' });
    expect(reruns.ran).toEqual(['a 1', 'b 1', 'c 1']);
  });

  it('runs what timed out', async () => {
    const { reruns } = await fluxReruns((own) => [
      counted('a', { ...oneTask, walltime: '00:01', cmd: `[ -e ${own.home}/quick ] || exec sleep 60` }),
      counted('b', { ...oneTask, depends: ['a'] }),
    ]);
    const first = reruns.job();
    expect(await first.run()).toMatchObject({ code: 2 });
    expect(statesOf(first)).toEqual(['a TIMEDOUT', 'b FAILED']);
    writeFileSync(path.join(reruns.home, 'quick'), '');
    const second = reruns.job({ attempt: 2 });
    const ended = await second.run();
    expect([ended.code, statesOf(second), reruns.ran]).toEqual([0, ['a FINISHED', 'b FINISHED'], ['a 2', 'b 1']]);
    expect(againIn(ended)).toEqual([expect.stringMatching(/^a runs again: was TIMEDOUT/)]);
  });

  it('runs what was cancelled, and what waited for it', async () => {
    const { reruns } = await fluxReruns((own) => [
      counted('a', oneTask),
      { name: 'b', depends: ['a'], cmd: own.gate(), ...oneTask },
      { name: 'here', cmd: own.gate() },
      counted('c', { depends: ['b'], ...oneTask }),
    ]);
    const first = reruns.job();
    const { process, ended } = await reruns.startUntilUp(first, 'b', 'here');
    process.kill('SIGINT');
    expect(await ended).toMatchObject({ code: 3 });
    expect(statesOf(first)).toEqual(['a FINISHED', 'b CANCELLED', 'here CANCELLED', 'c CANCELLED']);
    expect(await first.post()).toMatchObject({ code: 0, stdout: '' });
    reruns.open();
    const second = reruns.job({ attempt: 2 });
    const again = await second.run();
    expect([again.code, reruns.ran]).toEqual([0, ['a 1', 'b 2', 'here 2', 'c 1']]);
    expect(againIn(again)).toEqual([
      'b runs again: was CANCELLED: cancelled by SIGINT',
      'here runs again: was CANCELLED: cancelled by SIGINT',
    ]);
  });
});

describe('a study that has changed since it ran', () => {
  const first = [
    counted('a'),
    counted('b', { depends: ['a'], cmd: 'echo 1' }),
    counted('c', { depends: ['b'] }),
    counted('d', { depends: ['a'] }),
  ];

  /** The same study, changed, in the next attempt. */
  async function changed(steps: readonly ReturnType<typeof counted>[], inputs: Record<string, string> = {}) {
    const reruns = new Reruns(() => first);
    expect(await reruns.job().run()).toMatchObject({ code: 0 });
    const job = reruns.job({ attempt: 2, steps, inputs });
    const ended = await job.run();
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    return { reruns, again: againIn(ended), line: continued(ended), ended };
  }

  it('runs the steps whose script changed, and what comes after them; its log says which and why', async () => {
    const { reruns, again, line } = await changed(
      first.map((step) => (step.name === 'b' ? counted('b', { depends: ['a'], cmd: 'echo 2' }) : step)),
    );
    expect(reruns.ran).toEqual(['a 1', 'b 2', 'c 2', 'd 1']);
    expect(again).toEqual(['b runs again: its script changed', 'c runs again: b, which it depends on, runs again']);
    expect(line).toBe('steps that stay FINISHED: 2, that run again: 2');
    expect(reruns.read('b/b.sh')).toContain('echo 2');
    expect(reruns.read('study.yaml')).toContain('echo 2');
  });

  it('runs those whose dependencies changed, and those that are new', async () => {
    const { reruns, again, line } = await changed([
      ...first.map((step) => (step.name === 'd' ? counted('d', { depends: ['b'] }) : step)),
      counted('e', { depends: ['c'] }),
    ]);
    expect(reruns.ran).toEqual(['a 1', 'b 1', 'c 1', 'd 2', 'e 1']);
    expect(again).toEqual(['d runs again: its dependencies changed']);
    expect(line).toBe('steps that stay FINISHED: 3, that run again: 1, that have not run yet: 1');
  });

  it('runs nothing because of a description, or of how much may run at once', async () => {
    const { reruns, ended } = await changed(
      first.map((step) => ({ ...step, description: 'better words' })),
      { throttle: '1', 'local-jobs': '1' },
    );
    expect(reruns.ran).toEqual(['a 1', 'b 1', 'c 1', 'd 1']);
    expect(ended.stdout).toContain('There is nothing to do');
  });

  it('runs only the combinations that its parameters gained, if they gained some', async () => {
    const reruns = new Reruns(() => [
      { name: 'make', cmd: 'echo ran >> runs' },
      { name: 'run', cmd: 'echo $(SIZE) >> runs', depends: ['make'] },
    ]);
    const inputs = (...sizes: number[]) => ({
      'study-key': 'sizes',
      parameters: JSON.stringify({ SIZE: { values: sizes, label: 'SIZE.%%' } }),
    });
    expect(await reruns.job({ inputs: inputs(1, 2) }).run()).toMatchObject({ code: 0, stderr: '' });
    const job = reruns.job({ attempt: 2, inputs: inputs(2, 3) });
    const ended = await job.run();
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    expect(statesOf(job)).toEqual(['make FINISHED', 'run_SIZE.2 FINISHED', 'run_SIZE.3 FINISHED']);
    expect([reruns.read('make/runs'), reruns.read('run/SIZE.2/runs'), reruns.read('run/SIZE.3/runs')]).toEqual([
      'ran\n',
      '2\n',
      '3\n',
    ]);
    expect(continued(ended)).toBe('steps that stay FINISHED: 2, that have not run yet: 1');
  });

  it('while a step ran: that is ended, and runs anew once it is over', async () => {
    const steps = (own: Reruns, text: string) => [
      { name: 'a', cmd: `echo ${text} >> texts; ${own.gate(text)}`, ...oneTask },
      { name: 'b', cmd: own.gate('b'), ...oneTask },
    ];
    const { reruns, broker } = await fluxReruns((own) => steps(own, 'old'));
    const { process, ended } = await reruns.startUntilUp(reruns.job(), 'a', 'b');
    process.kill('SIGKILL');
    await ended;
    reruns.open('new');
    reruns.open('b');
    const job = reruns.job({ attempt: 2, steps: steps(reruns, 'new') });
    const again = await job.run();
    expect([again.code, statesOf(job), reruns.ran]).toEqual([0, ['a FINISHED', 'b FINISHED'], ['a 2', 'b 1']]);
    expect(reruns.read('a/texts')).toBe('old\nnew\n');
    expect(againIn(again)).toEqual(['a runs again: its script changed']);
    expect(broker.jobs.map(({ state }) => state)).toEqual(['INACTIVE', 'INACTIVE', 'INACTIVE']);
  });
});

describe('a step that the study does not have any more', () => {
  it('has its job ended, although there is nothing else to do', async () => {
    const { reruns, broker } = await fluxReruns((own) => [
      { name: 'job', cmd: own.gate(), ...oneTask },
      { name: 'here', cmd: `echo $$ > pid; ${own.gate()}` },
      counted('done', oneTask),
    ]);
    const { process, ended } = await reruns.startUntilUp(reruns.job(), 'job', 'here');
    await until('the other is over', () => broker.jobs.some(({ state }) => state === 'INACTIVE'));
    process.kill('SIGKILL');
    await ended;
    const job = reruns.job({ attempt: 2, steps: [counted('done', oneTask)] });
    const { code, stdout } = await job.run();
    expect([code, statesOf(job)]).toEqual([0, ['done FINISHED']]);
    expect(stdout).toMatch(/^ {2}job: its job ƒ\S+ no longer belongs to the study and is cancelled$/m);
    expect(stdout).toMatch(/^ {2}here: its job( \d+)? no longer belongs to the study and is cancelled$/m);
    const pid = Number(reruns.read('here/pid'));
    await until('both are over', () => !isAlive(pid) && broker.jobs.every(({ state }) => state === 'INACTIVE'));
  });
});

describe('a study whose run was killed without a word', () => {
  it('is left to itself by the post step, which says so, and the next run takes over what runs', async () => {
    const { reruns, broker } = await fluxReruns((own) => [
      counted('done', oneTask),
      { name: 'job', depends: ['done'], cmd: own.gate(), ...oneTask },
      { name: 'here', cmd: own.gate() },
      { name: 'quick', depends: ['done'], cmd: own.gate('quick'), ...oneTask },
      counted('queued', { depends: ['done'], ...oneTask }),
      counted('last', { depends: ['job'], ...oneTask }),
    ]);
    const first = reruns.job();
    const { process, ended } = await reruns.startUntilUp(first, 'job', 'here', 'quick');
    process.kill('SIGKILL');
    expect(await ended).toMatchObject({ code: null });
    const post = await first.post();
    expect(post).toMatchObject({ code: 0, stderr: '' });
    expect(post.stdout).toBe(
      `The study in ${reruns.studyPath} was left unfinished; its jobs go on, and a run of the same study continues it\n`,
    );
    // One of them ends while nobody looks, and another takes its place.
    expect(reruns.ran).toEqual(['done 1', 'job 1', 'here 1', 'quick 1', 'queued 0', 'last 0']);
    reruns.open('quick');
    await until('two have ended', () => broker.jobs.filter(({ state }) => state === 'INACTIVE').length === 3);
    reruns.open();
    const second = reruns.job({ attempt: 2 });
    const again = await second.run();
    expect(again).toMatchObject({ code: 0, stderr: '' });
    const all = ['done', 'job', 'here', 'quick', 'queued', 'last'];
    expect(statesOf(second)).toEqual(all.map((name) => `${name} FINISHED`));
    expect(reruns.ran).toEqual(all.map((name) => `${name} 1`));
    expect(continued(again)).toBe(
      'steps that stay FINISHED: 1, in flight, and watched again: 4, that have not run yet: 1',
    );
    expect(againIn(again)).toEqual([]);
    expect(await second.post()).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('is taken over at once, not after a time of silence, on the machine where it died', async () => {
    const reruns = new Reruns((own) => [{ name: 'a', cmd: own.gate() }]);
    const { process, ended } = await reruns.startUntilUp(reruns.job(), 'a');
    process.kill('SIGKILL');
    await ended;
    reruns.open();
    const again = await reruns.job({ attempt: 2 }).run();
    expect([again.code, reruns.ran]).toEqual([0, ['a 1']]);
    expect(again.stdout).not.toContain('waiting up to');
  });
});

describe('`on-cancel: leave`', () => {
  it('leaves jobs and local steps running when the workflow is cancelled, and a run again takes them over', async () => {
    const { reruns, broker } = await fluxReruns(
      (own) => [
        { name: 'job', cmd: own.gate(), ...oneTask },
        { name: 'here', cmd: `echo $$ > pid; ${own.gate()}` },
        counted('next', { depends: ['job', 'here'] }),
      ],
      { 'on-cancel': 'leave' },
    );
    const first = reruns.job();
    const { process, ended } = await reruns.startUntilUp(first, 'job', 'here');
    process.kill('SIGINT');
    const { code, stdout } = await ended;
    expect([code, first.outputs.status, first.report.status]).toEqual([4, 'INTERRUPTED', 'INTERRUPTED']);
    expect(statesOf(first)).toEqual(['job RUNNING', 'here RUNNING', 'next INITIALIZED']);
    expect(reruns.status).toEqual(expect.arrayContaining(['job RUNNING', 'here RUNNING', 'next INITIALIZED']));
    expect(stdout).toMatch(/Study demo INTERRUPTED .*\(cancelled by SIGINT; jobs are left running\)/);
    expect(stdout).toContain('To continue it, re-run this job');
    expect(first.summary).toContain('INTERRUPTED');
    expect(await first.post()).toMatchObject({ code: 0, stderr: '' });
    expect(isAlive(Number(reruns.read('here/pid')))).toBe(true);
    expect(broker.jobs.map(({ state }) => state)).toEqual(['RUN']);
    reruns.open();
    const second = reruns.job({ attempt: 2 });
    expect(await second.run()).toMatchObject({ code: 0, stderr: '' });
    expect([statesOf(second), reruns.ran]).toEqual([
      ['job FINISHED', 'here FINISHED', 'next FINISHED'],
      ['job 1', 'here 1', 'next 1'],
    ]);
    expect(broker.asked('job-manager.raise')).toEqual([]);
  });

  it('does not keep somebody from cancelling the study later', async () => {
    const reruns = new Reruns((own) => [{ name: 'here', cmd: `echo $$ > pid; ${own.gate()}` }]);
    const first = await reruns.startUntilUp(reruns.job({ inputs: { 'on-cancel': 'leave' } }), 'here');
    first.process.kill('SIGINT');
    expect(await first.ended).toMatchObject({ code: 4 });
    const second = reruns.job({ attempt: 2, inputs: { 'on-cancel': 'cancel' } });
    const started = second.start();
    const pid = Number(reruns.read('here/pid'));
    await until('it is taken over', () =>
      /"type":"staged"[\s\S]*"type":"staged"/.test(reruns.read('.conductor/journal.jsonl')),
    );
    started.process.kill('SIGINT');
    expect(await started.ended).toMatchObject({ code: 3 });
    expect([statesOf(second), isAlive(pid)]).toEqual([['here CANCELLED'], false]);
  });
});

describe('`timeout-minutes`', () => {
  it('stops driving the study, leaves its jobs running, and a run again takes them over', async () => {
    const { reruns, broker } = await fluxReruns(
      (own) => [
        { name: 'job', cmd: own.gate(), ...oneTask },
        { name: 'here', cmd: own.gate() },
        counted('next', { depends: ['job', 'here'] }),
      ],
      { 'timeout-minutes': '1' },
    );
    const first = reruns.job();
    // A minute goes by in two seconds.
    const hurry = 'const s=setTimeout;globalThis.setTimeout=(f,t,...a)=>s(f,t===60000?2000:t,...a)';
    first.environment.NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(hurry)}`;
    const { ended } = await reruns.startUntilUp(first, 'job', 'here');
    const { code, stdout } = await ended;
    expect([code, first.outputs.status]).toEqual([4, 'INTERRUPTED']);
    expect(stdout).toMatch(/Study demo INTERRUPTED .*\(timeout-minutes: 1 minute is over\)/);
    expect(statesOf(first)).toEqual(['job RUNNING', 'here RUNNING', 'next INITIALIZED']);
    expect(await first.post()).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(broker.jobs.map(({ state }) => state)).toEqual(['RUN']);
    reruns.open();
    const second = reruns.job({ attempt: 2 });
    expect(await second.run()).toMatchObject({ code: 0, stderr: '' });
    expect(reruns.ran).toEqual(['job 1', 'here 1', 'next 1']);
    expect(readFileSync(path.join(second.outputs['report-path']!, 'summary.md'), 'utf8')).toContain('FINISHED');
  });
});
