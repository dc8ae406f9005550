import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { commandsIn, type Ended, Job } from '../support/bundle.js';
import { type StepBrief, yamlOf } from '../support/plan.js';
import { isSitePossible, Site } from '../support/site.js';
import { clients } from '../support/ssh-hosts.js';
import { until } from '../support/wait.js';

const wanted = '{with: slurm, nodes: 1, time: 10}';
const job = (name: string, cmd: string) => ({ name, procs: 1, nested: false, cmd });
const studyOf = (...steps: StepBrief[]) => yamlOf({ batch: { type: 'flux' }, steps });
const local = yamlOf({ steps: [{ name: 'only', cmd: 'env > env' }] });

/** What a log shows to whoever reads it, once the runner has taken its commands that mask. */
const shown = ({ stdout, stderr }: Ended) =>
  `${stdout}${stderr}`
    .split('\n')
    .filter((line) => !line.startsWith('::add-mask::'))
    .join('\n');

const masks = ({ stdout }: Ended) =>
  commandsIn(stdout)
    .filter(({ name }) => name === 'add-mask')
    .map(({ message }) => message);

const linesOf = (key: string) => key.split('\n').filter((line) => line !== '');

describe.skipIf(!isSitePossible('the action on a cluster'))('the action on a cluster', () => {
  let site: Site;
  let action: Job;
  beforeAll(async () => {
    site = await Site.start();
  });
  afterAll(() => site?.stop());
  beforeEach(() => {
    action = new Job().with({ ...site.inputs(), annotations: 'commands' });
    // Its studies are in a directory of their own.
    action.environment.GITHUB_REPOSITORY = `octo/${path.basename(action.directory)}`;
  });
  afterEach(() => site.isIdle());

  it('sets its outputs, and brings reports, logs and what is to be collected', async () => {
    action.study(
      studyOf(job('good', 'echo 1 > result:1.csv'), job('bad', 'echo no input >&2; exit 3')),
      'studies/study.yaml',
    );
    action.with({ allocate: wanted, 'report-path': 'report', collect: 'good/*.csv' });
    const ended = await action.run();
    expect(ended.code).toBe(2);
    const reports = path.join(action.workspace, 'report');
    expect(action.outputs).toEqual({
      status: 'FAILURE',
      cause: 'code',
      'study-path': expect.stringMatching(new RegExp(`^${site.home}/maestro-studies/octo/maestro-test-\\w+/demo_`)),
      'flux-uri': expect.stringMatching(/^local:\/\/\//),
      'steps-total': '2',
      'steps-finished': '1',
      'steps-failed': '1',
      'steps-skipped': '0',
      'report-path': reports,
      'check-run-url': '',
    });
    expect(readdirSync(reports).sort()).toEqual([
      'good',
      'junit.xml',
      'logs',
      'renamed.txt',
      'report.html',
      'report.json',
      'summary.md',
    ]);
    expect(readFileSync(path.join(reports, 'good/result%3A1.csv'), 'utf8')).toBe('1\n');
    const logs = readdirSync(path.join(reports, 'logs'), { recursive: true, withFileTypes: true }).filter((entry) =>
      entry.isFile(),
    );
    const texts = logs.map((entry) => readFileSync(path.join(entry.parentPath, entry.name), 'utf8'));
    expect(texts.filter((text) => text !== '')).toEqual(['no input\n']);
    expect(action.report).toMatchObject({
      status: 'FAILURE',
      study: { host: `${site.server.user}@127.0.0.1:${site.server.port}` },
    });
    expect(action.summary).toContain('bad');
    expect(commandsIn(ended.stdout)).toContainEqual({
      name: 'error',
      properties: { file: 'studies/study.yaml', line: expect.any(String), title: 'bad FAILED: exit 3' },
      message: expect.stringMatching(/^no input\n/),
    });
    expect(await site.queue()).toEqual([]);
  });

  describe.each(clients)('with the client %s', (client) => {
    it('keeps the key and its passphrase out of the log, the steps and the disk', async () => {
      const passphrase = 'correct horse';
      const key = await site.server.newKey({ passphrase });
      action.study(local).with({ 'ssh-client': client, 'ssh-key': key.text, 'ssh-passphrase': passphrase });
      const ended = await action.run();
      expect(ended.code).toBe(0);
      const secrets = [...linesOf(key.text), passphrase];
      expect(masks(ended)).toEqual(expect.arrayContaining(secrets));
      const env = readFileSync(path.join(action.outputs['study-path']!, 'only/env'), 'utf8');
      for (const secret of [...secrets, 'ghs_secret']) {
        expect(shown(ended)).not.toContain(secret);
        expect(env).not.toContain(secret);
      }
      expect(readdirSync(action.temporary)).toEqual(['maestro-report']);
    });

    it('gives back in its post step what a main step that was killed held', async () => {
      action.study(studyOf(job('long', 'touch up; exec sleep 300'))).with({ 'ssh-client': client, allocate: wanted });
      const { process, ended } = action.start();
      await until('the job runs', () => isThere(site, action, 'long/up'), 30_000);
      process.kill('SIGKILL');
      await ended;
      expect(await site.queue()).toEqual([expect.stringMatching(/^\d+ RUNNING$/)]);
      // A key that `ssh` has as a file is left behind, too.
      expect(readdirSync(action.temporary)).toHaveLength(client === 'openssh' ? 1 : 0);
      const { maestro_allocation: state } = action.state;
      expect(state).not.toContain('PRIVATE KEY');
      const { code, stdout, stderr } = await action.post();
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toContain(`Gave back the allocation ${JSON.parse(state!).id}`);
      expect(await site.queue()).toEqual([]);
      expect(readdirSync(action.temporary)).toEqual([]);
      await until('nobody is connected any more', () => site.server.connections === 0);
    });
  });

  it('has nothing to do in its post step after a main step that ended well', async () => {
    action.study(studyOf(job('only', 'true'))).with({ allocate: wanted });
    expect(await action.run()).toMatchObject({ code: 0 });
    const before = site.server.logins;
    expect(await action.post()).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(site.server.logins).toBe(before);
  });

  it('tells in its post step what it cannot give back, and does not fail the job', async () => {
    action.study(studyOf(job('long', 'touch up; exec sleep 300'))).with({ allocate: wanted });
    const { process, ended } = action.start();
    await until('the job runs', () => isThere(site, action, 'long/up'), 30_000);
    process.kill('SIGKILL');
    await ended;
    const stranger = await site.server.newKey({ authorized: false });
    const { code, stdout } = await action.with({ 'ssh-key': stranger.text }).post();
    expect(code).toBe(0);
    expect(commandsIn(stdout)).toContainEqual(expect.objectContaining({ name: 'warning' }));
    expect(await action.with({ 'ssh-key': site.key.text }).post()).toMatchObject({ code: 0 });
    expect(await site.queue()).toEqual([]);
  });
});

/** Whether there is a file of a study at the site, as `demo_.../long/up`. */
function isThere({ home }: Site, { environment }: Job, name: string): boolean {
  const root = path.join(home, 'maestro-studies', environment.GITHUB_REPOSITORY!);
  return existsSync(root) && readdirSync(root).some((study) => existsSync(path.join(root, study, name)));
}
