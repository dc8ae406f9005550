import { connect } from 'node:net';
import { ConnectionError } from '../../../../src/flux/errors.js';
import { Handle } from '../../../../src/flux/handle.js';
import { systemClock } from '../../../../src/util/clock.js';

export type Environment = Readonly<Record<string, string | undefined>>;

/** One of flux's commands. The result is its exit status. @throws Failure */
export type Run = (words: readonly string[], environment: Environment) => Promise<number>;

/** What a command says on stderr before it fails. */
export class Failure extends Error {
  readonly code: number;

  constructor(words: string, code = 1) {
    super(words);
    this.code = code;
  }
}

/** What the C library says for an error of the operating system. */
export function words(code: string | undefined): string {
  return texts[code ?? ''] ?? `Unknown error ${code}`;
}

const texts: Readonly<Record<string, string>> = {
  ENOENT: 'No such file or directory',
  ENOTDIR: 'Not a directory',
  ECONNREFUSED: 'Connection refused',
  ENOTSOCK: 'Connection refused',
  EACCES: 'Permission denied',
  EPERM: 'Operation not permitted',
  ESRCH: 'No such process',
};

/** Where commands look for the system instance. */
const systemSocket = '/run/flux/local';

/** The socket of the broker that the environment names. */
export function socketOf({ FLUX_URI = '' }: Environment): string {
  return FLUX_URI === '' ? systemSocket : FLUX_URI.replace(/^local:\/\//, '');
}

/** A connection to the broker that the environment names. @throws ConnectionError with the system's code */
export function open(environment: Environment): Promise<Handle> {
  return Handle.connect(connect(socketOf(environment)), systemClock);
}

/** The same, and the connection closed again, for a command of flux's that is written in C. @throws Failure */
export async function withHandle<T>(
  environment: Environment,
  name: string,
  use: (handle: Handle) => Promise<T>,
): Promise<T> {
  return connected(
    environment,
    use,
    ({ code, message }) => `${name}: flux_open: ${code === undefined ? message : words(code)}`,
  );
}

/** The same for a command of flux's that is written in Python. @throws Failure */
export async function withPythonHandle<T>(
  environment: Environment,
  name: string,
  use: (handle: Handle) => Promise<T>,
): Promise<T> {
  return connected(environment, use, ({ code, message }) => {
    const why =
      code === 'ENOENT'
        ? `broker socket ${socketOf(environment)} was not found`
        : code === undefined
          ? message
          : words(code);
    return `${name}: ERROR: Unable to connect to Flux: ${why}`;
  });
}

async function connected<T>(
  environment: Environment,
  use: (handle: Handle) => Promise<T>,
  say: (error: ConnectionError) => string,
): Promise<T> {
  let handle: Handle;
  try {
    handle = await open(environment);
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    throw new Failure(say(error));
  }
  try {
    return await use(handle);
  } finally {
    handle.close();
  }
}
