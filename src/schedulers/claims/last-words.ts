import { readTails } from '../../hosts/files.js';
import { type Host, HostError } from '../../hosts/host.js';

/** Bytes at the end of a file that are searched for its last line. */
const TAIL_BYTES = 2048;

/** The longest line that is shown, in characters. */
const LONGEST_LINE = 300;

/** The last non-blank line of a file on the host, for messages; '' if there is none or it cannot be read. */
export async function lastWords(host: Host, path: string): Promise<string> {
  try {
    const [tail] = await readTails(host, [path], TAIL_BYTES);
    return lastLine(tail?.toString() ?? '');
  } catch (error) {
    if (error instanceof HostError) return '';
    throw error;
  }
}

/** The last line of a text, without the launcher's prefix. */
export function lastLine(text: string): string {
  const line = text.trimEnd().split('\n').at(-1)!.trim();
  const words = line.replace(/^\S*\/\.conductor\/run: line \d+: |^maestro: /, '');
  return words.length > LONGEST_LINE ? `${words.slice(0, LONGEST_LINE - 1)}…` : words;
}
