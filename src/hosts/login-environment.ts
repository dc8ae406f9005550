import { getExecOutput } from '@actions/exec';
import { quoteAll } from '../util/shell-quote.js';
import { environmentOf } from './environment.js';
import { HostError } from './host.js';

/** What a login starts from; everything else comes from the machine's and the user's profile. */
const loginStartsFrom = ['HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'TZ', 'TMPDIR'];

/** A login that takes longer than this is waiting for something that will not come. */
const LOGIN_TIMEOUT_SECONDS = 60;

/**
 * The environment of steps on a runner: what a login shell on this machine has, and nothing of the runner's.
 *
 * @throws HostError if bash cannot be run, or the profile ends it
 */
export async function loginEnvironment(
  own: Readonly<Record<string, string | undefined>>,
): Promise<Record<string, string>> {
  const start: Record<string, string> = {};
  for (const name of loginStartsFrom) if (own[name] !== undefined) start[name] = own[name];
  const marker = '----environment----';
  let result: { exitCode: number; stderr: string };
  // As bytes: the text that is returned has lost what is not UTF-8.
  const chunks: Buffer[] = [];
  try {
    // Without an input: a profile that asks something must not wait for an answer.
    const login = quoteAll(['bash', '-l', '-c', `printf '%s\\0' '${marker}'; exec env -0`]);
    result = await getExecOutput(
      'bash',
      [
        '--norc',
        '-c',
        `${login} </dev/null & login=$!\nset -m\n{ sleep ${LOGIN_TIMEOUT_SECONDS}; kill -KILL $login; } >/dev/null 2>&1 & watch=$!\nset +m\nwait $login; status=$?\nkill -- -$watch\nexit $status`,
      ],
      {
        env: start,
        cwd: '/',
        silent: true,
        ignoreReturnCode: true,
        listeners: { stdout: (chunk) => chunks.push(chunk) },
      },
    );
  } catch (error) {
    throw new HostError(`cannot start a login shell on this machine: ${(error as Error).message}`);
  }
  // A profile may print anything before.
  const output = Buffer.concat(chunks);
  const at = output.indexOf(`${marker}\0`);
  if (result.exitCode === 137) {
    throw new HostError(
      `a login shell on this machine did not start within ${LOGIN_TIMEOUT_SECONDS} s: look at its ~/.bash_profile or ~/.profile`,
    );
  }
  if (result.exitCode !== 0 || at === -1) {
    throw new HostError(`a login shell on this machine fails (exit ${result.exitCode}): ${result.stderr.trim()}`);
  }
  return environmentOf(output.subarray(at + marker.length + 1));
}
