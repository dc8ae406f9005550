import { describe, expect, it } from 'vitest';
import { checkName } from '../../src/action/check-run-observer.js';
import { legOnRunner } from '../../src/action/history.js';
import type { Runner } from '../../src/github/runner-facts.js';
import { inputsSchema } from '../../src/inputs/schema.js';

interface Night {
  readonly commit: string;
  readonly runId: string;
  readonly runNumber: number;
}

const nights: readonly Night[] = [
  { commit: '1234567890abcdef1234567890abcdef12345678', runId: '10000004711', runNumber: 17 },
  { commit: 'fedcba0987fedcba0987fedcba0987fedcba0987', runId: '10000009999', runNumber: 118 },
];

const onRunner = ({ commit, runId, runNumber }: Night): Runner => ({
  ...{ workspace: '/w', repository: 'octo/app', runUrl: '', apiUrl: '', serverUrl: '', eventName: 'schedule' },
  ...{ eventPath: '', temporary: '/tmp', job: 'nightly', step: 'study', attempt: '1', sha: commit, runId, runNumber },
});

function namesIn(night: Night, given: Readonly<Record<string, string>>) {
  const inputs = inputsSchema.parse({ spec: 'study.yaml', ...given });
  const runner = onRunner(night);
  return { check: checkName(inputs, runner, night.commit), leg: legOnRunner(inputs, runner, night.commit) };
}

describe('the name of a check run, and the leg of a matrix', () => {
  it.each<[string, (night: Night) => Record<string, string>]>([
    ['the commit', ({ commit }) => ({ env: `COMMIT=${commit}` })],
    ['a shortened commit', ({ commit }) => ({ variables: `TAG: nightly-${commit.slice(0, 7)}` })],
    ["the run's id", ({ runId }) => ({ batch: `{bank: b, args: {comment: run-${runId}}}` })],
    ["the run's number", ({ runNumber }) => ({ env: `BUILD_NUMBER=${runNumber}` })],
    ["the run's number in a mapping", ({ runNumber }) => ({ variables: `{GITHUB_RUN_NUMBER: '${runNumber}'}` })],
  ])('are the same in each run though %s is among the inputs', (_, inputs) => {
    const [first, second] = nights.map((night) => namesIn(night, inputs(night)));
    expect(first).toEqual(second);
    expect(first!.check).toMatch(/^maestro: study\.yaml \(nightly, study, [0-9a-f]{4}\)$/);
  });

  it('differ by what else differs', () => {
    const [night] = nights;
    const of = (compiler: string) => namesIn(night!, { env: `CC=${compiler}\nCOMMIT=${night!.commit}` });
    expect(of('gcc').check).not.toBe(of('clang').check);
    expect(of('gcc').leg).not.toBe(of('clang').leg);
  });

  // People have made required checks of these: they are as version 0 has made them.
  it.each([
    [{}, 'maestro: study.yaml (nightly, study)'],
    [{ env: 'CC=gcc' }, 'maestro: study.yaml (nightly, study, d41e)'],
    [{ parameters: 'SIZE: {values: [17, 118]}' }, 'maestro: study.yaml (nightly, study, 57c6)'],
    [{ host: 'me@login', variables: 'A: 1' }, 'maestro: study.yaml (nightly, study, 28fb)'],
    [{ 'check-name': 'Nightly 17' }, 'Nightly 17'],
  ])('with %j is %s in every run', (inputs, name) => {
    for (const night of nights) expect(namesIn(night, inputs).check).toBe(name);
  });
});
