import { readTails } from '../../hosts/files.js';
import { type Host, HostError } from '../../hosts/host.js';

/** Bytes of a file in which its last line is looked for. */
const TAIL_BYTES = 2048;

/** Characters of a line that people are shown. */
const LONGEST_LINE = 300;

/** The last line of a file of the host that is not blank, for people; '' if there is none, or it cannot be read. */
export async function lastWords(host: Host, path: string): Promise<string> {
  try {
    const [tail] = await readTails(host, [path], TAIL_BYTES);
    return lastLine(tail?.toString() ?? '');
  } catch (error) {
    if (error instanceof HostError) return '';
    throw error;
  }
}

/** Without what only says that it is the launcher that speaks. */
export function lastLine(text: string): string {
  const line = text.trimEnd().split('\n').at(-1)!.trim();
  const words = line.replace(/^\S*\/\.conductor\/run: line \d+: |^maestro: /, '');
  return words.length > LONGEST_LINE ? `${words.slice(0, LONGEST_LINE - 1)}…` : words;
}
