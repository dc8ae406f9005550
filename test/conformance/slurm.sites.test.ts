import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { plainEnvironment } from '../support/hosts.js';
import { isLong } from '../support/long.js';
import { type Brief, yamlOf } from '../support/plan.js';
import { Slurm } from '../support/slurm.js';
import { isSlurmPossible, job, local, outOfTime, SlurmStudy, slurmBatch } from '../support/slurm-study.js';
import { temporaryDirectory } from '../support/temporary.js';

const python = process.env.MAESTRO_PYTHON ?? '';

function installedMaestro(): true | string {
  try {
    execFileSync(python, ['-c', 'import maestrowf'], { stdio: 'ignore' });
    return true;
  } catch {
    return 'MAESTRO_PYTHON names no Python that has maestrowf';
  }
}

/** Runs a study with real Maestro, as fast as it can. Returns its directory. */
function runMaestro(slurm: Slurm, brief: Brief): Promise<string> {
  const directory = temporaryDirectory();
  writeFileSync(path.join(directory, 'study.yaml'), yamlOf({ batch: slurmBatch, ...brief }));
  const home = path.join(directory, 'home');
  mkdirSync(home);
  const code = 'import sys; from maestrowf.maestro import main; sys.exit(main())';
  const words = ['-c', code, 'run', '-fg', '-y', '-s', '1', '-o', path.join(directory, 'study'), 'study.yaml'];
  // It asks Slurm for the jobs of $USER.
  const env = { ...plainEnvironment, ...slurm.environment, HOME: home, USER: userInfo().username };
  return new Promise((resolve) => {
    const child = execFile(python, words, { cwd: directory, env }, () => resolve(path.join(directory, 'study')));
    onTestFinished(() => void child.kill('SIGKILL'));
  });
}

/** What status.csv says of each step: its state, and how often it was restarted. */
function statusIn(directory: string): Record<string, string> {
  const [header, ...lines] = readFileSync(path.join(directory, 'status.csv'), 'utf8').trimEnd().split('\n');
  const names = header!.split(',');
  const [name, state, restarts] = ['Step Name', 'State', 'Number Restarts'].map((title) => names.indexOf(title));
  const cells = lines.map((line) => line.split(','));
  return Object.fromEntries(cells.map((row) => [row[name!]!, `${row[state!]}, ${row[restarts!]} restarts`]));
}

/** What Slurm ends is told to by the script itself, because a person's command would have to come at the right time. */
const ended = {
  outOfTime,
  cancelled: 'scancel $SLURM_JOB_ID; sleep 100',
};
const walltime = '0:10:00';

/**
 * One study for each feature. Not here are the ends that Maestro 1.1 gets wrong: a job that was preempted, is configuring or
 * suspended, or ran out of memory is UNKNOWN to it, and its step FAILED, whatever becomes of the job; one whose node failed is
 * submitted again without an end; and what waits for others when a study is cancelled stays INITIALIZED.
 */
const features: Readonly<Record<string, Brief>> = {
  // Slurm looks at time limits twice a minute only. How our jobs end at them other tests show.
  ...(isLong && {
    'time limits': {
      steps: [
        job('slow', ended.outOfTime, { walltime }),
        job('after', 'true', { depends: ['slow'] }),
        job('resumable', ended.outOfTime, { walltime, restart: 'echo restarted >> runs' }),
        job('next', 'true', { depends: ['resumable'] }),
      ],
    },
  }),
  'a sweep of two stages with launchers, a funnel, and local steps between jobs': {
    parameters: { NAME: ['Pam', 'Jim'], GREETING: ['Hello', 'Ciao'] },
    steps: [
      local('make'),
      job('hello', '$(LAUNCHER) echo "$(GREETING), $(NAME)!" > hello.txt', { depends: ['make'] }),
      job('bye', '$(LAUNCHER)[1p] echo "Bye, $(NAME)!"', { depends: ['hello'] }),
      local('look', 'cat $(hello.workspace)/hello.txt', { depends: ['bye'] }),
      job('all', 'true', { depends: ['bye_*'] }),
    ],
  },
  'steps that fail and one that is cancelled, with what depends on them': {
    steps: [
      job('bad', 'exit 3'),
      job('after', 'true', { depends: ['bad'] }),
      local('last', 'true', { depends: ['after'] }),
      local('wrong', 'false'),
      job('never', 'true', { depends: ['wrong'] }),
      job('other'),
      job('cancelled', ended.cancelled),
      job('neither', 'true', { depends: ['cancelled'] }),
    ],
  },
};

const isPossible = isSlurmPossible('the same ends as with real Maestro on Slurm', installedMaestro);

describe.skipIf(!isPossible)('compared with real Maestro on the same Slurm', () => {
  let slurm: Slurm;
  beforeAll(async () => {
    slurm = await Slurm.start({ cpus: 16 });
  });
  afterAll(() => slurm?.stop());

  it.each(Object.keys(features))(
    'ends alike: %s',
    async (feature) => {
      const study = new SlurmStudy(slurm, features[feature]!);
      const [theirs] = await Promise.all([runMaestro(slurm, features[feature]!), study.run()]);
      expect(statusIn(study.path)).toEqual(statusIn(theirs));
      expect(Object.keys(statusIn(theirs)).length).toBeGreaterThan(3);
    },
    120_000,
  );
});
