import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { blame } from '../../../src/causes/cause.js';
import { run } from '../../../src/hosts/commands.js';
import type { QueueRow } from '../../../src/schedulers/batch/batch-system.js';
import { lsf } from '../../../src/schedulers/lsf/lsf.js';
import { assignments, quoteAll } from '../../../src/util/shell-quote.js';
import { plainHost } from '../../support/hosts.js';
import type { LsfOptions } from '../../support/lsf/cluster.js';
import { Lsf } from '../../support/lsf.js';
import { lsf as plainBatch, validPlan } from '../../support/plan.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { until } from '../../support/wait.js';

/** LSF, and a directory to submit from. */
class Desk {
  readonly cluster: Lsf;
  readonly directory: string;

  constructor(cluster: Lsf, directory = temporaryDirectory()) {
    this.cluster = cluster;
    this.directory = directory;
  }

  static async open(options: LsfOptions = {}): Promise<Desk> {
    return new Desk(await Lsf.forTest({ minuteMs: 300, terminateIntervalMs: 100, ...options }));
  }

  /** Runs one of the functions. */
  call(words: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    const host = plainHost('', { ...this.cluster.environment, ...environment });
    const go = `${assignments({ directory: this.directory })}cd "$directory" || exit\n`;
    return run(host, `${lsf.program}\n${go}${quoteAll(words)} < /dev/null\n`);
  }

  /** Submits a job and returns its id. @throws Error with the words of bsub */
  async submit(script: string, words: readonly string[] = [], environment: Readonly<Record<string, string>> = {}) {
    const file = path.join(temporaryDirectory(), 'job.sh');
    writeFileSync(file, script);
    const { code, stdout, stderr } = await this.call(['submit_job', file, '-rn', ...words], environment);
    if (code !== 0) throw new Error(`${code}: ${stderr}`);
    expect(stderr).toBe('');
    return stdout.toString().trim();
  }

  async rows(name: 'query_jobs' | 'explain_jobs', ...ids: readonly string[]): Promise<(QueueRow | undefined)[]> {
    const { code, stdout, stderr } = await this.call([name, ...ids]);
    if (code !== 0) throw new Error(stderr);
    const lines = stdout.toString().split('\n');
    return lines.filter((line) => line !== '').map((line) => lsf.parseRow(line));
  }

  read(name: string): string {
    return readFileSync(path.join(this.directory, name), 'utf8');
  }

  has(name: string): boolean {
    return existsSync(path.join(this.directory, name));
  }
}

const header = ['-nnodes 1', '-J step', '-o step.%J.out', '-e step.%J.err'];
const script = (cmd: string, directives: readonly string[] = header) =>
  `#!/bin/bash -p\n${directives.map((line) => `#BSUB ${line}\n`).join('')}\n${cmd}\n`;

describe('a job of LSF', () => {
  it('is submitted from its directory, runs there, and has its output and its end', async () => {
    const desk = await Desk.open();
    const id = await desk.submit(script('echo "$PWD $LSB_JOBNAME"; echo oops >&2'));
    expect(id).toBe('101');
    await desk.cluster.reaches(id, 'DONE');
    await until('it has its report', () => desk.read(`step.${id}.out`).includes('Successfully completed.'));
    expect(desk.read(`step.${id}.out`)).toMatch(`${desk.directory} step\n`);
    expect(desk.read(`step.${id}.err`)).toBe('oops\n');
    expect(await desk.rows('query_jobs', id)).toMatchObject([{ id, state: 'DONE', exitCode: 0, reason: '' }]);
    expect(await desk.cluster.job(id)).toMatchObject({ queue: 'normal', cwd: desk.directory, isRerunnable: false });
  });

  it.each([false, true])('writes its output as it runs, before what LSF writes: %s', async (isDirect) => {
    const desk = await Desk.open({ isDirect });
    const [step] = validPlan({ batch: plainBatch, steps: [{ name: 'my step', nodes: 1, procs: 1 }] }).graph.steps;
    const study = path.dirname(desk.directory);
    const own = { ...step!, workspace: path.basename(desk.directory) };
    const waits = 'until [ -e go ]; do sleep 0.05; done';
    const cmd = `exec bash -c 'echo begun; echo oops >&2; ${waits}' ${lsf.redirections!(own, study, [])}`;
    const id = await desk.submit(script(cmd, ['-o my_step.%J.out', '-e my_step.%J.err']));
    const { stdout, stderr } = lsf.outputs(own, id);
    const read = (name: string) => desk.read(path.basename(name));
    await until('it is there', () => desk.has(path.basename(stderr)) && read(stderr) === 'oops\n');
    expect(read(stdout)).toBe('begun\n');
    expect(await desk.rows('query_jobs', id)).toMatchObject([{ state: 'RUN', exitCode: null, endedAt: null }]);
    writeFileSync(path.join(desk.directory, 'go'), '');
    await until('it has its report', () => read(stdout).includes('Successfully completed.'));
    expect(read(stdout)).toMatch(/^begun\n\n-+\nSender: LSF System/);
    expect(read(stderr)).toBe('oops\n');
  });

  it('can be submitted from a directory whose name has a percent sign', async () => {
    const desk = new Desk(await Lsf.forTest(), path.join(temporaryDirectory(), 'SIZE.10%J'));
    mkdirSync(desk.directory);
    const id = await desk.submit(script('pwd > where'));
    await desk.cluster.reaches(id, 'DONE');
    expect(desk.read('where')).toBe(`${desk.directory}\n`);
    expect((await desk.cluster.calls())[0]).not.toContain('-cwd');
  });

  it.each([
    ['BSUB_QUIET', 'y'],
    ['BSUB_QUIET2', '1'],
  ])('has its id although %s is set', async (name, value) => {
    const desk = await Desk.open();
    expect(await desk.submit(script('true'), [], { [name]: value })).toBe('101');
  });

  it('goes to the queue and has the options that the words say, rather than those of its script', async () => {
    const desk = await Desk.open();
    const id = await desk.submit(script('true', [...header, '-q normal']), [
      '-q',
      'short',
      '-Jd',
      "l-1.1 study/a's step",
    ]);
    expect(await desk.cluster.job(id)).toMatchObject({ queue: 'short', description: "l-1.1 study/a's step" });
  });

  it('fails with its exit status, and with 128 + N for a signal', async () => {
    const desk = await Desk.open();
    const failed = await desk.submit(script('exit 3'));
    const killed = await desk.submit(script('kill -SEGV $$'));
    await desk.cluster.reaches(killed, 'EXIT');
    const rows = await desk.rows('query_jobs', failed, killed);
    expect(rows.map((row) => row?.nodes?.length)).toEqual([1, 1]);
    expect(rows.map((row) => [row?.exitCode, row && lsf.meaningOf(row)])).toMatchObject([
      [3, { phase: 'ended', result: 'failed', note: '' }],
      [139, { phase: 'ended', result: 'failed', note: 'a signal that did not come from LSF killed it' }],
    ]);
  });

  it('times out at its run limit', async () => {
    const desk = await Desk.open();
    const id = await desk.submit(script('sleep 300', ['-W 0:01', '-o out']));
    await desk.cluster.reaches(id, 'EXIT');
    const [row] = await desk.rows('query_jobs', id);
    expect(row).toMatchObject({ exitCode: 140, reason: expect.stringMatching(/^TERM_RUNLIMIT/) });
    expect(lsf.meaningOf(row!)).toMatchObject({ result: 'timeout' });
  });

  it('waits for a slot, and says why; a held one says what to do', async () => {
    const desk = await Desk.open({ slots: 1 });
    await desk.submit(script('sleep 300'));
    const waiting = await desk.submit(script('true'));
    const held = await desk.submit(script('true'), ['-H']);
    const large = await desk.submit(script('true'), ['-nnodes', '5']);
    const rows = await desk.rows('query_jobs', waiting, held, large);
    expect(rows.map((row) => [row?.state, row?.reason, row && lsf.meaningOf(row).phase])).toEqual([
      ['PEND', 'Job slot limit reached: 1 host', 'waiting'],
      ['PSUSP', 'The job was suspended by the user while pending', 'waiting'],
      ['PEND', "Not enough hosts to meet the job's spanning requirement", 'waiting'],
    ]);
    expect(rows.map((row) => lsf.doubtOf(row!)?.hint)).toEqual([
      undefined,
      'it is suspended: resume it with `bresume`',
      'another `queue`, or fewer `nodes`',
    ]);
  });

  it('that is suspended, or whose host is lost, is still running', async () => {
    const desk = await Desk.open();
    const ids = [await desk.submit(script('sleep 300')), await desk.submit(script('sleep 300'))];
    for (const id of ids) await desk.cluster.reaches(id, 'RUN');
    await desk.cluster.bstop(ids[0]!);
    await desk.cluster.lose(ids[1]!, 'UNKWN');
    const rows = await desk.rows('query_jobs', ...ids);
    expect(rows.map((row) => [row?.state, lsf.meaningOf(row!).phase])).toEqual([
      ['USUSP', 'running'],
      ['UNKWN', 'running'],
    ]);
    expect(lsf.doubtOf(rows[0]!)?.hint).toBe('it is suspended: resume it with `bresume`');
  });

  it('has an id that stays, and an owner of its claim that does not, when it is requeued', async () => {
    const desk = await Desk.open();
    const id = await desk.submit(script(`echo ${lsf.jobIdExpression} >> owners; ! mkdir waits || sleep 300`));
    await until('it waits', () => desk.has('waits'));
    await desk.cluster.brequeue(id);
    await desk.cluster.reaches(id, 'DONE');
    const owners = desk.read('owners').trim().split('\n');
    expect(new Set(owners).size).toBe(2);
    expect(owners.map(lsf.idOfOwner)).toEqual([id, id]);
  });

  it('does not run elsewhere if its directory is gone', async () => {
    const desk = await Desk.open({ slots: 1 });
    const first = await desk.submit(script('sleep 300', ['-o /dev/null']));
    const id = await desk.submit(script('true'));
    await desk.cluster.reaches(first, 'RUN');
    rmSync(desk.directory, { recursive: true });
    await desk.cluster.bkill(first);
    await desk.cluster.reaches(id, 'EXIT');
    mkdirSync(desk.directory);
    const [row] = await desk.rows('query_jobs', id);
    expect(lsf.meaningOf(row!)).toMatchObject({ note: 'its workspace cannot be reached on the node' });
  });
});

describe('a submit to LSF', () => {
  it.each([
    ['nosuch: No such queue. Job not submitted.', 'never', ['-q', 'nosuch']],
    ['night: Queue has been closed. Job not submitted.', 'wait', ['-q', 'night']],
    ["RUNLIMIT: Cannot exceed queue's hard limit(s). Job not submitted.", 'never', ['-q', 'short', '-W', '31']],
  ])('is refused with the words %s', async (words, kind, options) => {
    const desk = await Desk.open();
    await expect(desk.submit(script('true'), options)).rejects.toThrow(`255: ${words}`);
    expect(lsf.classifyRefusal(words, 255)).toBe(kind);
  });

  it('does not wait for minutes at a limit of pending jobs', async () => {
    const desk = await Desk.open({ slots: 1, maxPending: 1 });
    const running = await desk.submit(script('sleep 300'));
    await desk.cluster.reaches(running, 'RUN');
    await desk.submit(script('true'));
    const words = 'User <user1>: Pending job threshold reached. Job not submitted.';
    await expect(desk.submit(script('true'))).rejects.toThrow(words);
    expect(lsf.classifyRefusal(words, 255)).toBe('wait');
  });

  it('is in doubt if LSF is down', async () => {
    const desk = await Desk.open();
    await desk.cluster.set('down');
    await expect(desk.submit(script('true'))).rejects.toThrow('255: LSF is down. Please wait ...');
    expect(lsf.classifyRefusal('LSF is down. Please wait ...', 255)).toBe('doubt');
  });

  it.each([
    ['lost answer', 'Contacting batch daemon: Communication timeout. Job not submitted.'],
    ['silent bsub', 'bsub printed no job id:'],
  ] as const)('whose answer is lost is in doubt, and its job is found: %s', async (fault, words) => {
    const desk = await Desk.open();
    await desk.cluster.set(fault);
    await expect(desk.submit(script('true'), ['-Jd', 'here-1.1 study/step, attempt 1'])).rejects.toThrow(words);
    expect(lsf.classifyRefusal(words, 255)).toBe('doubt');
    const other = await desk.submit(script('true'), ['-Jd', 'here-1.2 study/step, attempt 2']);
    await desk.submit(script('true'));
    await desk.cluster.reaches(other, 'DONE');
    const { stdout } = await desk.call(['find_jobs', 'here-1.1', 'here-1.2', 'other']);
    expect(stdout.toString()).toBe('101 here-1.1\n102 here-1.2\n');
  });
});

describe('questions to LSF', () => {
  it('have no answer about a job that it does not know, or about none', async () => {
    const desk = await Desk.open();
    expect(await desk.rows('query_jobs', '7')).toEqual([]);
    const id = await desk.submit(script('true'));
    expect(await desk.rows('query_jobs', '7', id)).toMatchObject([{ id }]);
    expect((await desk.call(['find_jobs', 'label'])).stdout.toString()).toBe('');
  });

  it.each(['query_jobs', 'explain_jobs', 'find_jobs', 'end_jobs'])(
    'fail with its words if it is down: %s',
    async (name) => {
      const desk = await Desk.open();
      await desk.cluster.set('down');
      expect(await desk.call([name, '101'])).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/^LSF is down. Please wait ...$/),
      });
    },
  );

  it('are the same in versions without JSON', async () => {
    const desk = await Desk.open({ slots: 1 });
    const description = ['-Jd', 'label-1 study/step'];
    const done = await desk.submit(script('true'), description);
    await desk.cluster.reaches(done, 'DONE');
    const ids = [
      done,
      await desk.submit(script('sleep 300'), description),
      await desk.submit(script('true'), description),
    ];
    await desk.cluster.reaches(ids[1]!, 'RUN');
    const rows = await desk.rows('query_jobs', '7', ...ids);
    await desk.cluster.set('no json');
    const pending = { ...rows[2], reason: '' };
    expect(await desk.rows('query_jobs', '7', ...ids)).toEqual([rows[0], rows[1], pending]);
    expect(await desk.rows('query_jobs', '7')).toEqual([]);
    const { stdout } = await desk.call(['find_jobs', 'label-1']);
    expect(stdout.toString()).toBe(ids.map((id) => `${id} label-1\n`).join(''));
    await desk.cluster.set('down');
    await expect(desk.rows('query_jobs', '7')).rejects.toThrow('LSF is down');
  });

  it('have times with seconds and a year where there are such', async () => {
    const desk = await Desk.open();
    await desk.cluster.set('full times');
    const before = Math.floor(Date.now() / 1000) * 1000;
    const id = await desk.submit(script('true'));
    await desk.cluster.reaches(id, 'DONE');
    const [row] = await desk.rows('query_jobs', id);
    for (const at of [row!.startedAt!, row!.endedAt!]) {
      expect(at).toBeGreaterThanOrEqual(before);
      expect(at).toBeLessThanOrEqual(Date.now());
    }
  });

  it('ask the history about jobs that LSF has forgotten', async () => {
    const desk = await Desk.open();
    const before = Math.floor(Date.now() / 1000) * 1000;
    const cmds = ['true', 'exit 3', 'sleep 300', 'sleep 300'];
    const ids: string[] = [];
    for (const cmd of cmds) ids.push(await desk.submit(script(cmd, ['-W 1', '-J a'])));
    await desk.cluster.reaches(ids[2]!, 'RUN', 'EXIT');
    await desk.cluster.bkill(ids[3]!);
    for (const id of ids) {
      await desk.cluster.reaches(id, 'DONE', 'EXIT');
      await desk.cluster.forget(id);
    }
    const known = await desk.submit(script('sleep 300'));
    expect(await desk.rows('query_jobs', ...ids)).toEqual([]);
    const rows = await desk.rows('explain_jobs', ...ids, known, '7');
    expect(rows.map((row) => [row!.id, row!.state, row!.exitCode, lsf.meaningOf(row!).result])).toEqual([
      [known, expect.stringMatching(/RUN|PEND/), null, null],
      [ids[0], 'DONE', 0, null],
      [ids[1], 'EXIT', 3, 'failed'],
      [ids[2], 'EXIT', 140, 'timeout'],
      [ids[3], 'EXIT', 130, 'cancelled'],
    ]);
    for (const { endedAt } of rows.slice(1) as QueueRow[]) expect(endedAt).toBeGreaterThanOrEqual(before);
  });
});

describe('ending jobs of LSF', () => {
  it('ends those that wait and run, and is no failure for those that are over or unknown', async () => {
    const desk = await Desk.open({ slots: 1 });
    const over = await desk.submit(script('true'));
    await desk.cluster.reaches(over, 'DONE');
    const ids = [await desk.submit(script('sleep 300')), await desk.submit(script('sleep 300'))];
    await desk.cluster.reaches(ids[0]!, 'RUN');
    expect(await desk.call(['end_jobs', over, '7', ...ids])).toMatchObject({ code: 0, stderr: '' });
    for (const id of ids) {
      await desk.cluster.reaches(id, 'EXIT');
      const [row] = await desk.rows('query_jobs', id);
      expect(lsf.meaningOf(row!)).toEqual({
        ...{ phase: 'ended', result: 'cancelled', note: 'its owner killed it' },
        blame: blame('cancelled'),
      });
    }
    expect(await desk.call(['end_jobs', over])).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('the site', () => {
  it('describes itself', async () => {
    const desk = await Desk.open();
    const { stdout } = await desk.call(['describe_site']);
    expect(lsf.parseSite(stdout.toString())).toEqual({
      version: '10.1.0.0',
      installation: 'lsf10',
      introduction: [
        'LSF 10.1.0.0, cluster lsf10, master hosta.company.com',
        'queues: normal (default), short (at most 30 min), night (Closed:Active)',
      ],
    });
  });

  it('that is down says so', async () => {
    const desk = await Desk.open();
    await desk.cluster.set('down');
    expect(await desk.call(['describe_site'])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^LSF is down. Please wait ...$/),
    });
  });
});
