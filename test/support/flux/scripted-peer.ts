import { type Duplex, duplexPair } from 'node:stream';
import { onTestFinished } from 'vitest';
import { encodeMessage, FrameDecoder, type Message, messageFlags, messageTypes } from '../../../src/flux/frames.js';
import { Handle } from '../../../src/flux/handle.js';
import { type Clock, systemClock } from '../../../src/util/clock.js';
import { until } from '../wait.js';

/** A broker's end of a connection that does only what a test tells it to. */
export class ScriptedPeer {
  /** What the client has asked for. */
  readonly requests: Message[] = [];
  /** The client's end. */
  readonly stream: Duplex;
  readonly #own: Duplex;
  readonly #decoder = new FrameDecoder();

  constructor() {
    [this.stream, this.#own] = duplexPair();
    this.#own.on('data', (chunk: Buffer) => this.requests.push(...this.#decoder.push(chunk)));
    this.#own.on('error', () => {});
  }

  /** Lets the client in. */
  async accept(clock: Clock = systemClock): Promise<Handle> {
    this.send(Buffer.of(0));
    const handle = await Handle.connect(this.stream, clock);
    onTestFinished(() => handle.close());
    return handle;
  }

  send(bytes: Buffer): void {
    this.#own.write(bytes);
  }

  end(): void {
    this.#own.end();
  }

  /** The nth request, once it has come. */
  async request(number: number): Promise<Message> {
    return until(`request ${number} has come`, () => this.requests[number - 1]);
  }

  /** @param payload a string is sent as it is, without a NUL */
  answer(request: Message, payload?: object | string, errnum = 0): void {
    this.send(responseTo(request, payload, errnum));
  }
}

export function responseTo(request: Message, payload?: object | string, errnum = 0): Buffer {
  const flags = request.flags & (messageFlags.streaming | messageFlags.route | messageFlags.topic);
  const text = typeof payload === 'object' ? `${JSON.stringify(payload)}\0` : payload;
  return encodeMessage({
    ...request,
    type: messageTypes.response,
    flags: flags | (text === undefined ? 0 : messageFlags.payload),
    control: errnum,
    payload: text === undefined ? undefined : Buffer.from(text),
  });
}
