import { describe, expect, it } from 'vitest';
import { type Flag, type FlagGroup, readArguments, readFlags } from '../../src/cli/flags.js';
import { InputError } from '../../src/util/errors.js';

const flags: readonly Flag[] = [
  { name: 'throttle', short: 't', value: 'N', description: 'x' },
  { name: 'output-path', short: 'o', aliases: ['out'], value: 'DIR', description: 'x' },
  { name: 'on-cancel', value: 'WORD', description: 'x' },
  { name: 'ssh-key', value: 'TEXT', description: 'x' },
  { name: 'ssh-client', value: 'WORD', description: 'x' },
  { name: 'dry-run', short: 'd', aliases: ['dry'], description: 'x' },
  { name: 'yes', short: 'y', description: 'x' },
  { name: 'fg', description: 'x' },
  { name: 'collect', value: 'GLOB', description: 'x', isRepeatable: true },
];
const read = (...args: string[]) => {
  const { values, positionals, errors } = readArguments(args, flags, 1);
  return { ...Object.fromEntries(values), positionals, errors };
};
const spec = { positionals: ['a'], errors: [] };

describe('a flag', () => {
  it.each([
    ['--throttle 4'],
    ['--throttle=4'],
    ['-throttle 4'],
    ['-throttle=4'],
    ['-t 4'],
    ['-t4'],
    ['-t=4'],
    ['--throttle 5 -t 4'],
  ])('may be given as %s', (words) => {
    expect(read('a', ...words.split(' '))).toEqual({ ...spec, throttle: ['4'] });
    expect(read(...words.split(' '), 'a')).toEqual({ ...spec, throttle: ['4'] });
  });

  it.each([['--output-path'], ['--out'], ['-out'], ['-output-path'], ['-o']])('goes by all its names: %s', (name) => {
    expect(read('a', name, '/x y')).toEqual({ ...spec, 'output-path': ['/x y'] });
    expect(read('a', `${name}=/x y`)).toEqual({ ...spec, 'output-path': ['/x y'] });
  });

  it('of one letter may have its value behind it, also a path', () => {
    expect(read('a', '-o/tmp/x')).toEqual({ ...spec, 'output-path': ['/tmp/x'] });
    expect(read('a', '-o./x=1')).toEqual({ ...spec, 'output-path': ['./x=1'] });
  });

  it('of one letter may be put together with others', () => {
    expect(read('a', '-yd')).toEqual({ ...spec, yes: ['true'], 'dry-run': ['true'] });
    expect(read('a', '-yt4')).toEqual({ ...spec, yes: ['true'], throttle: ['4'] });
    expect(read('a', '-yo', '/x')).toEqual({ ...spec, yes: ['true'], 'output-path': ['/x'] });
  });

  it('with one dash is its long name if there is one, though it begins with the letter of another', () => {
    expect(read('a', '-on-cancel', 'leave')).toEqual({ ...spec, 'on-cancel': ['leave'] });
    expect(read('a', '-dry', '-fg')).toEqual({ ...spec, 'dry-run': ['true'], fg: ['true'] });
  });

  it('that is nearly a long name is a mistake rather than a letter with a value', () => {
    expect(read('a', '-throtle', '4').errors).toEqual(['there is no option -throtle; did you mean --throttle?']);
    expect(read('a', '-outputpath=x').errors).toEqual(['there is no option -outputpath; did you mean --output-path?']);
  });

  it('takes what follows for its value, whatever it looks like', () => {
    expect(read('a', '--throttle', '-1')).toEqual({ ...spec, throttle: ['-1'] });
    expect(read('a', '-t', '-1')).toEqual({ ...spec, throttle: ['-1'] });
    expect(read('a', '--out', '-')).toEqual({ ...spec, 'output-path': ['-'] });
  });

  it('that is on or off may be told so', () => {
    expect(read('a', '--dry-run', 'false')).toEqual({ ...spec, 'dry-run': ['false'] });
    expect(read('a', '-d', 'false')).toEqual({ ...spec, 'dry-run': ['false'] });
    expect(read('--dry', 'a')).toEqual({ ...spec, 'dry-run': ['true'] });
  });

  it('counts as it was given last, or each time if it may be repeated', () => {
    expect(read('a', '-t1', '--collect', 'x', '-t2', '--collect=y')).toEqual({
      ...spec,
      throttle: ['2'],
      collect: ['x', 'y'],
    });
  });

  it('needs its value', () => {
    expect(read('a', '--throttle').errors).toEqual(['--throttle needs a value']);
    expect(read('a', '-t').errors).toEqual(['-t needs a value']);
    expect(read('a', '--out').errors).toEqual(['--out needs a value']);
  });
});

describe('an argument without a name', () => {
  it('may be a dash alone, or anything behind two', () => {
    expect(read('-')).toEqual({ positionals: ['-'], errors: [] });
    expect(read('--', '--throttle')).toEqual({ positionals: ['--throttle'], errors: [] });
  });

  it('is the value of an unknown flag if that was probably meant', () => {
    expect(read('--throtle', '4', 'a').positionals).toEqual(['a']);
    expect(read('--dryrun', 'a').positionals).toEqual(['a']);
    expect(read('a', '--zzzz', '4').positionals).toEqual(['a']);
  });
});

describe('an unknown flag', () => {
  it.each([
    ['--throt', '; did you mean --throttle?'],
    ['--outp', '; did you mean --output-path?'],
    ['--ou', '; did you mean --output-path?'],
    ['--ssh', '; did you mean --ssh-key or --ssh-client?'],
    ['--key', '; did you mean --ssh-key?'],
    ['--dryrun', '; did you mean --dry-run?'],
    ['--Throttle', '; did you mean --throttle?'],
    ['--zzzz', '; --help lists them'],
    ['-z', '; --help lists them'],
  ])('%s is told with what may be meant', (flag, hint) => {
    expect(read('a', flag).errors).toEqual([`there is no option ${flag}${hint}`]);
  });

  it('is told without its value, which may be a secret', () => {
    expect(read('a', '--ssh-kye=hunter2').errors).toEqual(['there is no option --ssh-kye; did you mean --ssh-key?']);
  });
});

describe('the flags of a verb of its own', () => {
  const groups: readonly FlagGroup[] = [{ title: 'All', flags }];

  it('are asked by name', () => {
    const given = readFlags(['a', 'b', '-t4', '--dry', '--collect=x', '--collect=y'], groups);
    expect(given.positionals).toEqual(['a', 'b']);
    expect([given.text('throttle'), given.text('ssh-key')]).toEqual(['4', undefined]);
    expect([given.isOn('dry-run'), given.isOn('yes')]).toEqual([true, false]);
    expect([given.all('collect'), given.all('ssh-key')]).toEqual([['x', 'y'], []]);
    expect(() => given.refuseErrors()).not.toThrow();
  });

  it('are refused all at once, with what the verb finds wrong', () => {
    const given = readFlags(['--nope', '--dry=maybe'], groups);
    given.errors.push('no file was given');
    expect(() => given.refuseErrors()).toThrow(
      new InputError([
        'there is no option --nope; --help lists them',
        "--dry-run must be true or false, not 'maybe'",
        'no file was given',
      ]),
    );
  });
});
