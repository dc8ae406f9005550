import { alternatives, wrap } from '../util/format.js';
import type { Flag, FlagGroup } from './flags.js';
import { flagsOfTheAction, studyFlags } from './study-flags.js';
import { type Verb, verbGroups } from './verb.js';

/** What is said if no verb is given: a few lines. */
export function usage(program: string, verbs: readonly Verb[]): string {
  const isAfter = ({ group }: Verb) => group === 'looking after';
  const names = (some: readonly Verb[]) => alternatives(some.map(({ name }) => name));
  const rows: readonly (readonly [string, string])[] = [
    [`${program} run SPEC [flags]`, 'run a Maestro study'],
    ...wrap(names(verbs.filter(isAfter)), 56).map((line, i) => [i === 0 ? `${program} VERB DIR` : '', line] as const),
    [`${program} VERB [arguments]`, names(verbs.filter((verb) => !isAfter(verb)))],
    [`${program} --help`, 'lists the verbs; VERB --help lists its flags'],
  ];
  const lines = columns(rows).split('\n');
  return lines.map((line, i) => `${i === 0 ? 'Usage:' : '      '}${line.slice(1)}\n`).join('');
}

const headings: Readonly<Record<Verb['group'], string>> = {
  running: 'Running studies',
  'looking after': 'Looking after them, here or with --host on another machine',
  'setting up': 'Setting up',
};

const exitStatuses = '0 finished (or dry run), 1 cannot start, 2 a step or a metric failed, 3 cancelled, 4 interrupted';

/** The text of `--help`: it fits a screen of 24 lines of 80 columns. */
export function generalHelp(program: string, verbs: readonly Verb[]): string {
  const width = Math.max(...verbs.map(({ name }) => name.length));
  const groups = verbGroups.map((group) => {
    const rows = verbs.filter((verb) => verb.group === group).map(({ name, summary }) => [name, summary] as const);
    return `${headings[group]}:\n${columns(rows, width)}`;
  });
  return `Usage: ${program} VERB [arguments]

${groups.join('\n')}

All flags:    ${program} VERB --help (its version: --version)
Exit status:  ${exitStatuses.replace(', 3', ',\n              3')}
`;
}

/** Two columns; the first is as wide as its longest cell. */
function columns(
  rows: readonly (readonly [string, string])[],
  width = Math.max(...rows.map(([first]) => first.length)),
): string {
  return rows.map(([first, second]) => `  ${first.padEnd(width)}  ${second}`).join('\n');
}

/**
 * The text of `VERB --help`.
 *
 * @param width of the terminal, in columns
 */
export function verbHelp(program: string, { name, synopsis, summary, details, flags }: Verb, width: number): string {
  const columnsOfText = Math.min(Math.max(width, 40), 110);
  const parts = [
    `Usage: ${program} ${synopsis}`,
    `${name}: ${summary}.`,
    ...(details === ''
      ? []
      : [
          plainText(details)
            .split('\n')
            .flatMap((line) => wrap(line, columnsOfText))
            .join('\n'),
        ]),
    ...flags.map((group) => groupText(group, columnsOfText)),
    ...(flags === studyFlags ? [wrap(ofTheAction(), columnsOfText).join('\n')] : []),
  ];
  return `${parts.join('\n\n')}\n`;
}

function ofTheAction(): string {
  const names = flagsOfTheAction.map(({ name }) => `--${name}`).join(', ');
  return `Accepted too, though only the action on GitHub uses them: ${names}.`;
}

function groupText({ title, flags }: FlagGroup, width: number): string {
  const lines = flags.map((flag) => {
    const byDefault = flag.default === undefined ? '' : ` Default: ${flag.default}.`;
    const repeated = flag.isRepeatable ? ' May be given several times.' : '';
    const description = `${plainText(flag.description)}${byDefault}${repeated}`;
    return [`  ${heading(flag)}`, ...wrap(description, width - 8).map((line) => `        ${line}`)].join('\n');
  });
  return [`${title}:`, ...lines].join('\n');
}

/** `-o, --output-path, --out DIR`. */
function heading(flag: Flag): string {
  const names = [flag.name, ...(flag.aliases ?? [])].map((name) => (name === 'fg' ? '-fg' : `--${name}`));
  return `${flag.short === undefined ? '' : `-${flag.short}, `}${names.join(', ')}${valueName(flag)}`;
}

const valueName = ({ value }: Flag) => (value === undefined ? '' : ` ${value}`);

/** A description without the marks of Markdown; a page that it links to is named if it is a file. */
function plainText(description: string): string {
  return description
    .replace(/\[([^\]]*)\]\((#?[^)]*)\)/g, (_, text: string, target: string) =>
      target.startsWith('#') ? `"${text}" in README.md` : `${text} (${target.split('#')[0]})`,
    )
    .replaceAll('`', '');
}
