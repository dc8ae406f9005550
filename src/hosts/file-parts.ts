import { randomBytes } from 'node:crypto';
import { again, causeOf, collectText } from './commands.js';
import { type Host, HostError } from './host.js';

/** Files of which a part is wanted. */
export interface WantedPart {
  /** Absolute. */
  readonly directory: string;
  /** The name of a file in it; or a glob as of bash, `*` within one name and `**` across names. */
  readonly name: string;
  readonly isGlob: boolean;
  /** Which end of each file. */
  readonly end: 'first' | 'last';
  /** Names of files in the directory itself that a glob does not mean although it matches them. */
  readonly except?: readonly string[];
}

export interface FilePart {
  /** Relative to the directory. */
  readonly name: string;
  /** Null if it cannot be read. */
  readonly bytes: Buffer | null;
  /** Whether the file has more. */
  readonly isCut: boolean;
}

/** What there is for one `WantedPart`. */
export interface FoundParts {
  /** By their names. */
  readonly files: readonly FilePart[];
  /** Whether more files match than are read. */
  readonly areMore: boolean;
}

export interface PartLimits {
  /** Of each file. */
  readonly bytes: number;
  /** For each `WantedPart`. */
  readonly files: number;
  /** For all of it. */
  readonly seconds: number;
}

export interface PartsRequest {
  readonly wanted: readonly WantedPart[];
  readonly limits: PartLimits;
  /** Aborted when nobody has time for the rest. */
  readonly stop?: AbortSignal | undefined;
  /**
   * Gets what there is for each of them, in their order; the next is read once it is done. The signal is aborted, with a
   * HostError, once the time is up, or with `stop`.
   */
  readonly take: (found: FoundParts, index: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Reads parts of files, in one stream for all.
 *
 * @throws HostError
 */
export async function readParts(host: Host, { wanted, limits, stop, take }: PartsRequest): Promise<void> {
  const limit = new AbortController();
  const { signal } = limit;
  const what = `the outputs of steps on ${host.name}`;
  const giveUp = (why: string) => limit.abort(new HostError(`${what} ${why}`));
  const timer = setTimeout(
    () => giveUp(`took longer to read and search than ${limits.seconds} s`),
    limits.seconds * 1000,
  );
  const onStop = () => giveUp(`were not all read: ${stop!.reason}`);
  if (stop?.aborted) onStop();
  stop?.addEventListener('abort', onStop, { once: true });
  let done = 0;
  const taken = async (found: FoundParts) => {
    await take(found, done, signal);
    done += 1;
  };
  try {
    // Where the connection breaks, what was taken is not read again.
    await again(() => readStream(host, { wanted: wanted.slice(done), limits, take: taken, signal }));
  } finally {
    clearTimeout(timer);
    stop?.removeEventListener('abort', onStop);
  }
}

interface StreamRequest extends PartsRequest {
  readonly take: (found: FoundParts) => Promise<void>;
  readonly signal: AbortSignal;
}

async function readStream(host: Host, { wanted, limits, take, signal }: StreamRequest): Promise<void> {
  signal.throwIfAborted();
  const mark = randomBytes(16).toString('hex');
  const process = host.spawn(commandOf(mark, limits));
  const errors = collectText(process.stderr, 4096);
  process.exit.catch(() => {});
  // The command may end before it has read all of this.
  process.stdin.on('error', () => {});
  process.stdin.end(wanted.map(fieldsOf).join(''));
  // What takes too long is left to end by itself: a file system may hang.
  const giveUp = () => {
    process.stdout.destroy();
    process.leave();
  };
  signal.addEventListener('abort', giveUp);
  let files: FilePart[] = [];
  let areMore = false;
  let count = 0;
  try {
    for await (const { kind, bytes } of piecesOf(process.stdout, mark)) {
      if (kind === '.') {
        await take({ files, areMore });
        [files, areMore, count] = [[], false, count + 1];
      } else if (kind === '>') areMore = true;
      else files.push(partOf(bytes, kind === '+', limits.bytes, wanted[count]?.end ?? 'last'));
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
  signal.throwIfAborted();
  const { code } = await process.exit;
  if (code !== 0 || count < wanted.length) {
    throw new HostError(`cannot read the outputs of steps on ${host.name}: ${causeOf(code, errors())}`);
  }
}

const fieldsOf = ({ directory, name, isGlob, end, except = [] }: WantedPart) =>
  [isGlob ? 'glob' : 'name', end, directory, name, except.map((one) => `/${one}/`).join('')]
    .map((field) => `${field}\0`)
    .join('');

/**
 * Prints for each file its name, a NUL, what is read of it, and the mark with a `+`, or a `-` if it cannot be read; after the
 * last one of a request a mark with a `.`, and before that one with a `>` if there are more. One byte more than is wanted of a
 * file shows that it is cut. A glob is a variable's value, of which bash expands nothing but file names.
 */
function commandOf(mark: string, { bytes, files }: PartLimits): string {
  return `LC_ALL=C
shopt -s nullglob
shopt -s globstar 2> /dev/null
while IFS= read -r -d '' kind && IFS= read -r -d '' end && IFS= read -r -d '' directory &&
  IFS= read -r -d '' name && IFS= read -r -d '' except; do
  found=()
  if cd -- "$directory" 2> /dev/null; then
    if [ "$kind" = glob ]; then IFS=; found=($name); unset IFS; else found=("$name"); fi
  fi
  count=0
  for file in "\${found[@]}"; do
    case $except in *"/$file/"*) continue ;; esac
    [ -f "./$file" ] || continue
    count=$((count + 1))
    [ "$count" -le ${files} ] || { printf '%s>\\n' ${mark}; break; }
    printf '%s\\0' "$file"
    case $end in first) head -c ${bytes + 1} -- "./$file" ;; *) tail -c ${bytes + 1} -- "./$file" ;; esac 2> /dev/null &&
      printf '%s+\\n' ${mark} || printf '%s-\\n' ${mark}
  done
  printf '%s.\\n' ${mark}
done
exit 0`;
}

function partOf(piece: Buffer, isRead: boolean, most: number, end: WantedPart['end']): FilePart {
  const head = piece.indexOf(0);
  const name = piece.toString('utf8', 0, head);
  const bytes = piece.subarray(head + 1);
  if (!isRead) return { name, bytes: null, isCut: false };
  const isCut = bytes.length > most;
  const part = !isCut ? bytes : end === 'first' ? bytes.subarray(0, most) : bytes.subarray(bytes.length - most);
  return { name, bytes: part, isCut };
}

interface Piece {
  /** The letter behind the mark that ends it. */
  readonly kind: string;
  readonly bytes: Buffer;
}

/** What is between the marks in a stream, without copying again and again what has not ended yet. */
async function* piecesOf(stream: AsyncIterable<Buffer>, mark: string): AsyncGenerator<Piece> {
  // The mark, a letter and the end of the line.
  const whole = mark.length + 2;
  let held: Buffer[] = [];
  let size = 0;
  for await (let chunk of stream) {
    for (;;) {
      const overlap = lastBytes(held, whole - 1);
      const at = (held.length === 0 ? chunk : Buffer.concat([overlap, chunk])).indexOf(mark);
      if (at === -1 || at + whole > overlap.length + chunk.length) break;
      const begin = size - overlap.length + at;
      const all = held.length === 0 ? chunk : Buffer.concat([...held, chunk]);
      yield { kind: String.fromCharCode(all[begin + mark.length]!), bytes: all.subarray(0, begin) };
      chunk = all.subarray(begin + whole);
      [held, size] = [[], 0];
    }
    if (chunk.length === 0) continue;
    held.push(chunk);
    size += chunk.length;
  }
}

function lastBytes(chunks: readonly Buffer[], most: number): Buffer {
  const last: Buffer[] = [];
  let left = most;
  for (let i = chunks.length - 1; i >= 0 && left > 0; i--) {
    const part = chunks[i]!.subarray(Math.max(0, chunks[i]!.length - left));
    last.unshift(part);
    left -= part.length;
  }
  return Buffer.concat(last);
}
