import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ActRepository, type ActRun, act } from '../support/act.js';
import { newHostKey } from '../support/host-key.js';
import { chain } from '../support/reported.js';
import { freePort } from '../support/ssh-server.js';

const caller = (machines: readonly object[]) => `name: test
on: push
jobs:
  study:
    uses: ./.github/workflows/study.yml
    with:
      spec: study.yaml
      machines: |
        ${JSON.stringify(machines)}
    secrets:
      ssh-key: \${{ secrets.SSH_KEY }}
      ssh-known-hosts: \${{ secrets.SSH_KNOWN_HOSTS }}
`;

async function run(spec: string, machines: readonly object[], secrets: Readonly<Record<string, string>> = {}) {
  const repository = new ActRepository({ 'study.yaml': spec, '.github/workflows/test.yml': caller(machines) });
  return { repository, run: await repository.run({ workflow: 'test.yml', secrets }) };
}

const verdict = (run: ActRun) => ({ check: run.jobs.Result, status: run.output('Result', 'verdict', 'status') });

if (act.program === undefined) {
  console.warn(act.why);
  it.skip(act.why, () => {});
} else {
  describe('a study on several machines', () => {
    it('is green if it finished where it ran; those in maintenance or out of reach are not run, and are named', async () => {
      const port = await freePort();
      const secrets = { SSH_KEY: newHostKey().private, SSH_KNOWN_HOSTS: `[127.0.0.1]:${port} ${newHostKey().public}` };
      const machines = [
        { name: 'here' },
        { name: 'resting', maintenance: true },
        { name: 'away', host: `127.0.0.1:${port}` },
      ];
      const { repository, run: ended } = await run(chain('true'), machines, secrets);
      expect(ended.jobs, ended.log).toEqual({
        'Check the study': 'success',
        here: 'success',
        away: 'success',
        Result: 'success',
      });
      expect(verdict(ended)).toEqual({ check: 'success', status: 'FINISHED' });
      expect(ended.messages('Check the study', 'notice')).toEqual(['resting is in maintenance']);
      expect(ended.messages('away', 'warning')).toContain('away cannot be reached');
      expect(readdirSync(repository.artifacts).sort()).toEqual(['study-report', 'study-report-here']);
      const summary = readFileSync(path.join(repository.artifacts, 'study-report/summary.md'), 'utf8');
      for (const name of ['here', 'resting', 'away']) expect(summary).toContain(name);
      expect(summary).toMatch(/not run/i);
    }, 120_000);

    it('is red if it failed on one of them, which ends none of the others', async () => {
      const spec = chain('[ "$WORKS" = yes ]');
      const { repository, run: ended } = await run(spec, [
        { name: 'good', env: 'WORKS=yes' },
        { name: 'bad', env: 'WORKS=no' },
      ]);
      expect(ended.jobs, ended.log).toMatchObject({ good: 'success', bad: 'failure', Result: 'failure' });
      expect(verdict(ended)).toEqual({ check: 'failure', status: 'FAILURE' });
      expect(readdirSync(repository.artifacts).sort()).toEqual([
        'study-report',
        'study-report-bad',
        'study-report-good',
      ]);
    }, 120_000);

    it('is red if nothing was run', async () => {
      const { repository, run: ended } = await run(chain('touch "$HOME/ran"'), [
        { name: 'resting', maintenance: true },
      ]);
      expect(ended.jobs, ended.log).toMatchObject({ 'Check the study': 'success', Result: 'failure' });
      expect(ended.jobs.study).toBeUndefined();
      expect(ended.output('Result', 'verdict', 'status')).not.toBe('FINISHED');
      expect(existsSync(path.join(repository.home, 'ran'))).toBe(false);
    }, 120_000);

    it('is not begun if the list of machines is wrong, and all that is wrong is told', async () => {
      const { run: ended } = await run(chain('true'), [
        { name: 'a', flux: 'system', allocate: { with: 'slurm' } },
        { name: 'A', hots: 'login' },
        { host: 'login' },
      ]);
      expect(ended.jobs, ended.log).toEqual({ 'Check the study': 'failure', Result: 'failure' });
      expect(ended.messages('Check the study', 'error')).toEqual([
        expect.stringMatching(/^machine 1 has both flux and allocate/),
        expect.stringMatching(/^there are two machines A/),
        expect.stringMatching(/^machine 2 has a key 'hots', which is none of name, /),
        expect.stringMatching(/^machine 3 needs a name/),
      ]);
      expect(ended.messages('Result', 'error').join()).toMatch(
        /Something is wrong with the study or the list of machines/,
      );
    }, 120_000);
  });
}
