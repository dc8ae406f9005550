import { describe, expect, it } from 'vitest';
import { generalHelp, usage, verbHelp } from '../../src/cli/help.js';
import { programName } from '../../src/cli/program-name.js';
import { studyFlags } from '../../src/cli/study-flags.js';
import { loadVerbs, verbNames } from '../../src/cli/verbs.js';
import { wrongVerb } from '../../src/cli/wrong-verb.js';
import { defaultOf } from '../../src/inputs/parse.js';
import { inputNames } from '../../src/inputs/schema.js';
import { traits } from '../../src/inputs/traits.js';

const program = 'node dist/index.js';
const linesOf = (text: string) => text.replace(/\n$/, '').split('\n');
const verbs = await loadVerbs();
const run = verbs.find(({ name }) => name === 'run')!;

describe('the program', () => {
  it('is called by its name where npm has installed it', () => {
    expect(programName('/usr/lib/node_modules/.bin/maestro-on-flux')).toBe('maestro-on-flux');
    expect(programName('/home/me/maestro-on-flux/dist/index.js')).toBe('node dist/index.js');
    expect(programName(undefined)).toBe('node dist/index.js');
  });
});

describe('help', () => {
  it('without arguments is five lines with every verb', () => {
    const text = usage(program, verbs);
    expect(linesOf(text)).toHaveLength(5);
    for (const { name } of verbs) expect(text).toContain(name);
    expect(Math.max(...linesOf(text).map((line) => line.length))).toBeLessThanOrEqual(100);
  });

  it('fits a screen, and has every verb', () => {
    const lines = linesOf(generalHelp(program, verbs));
    // A line is left for the prompt.
    expect(lines.length).toBeLessThan(24);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(90);
    for (const { name, summary } of verbs) {
      expect(lines.filter((line) => line.startsWith(`  ${name} `) && line.includes(summary))).toHaveLength(1);
    }
  });

  it('of a verb about a study has every input but those of the action', () => {
    const text = verbHelp(program, run, 80);
    for (const name of inputNames) {
      const isFlag = ['flag', 'ignored'].includes(traits[name].commandLine);
      expect([name, new RegExp(`--${name}\\b(?!-)`).test(text)]).toEqual([name, isFlag]);
    }
  });

  it('of a verb groups its flags, with their defaults, choices and other names', () => {
    const text = verbHelp(program, run, 100);
    const headings = linesOf(text).filter((line) => /^\S.*:$/.test(line));
    expect(headings).toEqual(studyFlags.map(({ title }) => `${title}:`));
    expect(text).toContain('\n  -a, --submission-attempts, --attempts N\n');
    expect(text).toContain('\n  --ssh-client ssh2|openssh\n');
    expect(text).toMatch(/--local-jobs N\n[^-]*Default: 4\./);
    expect(text.replaceAll(/\s+/g, ' ')).toMatch(/ --pargs KEY:VALUE [^-]* May be given several times\./);
  });

  it.each([[40], [60], [80], [100], [250]])('of a verb is wrapped to %i columns', (width) => {
    for (const verb of verbs) {
      const long = linesOf(verbHelp(program, verb, width)).filter((line) => line.length > Math.min(width, 110));
      // Only what cannot be broken is longer.
      expect(long.filter((line) => line.startsWith('        ') && line.trim().includes(' '))).toEqual([]);
    }
  });

  it('has no marks of Markdown', () => {
    for (const verb of verbs) expect(verbHelp(program, verb, 80)).not.toMatch(/`|\]\(/);
  });

  it('says the default of each flag that has one', () => {
    for (const { name, default: shown } of studyFlags.flatMap(({ flags }) => flags)) {
      const input = inputNames.find((each) => each === name);
      const byDefault = input && defaultOf(input);
      expect([name, shown]).toEqual([name, byDefault === 'false' || byDefault === '' ? undefined : byDefault]);
    }
  });
});

describe('what does not begin with a verb', () => {
  const wrong = (...args: string[]) =>
    wrongVerb(args, { program, verbNames, isFile: (name) => name === 'there' || name === './my study' });

  it('is suggested a verb if it is nearly one', () => {
    expect(wrong('valdate')).toBe("there is no command 'valdate': did you mean validate?");
    expect(wrong('doc', 'x.yaml')).toBe("there is no command 'doc': did you mean doctor?");
    expect(wrong('Run')).toBe("there is no command 'Run': did you mean run?");
  });

  it('is told all verbs otherwise', () => {
    expect(wrong('zzzzzz')).toMatch(/^there is no command 'zzzzzz': use run, validate.* or [a-z]+ \(.* --help\)$/);
  });

  it('is shown the command if it is a study', () => {
    const toRun = "': to run that study, use\n    node dist/index.js run ";
    expect(wrong('study.yaml')).toBe(`there is no command 'study.yaml${toRun}study.yaml`);
    expect(wrong('a/b.YML', '-t', '4')).toBe(`there is no command 'a/b.YML${toRun}a/b.YML ...`);
    expect(wrong('there')).toBe(`there is no command 'there${toRun}there`);
    expect(wrong('./my study')).toBe(`there is no command './my study${toRun}'./my study'`);
    expect(wrong('-')).toBe(`there is no command '-${toRun}-`);
  });

  it('is told that flags follow the verb, without their values', () => {
    expect(wrong('--ssh-passphrase=hunter2', 'study.yaml')).toBe(
      'the command comes before its flags: node dist/index.js run SPEC --ssh-passphrase ... (node dist/index.js --help)',
    );
  });
});
