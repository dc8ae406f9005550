import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { quote } from '../../src/util/shell-quote.js';
import { bundlePath } from './bundle.js';

export interface InTerminal {
  readonly code: number | null;
  /** All that was written to the terminal, with its escape sequences; lines end with `\n`. */
  readonly written: string;
  /** What is on the screen in the end, as far as nothing was scrolled or wrapped. */
  readonly screen: readonly string[];
}

interface TerminalOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly columns?: number;
  /** Shell text in place of the bundle's command, which is `$COMMAND`. */
  readonly shell?: string;
  /** What is typed; the end of it is Ctrl-D. */
  readonly typed?: string;
}

/** Runs the bundle in a terminal of its own, made by `script` of util-linux. */
export async function inTerminal(
  args: readonly string[],
  { cwd, env, columns = 80, shell = 'exec $COMMAND', typed }: TerminalOptions,
): Promise<InTerminal> {
  const command = [process.execPath, bundlePath(), ...args].map(quote).join(' ');
  const line = `stty cols ${columns}; ${shell.replace('$COMMAND', command)}`;
  const stdio: ['pipe' | 'ignore', 'pipe', 'pipe'] = [typed === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'];
  const child = spawn('script', ['-qefc', line, '/dev/null'], { cwd, env: { TERM: 'xterm', ...env }, stdio });
  child.stdin?.end(typed);
  const code = new Promise<number | null>((resolve, reject) => child.on('close', resolve).on('error', reject));
  const [ended, output] = await Promise.all([code, text(child.stdout!)]);
  const written = output.replaceAll('\r\n', '\n');
  return { code: ended, written, screen: screenOf(written) };
}

/** Colours are left out; `\r` and the erasing of a line are carried out. */
function screenOf(written: string): string[] {
  return written
    .replaceAll(/\u001b\[[0-9;]*m/g, '')
    .split('\n')
    .map((line) => {
      let shown = '';
      for (const part of line.split('\r')) {
        const pieces = part.split('\u001b[K');
        shown = pieces.length > 1 ? pieces.at(-1)! : part + shown.slice(part.length);
      }
      return shown;
    });
}
