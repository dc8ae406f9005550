import type { Clock } from '../../util/clock.js';
import { isDoneWithin } from '../../util/sleep.js';
import { HostError, HostLostError } from '../host.js';
import type { AfterMark } from '../marker-stream.js';
import { awaitReport } from '../run-setup.js';
import { type PreparedShell, setupCommand } from '../setup.js';
import { type Marks, readerLine } from './remote-shell.js';
import { SshError, type Transport } from './transport.js';

/** A login that takes longer than this is waiting for something that will not come. */
const LOGIN_TIMEOUT_MS = 60_000;

/** How long to wait for the end of the login's session: processes that `setup` left running may keep it open. */
const SESSION_END_TIMEOUT_MS = 1_000;

export interface LoginOptions {
  readonly marks: Marks;
  readonly setup: string;
  readonly clock: Clock;
}

/**
 * Logs in, and runs `setup` in the environment of the user's login shell.
 *
 * @throws SetupError, HostError, SshError
 */
export async function login(
  transport: Pick<Transport, 'name' | 'open'>,
  { marks, setup, clock }: LoginOptions,
): Promise<PreparedShell> {
  const session = await transport.open(readerLine);
  session.stdin.on('error', () => {});
  session.stdin.write(`${setupCommand(setup, marks, true)}\0`);
  const notBegun = (code: number | undefined, noise: string) =>
    code === undefined
      ? new HostError(
          `a login on ${transport.name} did not finish within ${LOGIN_TIMEOUT_MS / 1000} s: look at ~/.bashrc, ~/.bash_profile and ~/.profile there`,
        )
      : noBash(transport.name, code, noise);
  try {
    const shell = await awaitReport(session, { setup, marks, clock, notBegun, beginTimeMs: LOGIN_TIMEOUT_MS });
    // The server may allow another session only after it has noticed the end of this one.
    await isDoneWithin(
      clock,
      SESSION_END_TIMEOUT_MS,
      session.exit.catch(() => {}),
    );
    return shell;
  } catch (error) {
    if (!(error instanceof HostLostError)) throw error;
    throw new SshError('connection', error.message);
  } finally {
    session.close();
  }
}

/** The error when the login shell ended before it ran our bash. */
export function noShell(
  name: string,
  code: number,
  { stdout, stderr }: { readonly stdout: AfterMark; readonly stderr: AfterMark },
): HostError {
  return noBash(name, code, [stderr.noise, stdout.noise].filter((text) => text !== '').join('\n'));
}

function noBash(name: string, code: number, said: string): HostError {
  return new HostError(
    `${name} lets us in, but a login there does not run bash (exit ${code})${said === '' ? '' : `; it says: ${said}`}`,
  );
}
