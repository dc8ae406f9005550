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
const NAME_BYTES = 100;
const PREFIX_BYTES = 155;
/** The largest number that the eleven octal digits of a size, or a time, have room for. */
const MAX_NUMBER = 0o77777777777;

/**
 * What a member begins with: its header, and records (POSIX.1-2001, pax) of what does not fit into one. A time is one: a
 * header has whole seconds since 1970, and more than that may matter to `make`.
 */
export function headerBlocks(member: TarMember): Buffer {
  const records = recordsOf(member);
  const blocks = Buffer.alloc(headerBytes(records));
  writeHeaders(blocks, member, records);
  return blocks;
}

/** The records of what a member's header has no room for. */
function recordsOf({ path, mtime, size, linkpath = '' }: TarMember): Buffer {
  const records: Buffer[] = [];
  if (!isAscii(path) || prefixLength(path) === undefined) records.push(record('path', path));
  if (!isAscii(linkpath) || linkpath.length > NAME_BYTES) records.push(record('linkpath', linkpath));
  if (size > MAX_NUMBER) records.push(record('size', String(size)));
  if (mtime < 0 || mtime % 1000 !== 0 || mtime > MAX_NUMBER * 1000) {
    records.push(record('mtime', (mtime / 1000).toFixed(6)));
  }
  return Buffer.concat(records);
}

/** A record of pax, which begins with its own length in bytes. */
function record(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  const withDigits = (digits: number) => Buffer.byteLength(rest) + digits;
  let digits = 1;
  while (String(withDigits(digits)).length > digits) digits += 1;
  return Buffer.from(`${withDigits(digits)}${rest}`);
}

/** The bytes of a header, and of records before it. */
function headerBytes(records: Buffer): number {
  return (records.length === 0 ? 0 : BLOCK_BYTES + records.length + paddingBytes(records.length)) + BLOCK_BYTES;
}

/** Writes records and a header to the begin of `blocks`, which is zeros. */
function writeHeaders(blocks: Buffer, member: TarMember, records: Buffer): void {
  if (records.length > 0) {
    const { mtime } = member;
    writeHeader(blocks, { type: 'Records', path: 'PaxHeader/next', mode: 0o644, mtime, size: records.length });
    records.copy(blocks, BLOCK_BYTES);
  }
  writeHeader(blocks.subarray(headerBytes(records) - BLOCK_BYTES), member);
}

const typeFlags = { File: '0', SymbolicLink: '2', Directory: '5', Records: 'x' };

/**
 * Writes a header of POSIX.1-1988 (ustar) over zeros; what it has no room for is cut off. What libraries take for it is a tenth
 * of the time in which a large study is staged.
 */
function writeHeader(block: Buffer, member: Omit<TarMember, 'type'> & { readonly type: keyof typeof typeFlags }): void {
  const { type, path, mode, mtime, size, linkpath = '' } = member;
  const prefix = prefixLength(path) ?? 0;
  block.write(prefix === 0 ? path : path.slice(prefix + 1), 0, NAME_BYTES);
  block.write(octal(mode, 7), 100, 'latin1');
  block.write(octal(size, 11), 124, 'latin1');
  block.write(octal(Math.max(0, Math.floor(mtime / 1000)), 11), 136, 'latin1');
  block.write(typeFlags[type], 156, 'latin1');
  if (linkpath !== '') block.write(linkpath, 157, NAME_BYTES);
  block.write('ustar\0' + '00', 257, 'latin1');
  if (prefix > 0) block.write(path.slice(0, prefix), 345, PREFIX_BYTES);
  // While the sum is made, its own eight bytes count as blanks.
  let sum = 8 * 0x20;
  for (let i = 0; i < BLOCK_BYTES; i++) sum += block[i]!;
  block.write(`${octal(sum, 6)}\0 `, 148, 'latin1');
}

/** So many octal digits; of a number that has more, those of the largest that has not. */
function octal(value: number, digits: number): string {
  return Math.min(value, 8 ** digits - 1)
    .toString(8)
    .padStart(digits, '0');
}

/** How much of a path is before the `/` at which a header divides it; 0 if it is not divided, undefined if it has no room for it. */
function prefixLength(path: string): number | undefined {
  if (path.length <= NAME_BYTES) return 0;
  const slash = path.indexOf('/', path.length - NAME_BYTES - 1);
  return slash > 0 && slash <= PREFIX_BYTES && slash < path.length - 1 ? slash : undefined;
}

const isAscii = (text: string) => /^[\0-\x7f]*$/.test(text);

/** What stands after so many bytes of content: zeros up to a whole block. */
export function padding(size: number): Buffer {
  return Buffer.alloc(paddingBytes(size));
}

function paddingBytes(size: number): number {
  return -size & (BLOCK_BYTES - 1);
}

/** What an archive ends with. One that is cut short does not have it. */
export const archiveEnd = Buffer.alloc(2 * BLOCK_BYTES);

const PIECE_BYTES = 256 * 1024;

/** A member whose content is there. */
export interface WholeMember extends Omit<TarMember, 'size'> {
  readonly content: string | Uint8Array;
}

/** An archive in large pieces: each piece costs a stream as much as a small one. */
export function* wholeArchive(members: Iterable<WholeMember>): Generator<Buffer, void, undefined> {
  let piece = Buffer.alloc(PIECE_BYTES);
  let used = 0;
  for (const { content, type, path, mode, mtime } of members) {
    const member = { type, path, mode, mtime, size: Buffer.byteLength(content) };
    const records = recordsOf(member);
    const begin = headerBytes(records);
    const bytes = begin + member.size + paddingBytes(member.size);
    if (used + bytes > piece.length) {
      if (used > 0) yield piece.subarray(0, used);
      piece = Buffer.alloc(Math.max(PIECE_BYTES, bytes));
      used = 0;
    }
    writeHeaders(piece.subarray(used), member, records);
    if (typeof content === 'string') piece.write(content, used + begin);
    else piece.set(content, used + begin);
    used += bytes;
  }
  if (used > 0) yield piece.subarray(0, used);
  yield archiveEnd;
}

/** The same bytes in large pieces, as those of `wholeArchive`. */
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
