import type { FlagGroup } from './flags.js';
import type { Verb } from './verb.js';

const program = 'node dist/index.js';

/** The text of `--help`. */
export function generalHelp(verbs: readonly Verb[]): string {
  const width = Math.max(...verbs.map(({ name }) => name.length));
  return `Usage: ${program} VERB [arguments]

${verbs.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`).join('\n')}

  ${program} VERB --help    all flags of a verb
  ${program} --version

Exit status: 0 finished (or dry run), 1 bad input or cannot start, 2 a step failed, 3 cancelled, 4 interrupted.
`;
}

/** The text of `VERB --help`. */
export function verbHelp({ synopsis, details, flags }: Verb): string {
  return [`Usage: ${program} ${synopsis}`, ...wrap(details, 96), ...flags.map(groupText)].join('\n\n').concat('\n');
}

function groupText({ title, flags }: FlagGroup): string {
  const lines = flags.map((flag) => {
    const description = flag.description.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const name = `--${flag.name}${flag.value === undefined ? '' : ` ${flag.value}`}`;
    return [
      `  ${name}${flag.default === undefined ? '' : ` (${flag.default})`}`,
      ...wrap(description, 90).map((line) => `      ${line}`),
    ].join('\n');
  });
  return [`${title}:`, ...lines].join('\n');
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
