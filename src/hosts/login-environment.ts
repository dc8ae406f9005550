import { getExecOutput } from '@actions/exec';
import { quoteAll } from '../quote.js';
import { HostError } from './host.js';

/** What a login starts from; everything else comes from the machine's and the user's profile. */
const loginStartsFrom = ['HOME', 'USER', 'LOGNAME', 'SHELL', 'LANG', 'TZ', 'TMPDIR'];

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
  let result: { exitCode: number; stdout: string; stderr: string };
  try {
    // Without an input: a profile that asks something must not wait for an answer.
    const login = quoteAll(['bash', '-l', '-c', `printf '%s\\0' '${marker}'; exec env -0`]);
    result = await getExecOutput('bash', ['--norc', '-c', `exec ${login} </dev/null`], {
      env: start,
      cwd: '/',
      silent: true,
      ignoreReturnCode: true,
    });
  } catch (error) {
    throw new HostError(`cannot start a login shell on this machine: ${(error as Error).message}`);
  }
  // A profile may print anything before.
  const [, output] = result.stdout.split(`${marker}\0`);
  if (result.exitCode !== 0 || output === undefined) {
    throw new HostError(`a login shell on this machine fails (exit ${result.exitCode}): ${result.stderr.trim()}`);
  }
  const entries = output.split('\0').filter((entry) => entry.includes('='));
  return Object.fromEntries(
    entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );
}
