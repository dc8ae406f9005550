import { parseDestination } from '../hosts/ssh/destination.js';
import { quoteAll } from '../util/shell-quote.js';
import type { StepResult, StudyResults } from './results.js';

/**
 * The command by which a person sees the end of what a step said, wherever that person is: over SSH if the study is on
 * another machine. Undefined if the step said nothing, or no command can name its file.
 */
export function lookCloser({ host, path }: StudyResults, { outputs }: StepResult): string | undefined {
  if (outputs === null) return undefined;
  try {
    const look = quoteAll(['tail', '-n', '100', `${path}/${outputs.stderr}`]);
    if (host === 'this machine') return look;
    const { user, name, port } = parseDestination(host, 'host');
    const login = user === undefined ? name : `${user}@${name}`;
    return quoteAll(['ssh', ...(port === undefined ? [] : ['-p', String(port)]), login, look]);
  } catch {
    return undefined;
  }
}
