/** The error numbers of Linux, where the broker runs, even if this program runs on another system. */
export const errno = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  EINVAL: 22,
  ENOSPC: 28,
  EPIPE: 32,
  ENOSYS: 38,
  ENODATA: 61,
  EPROTO: 71,
  EOVERFLOW: 75,
  ECONNRESET: 104,
  ETIMEDOUT: 110,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
} as const;

const names = new Map<number, string>(Object.entries(errno).map(([name, number]) => [number, name]));

/** `ENOENT`, or `errno 99` for one that is not in the table. */
export function errnoName(number: number): string {
  return names.get(number) ?? `errno ${number}`;
}

/** The broker refused a request, or it failed; with the broker's message if there is one. */
export class FluxError extends Error {
  readonly errno: number;
  /** The topic of the request: `job-ingest.submit`. */
  readonly topic: string;

  /** @param words the error response's payload, '' if it had none */
  constructor(topic: string, errnum: number, words: string) {
    super(words !== '' ? words : `${topic}: ${describe(errnum)}`);
    this.name = 'FluxError';
    this.errno = errnum;
    this.topic = topic;
  }
}

function describe(errnum: number): string {
  switch (errnum) {
    case errno.ENOSYS:
      return 'this broker has no such service (ENOSYS)';
    case errno.EPERM:
      return 'not permitted (EPERM)';
    case errno.ENOENT:
      return 'not found (ENOENT)';
    default:
      return errnoName(errnum);
  }
}

/**
 * The connection to the broker could not be made, or is lost. Whether the broker got a request without an answer is
 * unknown.
 */
export class ConnectionError extends Error {
  /** The error code of the operating system, if it is the cause: `ECONNREFUSED`. */
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.name = 'ConnectionError';
    this.code = code;
  }
}

/** The broker did not answer in time. */
export class RequestTimeout extends Error {
  constructor(topic: string, milliseconds: number) {
    super(`${topic}: no answer within ${milliseconds / 1000} s`);
    this.name = 'RequestTimeout';
  }
}
