import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';

const DIGEST_BYTES = 32;
const UNUSED_MS = 30 * 24 * 3_600_000;

export interface CacheEnvironment {
  readonly RUNNER_TOOL_CACHE?: string | undefined;
  readonly XDG_CACHE_HOME?: string | undefined;
  readonly HOME?: string | undefined;
  readonly NODE_DISABLE_COMPILE_CACHE?: string | undefined;
}

/** Where compiled code is kept between runs: in the tool cache of a runner, or the user's cache. Undefined where there is none. */
export function cacheDirectory(environment: CacheEnvironment): string | undefined {
  if (environment.NODE_DISABLE_COMPILE_CACHE) return undefined;
  const { RUNNER_TOOL_CACHE, XDG_CACHE_HOME, HOME } = environment;
  const above = RUNNER_TOOL_CACHE || XDG_CACHE_HOME || (HOME ? path.join(HOME, '.cache') : '');
  return path.isAbsolute(above) ? path.join(above, 'maestro-on-flux') : undefined;
}

/**
 * Code that V8 has compiled, in files. Whoever can change such a file chooses what this user's next run executes, so it is neither
 * read nor written where anybody else could. A cache that cannot be used is no error: the code is compiled then.
 */
export class CodeCache {
  readonly #directory: string;
  readonly #user: number;

  /** @param user the user id of this process */
  constructor(directory: string, user: number) {
    this.#directory = directory;
    this.#user = user;
  }

  /** The code of that name, as it was written; undefined if there is none to be trusted. */
  read(name: string): Buffer | undefined {
    try {
      if (!this.#isPrivate()) return undefined;
      const content = this.#readOwn(path.join(this.#directory, name));
      const code = content?.subarray(DIGEST_BYTES);
      // V8 crashes on code that is damaged: it does not look.
      return code !== undefined && digestOf(code).equals(content!.subarray(0, DIGEST_BYTES)) ? code : undefined;
    } catch {
      return undefined;
    }
  }

  /** Keeps code, if the directory that this one belongs in is there, and removes what no run has needed for long. */
  write(name: string, code: Buffer): void {
    try {
      makePrivate(this.#directory);
      if (!this.#isPrivate()) return;
      const temporary = path.join(this.#directory, `${name}.${randomUUID()}`);
      writeFileSync(temporary, Buffer.concat([digestOf(code), code]), { flag: 'wx', mode: 0o600 });
      renameSync(temporary, path.join(this.#directory, name));
      this.#removeOld();
    } catch {
      // The next run compiles again.
    }
  }

  /** Whether only this user and root can change what the directory has, or put another one in its place. */
  #isPrivate(): boolean {
    const real = realpathSync(this.#directory);
    for (let directory = real; ; directory = path.dirname(directory)) {
      const { uid, mode } = statSync(directory);
      const isOurs = uid === this.#user || (uid === 0 && directory !== real);
      // In a sticky directory, such as /tmp, only the owner of an entry can move it.
      const isWritable = (mode & 0o022) !== 0 && (directory === real || (mode & 0o1000) === 0);
      if (!isOurs || isWritable) return false;
      if (directory === path.dirname(directory)) return true;
    }
  }

  /** The content of a file that only this user can write. */
  #readOwn(file: string): Buffer | undefined {
    const descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const status = fstatSync(descriptor);
      const isOwn = status.isFile() && status.uid === this.#user && (status.mode & 0o022) === 0;
      return isOwn ? readFileSync(descriptor) : undefined;
    } finally {
      closeSync(descriptor);
    }
  }

  #removeOld(): void {
    for (const name of readdirSync(this.#directory)) {
      const file = path.join(this.#directory, name);
      if (Date.now() - statSync(file).mtimeMs > UNUSED_MS) rmSync(file, { force: true });
    }
  }
}

function makePrivate(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function digestOf(code: Buffer): Buffer {
  return createHash('sha256').update(code).digest();
}
