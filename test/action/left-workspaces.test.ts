import { rmSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandsIn } from '../support/bundle.js';
import { yamlOf } from '../support/plan.js';
import { type Attempt, Reruns } from '../support/reruns.js';

/** A sweep over values of N, and a funnel that reads what is in all workspaces of the sweep. */
class Sweep extends Reruns {
  constructor() {
    super(() => []);
  }

  values(values: readonly number[], attempt: Attempt = {}) {
    return this.job(attempt).study(
      yamlOf({
        parameters: { N: values },
        steps: [
          { name: 'run', cmd: 'echo $(N) > out' },
          { name: 'gather', depends: ['run_*'], cmd: 'cat $(run.workspace)/*/out > all' },
        ],
      }),
    );
  }
}

const warningsIn = ({ stdout }: { readonly stdout: string }) =>
  commandsIn(stdout)
    .filter(({ name }) => name === 'warning')
    .map(({ message }) => message);

const stays = (names: string) =>
  expect.stringContaining(`the study no longer has the instances of ${names}, but their workspaces stay`);

describe('a value that has left a parameter', () => {
  it('leaves its workspace, which the log names in each run until somebody moves it away', async () => {
    const sweep = new Sweep();
    expect(await sweep.values([1, 2, 3]).run()).toMatchObject({ code: 0 });
    const second = await sweep.values([1, 4], { attempt: 2 }).run();
    expect([second.code, warningsIn(second)]).toEqual([0, [stays('run/N.2, run/N.3')]]);
    expect(sweep.read('gather/all')).toBe('1\n2\n3\n4\n');
    rmSync(path.join(sweep.studyPath, 'run/N.2'), { recursive: true });
    const third = await sweep.values([1, 4], { attempt: 3 }).run();
    expect(third.stdout).toContain('There is nothing to do');
    expect(warningsIn(third)).toEqual([stays('run/N.3')]);
    const fourth = await sweep.values([1, 3, 4], { attempt: 4 }).run();
    expect([fourth.code, warningsIn(fourth)]).toEqual([0, []]);
  });
});
