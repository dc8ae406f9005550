import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { isAlive, until } from './wait.js';

export interface LeashOptions {
  readonly environment: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /**
   * A regular expression (grep's) of one entry of the environment: who has it is the daemon's, wherever its parent is. The
   * leash itself, which has `environment`, must not.
   */
  readonly marker?: string;
  /** Removed if this program ends without having stopped the daemon. */
  readonly directory?: string;
}

/**
 * A daemon that cannot outlive the test: when it is stopped, or this program ends in whatever way, a small bash kills it
 * with all that it has started.
 */
export class LeashedDaemon {
  readonly pid: number;
  readonly #leash: ChildProcess;
  readonly #ended: Promise<void>;
  #log = '';

  private constructor(leash: ChildProcess, pid: number) {
    this.#leash = leash;
    this.pid = pid;
    for (const stream of [leash.stdout!, leash.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#log += text;
      });
    }
    this.#ended = new Promise((resolve) => leash.on('exit', () => resolve()));
  }

  static async start(words: readonly string[], options: LeashOptions): Promise<LeashedDaemon> {
    const { environment, cwd = '/', marker = '', directory = '' } = options;
    const leash = spawn('bash', ['--norc', '-c', hold, marker, directory, ...words], {
      cwd,
      env: environment,
      detached: true,
      stdio: 'pipe',
    });
    // Who is killed from outside does not read any more.
    leash.stdin!.on('error', () => {});
    return new LeashedDaemon(leash, Number(await firstLine(leash.stdout!)));
  }

  /** What it has printed so far. */
  get log(): string {
    return this.#log;
  }

  get isAlive(): boolean {
    return isAlive(this.pid);
  }

  /** Waits until it has printed something. @throws Error with all that it printed if it ends before that, or never does */
  async printed(pattern: RegExp): Promise<void> {
    const matches = () => pattern.test(this.#log) || !this.isAlive;
    await until(`a daemon prints ${pattern}`, matches).catch((error: Error) => {
      throw new Error(`${error.message}:\n${this.#log}`);
    });
    if (!pattern.test(this.#log)) throw new Error(`a daemon has ended before it was ready:\n${this.#log}`);
  }

  /** Kills it and all of its. Returns when they are gone. */
  async stop(): Promise<void> {
    this.#leash.stdin!.end('stopped\n');
    await this.#ended;
  }
}

// `set -m`: a background process of a bash without it ignores SIGINT, and so would all that the daemon starts.
const hold = `marker=$0
directory=$1
shift
set -m
"$@" </dev/null &
daemon=$!
echo $daemon
trap : TERM INT HUP
stopped= killed=
while read -r line; do stopped=$line; done
exec >/dev/null 2>&1
all() {
  # Who has been killed has no environment any more, and lives for a moment.
  tops="$daemon $killed"
  [ -z "$marker" ] || tops="$tops $(grep -lzs -- "$marker" /proc/[0-9]*/environ | cut -d/ -f3 | tr '\\n' ' ')"
  cat /proc/[0-9]*/status | awk -v tops="$tops" '
    BEGIN { split(tops, list); for (i in list) top[list[i]] = 1 }
    /^State:/ { state = $2 } /^Pid:/ { pid = $2 } /^PPid:/ { parent[pid] = $2; if (state != "Z") lives[pid] = 1 }
    END { for (p in lives) { q = p; while (q in parent && !(q in top)) q = parent[q]; if (q in top) print p } }'
}
for round in {1..50}; do
  found=$(all)
  [ -n "$found" ] || break
  kill -KILL $found
  killed="$killed $found"
done
wait
# Each daemon of a directory does so, and the last one when nobody writes there any more.
[ -n "$stopped" ] || [ -z "$directory" ] || rm -rf -- "$directory"`;

function firstLine(stream: Readable): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const more = () => {
      for (let chunk = stream.read(1); chunk !== null; chunk = stream.read(1)) {
        if (String(chunk) !== '\n') {
          text += String(chunk);
          continue;
        }
        stream.off('readable', more);
        resolve(text);
        return;
      }
    };
    stream.on('readable', more).once('end', () => reject(new Error('bash has ended before the daemon started')));
  });
}
