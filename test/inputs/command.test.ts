import { describe, expect, it } from 'vitest';
import { studyFlags } from '../../src/cli/study-flags.js';
import { actionInputs, defaultOf, descriptionOf } from '../../src/inputs/parse.js';
import { actionDefaults, type InputName, inputNames } from '../../src/inputs/schema.js';
import { commandLineInputs } from '../support/command-line-inputs.js';
import { complaints } from '../support/complaints.js';

/** The inputs as GitHub gives them: all of them, those that nobody set as their default. */
function onGitHub(given: Partial<Record<InputName, string>>) {
  const environment = inputNames.map((name) => {
    return [`INPUT_${name.toUpperCase()}`, given[name] ?? actionDefaults[name] ?? defaultOf(name) ?? ''];
  });
  return actionInputs(Object.fromEntries(environment));
}

describe('the input `command`', () => {
  it('is run unless another is given, and then wants a spec', () => {
    expect(onGitHub({ spec: 'study.yaml' }).command).toBe('run');
    expect(complaints(() => onGitHub({}))).toEqual(["input 'spec' is required: the path of a study specification"]);
  });

  it('takes no spec to merge, but reports', () => {
    expect(onGitHub({ command: 'merge', reports: 'a/report.json\n b=c.json ' })).toMatchObject({
      command: 'merge',
      reports: ['a/report.json', 'b=c.json'],
    });
    expect(complaints(() => onGitHub({ command: 'merge' }))).toEqual([
      "input 'reports' is required with input 'command' merge: the report.json files, a path or glob a line",
    ]);
  });

  it('takes what is shown, and where, from the same inputs as a run', () => {
    const given = { annotations: 'none', 'check-name': 'all', summary: 'false', 'report-path': 'out' } as const;
    expect(onGitHub({ command: 'merge', reports: 'a.json', ...given })).toMatchObject({ 'check-name': 'all' });
  });

  it('tells all inputs that mean nothing to it', () => {
    expect(
      complaints(() => onGitHub({ command: 'merge', reports: 'a.json', spec: 'study.yaml', host: 'login1' })),
    ).toEqual([
      "input 'spec' has no meaning with input 'command' merge",
      "input 'host' has no meaning with input 'command' merge",
    ]);
    expect(complaints(() => onGitHub({ spec: 'study.yaml', reports: 'a.json' }))).toEqual([
      "input 'reports' has no meaning with input 'command' run, only with merge and comment",
    ]);
  });

  it('must be one that there is', () => {
    expect(complaints(() => onGitHub({ command: 'fly' }))).toEqual([
      "input 'command' must be run, collect, merge or comment, not 'fly'",
    ]);
  });

  it('is no flag, for the command line has verbs', () => {
    const read = () => '';
    for (const name of ['command', 'reports', 'expected']) {
      expect(complaints(() => commandLineInputs(['study.yaml', `--${name}=x`], { read }))[0]).toContain(
        `there is no option --${name}`,
      );
      expect(studyFlags.flatMap(({ flags }) => flags.filter((flag) => flag.name === name))).toEqual([]);
    }
  });

  it('is named in the description of what only it takes', () => {
    expect(descriptionOf('reports')).toMatch(/ Only with `command: merge` and `command: comment`\.$/);
  });
});

describe('the input `expected`', () => {
  const expected = (text: string) =>
    onGitHub({ command: 'merge', reports: 'a.json', ...(text === '' ? {} : { expected: text }) }).expected;

  it('is lines of names, or a JSON list of names or of machines as a matrix has them', () => {
    expect(expected('')).toEqual([]);
    expect(expected('alpha\n beta \n\n')).toEqual(['alpha', 'beta']);
    expect(expected('["alpha", {"name": "beta", "host": "login1"}]')).toEqual(['alpha', 'beta']);
  });

  it.each(['[1]', '[{"host": "login1"}]', '["alpha"'])('is refused as the list %s', (text) => {
    expect(complaints(() => expected(text))).toEqual([
      'input \'expected\' must be lines of names, or a JSON list of names or of {"name": ...}',
    ]);
  });
});
