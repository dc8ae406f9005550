import type { TextStream } from '../../util/log/terminal-log.js';

/** Shorter values would be found in other words. */
const LEAST_LENGTH = 6;

/** Names of variables whose values people keep to themselves. */
const secretName =
  /secret|token|passw|passphrase|pwd$|credential|private|auth(?!ors?(?![a-z]))|(^|[_-])(key|pat|pin)$|api_?key/i;

/** Values that are secret whatever they are called: tokens of GitHub, GitLab, AWS, Slack, JSON web tokens, passwords in URLs. */
const secretValues = [
  /\b(?:gh[a-z]_\w{10,}|github_pat_\w+|glpat-[\w-]+|(?:AKIA|ASIA)[0-9A-Z]{12,}|xox[a-z]-[\w-]+|eyJ[\w-]+\.[\w.-]+)/g,
  /(?<=:\/\/[^\s:@/]*:)[^\s@/]+(?=@)/g,
];

/**
 * A name, and what separates it from its value, in bash (`NAME=`, `${NAME:-`), csh (`setenv NAME `) and YAML (`NAME: `, `"NAME":`). Not
 * `$NAME:`, which is a part of another value, nor a path.
 */
const beginnings =
  /\bsetenv[ \t]+([\w.-]+)[ \t]+|\$\{(\w+):?[-=]|(?<![\w./$-]|\$\{)([\w.-]+)["']?[ \t]*(=(?!=)|:)[ \t]*/g;

/** A value that only says where the value is. */
const reference = /^\$(\w+|\{[^}]*\}|\(.*\))$/;

/**
 * The values in inputs that must not be shown. Which values a workflow has masked no program can ask GitHub; they are known by what
 * they are called, or by what they look like.
 *
 * @param texts lines of bash, assignments, or YAML
 */
export function secretsIn(texts: Iterable<string>): string[] {
  const found = new Set<string>();
  const add = (value: string) => {
    if (value.length >= LEAST_LENGTH && !reference.test(value)) found.add(value);
  };
  for (const line of [...texts].flatMap((text) => text.split(/\r?\n/))) {
    for (const [value] of secretValues.flatMap((pattern) => [...line.matchAll(pattern)])) add(value);
    for (const match of line.matchAll(beginnings)) {
      const [all, ofCsh, withDefault, other, separator = '='] = match;
      if (!secretName.test(ofCsh ?? withDefault ?? other ?? '')) continue;
      for (const value of readingsOf(line.slice(match.index + all.length), separator === '=')) add(value);
    }
  }
  // What has another one in it goes first.
  return [...found].sort((a, b) => b.length - a.length);
}

/**
 * What the value may be at the beginning of the rest of a line. Whether that is bash, YAML or a plain assignment is not known, and what
 * it is not is hardly found anywhere.
 *
 * @param isWord whether bash may read it, so that it ends before a blank
 */
function readingsOf(rest: string, isWord: boolean): string[] {
  const [, double, single] = /^\$?(?:"((?:[^"\\]|\\.)*)"|'((?:[^']|'')*)')/.exec(rest) ?? [];
  if (double !== undefined) return [double, double.replace(/\\(.)/g, '$1')];
  if (single !== undefined) return [single, single.replaceAll("''", "'")];
  const line = rest.trim();
  const word = isWord ? /^[^\s;&|<>()"'`]*/.exec(line)![0] : line;
  const readings = [line, line.split(/[ \t]#/)[0]!.trimEnd(), word, word.split(/[,\]}"']/)[0]!.trimEnd()];
  return readings.map((reading) => reading.replace(/^(bearer|basic)[ \t]+/i, ''));
}

/** @returns a function that puts stars, as GitHub does, in place of each of the values */
export function redactorOf(values: readonly string[]): (text: string) => string {
  return (text) => values.reduce((shown, value) => shown.replaceAll(value, () => '***'), text);
}

/** A stream that passes on what it gets without secrets. */
export class RedactedStream implements TextStream {
  readonly #to: TextStream;
  /** Known once the inputs are read. */
  redact: (text: string) => string = (text) => text;

  constructor(to: TextStream) {
    this.#to = to;
  }

  write(text: string): void {
    this.#to.write(this.redact(text));
  }
}
