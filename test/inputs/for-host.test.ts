import { describe, expect, it } from 'vitest';
import { inputsForHost, inputsForResume } from '../../src/inputs/for-host.js';
import { kindOf, parseInputs } from '../../src/inputs/parse.js';
import { requirements } from '../../src/inputs/requirements.js';
import { type InputName, inputNames } from '../../src/inputs/schema.js';
import { secrets, traits } from '../../src/inputs/traits.js';
import { complaints } from '../support/complaints.js';

/** Of every input a text that is its alone. */
const all = inputsForHost(new Map(inputNames.map((name) => [name, `text of ${name}.`])));
const isIn = (texts: Readonly<Record<string, string>>) => (name: InputName) =>
  JSON.stringify(texts).includes(`"text of ${name}."`);
const isPlain = isIn(all.plain);
const isApart = isIn(all.apart);

describe('of the inputs the host', () => {
  it('gets no secret', () => {
    expect(secrets).not.toEqual([]);
    expect(secrets.filter((name) => isPlain(name) || isApart(name))).toEqual([]);
  });

  it('gets none in a file of the study that by its name or kind may be a secret, or have one in it', () => {
    const isSuspect = (name: InputName) =>
      /key|token|pass|secret|credential|auth/.test(name) || /NAME=VALUE|KEY:VALUE|shell/.test(kindOf(name));
    const suspects = inputNames.filter(isSuspect);
    expect(suspects).toEqual(expect.arrayContaining(['ssh-key', 'github-token', 'env', 'setup', 'pargs']));
    expect(suspects.filter(isPlain)).toEqual([]);
  });

  it('gets overlays, which may have secrets in their variables, and what goes into an environment apart', () => {
    expect(inputNames.filter(isApart)).toEqual(['parameters', 'variables', 'batch', 'pargs', 'setup', 'env']);
  });

  it('gets those with another input that they need', () => {
    const goes = (name: InputName) => isPlain(name) || isApart(name);
    const alone = requirements.filter(({ input, needs }) => goes(input) && !goes(needs));
    expect(alone.map(({ input, needs }) => `${input} without ${needs}`)).toEqual([]);
  });

  it('gets nothing that no input is called', () =>
    expect(
      inputsForHost(
        new Map([
          ['constructor', 'x'],
          ['new-token', 'y'],
        ]),
      ),
    ).toEqual({ plain: {}, apart: {}, withheld: [] }));

  it('gets nothing of those that are empty', () =>
    expect(
      inputsForHost(
        new Map([
          ['throttle', ''],
          ['env', ''],
        ]),
      ),
    ).toEqual({ plain: {}, apart: {}, withheld: [] }));
});

describe('a study that is resumed', () => {
  it('is given again what may be secret and is kept in no other form', () => {
    expect(all.withheld).toEqual(['setup', 'env']);
    const { withheld } = inputsForHost(
      new Map([
        ['env', 'A=b'],
        ['throttle', '2'],
      ]),
    );
    expect(withheld).toEqual(['env']);
  });

  it('takes nothing of the run before that does not get to the host, or belongs to that run alone', () => {
    const names = inputsForResume(Object.fromEntries(inputNames.map((name) => [name, 'x']))).map(([name]) => name);
    expect(names).toEqual(expect.arrayContaining(['throttle', 'allocate', 'history']));
    expect(names.filter((name) => traits[name as InputName].host !== 'plain')).toEqual([]);
    expect(names.filter((name) => /^(resume|baseline|slower-than|report-path|on-infrastructure)$/.test(name))).toEqual(
      [],
    );
  });

  it.each([['report-path'], ['issue'], ['slower-than']])('can be detached if it was run with %s', (name) => {
    const { plain } = inputsForHost(
      new Map([
        ['spec', 'a'],
        [name, '10'],
      ]),
    );
    const texts = new Map([...inputsForResume(plain), ['spec', 'a'] as const, ['detach', 'true'] as const]);
    expect(complaints(() => parseInputs(texts, (each) => `--${each}`))).toEqual([]);
  });
});
