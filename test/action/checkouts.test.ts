import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { Job } from '../support/bundle.js';
import { GitHubServer } from '../support/github-api.js';
import { chain, commandsOf, onlyCheckRun, reportingTo } from '../support/reported.js';

/** A job whose spec is in a checkout of this repository, in a directory of the workspace. */
async function inCheckout(repository: string) {
  const github = await GitHubServer.start();
  const job = reportingTo(github, new Job().study(chain('exit 3'), 'code/specs/study.yaml'));
  const git = path.join(job.workspace, 'code/.git');
  mkdirSync(git);
  writeFileSync(
    path.join(git, 'config'),
    `[core]\n\tbare = false\n[remote "origin"]\n\turl = https://github.com/${repository}\n`,
  );
  return { github, job };
}

it('annotations of a spec in a checkout with a path of its own are on its path in the repository', async () => {
  const { github, job } = await inCheckout('octo/studies');
  const ended = await job.with({ annotations: 'commands' }).run();
  expect(commandsOf(ended)[0]).toMatchObject({ name: 'error', properties: { file: 'specs/study.yaml', line: '6' } });
  await job.with({ annotations: 'checks' }).run();
  expect(onlyCheckRun(github).annotations.map((one) => one.path)).toEqual(['specs/study.yaml']);
});

it('annotations of a spec in a checkout of another repository are on no line, and say where it is', async () => {
  const { github, job } = await inCheckout('octo/others');
  const ended = await job.with({ annotations: 'commands' }).run();
  const [first] = commandsOf(ended);
  expect(first).toMatchObject({ name: 'error', properties: { title: 's1 FAILED: exit 3' } });
  expect(first!.properties.file).toBeUndefined();
  expect(first!.message).toMatch(/^code\/specs\/study\.yaml:6: /);
  const checked = await job.with({ annotations: 'checks' }).run();
  expect(onlyCheckRun(github).annotations).toEqual([]);
  expect(commandsOf(checked)[0]!.properties.file).toBeUndefined();
});
