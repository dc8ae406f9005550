import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { mergedSchema } from '../../src/report/merge/merged-schema.js';
import { reportJson } from '../../src/report/report-json.js';
import type { StudyStatus } from '../../src/study/state.js';
import { Job, startBundle } from '../support/bundle.js';
import { GitHubServer } from '../support/github-api.js';
import { onlyCheckRun, reportingTo } from '../support/reported.js';
import { ran, resultsOf } from '../support/results.js';

/** The report of a study of one step. */
function reportOf(status: StudyStatus): string {
  const record = ran(1500, status === 'FAILURE' ? { state: 'FAILED', reason: 'exit 3' } : {});
  const outputs = { stdout: 'make/a.out', stderr: 'make/a.err' };
  return reportJson(resultsOf([{ name: 'make', record, outputs, says: 'no space left' }], { status }));
}

/** A job that merges reports, as the artifacts of legs are downloaded. */
function merging(reports: Readonly<Record<string, string>>, inputs: Readonly<Record<string, string>> = {}): Job {
  const job = new Job().with({ command: 'merge', reports: 'reports/*/report.json', ...inputs });
  for (const [name, text] of Object.entries(reports)) {
    const directory = path.join(job.workspace, 'reports', `study-report-${name}`);
    mkdirSync(directory, { recursive: true });
    writeFileSync(path.join(directory, 'report.json'), text);
  }
  return job;
}

describe('command: merge', () => {
  it('makes one report, summary and check run of several reports, in which a failure decides', async () => {
    const github = await GitHubServer.start();
    const job = reportingTo(github, merging({ alpha: reportOf('FINISHED'), beta: reportOf('FAILURE') }));
    const { code, stdout } = await job.with({ expected: '["alpha", {"name": "gamma"}]' }).run();
    expect(code, stdout).toBe(2);
    expect(stdout).toContain('gamma was not run: there is no report of it');
    const check = onlyCheckRun(github);
    expect(check).toMatchObject({
      name: 'maestro: all machines',
      status: 'completed',
      conclusion: 'failure',
      title: 'hello on 3 machines: 1 FAILURE, 1 FINISHED, 1 not run',
      annotations: [],
    });
    expect(check.summary).toContain('no space left');
    expect(job.summary).toContain('| <code>make</code> | ✅ 1.5s |  | ❌ FAILED 1.5s |');
    expect(job.outputs).toMatchObject({
      status: 'FAILURE',
      'steps-total': '2',
      'steps-finished': '1',
      'steps-failed': '1',
    });
    const read = (name: string) => readFileSync(path.join(job.outputs['report-path']!, name), 'utf8');
    const ajv = new Ajv();
    addFormats.default(ajv);
    const validate = ajv.compile(z.toJSONSchema(mergedSchema, { target: 'draft-7' }));
    expect(validate(JSON.parse(read('report.json'))), ajv.errorsText(validate.errors)).toBe(true);
    expect(read('junit.xml').match(/<testsuite .*?name="[a-z]*"/g)).toHaveLength(3);
    expect(read('report.html')).toContain('<h2 id="machines"');
    expect((await job.post()).code).toBe(0);
  });

  it('is green if a machine finished and another was not run', async () => {
    const github = await GitHubServer.start();
    const job = reportingTo(github, merging({ alpha: reportOf('FINISHED') }, { expected: 'alpha\nbeta' }));
    expect((await job.with({ 'check-name': 'all' }).run()).code).toBe(0);
    expect(onlyCheckRun(github)).toMatchObject({ name: 'all', conclusion: 'success' });
    expect(job.outputs.status).toBe('FINISHED');
  });

  it('is not green if no machine was run, or none but in a dry run', async () => {
    const github = await GitHubServer.start();
    const none = reportingTo(github, merging({}, { expected: 'alpha' }));
    expect((await none.run()).code).toBe(1);
    expect(onlyCheckRun(github).conclusion).toBe('failure');
    expect(none.outputs.status).toBe('NOTRUN');
    const dry = merging({ alpha: reportOf('DRYRUN') });
    expect((await dry.run()).code).toBe(1);
    expect(dry.summary).toContain('there are only dry runs');
  });

  it('goes without a check run where GitHub takes none', async () => {
    const github = await GitHubServer.start();
    github.fault = () => ({ status: 403 });
    const { code, stdout } = await reportingTo(github, merging({ alpha: reportOf('FINISHED') })).run();
    expect(code).toBe(0);
    expect(stdout).toContain("Add 'checks: write' to the job's 'permissions'");
  });

  it('tells all that is wrong with the reports, and shows it on the commit', async () => {
    const github = await GitHubServer.start();
    const reports = { alpha: '<html>', beta: '{"schema": 2}', gamma: '{"kind": "merged", "schema": 1}' };
    const job = reportingTo(github, merging(reports, { reports: 'reports/*/report.json\nelse/*.json' }));
    const { code, stdout } = await job.run();
    expect(code).toBe(1);
    expect(stdout).toContain('alpha/report.json is not JSON: it has to be the report.json of a run');
    expect(stdout).toContain('beta/report.json has schema 2, and this version knows schema 1 only');
    expect(stdout).toContain('gamma/report.json is merged of several');
    expect(stdout).toContain("input 'reports': no file matches 'else/*.json'");
    expect(onlyCheckRun(github)).toMatchObject({ conclusion: 'failure' });
    expect(job.summary).toContain('The reports cannot be merged');
  });

  it('writes through no link that a pull request has prepared', async () => {
    const job = merging({ alpha: reportOf('FINISHED') }, { 'report-path': 'out' });
    symlinkSync(job.home, path.join(job.workspace, 'out'));
    const { stdout } = await job.run();
    expect(stdout).toContain('the reports cannot be written');
    expect(() => readFileSync(path.join(job.home, 'report.json'))).toThrow('ENOENT');
  });
});

describe('the verb merge', () => {
  const merge = async (job: Job, ...args: string[]) => {
    const env = { PATH: process.env.PATH!, HOME: job.home };
    return startBundle(['merge', ...args], { cwd: job.workspace, env }).ended;
  };

  it('takes paths, globs and names, and ends as the machines did together', async () => {
    const job = merging({ alpha: reportOf('FINISHED'), beta: reportOf('INTERRUPTED') });
    const alpha = 'reports/study-report-alpha/report.json';
    const { code, stdout } = await merge(job, `one=${alpha}`, 'reports/*beta/report.json', '--report-path', 'all');
    expect(code).toBe(4);
    expect(stdout).toMatch(/^one +FINISHED/m);
    expect(stdout).toMatch(/^beta +INTERRUPTED/m);
    expect(JSON.parse(readFileSync(path.join(job.workspace, 'all/report.json'), 'utf8')).status).toBe('INTERRUPTED');
    expect((await merge(job, alpha)).code).toBe(0);
  });

  it('tells what is wrong with its arguments', async () => {
    const job = merging({ alpha: reportOf('FINISHED'), beta: reportOf('FINISHED') });
    const reports = ['one=reports/study-report-alpha/report.json', 'one=reports/study-report-beta/report.json'];
    expect(await merge(job)).toMatchObject({ code: 1, stderr: expect.stringContaining('no report is given') });
    expect((await merge(job, ...reports)).stderr).toContain('two reports are called one');
    expect((await merge(job, 'gone.json')).stderr).toContain('there is no file gone.json');
    expect((await merge(job, 'x=reports/*/report.json')).stderr).toContain(
      'matches 2 files, but only one can be called x',
    );
  });
});
