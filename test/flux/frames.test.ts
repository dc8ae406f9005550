import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeMessage,
  FrameDecoder,
  FrameError,
  type Message,
  messageFlags,
  messageTypes,
} from '../../src/flux/frames.js';
import { type RecordedMessage, recordedConnections } from '../support/flux/recordings.js';
import { heldInBuffers } from '../support/held-memory.js';

const decode = (bytes: Buffer, maximum?: number) => new FrameDecoder(maximum).push(bytes);
const request: Message = {
  type: messageTypes.request,
  flags: messageFlags.topic | messageFlags.payload | messageFlags.route,
  userid: 0xffffffff,
  rolemask: 0,
  control: 0xffffffff,
  matchtag: 1,
  routes: [],
  topic: 'attr.get',
  payload: Buffer.from('{"name":"version"}\0'),
};

/** Cuts into pieces of the given lengths, and what remains. */
function* pieces(bytes: Buffer, lengths: Iterable<number>): Generator<Buffer> {
  let at = 0;
  for (const length of lengths) {
    yield bytes.subarray(at, at + length);
    at += length;
  }
  yield bytes.subarray(at);
}

describe('every recorded frame', () => {
  const title = ({ file, exchange, conn }: (typeof recordedConnections)[number]) => `${file}: ${exchange} (${conn})`;

  it.each(recordedConnections.map((connection) => [title(connection), connection.messages] as const))(
    'of %s is read and written byte by byte',
    (_, messages) => {
      for (const message of messages) {
        const [read, ...others] = decode(message.frame);
        expect(others).toEqual([]);
        expect(fieldsOf(read!)).toEqual(recordedFields(message));
        expect(encodeMessage(read!).toString('hex')).toBe(message.frame.toString('hex'));
      }
    },
  );

  const fieldsOf = ({ type, flags, userid, rolemask, control, matchtag, topic, payload }: Message) => ({
    type,
    flags,
    userid,
    rolemask,
    control,
    matchtag,
    // Those who made the recordings have some requests of their own, in which a NUL ends the topic: brokers take that too.
    topic: topic?.replace(/\0$/, ''),
    payload: payload?.toString().replace(/\0$/, ''),
  });

  const recordedFields = (message: RecordedMessage) => ({
    type: messageTypes[message.type],
    flags: message.flags,
    userid: message.userid,
    rolemask: message.rolemask,
    control: message.dir === 'C' ? message.nodeid : message.errnum,
    matchtag: message.matchtag,
    topic: message.topic,
    payload: message.payload,
  });

  it('is the same however the stream is cut', () => {
    const all = recordedConnections.flatMap(({ messages }) => messages.map(({ frame }) => frame)).slice(0, 200);
    const stream = Buffer.concat(all);
    expect(decode(stream)).toHaveLength(all.length);
    /** As bytes: many buffers are slow to compare one by one. */
    const check = (read: Message[]) => expect(Buffer.concat(read.map(encodeMessage)).equals(stream)).toBe(true);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3000 }), { maxLength: 200 }), (lengths) => {
        const decoder = new FrameDecoder();
        const read = [...pieces(stream, lengths)].flatMap((piece) => decoder.push(piece));
        check(read);
        expect(decoder.isWithinMessage).toBe(false);
      }),
      { numRuns: 30 },
    );
    const decoder = new FrameDecoder();
    check([...stream].flatMap((byte) => decoder.push(Buffer.of(byte))));
  });
});

const uint32 = fc.integer({ min: 0, max: 0xffffffff });
const anyMessage: fc.Arbitrary<Message> = fc
  .record({
    type: fc.constantFrom(...Object.values(messageTypes)),
    others: fc.integer({ min: 0, max: 0xff }),
    userid: uint32,
    rolemask: uint32,
    control: uint32,
    matchtag: uint32,
    routes: fc.array(fc.string({ minLength: 1, maxLength: 40 }), { maxLength: 3 }),
    topic: fc.option(fc.string({ maxLength: 300, unit: 'grapheme' }), { nil: undefined }),
    payload: fc.option(fc.uint8Array({ maxLength: 600 }), { nil: undefined }),
  })
  .map(({ others, routes, topic, payload, ...rest }) => {
    const { topic: withTopic, payload: withPayload, route } = messageFlags;
    const flags =
      (others & ~(withTopic | withPayload)) |
      (topic === undefined ? 0 : withTopic) |
      (payload === undefined ? 0 : withPayload);
    return {
      ...rest,
      flags,
      routes: flags & route ? routes : [],
      topic,
      payload: payload === undefined ? undefined : Buffer.from(payload),
    };
  });

describe('a message', () => {
  it('is what was written, whatever it is and however it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(anyMessage, { minLength: 1, maxLength: 5 }),
        fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 100 }),
        (messages, lengths) => {
          const decoder = new FrameDecoder();
          const stream = Buffer.concat(messages.map(encodeMessage));
          const read = [...pieces(stream, lengths)].flatMap((piece) => decoder.push(piece));
          expect(read).toEqual(messages);
        },
      ),
    );
  });

  it.each([253, 254, 255, 256, 65_536])('may have a part of %i bytes', (length) => {
    const message = { ...request, payload: Buffer.alloc(length, 'x') };
    const bytes = encodeMessage(message);
    const [read] = decode(bytes);
    expect(read!.payload!.equals(message.payload)).toBe(true);
    // Sizes from 255 on take four bytes more.
    expect(bytes.length).toBe(8 + 1 + 9 + (length < 255 ? 1 : 5) + length + 21);
  });

  it('is complete only with its last byte', () => {
    const bytes = encodeMessage(request);
    const decoder = new FrameDecoder();
    expect(decoder.isWithinMessage).toBe(false);
    expect(decoder.push(bytes.subarray(0, -1))).toEqual([]);
    expect(decoder.isWithinMessage).toBe(true);
    expect(decoder.push(bytes.subarray(-1))).toEqual([request]);
    expect(decoder.isWithinMessage).toBe(false);
  });
});

/** A frame of these parts, and a good prefix. */
function frameOf(...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts.flatMap((part) => [Buffer.of(part.length), part]));
  return prefixed(content);
}

function prefixed(content: Buffer): Buffer {
  const prefix = Buffer.from([0x12, 0x00, 0xee, 0xff, 0, 0, 0, 0]);
  prefix.writeUInt32BE(content.length, 4);
  return Buffer.concat([prefix, content]);
}

function header(changes: { type?: number; flags?: number; magic?: number; version?: number } = {}): Buffer {
  const { type = messageTypes.request, flags = 0, magic = 0x8e, version = 1 } = changes;
  const bytes = Buffer.alloc(20);
  bytes.set([magic, version, type, flags]);
  return bytes;
}

describe('what is no message is refused', () => {
  const { topic, payload, route } = messageFlags;
  it.each<[string, Buffer, RegExp]>([
    ['another protocol', Buffer.from('SSH-2.0-OpenSSH_9.6\r\n'), /not Flux's protocol: it begins with "SSH-2.0-Ope/],
    ['a byte of another protocol', Buffer.from('H'), /it begins with "H"/],
    ['bytes that cannot be shown', Buffer.from([0x12, 0x00, 0xee, 0xfe]), /it begins with "\.\.\.\."/],
    ["magic in RFC 3's byte order", Buffer.from([0xff, 0xee, 0x00, 0x12]), /not Flux's protocol/],
    ['no header', prefixed(Buffer.alloc(0)), /too short/],
    ['a length that no header fits in', prefixed(Buffer.alloc(20)), /too short/],
    ['a short header', frameOf(header(), Buffer.alloc(19)), /without a header of 20 bytes/],
    ['a long header', frameOf(header(), Buffer.alloc(21)), /without a header of 20 bytes/],
    ['a header with other magic', frameOf(header({ magic: 0x8f })), /version 1/],
    ['a header of another version', frameOf(header({ version: 2 })), /version 1/],
    ['no type', frameOf(header({ type: 0 })), /unknown type \(0\)/],
    ['two types', frameOf(header({ type: 3 })), /unknown type \(3\)/],
    ['no topic in spite of its flag', frameOf(header({ flags: topic })), /without the topic/],
    [
      'no payload in spite of its flag',
      frameOf(Buffer.from('t'), header({ flags: topic | payload })),
      /without the payl/,
    ],
    ['a topic without its flag', frameOf(Buffer.from('t'), header()), /1 parts too many/],
    ['a route without an end', frameOf(Buffer.from('r'), header({ flags: route })), /route does not end/],
    [
      'a part longer than the message',
      prefixed(Buffer.concat([Buffer.of(40), header(), Buffer.alloc(5)])),
      /is longer/,
    ],
    [
      'a size that is cut off',
      prefixed(Buffer.concat([Buffer.of(20), header(), Buffer.of(255, 0, 0)])),
      /within the size/,
    ],
    [
      'a part of four gigabytes',
      prefixed(Buffer.concat([Buffer.of(20), header(), Buffer.from([255, 255, 255, 255, 255])])),
      /is longer/,
    ],
  ])('%s', (_, bytes, words) => {
    const attempt = () => decode(bytes);
    expect(attempt).toThrow(FrameError);
    expect(attempt).toThrow(words);
  });

  it('as soon as it can be: wrong magic before there are eight bytes', () => {
    const decoder = new FrameDecoder();
    expect(decoder.push(Buffer.from([0x12, 0x00]))).toEqual([]);
    expect(() => decoder.push(Buffer.from([0x13]))).toThrow(FrameError);
  });

  it('and a message that is too large as soon as it is announced', () => {
    const bytes = encodeMessage({ ...request, payload: Buffer.alloc(1000) });
    expect(decode(bytes, bytes.length - 8)).toHaveLength(1);
    expect(() => decode(bytes.subarray(0, 8), bytes.length - 9)).toThrow(/was announced, and none may have more than/);
    expect(() => decode(prefixed(Buffer.alloc(0)).fill(0xff, 4))).toThrow(/4294967295 bytes was announced/);
  });

  it('and whatever bytes come, it is a FrameError or nothing', () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map(Buffer.from),
      fc.uint8Array({ maxLength: 200 }).map((bytes) => prefixed(Buffer.from(bytes))),
      fc
        .tuple(anyMessage, fc.nat(), fc.integer({ min: 0, max: 255 }))
        .map(([message, at, byte]) => withByte(encodeMessage(message), at, byte)),
    );
    fc.assert(
      fc.property(anything, (bytes) => {
        try {
          decode(bytes, 10_000);
        } catch (error) {
          expect(error).toBeInstanceOf(FrameError);
        }
      }),
      { numRuns: 500 },
    );
  });

  const withByte = (bytes: Buffer, at: number, byte: number) =>
    bytes.fill(byte, at % bytes.length, (at % bytes.length) + 1);
});

describe('memory', () => {
  it('holds what has come of a message, and not what it announces', () => {
    const before = heldInBuffers();
    const decoders = Array.from({ length: 50 }, () => new FrameDecoder());
    const start = prefixed(Buffer.alloc(0));
    start.writeUInt32BE(60 * 1024 * 1024, 4);
    for (const decoder of decoders) expect(decoder.push(start)).toEqual([]);
    expect(heldInBuffers() - before).toBeLessThan(20 * 1024 * 1024);
    expect(decoders.every(({ isWithinMessage }) => isWithinMessage)).toBe(true);
  });

  it('and time stay small for a large message in small pieces', () => {
    const message = { ...request, payload: Buffer.alloc(1024 * 1024, 'x') };
    const decoder = new FrameDecoder();
    const bytes = encodeMessage(message);
    let read: Message[] = [];
    const start = performance.now();
    for (let at = 0; at < bytes.length; at += 16) read = decoder.push(bytes.subarray(at, at + 16));
    expect(performance.now() - start).toBeLessThan(5000);
    expect(read).toHaveLength(1);
    expect(read[0]!.payload!.equals(message.payload)).toBe(true);
  });
});
