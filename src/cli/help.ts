import { defaultOf, descriptionOf } from '../inputs/parse.js';
import { actionOnly, inputNames } from '../inputs/schema.js';

/** The text of --help: every option from its one definition. */
export function helpText(): string {
  const options = inputNames
    .filter((name) => name !== 'spec' && !actionOnly.has(name))
    .map((name) => {
      const byDefault = defaultOf(name);
      const description = descriptionOf(name).replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
      return `  --${name}${byDefault ? ` (${byDefault})` : ''}\n${wrap(description, 90)
        .map((line) => `      ${line}`)
        .join('\n')}`;
    });
  return `Usage:
  node dist/index.js run SPEC [--name value ...]   run a Maestro study on this machine
  node dist/index.js validate SPEC [--name ...]    find all that is wrong with a study; run nothing
  node dist/index.js doctor [SPEC] [--name ...]    look at what a run needs: tools, the batch system, whether jobs run
  node dist/index.js --help | --version

Options (--name value or --name=value; @FILE as the value reads it from a file; defaults in parentheses):
${options.join('\n')}

Exit status: 0 finished (or dry run), 1 bad input or cannot start, 2 a step failed, 3 cancelled, 4 interrupted.
`;
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
