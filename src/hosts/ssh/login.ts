import { pipeline } from 'node:stream/promises';
import type { Clock } from '../../clock.js';
import { AfterMark } from '../after-mark.js';
import { HostError, HostLostError } from '../host.js';
import { environmentOf } from '../login-environment.js';
import { loginLine, type Marks } from './shell.js';
import { SshError, type Transport } from './transport.js';

/** A login that takes longer than this, in milliseconds, waits for something that does not come. */
const loginTime = 60_000;

/**
 * The environment of a login, as the user's files there make it.
 *
 * @throws HostError, SshError
 */
export async function loginEnvironment(
  transport: Pick<Transport, 'name' | 'open'>,
  marks: Marks,
  clock: Clock,
): Promise<Record<string, string>> {
  const session = await transport.open(loginLine(marks));
  const begin = { stdout: new AfterMark(marks.begin), stderr: new AfterMark(marks.begin) };
  const chunks: Buffer[] = [];
  begin.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  begin.stderr.resume();
  const streams = [pipeline(session.stdout, begin.stdout), pipeline(session.stderr, begin.stderr)];
  for (const stream of streams) stream.catch(() => {});
  session.stdin.on('error', () => {});
  session.stdin.end();
  const stop = { timer: () => {} };
  try {
    const code = await Promise.race([
      session.exit,
      new Promise<undefined>((resolve) => {
        stop.timer = clock.after(loginTime, () => resolve(undefined));
      }),
    ]);
    if (code === undefined) {
      throw new HostError(
        `a login on ${transport.name} did not come to its end within ${loginTime / 1000} s: look at ~/.bashrc, ~/.bash_profile and ~/.profile there`,
      );
    }
    if (code !== 0 || !begin.stdout.hasBegun) throw noShell(transport.name, code, begin);
    return environmentOf(Buffer.concat(chunks).toString());
  } catch (error) {
    if (!(error instanceof HostLostError)) throw error;
    throw new SshError('connection', error.message);
  } finally {
    stop.timer();
    session.close();
  }
}

/** What it means that the login shell did not come as far as to run our bash. */
export function noShell(
  name: string,
  code: number,
  { stdout, stderr }: { readonly stdout: AfterMark; readonly stderr: AfterMark },
): HostError {
  const said = [stderr.noise, stdout.noise].filter((text) => text !== '').join('\n');
  return new HostError(
    `${name} lets us in, but a login there does not run bash (exit ${code})${said === '' ? '' : `; it says: ${said}`}`,
  );
}
