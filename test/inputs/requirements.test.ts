import { describe, expect, it } from 'vitest';
import { actionInputs, defaultOf, descriptionOf } from '../../src/inputs/parse.js';
import { requirements } from '../../src/inputs/requirements.js';
import { type InputName, inputNames } from '../../src/inputs/schema.js';
import { traits } from '../../src/inputs/traits.js';
import { commandLineInputs } from '../support/command-line-inputs.js';
import { complaints } from '../support/complaints.js';

/** The inputs as GitHub gives them: all of them, those that nobody set as their default. */
function onGitHub(given: Partial<Record<InputName, string>>) {
  const environment = inputNames.map((name) => [`INPUT_${name.toUpperCase()}`, given[name] ?? defaultOf(name) ?? '']);
  return actionInputs({ ...Object.fromEntries(environment), INPUT_SPEC: 'study.yaml' });
}

/** A value that is not the default. */
const values: Partial<Record<InputName, string>> = {
  host: 'login1',
  'ssh-client': 'openssh',
  'ssh-passphrase': 'secret words',
  'proxy-jump': 'gate1',
  pargs: 'A:1',
  conductor: 'maestro',
  detach: 'true',
  bindings: 'pip',
  sleeptime: '7',
  'maestro-version': '1.2.1',
  'slower-than': '10 %',
  supersede: 'true',
};
const refusedBlanks: ReadonlyMap<InputName, string> = new Map([
  ['conductor', "--conductor must be native or maestro, not ' '"],
  ['detach', "--detach must be false, true or job, not ' '"],
]);
const given = (name: InputName) => values[name] ?? 'x';

describe('an input that means something only with another', () => {
  it('has all inputs of SSH and staging among it', () => {
    const ofHost = requirements.filter(({ needs }) => needs === 'host').map(({ input }) => input);
    expect(inputNames.filter((name) => /^(ssh|proxy|stage)/.test(name)).sort()).toEqual(ofHost.sort());
  });

  for (const { input, needs } of requirements) {
    it(`(${input}) is an error on GitHub if ${needs} is empty, which says that a variable may not be set`, () => {
      expect(complaints(() => onGitHub({ [input]: given(input) }))).toContain(
        `input '${input}' is of no use without input '${needs}', which is empty; is it taken from a variable that is not set?`,
      );
    });

    // What a command line of Maestro's has is no error there: test/cli/maestro-flags.test.ts.
    if (input !== 'sleeptime' && traits[input].commandLine !== 'none')
      it(`(${input}) is an error on the command line without --${needs}, in its words`, () => {
        const flag = `--${input}=${given(input)}`;
        const errors = complaints(() => commandLineInputs(['study.yaml', flag], { read: () => '' }));
        expect(errors).toContain(`--${input} is of no use without --${needs}`);
        const empty = complaints(() => commandLineInputs(['study.yaml', flag, `--${needs}= `], { read: () => '' }));
        expect(empty).toContain(
          // Of words to choose from blanks are none.
          refusedBlanks.get(needs) ??
            `--${input} is of no use without --${needs}, which is empty; is it taken from a variable that is not set?`,
        );
      });

    it(`(${input}) is none with ${needs}`, () => {
      const all = Object.fromEntries(['host', 'ssh-key', needs, input].map((name) => [name, given(name as InputName)]));
      expect(complaints(() => onGitHub(all))).toEqual([]);
    });

    it(`(${input}) is none as its default, which GitHub gives for what nobody gave`, () => {
      expect(complaints(() => onGitHub({ [input]: defaultOf(input) ?? '' }))).toEqual([]);
    });
  }

  it('says so in its description', () => {
    expect(descriptionOf('ssh-key')).toMatch(/ Needs `host`\.$/);
    expect(descriptionOf('slower-than')).toMatch(/ Needs `baseline` or `history`\.$/);
    expect(descriptionOf('host')).not.toContain('Needs');
  });

  it('says where the issue about a detached study is kept, and what that takes', () => {
    expect(complaints(() => onGitHub({ issue: 'Red', detach: 'true' }))).toEqual([
      "input 'issue' cannot be used with input 'detach': it is kept by the run that collects the study: give it to input 'command' collect",
    ]);
    const collecting = (annotations: string) => () =>
      actionInputs({ INPUT_COMMAND: 'collect', INPUT_ISSUE: 'Red', INPUT_ANNOTATIONS: annotations });
    expect(complaints(collecting('checks'))).toEqual([]);
    expect(complaints(collecting('none'))).toEqual([
      "input 'issue' with input 'command' collect needs input 'annotations' checks, not none",
    ]);
  });

  it('may be how much slower than a history something may be, and that is a baseline too', () => {
    expect(complaints(() => onGitHub({ 'slower-than': '10 %', history: 'auto', baseline: 'auto' }))).toEqual([]);
    expect(complaints(() => onGitHub({ history: '~/nights', baseline: 'auto', detach: 'true' }))).toEqual([]);
    expect(complaints(() => onGitHub({ baseline: 'auto' }))).toEqual([
      "input 'baseline' auto stands for the runs in input 'history', which is none: give that auto, or a directory",
    ]);
  });

  it('may be the passphrase of a key that the client openssh has from its own configuration', () => {
    const given = { host: 'login1', 'ssh-client': 'openssh', 'ssh-passphrase': 'x' };
    expect(complaints(() => onGitHub(given))).toEqual([]);
    expect(complaints(() => onGitHub({ ...given, 'ssh-client': 'ssh2' }))).toHaveLength(1);
  });

  it('shows nothing of a secret', () => {
    expect(complaints(() => onGitHub({ 'ssh-key': 'SECRET', 'ssh-passphrase': 'SECRET' })).join()).not.toContain(
      'SECRET',
    );
  });
});

describe('what is left of a text of which a part is a variable that is not set', () => {
  it.each<[Partial<Record<InputName, string>>, RegExp]>([
    [{ host: '@login.example.org' }, /^input 'host': there is no user before the @ .*not set\?/],
    [{ host: 'me@' }, /^input 'host': there is no name of a machine .*not set\?/],
    [{ host: '@' }, /^input 'host': .*not set\?/],
    [{ host: 'login1:' }, /^input 'host': the port .*not set\?/],
    [{ host: 'login1', 'proxy-jump': 'me@gate,' }, /^input 'proxy-jump': a machine has no name.*not set\?/],
    [{ host: 'login1', 'proxy-jump': '@gate' }, /^input 'proxy-jump': there is no user .*not set\?/],
    [{ flux: 'slurm:' }, /^input 'flux': nothing follows slurm:; .*not set\?/],
    [{ flux: 'file:' }, /^input 'flux': nothing follows file:; .*not set\?/],
    [{ flux: 'ssh://' }, /^input 'flux': nothing follows ssh:\/\/; .*not set\?/],
  ])('is an error that says so, in a dry run too: %j', (given, message) => {
    for (const dry of ['true', 'false']) {
      expect(complaints(() => onGitHub({ ...given, 'dry-run': dry }))).toEqual([expect.stringMatching(message)]);
    }
  });

  it('is an error in the words of the command line there', () => {
    expect(complaints(() => commandLineInputs(['a', '--host=me@'], { read: () => '' }))).toEqual([
      expect.stringMatching(/^--host: there is no name of a machine/),
    ]);
  });
});
