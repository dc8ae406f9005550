import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isLong } from '../support/long.js';
import { Slurm } from '../support/slurm.js';
import { type MixedStudy, mixedStudy } from '../support/slurm-mixed-study.js';
import { isSlurmPossible, job, SlurmStudy } from '../support/slurm-study.js';
import { clients } from '../support/ssh-hosts.js';
import { installedSshd, SshServer } from '../support/ssh-server.js';
import { until } from '../support/wait.js';

const sshd = () => (installedSshd() === undefined ? 'there is no sshd on this machine: install openssh-server' : true);

describe.skipIf(!isSlurmPossible('large studies', sshd))('a study of all sorts of steps on Slurm', () => {
  let slurm: Slurm;
  let server: SshServer;
  beforeAll(async () => {
    slurm = await Slurm.start({ cpus: 64 });
    server = await SshServer.start({ environment: slurm.environment });
  });
  afterAll(async () => {
    await slurm?.stop();
    await server?.stop();
  });
  beforeEach(() => slurm.isIdle());

  /** Kills the run when so many scripts of the step have run, each time, and then runs the study to its end. */
  async function runKilled(
    study: SlurmStudy,
    width: number,
    kills: readonly (readonly [step: string, many: number])[],
  ) {
    const haveRun = (step: string) =>
      Array.from({ length: width }, (_, value) => study.runsOf(`${step}/I.${value}`)).filter(
        ({ length }) => length > 0,
      );
    for (const [step, many] of kills) {
      const { process, ended } = study.start();
      await until(`${many} of ${step} have run`, () => haveRun(step).length >= many, 50_000);
      process.kill('SIGKILL');
      await ended;
    }
    return study.run();
  }

  /** A step that has failed runs again when the study goes on; all others must run as if nobody had killed anything. */
  async function expectEnds(study: SlurmStudy, { states, runs }: MixedStudy) {
    const { allRuns, allAttempts } = study;
    expect(study.states).toEqual(states);
    expect(allRuns).toEqual(allAttempts);
    const hasFailed = (workspace: string) => states[workspace] === 'FAILED' && runs[workspace] !== 0;
    const firm = (counts: Readonly<Record<string, number>>) =>
      Object.fromEntries(Object.entries(counts).filter(([workspace]) => !hasFailed(workspace)));
    expect(firm(allRuns)).toEqual(firm(runs));
    expect(await slurm.queue()).toEqual([]);
  }

  it('of many steps goes on after kill -9, with a time-out and a restart: every script runs once per attempt', async () => {
    const width = isLong ? 65 : 30;
    const mixed = mixedStudy(width, { timeout: true });
    expect(Object.keys(mixed.states)).toHaveLength(3 * width + 7);
    const study = new SlurmStudy(slurm, mixed.brief);
    const { code } = await runKilled(study, width, [
      ['work', 10],
      ['look', 20],
    ]);
    expect(code).toBe(2);
    await expectEnds(study, mixed);
  }, 120_000);

  it('that is a burst of jobs runs each once', async () => {
    const values = Array.from({ length: isLong ? 500 : 60 }, (_, value) => value);
    const study = new SlurmStudy(slurm, { parameters: { I: values }, steps: [job('run', ': $(I)')] });
    const { code } = await study.run();
    expect([code, study.report.status]).toEqual([0, 'FINISHED']);
    expect(study.allRuns).toEqual(Object.fromEntries(values.map((value) => [`run/I.${value}`, 1])));
    expect(await slurm.queue()).toEqual([]);
  }, 180_000);

  describe.each(clients)('by SSH with the client %s', (client) => {
    const site = async () => ({
      host: server.hostPort,
      'ssh-client': client,
      'ssh-key': (await server.newKey()).text,
      'ssh-known-hosts': server.knownHosts,
    });

    it('ends as it would on the machine itself', async () => {
      const mixed = mixedStudy(5, { timeout: false });
      const study = new SlurmStudy(slurm, mixed.brief, await site());
      const { code, stderr } = await study.run();
      expect([code, stderr]).toEqual([0, '']);
      await expectEnds(study, mixed);
    });

    it('goes on after kill -9 at several moments', async () => {
      const width = 12;
      const mixed = mixedStudy(width, { timeout: false });
      const study = new SlurmStudy(slurm, mixed.brief, await site());
      const { code } = await runKilled(study, width, [
        ['work', 1],
        ['check', 1],
        ['look', 3],
      ]);
      expect(code).toBe(2);
      await expectEnds(study, mixed);
    }, 120_000);
  });

  it("that is Maestro's own sample for Slurm gives its greetings", async () => {
    // Written after samples/hello_world/hello_bye_parameterized_slurm.yaml of LLNL's Maestro, which is under the MIT licence.
    const study = new SlurmStudy(slurm, {
      name: 'hello_bye',
      labels: { OUT_FORMAT: '$(GREETING)_$(NAME).txt' },
      parameters: { NAME: ['Pam', 'Jim', 'Michael', 'Dwight'], GREETING: ['Hello', 'Ciao', 'Hey', 'Hi'] },
      steps: [
        { name: 'hello', procs: 1, cmd: '$(LAUNCHER) echo "$(GREETING), $(NAME)!" > $(OUT_FORMAT)\n' },
        { name: 'bye', procs: 1, cmd: '$(LAUNCHER)[1p] echo "Bye, World!" > bye.txt\n', depends: ['hello'] },
      ],
    });
    const { code } = await study.run();
    expect([code, study.report.status, study.report.steps.length]).toEqual([0, 'FINISHED', 8]);
    const combination = 'GREETING.Hey.NAME.Michael';
    expect(study.read(`hello/${combination}/Hey_Michael.txt`)).toBe('Hey, Michael!\n');
    expect(study.read(`bye/${combination}/bye.txt`)).toBe('Bye, World!\n');
  });
});
