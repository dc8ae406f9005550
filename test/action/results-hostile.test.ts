import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { parse, type TestSuites } from 'junit2json';
import { describe, expect, it } from 'vitest';
import { type Ended, Job } from '../support/bundle.js';
import { GitHubServer } from '../support/github-api.js';
import { hostileText } from '../support/hostile.js';
import { yamlOf } from '../support/plan.js';
import { chain, commandsOf, messagesOf, onlyCheckRun, reportingTo } from '../support/reported.js';

/** Texts that are the same in every run. */
const samples = fc.sample(hostileText, { seed: 20_260_131, numRuns: 16 }).map((text, i) => `${i} ${text}`);

/** A spec cannot have everything in it. */
const inSpec = samples.map((text) => text.replaceAll('\u0000', ''));

/** No command but those of the action's own kinds, and none whose words are another's. */
function expectNoneInjected(ended: Ended): void {
  for (const { name, properties, message } of commandsOf(ended)) {
    expect(['error', 'warning']).toContain(name);
    expect(message).not.toMatch(/^injected/);
    expect([undefined, 'study.yaml']).toContain(properties.file);
  }
  expect(ended.stdout).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/);
}

/** Nothing of a text is markup of the page that it is put into. */
function expectNoMarkup(markdown: string): void {
  const prose = markdown.replace(/(`+)[^`][\s\S]*?\1(?!`)/g, '');
  expect(prose).not.toMatch(/<(?:script|img)/);
  expect(prose.match(/<details>/g)?.length).toBe(prose.match(/<\/details>/g)?.length);
}

/** A study whose steps say what is hostile, and fail. */
function hostileJob(github: GitHubServer): Job {
  const job = reportingTo(github, new Job());
  const texts = path.join(job.directory, 'texts');
  mkdirSync(texts);
  for (const [i, text] of samples.entries()) writeFileSync(path.join(texts, String(i)), text);
  return job
    .study(
      yamlOf({
        name: 'a <img src=x> ::error::injected',
        steps: [
          {
            name: 'run <img src=x>|`x` @team ::error::injected',
            description: inSpec.join('\n'),
            cmd: `cat ${texts}/$(I) >&2; cat ${texts}/$(I)\nexit 3 # $(P)`,
          },
        ],
        parameters: { I: samples.map((_, i) => i), P: { values: inSpec, label: 'P.%%' } },
      }),
    )
    .with({ 'hash-workspaces': 'true', 'check-name': inSpec[3]! });
}

describe('hostile names and outputs', () => {
  for (const annotations of ['checks', 'commands', 'none']) {
    it(`break out of nothing with \`annotations: ${annotations}\``, async () => {
      const github = await GitHubServer.start();
      const job = hostileJob(github).with({ annotations });
      const ended = await job.run();
      expect(ended.code, ended.stdout).toBe(2);
      expect(ended.stderr).toBe('');
      expectNoneInjected(ended);
      expectNoMarkup(job.summary);
      const reports = job.outputs['report-path']!;
      const xml = readFileSync(path.join(reports, 'junit.xml'), 'utf8');
      expect(((await parse(xml)) as TestSuites).testsuite?.[0]?.failures).toBe(samples.length);
      const page = readFileSync(path.join(reports, 'report.html'), 'utf8');
      expect(page.match(/<script/g)?.length).toBe(page.match(/<\/script>/g)?.length);
      expect(page).not.toContain('<img src=x>');
      expect(readdirSync(path.join(reports, 'logs'))).toHaveLength(2 * samples.length);
      if (annotations !== 'checks') return expect(github.requests).toEqual([]);
      const run = onlyCheckRun(github);
      expect(run.annotations).toHaveLength(samples.length);
      expectNoMarkup(run.text ?? '');
      expectNoMarkup(run.summary ?? '');
      for (const { title } of run.annotations) expect(title).not.toContain('\n');
    });
  }

  it('are told as they are where GitHub takes nothing', async () => {
    const github = await GitHubServer.start();
    github.fault = () => ({ status: 403, body: { message: '\n::error::injected\u001b[31m' } });
    const ended = await hostileJob(github).run();
    expect(ended).toMatchObject({ code: 2, stderr: '' });
    expectNoneInjected(ended);
    expect(messagesOf(ended, 'warning')).toHaveLength(1);
  });

  it('of a spec, in a file of a hostile name, that cannot be run', async () => {
    const github = await GitHubServer.start();
    const name = 'a,b::error::[x](y) é.yaml';
    const key = JSON.stringify('\u001b[31m::error::injected <img src=x>');
    const spec = chain('true').replace('    run:', `    ${key}: 1\n    run:`);
    const job = reportingTo(github, new Job().study(spec, name));
    const ended = await job.run();
    expect(ended).toMatchObject({ code: 1, stderr: '' });
    for (const { message } of commandsOf(ended)) expect(message).not.toMatch(/^injected/);
    expectNoMarkup(job.summary);
    const run = onlyCheckRun(github);
    expect(run.annotations[0]).toMatchObject({ path: name });
    expectNoMarkup(run.summary ?? '');
  });

  it('of 10 MB on one line fit everywhere', async () => {
    const github = await GitHubServer.start();
    const job = reportingTo(
      github,
      new Job().study(chain("head -c 10000000 /dev/zero | tr '\\0' x >&2\necho >&2\necho the end >&2\nexit 3")),
    );
    const ended = await job.run();
    expect(ended).toMatchObject({ code: 2, stderr: '' });
    expect(ended.stdout.length).toBeLessThan(100_000);
    const run = onlyCheckRun(github);
    expect(run.annotations).toHaveLength(1);
    expect(run.annotations[0]?.raw_details).toContain('the end');
    expect(Buffer.byteLength(job.summary)).toBeLessThan(1024 * 1024);
    expect(job.summary).toContain('the end');
    const reports = job.outputs['report-path']!;
    for (const name of ['junit.xml', 'report.html', 'report.json', 'summary.md']) {
      expect(readFileSync(path.join(reports, name)).length).toBeLessThan(1024 * 1024);
    }
  });

  it('of 10 MB on the only line, without an end, fit too', async () => {
    const github = await GitHubServer.start();
    const job = reportingTo(github, new Job().study(chain("head -c 10000000 /dev/zero | tr '\\0' x >&2\nexit 3")));
    const ended = await job.run();
    expect(ended).toMatchObject({ code: 2, stderr: '' });
    expect(onlyCheckRun(github).annotations).toHaveLength(1);
    expect(Buffer.byteLength(job.summary)).toBeLessThan(1024 * 1024);
  });
});
