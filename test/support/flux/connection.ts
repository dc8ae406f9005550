import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import {
  encodeMessage,
  FrameDecoder,
  FrameError,
  type Message,
  messageFlags,
  messageTypes,
} from '../../../src/flux/frames.js';
import { parseJson, toJson } from '../../../src/flux/json.js';
import type { Behaviour, Spoiling } from './simulated-broker.js';

export interface ConnectionOptions {
  readonly behaviour: Behaviour;
  readonly owner: number;
  readonly onRequest: (request: Request) => void;
  readonly onClose: () => void;
  /** How the answer to a request of this topic is to go wrong, if it is. */
  readonly takeSpoiling: (topic: string) => Spoiling | undefined;
}

/** One client of a simulated broker. */
export class Connection {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #decoder = new FrameDecoder();
  /** What may be cancelled, by matchtag. */
  readonly #cancellable = new Map<number, () => void>();
  readonly #onGone = new Set<() => void>();

  constructor(socket: Socket, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('error', () => {});
    socket.on('close', () => this.#close());
    const { auth } = options.behaviour;
    if (auth === undefined) return;
    if (auth === 0) socket.write(Buffer.of(0));
    else socket.end(Buffer.of(auth));
  }

  cut(): void {
    this.#socket.destroy();
  }

  /** In an orderly way: what was said before still arrives. */
  end(): void {
    this.#socket.end();
  }

  cutWithinFrame(): void {
    const frame = this.#encode(messageFlags.topic, 'a.message.that.never.ends', 0, 1, undefined);
    this.#socket.end(frame.subarray(0, frame.length / 2));
  }

  sendRaw(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  cancel(matchtag: number): void {
    this.#cancellable.get(matchtag)?.();
  }

  onCancel(matchtag: number, call: () => void): void {
    this.#cancellable.set(matchtag, call);
  }

  onGone(call: () => void): void {
    this.#onGone.add(call);
  }

  get behaviour(): Behaviour {
    return this.#options.behaviour;
  }

  /** @param payload undefined for none; a string is not made JSON of */
  respond(request: Message, errnum: number, payload: object | string | undefined): void {
    const { answerDelay } = this.behaviour;
    if (answerDelay > 0) setTimeout(() => this.#respond(request, errnum, payload), answerDelay);
    else this.#respond(request, errnum, payload);
  }

  #respond(request: Message, errnum: number, payload: object | string | undefined): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    if (errnum !== 0) this.#cancellable.delete(request.matchtag);
    const topic = request.topic!;
    const text =
      typeof payload === 'object' ? `${toJson(payload)}\0` : payload === undefined ? undefined : `${payload}\0`;
    const flags = request.flags & ~messageFlags.payload;
    const encode = (matchtag: number, text: string | undefined) => this.#encode(flags, topic, errnum, matchtag, text);
    const frame = encode(request.matchtag, text);
    switch (this.#options.takeSpoiling(topic)) {
      case undefined:
        this.#socket.write(frame);
        return;
      case 'wrong-matchtag':
        this.#socket.write(encode(request.matchtag + 1_000_000, text));
        return;
      case 'huge-frame':
        frame.writeUInt32BE(0xfffffff0, 4);
        this.#socket.write(frame);
        return;
      case 'garbage':
        this.#socket.write(randomBytes(100).fill('H', 0, 1));
        return;
      case 'not-json':
        this.#socket.write(encode(request.matchtag, '{"this is": no JSON\0'));
        return;
      case 'cut-within':
        this.#socket.end(frame.subarray(0, frame.length / 2));
        return;
      case 'cut':
        this.cut();
        return;
      case 'swallow':
        return;
    }
  }

  #encode(flags: number, topic: string, control: number, matchtag: number, text: string | undefined): Buffer {
    return encodeMessage({
      type: messageTypes.response,
      flags: flags | (text === undefined ? 0 : messageFlags.payload),
      userid: this.#options.owner,
      rolemask: 5,
      control,
      matchtag,
      routes: [],
      topic,
      payload: text === undefined ? undefined : Buffer.from(text),
    });
  }

  #receive(chunk: Buffer): void {
    let messages: Message[];
    try {
      messages = this.#decoder.push(chunk);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.cut();
      return;
    }
    for (const message of messages) this.#options.onRequest(new Request(this, message));
  }

  #close(): void {
    for (const call of this.#onGone) call();
    this.#options.onClose();
  }
}

/** A request, and how it is answered. */
export class Request {
  readonly topic: string;
  readonly payload: unknown;
  readonly #connection: Connection;
  readonly #message: Message;

  constructor(connection: Connection, message: Message) {
    this.#connection = connection;
    this.#message = message;
    // Brokers take a topic that ends in a NUL too.
    this.topic = (message.topic ?? '').replace(/\0$/, '');
    this.payload = message.payload === undefined ? undefined : parseJson(message.payload.toString().replace(/\0$/, ''));
  }

  respond(payload?: object): void {
    this.#connection.respond(this.#message, 0, payload);
  }

  fail(errnum: number, words = ''): void {
    if (this.#message.flags & messageFlags.noResponse) return;
    this.#connection.respond(this.#message, errnum, words === '' ? undefined : words);
  }

  /** Of the stream that this request has opened. */
  onCancel(call: () => void): void {
    this.#connection.onCancel(this.#message.matchtag, call);
  }

  /** When the connection is lost. */
  onGone(call: () => void): void {
    this.#connection.onGone(call);
  }

  cancelOther(matchtag: number): void {
    this.#connection.cancel(matchtag);
  }

  /** @param responses the responses that tell several events at once */
  events<T>(responses: (events: readonly T[]) => object[]): EventStream<T> {
    return new EventStream(this, this.#connection.behaviour, responses);
  }
}

/** Events on their way to who watches them: at once, late, or several in one response. */
export class EventStream<T> {
  readonly #request: Request;
  readonly #behaviour: Behaviour;
  /** The responses that tell several of them. */
  readonly #responses: (events: readonly T[]) => object[];
  readonly #due: T[] = [];
  #errnum: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(request: Request, behaviour: Behaviour, responses: (events: readonly T[]) => object[]) {
    this.#request = request;
    this.#behaviour = behaviour;
    this.#responses = responses;
  }

  push(line: T): void {
    if (this.#errnum !== undefined) return;
    this.#due.push(line);
    this.#deliverSoon();
  }

  end(errnum: number): void {
    if (this.#errnum !== undefined) return;
    this.#errnum = errnum;
    this.#deliverSoon();
  }

  #deliverSoon(): void {
    const { eventDelay, eventsTogether } = this.#behaviour;
    if (eventDelay === 0 && !eventsTogether && this.#timer === undefined) this.#deliver();
    else this.#timer ??= setTimeout(() => this.#deliver(), eventDelay);
  }

  #deliver(): void {
    this.#timer = undefined;
    const due = this.#due.splice(0);
    const parts = this.#behaviour.eventsTogether && due.length > 0 ? [due] : due.map((event) => [event]);
    for (const part of parts) for (const response of this.#responses(part)) this.#request.respond(response);
    if (this.#errnum !== undefined) this.#request.fail(this.#errnum);
  }
}
