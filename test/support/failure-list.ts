import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { SerializedError } from 'vitest';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/** Something that made a run of the tests fail. */
export interface Failure {
  /** The file and the full name of a test, or what failed outside of any. */
  readonly where: string;
  /** The message of the error, and how what was there differs from what was expected. */
  readonly text: string;
}

/** What a long line is cut to: a record of the journal may have thousands of characters. */
const LONGEST_LINE = 240;

/** How many failures are shown with their messages; more have one cause as a rule. */
const MOST_SHOWN = 8;

/**
 * Failures in a few lines, for the end of a log of which only the end may be seen. Of a long message there are the first
 * lines and the last ones. What only ran out of time comes first, what says more comes last.
 */
export function listFailures(failures: readonly Failure[], mostLines: number): string[] {
  const isTimeout = ({ text }: Failure) => /\btimed out\b/.test(text);
  const all = [...failures.filter(isTimeout), ...failures.filter((failure) => !isTimeout(failure))];
  const shown = all.slice(-MOST_SHOWN);
  const unshown = all.slice(0, -MOST_SHOWN).map(({ where }) => `FAIL ${where}`);
  const each = Math.floor((mostLines - 1) / MOST_SHOWN);
  // What short messages leave is for the long ones.
  const texts = shown.map(({ text }) => linesOf(text));
  const spare = texts.reduce((sum, lines) => sum + Math.max(0, each - 1 - lines.length), 0);
  const free = mostLines - 1 - each * shown.length + spare;
  const long = texts.filter((lines) => lines.length > each - 1).length;
  const room = each - 1 + Math.floor(free / Math.max(1, long));
  const details = shown.flatMap(({ where }, i) => [`FAIL ${where}`, ...shortened(texts[i]!, room)]);
  const names = shortened(unshown, Math.max(0, mostLines - 1 - details.length));
  return [...names, ...details, `${failures.length} failed`].map((line) => line.slice(0, LONGEST_LINE));
}

const linesOf = (text: string) =>
  stripVTControlCharacters(text)
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => `  ${line}`);

/** The first two thirds and the last third of lines that are too many. */
function shortened(lines: readonly string[], most: number): readonly string[] {
  if (lines.length <= most) return lines;
  if (most < 3) return lines.slice(0, most);
  const last = Math.floor((most - 1) / 3);
  const first = most - 1 - last;
  return [
    ...lines.slice(0, first),
    `  ... (${lines.length - first - last} lines)`,
    ...lines.slice(lines.length - last),
  ];
}

/** What failed, and passed when it was run again, in a few lines: a race, which is still there. */
export function listRepeated(repeated: readonly Failure[], mostLines: number): string[] {
  const lines = repeated.flatMap(({ where, text }) => [
    `PASSED THE SECOND TIME ${where}`,
    ...linesOf(text).slice(0, 4),
  ]);
  return shortened(lines, mostLines).map((line) => line.slice(0, LONGEST_LINE));
}

/**
 * Writes the failures of a run to a file, which CI shows last, and to another one what passed only when it was run again.
 * There is no file where there is nothing.
 */
export class FailureList implements Reporter {
  readonly #file: string;
  readonly #repeatedFile: string;

  constructor(file: string, repeatedFile: string) {
    this.#file = file;
    this.#repeatedFile = repeatedFile;
  }

  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const failures = [
      ...unhandled.map((error) => ({
        where: 'an error outside of any test',
        text: `${textOf(error)}\n${error.stack}`,
      })),
      ...modules.flatMap(failuresOf),
    ];
    if (failures.length > 0) writeFileSync(this.#file, `${listFailures(failures, 60).join('\n')}\n`);
    const repeated = modules.flatMap(repeatedOf);
    if (repeated.length > 0) writeFileSync(this.#repeatedFile, `${listRepeated(repeated, 40).join('\n')}\n`);
  }
}

function failuresOf(module: TestModule): Failure[] {
  const file = path.relative(process.cwd(), module.moduleId);
  const failure = (where: string, errors: readonly SerializedError[]) => ({
    where,
    text: errors.map(textOf).join('\n'),
  });
  const groups = [...module.children.allSuites()].filter((suite) => suite.errors().length > 0);
  const tests: TestCase[] = [...module.children.allTests('failed')];
  return [
    ...(module.errors().length > 0 ? [failure(file, module.errors())] : []),
    ...groups.map((suite) => failure(`${file} > ${suite.fullName}`, suite.errors())),
    ...tests.map((test) => failure(`${file} > ${test.fullName}`, test.result().errors ?? [])),
  ];
}

function repeatedOf(module: TestModule): Failure[] {
  const file = path.relative(process.cwd(), module.moduleId);
  const tests = [...module.children.allTests('passed')].filter((test) => test.diagnostic()?.flaky);
  return tests.map((test) => ({
    where: `${file} > ${test.fullName}`,
    text: (test.result().errors ?? []).map(textOf).join('\n'),
  }));
}

function textOf({ name, message, diff, stack = '' }: SerializedError): string {
  const place = /\(?([^\s(]*\/test\/[^\s)]+:\d+:\d+)\)?/.exec(stack)?.[1];
  const at = place === undefined ? '' : ` (${path.relative(process.cwd(), place)})`;
  return `${name ?? 'Error'}: ${message}${at}\n${diff ?? ''}`;
}
