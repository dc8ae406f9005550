import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Ended, Job, startBundle } from '../support/bundle.js';
import { GitHubServer } from '../support/github-api.js';
import { chain, commandsOf, pullRequest, reportingTo, startedBy } from '../support/reported.js';
import { fill, mayMount, smallDisk } from '../support/small-disk.js';

/** A job whose checkout has links to what must stay as it is. */
function prepared(links: Readonly<Record<string, string>>, inputs: Readonly<Record<string, string>> = {}) {
  const job = new Job().study(chain('head -c 300000 /dev/zero > data; echo words >&2; exit 3'));
  job.with({ 'report-path': 'reports', ...inputs });
  const profile = path.join(job.home, '.bash_profile');
  writeFileSync(profile, 'precious');
  mkdirSync(path.join(job.home, 'empty'));
  for (const [link, target] of Object.entries(links)) {
    const file = path.join(job.workspace, link);
    mkdirSync(path.dirname(file), { recursive: true });
    symlinkSync(path.join(job.home, target), file);
  }
  const isUntouched = () =>
    readFileSync(profile, 'utf8') === 'precious' && readdirSync(path.join(job.home, 'empty')).length === 0;
  return { job, isUntouched };
}

const warningsOf = (ended: Ended) =>
  commandsOf(ended).flatMap(({ name, message }) => (name === 'warning' ? [message] : []));

const isReleased = (job: Job) => JSON.parse(job.read('.conductor/lease')).released === true;

describe('reports in a checkout', () => {
  it("of a fork's pull request are written through no link of it", async () => {
    const github = await GitHubServer.start();
    const { job, isUntouched } = prepared(
      {
        'reports/report.json.new': '.bash_profile',
        'reports/report.json': '.bash_profile',
        'reports/junit.xml': 'none',
      },
      { 'dry-run': 'true' },
    );
    startedBy(reportingTo(github, job), 'pull_request', pullRequest('mallory/studies'));
    job.with({ annotations: 'commands' });
    const ended = await job.run();
    expect([ended.code, isUntouched()]).toEqual([0, true]);
    expect(job.report.status).toBe('DRYRUN');
    expect(readdirSync(job.home)).not.toContain('none');
    expect(warningsOf(ended).join()).toMatch(
      /a symbolic link.* was in the way of .*reports\/report\.json, .*reports\/junit\.xml/,
    );
  });

  it.each([
    ['is a link', { reports: 'empty' }, 'reports'],
    ['is below a link', { build: 'empty' }, 'build/reports'],
  ])('are refused before anything runs if report-path %s', async (_, links, given) => {
    const { job, isUntouched } = prepared(links, { 'report-path': given });
    const ended = await job.run();
    expect([ended.code, isUntouched()]).toEqual([1, true]);
    expect(ended.stdout).toMatch(/::error::input 'report-path': .* is a symbolic link/);
    expect(readdirSync(job.home).sort()).toEqual(['.bash_profile', 'empty']);
  });

  it('are refused on the command line in the same way', async () => {
    const { job, isUntouched } = prepared({ reports: 'empty' });
    const below = path.join(job.workspace, 'below');
    mkdirSync(path.join(job.workspace, '.git'));
    mkdirSync(below);
    const { GITHUB_ACTIONS: _, ...env } = job.environment;
    const words = ['run', '../study.yaml', '--report-path', '../reports'];
    const ended = await startBundle(words, { cwd: below, env }).ended;
    expect([ended.code, isUntouched(), readdirSync(below)]).toEqual([1, true, []]);
    expect(ended.stderr).toMatch(/^--report-path: .*reports is a symbolic link/);
  });

  it.each([
    ['logs', { 'reports/logs': 'empty' }, /logs of failed steps could not be collected: .*logs: .*a symbolic link/],
    ['what is collected', { 'reports/s1': 'empty' }, /could be collected: .*s1: .*a symbolic link/],
  ])('are there, and the outputs, if %s would go through a link', async (_, links, words) => {
    const { job, isUntouched } = prepared(links, { collect: '**' });
    const ended = await job.run();
    expect([ended.code, ended.stderr, isUntouched()]).toEqual([2, '', true]);
    expect(warningsOf(ended).join('\n')).toMatch(words);
    expect([job.outputs.status, job.report.status, isReleased(job)]).toEqual(['FAILURE', 'FAILURE', true]);
  });
});

describe.skipIf(!mayMount())('a disk without room for what is collected', () => {
  for (const kilobytes of [100, 1000]) {
    it(`(${kilobytes} KiB) is warned of, and changes neither how the study ends nor its outputs`, async () => {
      const disk = smallDisk(kilobytes);
      const job = new Job().study(chain('for i in 1 2 3 4 5 6 7 8; do head -c 300000 /dev/urandom > data$i; done'));
      job.with({ 'report-path': path.join(disk, 'reports'), collect: '**' });
      const ended = await job.run();
      expect([ended.code, ended.stderr]).toEqual([0, '']);
      expect(warningsOf(ended).join('\n')).toMatch(/not everything could be collected: .*data\d: ENOSPC/);
      expect([job.outputs.status, job.report.status, isReleased(job)]).toEqual(['FINISHED', 'FINISHED', true]);
      expect(await job.post()).toMatchObject({ code: 0, stderr: '' });
    });
  }

  it('nor for the reports themselves', async () => {
    const disk = smallDisk(100);
    fill(path.join(disk, 'filler'));
    const job = new Job().study(chain('true')).with({ 'report-path': path.join(disk, 'reports'), collect: '**' });
    const ended = await job.run();
    expect([ended.code, ended.stderr, job.outputs.status]).toEqual([0, '', 'FINISHED']);
    expect(warningsOf(ended).join('\n')).toMatch(/report report\.json cannot be written: .*ENOSPC/);
    expect(isReleased(job)).toBe(true);
  });
});
