/**
 * Flux messages (RFC 3) and their framing on a stream, both ways.
 *
 * Two things are as flux-core has them and not as RFC 3 prints them: the magic number is in the byte order of the host,
 * and the length does not count the eight bytes of magic and length.
 */

export const messageTypes = { request: 1, response: 2, event: 4, control: 8 } as const;

export const messageFlags = {
  topic: 0x01,
  payload: 0x02,
  noResponse: 0x04,
  route: 0x08,
  private: 0x20,
  streaming: 0x40,
} as const;

export interface Message {
  /** One of `messageTypes`. */
  readonly type: number;
  /** A sum of `messageFlags`; those for topic and payload say whether there is one. */
  readonly flags: number;
  /** A client sends 0xffffffff and 0: the broker fills both in. */
  readonly userid: number;
  readonly rolemask: number;
  /** Of a request the rank that it is for (0xffffffff: any), of a response its errnum (0: success). */
  readonly control: number;
  readonly matchtag: number;
  /** Ids of those it came through; a client sees none. */
  readonly routes: readonly string[];
  /** Like a route without a NUL at its end. */
  readonly topic: string | undefined;
  /** JSON payloads end in a NUL, which is part of it. */
  readonly payload: Buffer | undefined;
}

/** The bytes are not a Flux message, so nothing after them can be parsed. */
export class FrameError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FrameError';
  }
}

const magic = Buffer.from([0x12, 0x00, 0xee, 0xff]);
const prefixLength = 8;
const headerLength = 20;
const headerMagic = 0x8e;
const headerVersion = 0x01;

/** A client's messages have four parts; more are those of routes. */
const mostParts = 256;

/** Much larger than any expected answer; a larger message is an error or an attack. */
export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

export function encodeMessage(message: Message): Buffer {
  const parts: Buffer[] = [];
  if (message.flags & messageFlags.route) {
    for (const route of message.routes) parts.push(...part(Buffer.from(route)));
    parts.push(...part(Buffer.alloc(0)));
  }
  if (message.topic !== undefined) parts.push(...part(Buffer.from(message.topic)));
  if (message.payload !== undefined) parts.push(...part(message.payload));
  const header = Buffer.alloc(headerLength);
  header.set([headerMagic, headerVersion, message.type, message.flags]);
  header.writeUInt32BE(message.userid, 4);
  header.writeUInt32BE(message.rolemask, 8);
  header.writeUInt32BE(message.control, 12);
  header.writeUInt32BE(message.matchtag, 16);
  parts.push(...part(header));
  const prefix = Buffer.alloc(prefixLength);
  magic.copy(prefix);
  prefix.writeUInt32BE(
    parts.reduce((sum, { length }) => sum + length, 0),
    4,
  );
  return Buffer.concat([prefix, ...parts]);
}

function part(data: Buffer): [Buffer, Buffer] {
  if (data.length < 0xff) return [Buffer.from([data.length]), data];
  const size = Buffer.alloc(5, 0xff);
  size.writeUInt32BE(data.length, 1);
  return [size, data];
}

/** Turns a stream's chunks, however it is cut, into messages. Keeps no more than one incomplete message. */
export class FrameDecoder {
  readonly #maximum: number;
  #chunks: Buffer[] = [];
  #length = 0;
  /** Bytes that the present message has, its prefix included; undefined until that is known. */
  #wanted: number | undefined;

  /** @param maximum of bytes in a message */
  constructor(maximum = MAX_MESSAGE_BYTES) {
    this.#maximum = maximum;
  }

  /** Whether a message is incomplete. */
  get isWithinMessage(): boolean {
    return this.#length > 0;
  }

  /**
   * @returns the messages that are complete with this chunk
   * @throws FrameError, after which the decoder is of no more use
   */
  push(chunk: Buffer): Message[] {
    this.#keep(chunk);
    const messages: Message[] = [];
    for (;;) {
      if (this.#wanted === undefined) {
        // Checked as early as possible: a peer with another protocol may wait for an answer before the eighth byte.
        if (this.#length > 0) this.#checkMagic();
        if (this.#length < prefixLength) return messages;
        this.#wanted = this.#readLength();
      }
      if (this.#length < this.#wanted) return messages;
      const all = this.#join();
      const frame = all.subarray(prefixLength, this.#wanted);
      const rest = all.subarray(this.#wanted);
      this.#chunks = rest.length > 0 ? [rest] : [];
      this.#length = rest.length;
      this.#wanted = undefined;
      messages.push(decodeFrame(frame));
    }
  }

  /** However small its chunks are, a message is kept in few pieces, and copied seldom: each is longer than the next. */
  #keep(chunk: Buffer): void {
    this.#length += chunk.length;
    let last = chunk;
    for (let before = this.#chunks.at(-1); before !== undefined && before.length <= last.length; ) {
      last = Buffer.concat([before, last]);
      this.#chunks.pop();
      before = this.#chunks.at(-1);
    }
    this.#chunks.push(last);
  }

  #checkMagic(): void {
    const start = this.#start(magic.length);
    if (magic.subarray(0, start.length).equals(start)) return;
    const shown = this.#start(40)
      .toString('latin1')
      .replaceAll(/[^\x20-\x7e]/g, '.');
    throw new FrameError(`what came is not Flux's protocol: it begins with "${shown}"`);
  }

  #readLength(): number {
    const length = this.#start(prefixLength).readUInt32BE(4);
    if (length > this.#maximum) {
      throw new FrameError(`a message of ${length} bytes was announced, and none may have more than ${this.#maximum}`);
    }
    if (length < headerLength + 1) throw new FrameError(`a message of ${length} bytes is too short to be one`);
    return length + prefixLength;
  }

  /** The first bytes, as far as they are there. */
  #start(length: number): Buffer {
    if (this.#chunks[0]!.length < length && this.#chunks.length > 1) this.#join();
    return this.#chunks[0]!.subarray(0, length);
  }

  #join(): Buffer {
    if (this.#chunks.length > 1) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0]!;
  }
}

/** Reads what follows magic and length. */
function decodeFrame(frame: Buffer): Message {
  const parts = splitParts(frame);
  const header = parts.pop();
  if (header?.length !== headerLength) throw new FrameError('a message without a header of 20 bytes at its end');
  if (header[0] !== headerMagic || header[1] !== headerVersion) {
    throw new FrameError('a message whose header is not of version 1 of the protocol');
  }
  const [type, flags] = [header[2]!, header[3]!];
  if (!(Object.values(messageTypes) as number[]).includes(type)) {
    throw new FrameError(`a message of an unknown type (${type})`);
  }
  const routes: string[] = [];
  let next = 0;
  if (flags & messageFlags.route) {
    for (;;) {
      const route = parts[next++];
      if (route === undefined) throw new FrameError('a message whose route does not end');
      if (route.length === 0) break;
      routes.push(route.toString());
    }
  }
  const topic = flags & messageFlags.topic ? needed(parts[next++], 'topic').toString() : undefined;
  const payload = flags & messageFlags.payload ? needed(parts[next++], 'payload') : undefined;
  if (next !== parts.length) throw new FrameError(`a message with ${parts.length - next} parts too many`);
  return {
    type,
    flags,
    userid: header.readUInt32BE(4),
    rolemask: header.readUInt32BE(8),
    control: header.readUInt32BE(12),
    matchtag: header.readUInt32BE(16),
    routes,
    topic,
    payload,
  };
}

function splitParts(frame: Buffer): Buffer[] {
  const parts: Buffer[] = [];
  let at = 0;
  while (at < frame.length) {
    if (parts.length === mostParts) throw new FrameError(`a message of more than ${mostParts} parts`);
    let size = frame[at++]!;
    if (size === 0xff) {
      if (at + 4 > frame.length) throw new FrameError('a message that is cut off within the size of a part');
      size = frame.readUInt32BE(at);
      at += 4;
    }
    if (at + size > frame.length) throw new FrameError('a message with a part that is longer than the message');
    parts.push(frame.subarray(at, at + size));
    at += size;
  }
  return parts;
}

function needed(data: Buffer | undefined, what: string): Buffer {
  if (data === undefined) throw new FrameError(`a message without the ${what} that its flags announce`);
  return data;
}
