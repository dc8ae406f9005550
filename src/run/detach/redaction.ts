import type { TextStream } from '../../util/log/terminal-log.js';

/** Shorter values would be found in other words. */
const LEAST_LENGTH = 6;

/** Names of variables whose values people keep to themselves. */
const secretName = /secret|token|passw|passphrase|pwd$|credential|private|auth|(^|[_-])(key|pat|pin)$|api_?key/i;

/** Values that are as those of services: of GitHub, GitLab, AWS, Slack, and JSON web tokens. */
const secretValue = /^(gh[a-z]_|github_pat_|glpat-|AKIA|ASIA|xox[a-z]-|eyJ[\w-]+\.)/;

/** `NAME=VALUE` and `NAME: VALUE`, also behind `export`; the value may be quoted. */
const assignment = /^\s*(?:export\s+|setenv\s+|-\s*)?["']?([\w.-]+)["']?\s*[=:\s]\s*(["']?)(.*?)\2\s*;?\s*$/;

/**
 * The values in inputs that must not be shown. Which values a workflow has masked no program can ask GitHub; they are known by what
 * they are called, or by what they look like.
 *
 * @param texts of inputs that have assignments in their lines
 */
export function secretsIn(texts: Iterable<string>): string[] {
  const found = new Set<string>();
  for (const line of [...texts].flatMap((text) => text.split(/\r?\n/))) {
    const [, name = '', , value = ''] = assignment.exec(line) ?? [];
    if (value.length >= LEAST_LENGTH && (secretName.test(name) || secretValue.test(value))) found.add(value);
  }
  // What has another one in it goes first.
  return [...found].sort((a, b) => b.length - a.length);
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
