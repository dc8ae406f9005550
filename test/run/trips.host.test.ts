import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { runOptionsOf } from '../../src/inputs/derive.js';
import { parseInputs } from '../../src/inputs/parse.js';
import { runStudy } from '../../src/run/run-study.js';
import { ourHolder } from '../../src/store/lease.js';
import type { Log } from '../../src/util/log/log.js';
import { CountingHost } from '../support/counting-host.js';
import { plainHost } from '../support/hosts.js';
import { yamlOf } from '../support/plan.js';
import { temporaryDirectory } from '../support/temporary.js';

const silent: Log = { phase() {}, endPhase() {}, info() {}, live() {}, problem() {}, error() {}, warning() {} };

/** Runs a study of one local step on a machine far away. Returns the trip with which the step was started, and what was run. */
async function firstStep(studyPath: string, { isStaged = false } = {}) {
  const root = temporaryDirectory();
  mkdirSync(path.join(root, 'input'));
  writeFileSync(path.join(root, 'input/data'), 'data');
  let started: number | undefined;
  const host = new CountingHost((text, trip) => {
    if (/^started /m.test(text)) started ??= trip;
  });
  const never = new AbortController().signal;
  const inputs = parseInputs(new Map([['spec', 'study.yaml']]), (name) => name);
  const { results } = await runStudy({
    options: runOptionsOf(inputs),
    host,
    here: plainHost(),
    log: silent,
    text: yamlOf({ steps: [{ name: 'only', cmd: 'echo ran > ran' }] }),
    overlays: {},
    pgen: undefined,
    specPath: path.join(root, 'study.yaml'),
    workingDirectory: root,
    stageRoot: isStaged ? root : undefined,
    cancel: never,
    hangup: never,
    place: () => ({ path: studyPath, key: 'key', resume: 'auto' }),
    request: undefined,
    around: '',
    holder: ourHolder(),
    remember: () => {},
    ineffectiveOptions: () => [],
    reportPlace: () => ({ path: path.join(root, 'report'), untrusted: [root] }),
    baseline: undefined,
  });
  expect(results.status).toBe('FINISHED');
  expect(existsSync(path.join(studyPath, 'only/ran'))).toBe(true);
  return { started, commands: host.commands.length };
}

it('the first step of a new study starts with the sixth trip to its machine', async () => {
  // Look at the place; make and take the study; the plan, on disk; its files; that the step is submitted, on disk; the step.
  const { started } = await firstStep(path.join(temporaryDirectory(), 'study'));
  expect(started).toBe(6);
});

it('a directory that is copied to the machine of a new study takes one trip more', async () => {
  const { started } = await firstStep(path.join(temporaryDirectory(), 'study'), { isStaged: true });
  expect(started).toBe(7);
});
