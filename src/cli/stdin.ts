import path from 'node:path';
import { addAbortSignal } from 'node:stream';
import { isElsewhere } from '../inputs/derive.js';
import type { Inputs } from '../inputs/schema.js';
import { specTextOf } from '../run/given-files.js';
import type { Mistakes } from '../run/mistakes.js';
import type { ProcessContext } from '../run/process-context.js';
import { InputError } from '../util/errors.js';
import type { TerminalLog } from '../util/log/terminal-log.js';

/** What cannot be done with a study that has no file. */
export function wrongWithStdin(inputs: Inputs): string[] {
  const needsStage = isElsewhere(inputs) && inputs.stage === '';
  return [
    ...(inputs.conductor === 'maestro'
      ? ['a study from stdin cannot be used with --conductor maestro, which reads it from a file']
      : []),
    ...(needsStage
      ? [
          'a study from stdin has no directory to copy to the host: give one with --stage, such as `--stage .` for this one, or an empty one',
        ]
      : []),
  ];
}

/** Where a study from stdin counts as being: in the directory that is staged, or here. Its copy in the study has that name. */
export function stdinPath({ stage }: Inputs, workingDirectory: string): string {
  return path.resolve(workingDirectory, stage, 'stdin.yaml');
}

/**
 * Reads a study from stdin, to its end.
 *
 * @throws InputError if it is not UTF-8, or this process is told to end meanwhile
 */
export async function readStdin({ cancel }: ProcessContext, log: TerminalLog, mistakes: Mistakes): Promise<string> {
  const { stdin } = process;
  if (stdin.isTTY) {
    // Nobody should have to type a study to be told of a mistake in a flag.
    mistakes.refuse();
    log.note('type the study, and end it with Ctrl-D');
  }
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of addAbortSignal(cancel, stdin)) chunks.push(Buffer.from(chunk));
  } catch (error) {
    const why = cancel.aborted ? String(cancel.reason) : (error as Error).message;
    throw new InputError([`cannot read the study from stdin: ${why}`]);
  }
  return specTextOf(Buffer.concat(chunks), 'from stdin');
}
