import path from 'node:path';
import { clip } from '../../report/markdown.js';
import { closest } from '../../util/closest.js';
import { oneLine } from '../../util/log/plain-text.js';
import { commandLines } from './command-lines.js';

/** `/study run`, as it is written. */
export interface StudyCommand {
  /** The path of the spec in the repository; undefined for the workflow's own. */
  readonly spec: string | undefined;
  /** The beginning of the commit's id, in lower case; undefined for the head. */
  readonly sha: string | undefined;
  /** Where to run; empty for all places that the workflow has. */
  readonly machines: readonly string[];
  /** Values of parameters, by their names. */
  readonly parameters: ReadonlyMap<string, readonly string[]>;
}

export type ParsedComment =
  | { readonly kind: 'run'; readonly command: StudyCommand }
  | { readonly kind: 'help' }
  /** Each is a sentence without its full stop, for people. It has the comment's own text in it. */
  | { readonly kind: 'mistakes'; readonly mistakes: readonly string[] };

/** What can be written, for people who wrote something else. */
export const usage = '/study run [SPEC] [@SHA] [machine=NAME] [PARAMETER=VALUE]';

const verbs = ['run', 'help'] as const;

/** The longest word that is taken. */
const MAX_WORD_CHARACTERS = 500;

const MAX_PARAMETERS = 50;

/** The command in a comment; undefined if it has none. Never throws. */
export function parseComment(comment: string): ParsedComment | undefined {
  const [line, ...others] = commandLines(comment);
  if (line === undefined) return undefined;
  if (others.length > 0) {
    return mistaken([`a comment can have one command, and this one has ${others.length + 1}`]);
  }
  const [, verb, ...words] = line.split(/[ \t]+/);
  if (verb === undefined || verb === '' || verb === 'help') return { kind: 'help' };
  if (verb !== 'run') {
    const guess = closest(verb, verbs);
    const hint = guess === undefined ? `there is ${verbs.join(' and ')}` : `did you mean '${guess}'?`;
    return mistaken([`${shown(verb)} is not a command (${hint})`]);
  }
  return parseRun(words.filter((word) => word !== ''));
}

function parseRun(words: readonly string[]): ParsedComment {
  const mistakes: string[] = [];
  const parameters = new Map<string, readonly string[]>();
  const once = new Map<'spec' | 'sha' | 'machine', string>();
  const set = (what: 'spec' | 'sha' | 'machine', value: string, twice: string) => {
    if (once.has(what)) mistakes.push(twice);
    else once.set(what, value);
  };
  for (const word of words) {
    const [name, value] = halves(word);
    if (word.length > MAX_WORD_CHARACTERS) mistakes.push(`${shown(word)} is too long`);
    else if (word.startsWith('@')) {
      if (!/^@[0-9a-f]{7,64}$/i.test(word))
        mistakes.push(`${shown(word)} is not @ and 7 or more digits of a commit's id`);
      else set('sha', word.slice(1).toLowerCase(), `${shown(word)} is a second commit`);
    } else if (value === undefined) {
      set('spec', word, `${shown(word)} is one word too many: the spec is ${shown(once.get('spec') ?? '')}`);
    } else if (name === 'machine')
      set('machine', value, `${shown(word)} is a second machine=: separate names with commas`);
    else {
      const mistake = mistakeInParameter(name, value, parameters);
      if (mistake === undefined) parameters.set(name, value.split(','));
      else mistakes.push(mistake);
    }
  }
  if (parameters.size > MAX_PARAMETERS) mistakes.push(`there are more than ${MAX_PARAMETERS} parameters`);
  const machines = once.get('machine')?.split(',') ?? [];
  if (machines.includes('')) mistakes.push('machine= lacks a name');
  const given = once.get('spec');
  const spec = given === undefined ? undefined : plainPath(given);
  if (given !== undefined && spec === undefined) {
    mistakes.push(`${shown(given)} is not the path of a file in the repository`);
  }
  if (mistakes.length > 0) return mistaken(mistakes);
  return { kind: 'run', command: { spec, sha: once.get('sha'), machines: [...new Set(machines)], parameters } };
}

function halves(word: string): [name: string, value: string] | [name: string, value: undefined] {
  const equals = word.indexOf('=');
  return equals === -1 ? [word, undefined] : [word.slice(0, equals), word.slice(equals + 1)];
}

function mistakeInParameter(name: string, value: string, known: ReadonlyMap<string, unknown>): string | undefined {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return `${shown(name)} cannot be the name of a parameter`;
  if (known.has(name)) return `${shown(name)} is given twice: separate values with commas`;
  if (value === '') return `${shown(name)} has no value`;
  // The value ends up in shell commands, so it is never more than a number, a name or a path.
  if (!/^[A-Za-z0-9_.+:/@-]+(,[A-Za-z0-9_.+:/@-]+)*$/.test(value)) {
    return `the value of ${shown(name)} may have letters, digits and _ . + - : / @ only, with commas between values`;
  }
  return undefined;
}

/** A relative path that stays in the repository, in its shortest spelling; undefined for any other. */
export function plainPath(file: string): string | undefined {
  const plain = path.posix.normalize(file);
  const isOutside = plain.startsWith('/') || plain === '..' || plain.startsWith('../');
  return isOutside || plain === '.' || plain.endsWith('/') || /[\\\p{C}]/u.test(plain) || file.split('/').includes('..')
    ? undefined
    : plain;
}

function mistaken(mistakes: readonly string[]): ParsedComment {
  return { kind: 'mistakes', mistakes };
}

/** A word of the comment, in a sentence. */
function shown(word: string): string {
  return `'${oneLine(clip(word, 80))}'`;
}

/** The parameters as the input `parameters` takes them: a line of YAML for each, whose values are all text. */
export function parametersYaml(parameters: StudyCommand['parameters']): string {
  return [...parameters].map(([name, values]) => `${JSON.stringify(name)}: ${JSON.stringify(values)}`).join('\n');
}
