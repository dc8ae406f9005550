import { Header } from 'tar/header';

/** One member of a tar archive, without its content. */
export interface TarMember {
  readonly type: 'File' | 'Directory' | 'SymbolicLink';
  /** Relative; a directory's ends with `/`. */
  readonly path: string;
  readonly mode: number;
  /** Milliseconds since 1970. */
  readonly mtime: number;
  /** Bytes of content that follow; 0 for what has none. */
  readonly size: number;
  /** Of a symbolic link, where it leads. */
  readonly linkpath?: string;
}

const BLOCK_BYTES = 512;

/**
 * What a member begins with: its header, and records (POSIX.1-2001, pax) of what does not fit into one. A time is one: a
 * header has whole seconds since 1970, and more than that may matter to `make`.
 */
export function headerBlocks({ mtime, ...member }: TarMember): Buffer {
  const rounded = new Date(Math.max(0, mtime));
  const block = Buffer.alloc(BLOCK_BYTES);
  const isLarge = new Header({ ...member, mtime: rounded }).encode(block, 0);
  const records = [
    ...(isLarge ? [record('path', member.path), record('size', String(member.size))] : []),
    ...(isLarge && member.linkpath !== undefined ? [record('linkpath', member.linkpath)] : []),
    ...(mtime >= 0 && mtime % 1000 === 0 ? [] : [record('mtime', (mtime / 1000).toFixed(6))]),
  ];
  if (records.length === 0) return block;
  const body = Buffer.concat(records);
  const before = Buffer.alloc(BLOCK_BYTES);
  const name = 'PaxHeader/next';
  new Header({ type: 'ExtendedHeader', path: name, mode: 0o644, mtime: rounded, size: body.length }).encode(before, 0);
  return Buffer.concat([before, body, padding(body.length), block]);
}

/** A record of pax, which begins with its own length in bytes. */
function record(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  const withDigits = (digits: number) => Buffer.byteLength(rest) + digits;
  let digits = 1;
  while (String(withDigits(digits)).length > digits) digits += 1;
  return Buffer.from(`${withDigits(digits)}${rest}`);
}

/** What stands after so many bytes of content: zeros up to a whole block. */
export function padding(size: number): Buffer {
  return Buffer.alloc(-size & (BLOCK_BYTES - 1));
}

/** What an archive ends with. One that is cut short does not have it. */
export const archiveEnd = Buffer.alloc(2 * BLOCK_BYTES);

const PIECE_BYTES = 256 * 1024;

/** The same bytes in large pieces: each piece costs a stream as much as a small one. */
export async function* inPieces(
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer, void, undefined> {
  let piece: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    piece.push(chunk);
    bytes += chunk.length;
    if (bytes < PIECE_BYTES) continue;
    yield Buffer.concat(piece, bytes);
    [piece, bytes] = [[], 0];
  }
  if (bytes > 0) yield Buffer.concat(piece, bytes);
}
