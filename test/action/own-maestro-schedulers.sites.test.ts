import { userInfo } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installedFlux, RealBroker } from '../support/flux/real-broker.js';
import { ConductedStudy, isMaestroPossible, maestroDirectory } from '../support/own-maestro.js';
import type { Brief } from '../support/plan.js';
import { Slurm } from '../support/slurm.js';
import { isSlurmPossible, slurmBatch } from '../support/slurm-study.js';

/** Jobs of one task between local steps, of which one fails. */
const steps: Brief['steps'] = [
  { name: 'make', cmd: 'echo made > made' },
  { name: 'run', procs: 1, nodes: 1, cmd: 'cat $(make.workspace)/made', depends: ['make'] },
  { name: 'bad', procs: 1, nodes: 1, cmd: 'exit 3' },
  { name: 'after', cmd: 'true', depends: ['bad'] },
];

const ends = [
  'make FINISHED',
  'run FINISHED',
  'bad FAILED: it failed; Maestro does not record how',
  'after FAILED: dependency bad failed',
];

function expectEnds(study: ConductedStudy): void {
  expect(study.ends).toEqual(ends);
  const run = study.report.steps[1];
  expect([run.scheduled, run.jobs.length, study.read(run.stdout)]).toEqual([true, 1, 'made\n']);
}

const isPossible = isMaestroPossible("the host's own Maestro on Slurm and Flux");

describe.skipIf(!isPossible || !isSlurmPossible("the host's own Maestro on Slurm"))(
  "the host's own Maestro on a real Slurm",
  () => {
    let slurm: Slurm;
    beforeAll(async () => {
      slurm = await Slurm.start({ cpus: 4 });
    });
    afterAll(() => slurm?.stop());

    // It asks Slurm for the jobs of $USER.
    const environment = () => ({ ...slurm.environment, USER: userInfo().username });

    it('submits the jobs, whose states, ids and outputs are reported', async () => {
      const study = new ConductedStudy({ batch: slurmBatch, steps }, { environment: environment() });
      const { code, stdout } = await study.run();
      expect(code, stdout).toBe(2);
      expectEnds(study);
      expect(study.report.steps[1].jobs[0].id).toMatch(/^\d+$/);
    }, 120_000);

    it('is cancelled with the run, and its jobs with it', async () => {
      const study = new ConductedStudy(
        { batch: slurmBatch, steps: [{ name: 'long', procs: 1, nodes: 1, cmd: 'echo ran >> runs; sleep 600' }] },
        { environment: environment() },
      );
      const { process, ended } = await study.startUntilUp('long');
      process.kill('SIGINT');
      expect([(await ended).code, study.report.status]).toEqual([3, 'CANCELLED']);
      expect(study.ends).toEqual([expect.stringMatching(/^long CANCELLED/)]);
      await slurm.isIdle();
    }, 120_000);
  },
);

const flux = installedFlux();
if (flux === undefined) console.warn("There is no flux here: the host's own Maestro is NOT tried with one");

describe.skipIf(!isPossible || flux === undefined)("the host's own Maestro on a real Flux", () => {
  it('submits the jobs, with the bindings that come with Flux', async () => {
    const broker = await RealBroker.start();
    try {
      const study = new ConductedStudy(
        { batch: { type: 'flux', host: 'here', bank: '', queue: '' }, steps },
        {
          environment: { PATH: `${maestroDirectory}:${process.env.PATH}` },
          inputs: { flux: broker.uri, bindings: 'system' },
        },
      );
      const { code, stdout, stderr } = await study.run();
      expect(code, `${stdout}${stderr}`).toBe(2);
      expectEnds(study);
      expect(stdout).toMatch(/^The study is run by maestro .*, with the bindings of Flux in /m);
    } finally {
      await broker.stop();
    }
  }, 120_000);
});
