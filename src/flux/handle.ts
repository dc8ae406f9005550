import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../util/clock.js';
import { ConnectionError, errno, errnoName, FluxError, RequestTimeout } from './errors.js';
import { encodeMessage, FrameDecoder, FrameError, type Message, messageFlags, messageTypes } from './frames.js';
import { parseJson, toJson } from './json.js';

/** The callbacks of a streaming request. */
export interface StreamListener {
  /** A response's payload. */
  readonly onResponse: (payload: unknown) => void;
  /**
   * The stream is over: undefined for its regular end (ENODATA), FluxError for another, ConnectionError if the broker
   * is lost.
   */
  readonly onEnd: (error: Error | undefined) => void;
}

export interface RequestOptions {
  /** Milliseconds to wait for the answer; 0: no limit. */
  readonly timeout?: number;
  /** The rank to ask; by default any that offers the service. */
  readonly rank?: number;
}

export interface ConnectOptions {
  readonly maximumFrame?: number;
  /** Milliseconds that the broker may take to accept or refuse the connection. */
  readonly patience?: number;
}

interface Pending {
  readonly topic: string;
  readonly isStream: boolean;
  readonly respond: (payload: unknown) => void;
  readonly end: (error: Error | undefined) => void;
}

const ANY_RANK = 0xffffffff;
const REQUEST_TIMEOUT_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;

/**
 * A connection to a broker (RFC 6 on RFC 3): requests by matchtag, any number of them at once. Everything that is
 * pending ends with a ConnectionError when the connection does.
 */
export class Handle {
  readonly #stream: Duplex;
  readonly #clock: Clock;
  readonly #decoder: FrameDecoder;
  readonly #pending = new Map<number, Pending>();
  /** Requests that were given up, whose answers may still come. */
  readonly #abandoned = new Set<number>();
  #lastMatchtag = 0;
  #error: ConnectionError | undefined;
  #onClose: (error: ConnectionError) => void = () => {};

  private constructor(stream: Duplex, clock: Clock, maximumFrame: number | undefined) {
    this.#stream = stream;
    this.#clock = clock;
    this.#decoder = new FrameDecoder(maximumFrame);
  }

  /**
   * Takes over a stream on which the broker's end of the local connector speaks, from its first byte on: 0 if this user
   * is let in, else an errno.
   *
   * @throws ConnectionError
   */
  static connect(stream: Duplex, clock: Clock, options: ConnectOptions = {}): Promise<Handle> {
    const { maximumFrame, patience = CONNECT_TIMEOUT_MS } = options;
    const handle = new Handle(stream, clock, maximumFrame);
    return new Promise((resolve, reject) => {
      const stopTimer = clock.after(patience, () =>
        handle.#fail(`the broker did not say within ${patience / 1000} s whether it lets us in`),
      );
      handle.#onClose = (error) => {
        stopTimer();
        reject(error);
      };
      const onFirst = (chunk: Buffer) => {
        if (chunk.length === 0) return;
        stream.off('data', onFirst);
        stopTimer();
        const [code] = chunk;
        if (code !== 0) {
          handle.#fail(`the broker does not let this user in (${errnoName(code!)})`);
          return;
        }
        handle.#onClose = () => {};
        stream.on('data', (data: Buffer) => handle.#receive(data));
        resolve(handle);
        if (chunk.length > 1) handle.#receive(chunk.subarray(1));
      };
      stream.on('data', onFirst);
      stream.on('error', (error: NodeJS.ErrnoException) => handle.#fail(error.message, error.code));
      stream.on('end', () => handle.#fail('the broker closed the connection'));
      stream.on('close', () => handle.#fail('the connection to the broker was closed'));
    });
  }

  /** Called once, when the connection is lost or closed; at once if it is already. */
  set onClose(call: (error: ConnectionError) => void) {
    this.#onClose = call;
    if (this.#error !== undefined) call(this.#error);
  }

  get isClosed(): boolean {
    return this.#error !== undefined;
  }

  /** The number of unanswered requests, including streams. */
  get pending(): number {
    return this.#pending.size;
  }

  /**
   * One request, one response.
   *
   * @returns the response's payload; undefined if it has none
   * @throws FluxError, RequestTimeout, ConnectionError
   */
  rpc(topic: string, payload?: object, { timeout = REQUEST_TIMEOUT_MS, rank }: RequestOptions = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let stopTimer = () => {};
      const matchtag = this.#request(topic, payload, rank ?? ANY_RANK, {
        topic,
        isStream: false,
        respond: (response) => {
          stopTimer();
          resolve(response);
        },
        end: (error) => {
          stopTimer();
          reject(error);
        },
      });
      if (matchtag === undefined || timeout === 0) return;
      stopTimer = this.#clock.after(timeout, () => {
        this.#abandon(matchtag);
        reject(new RequestTimeout(topic, timeout));
      });
    });
  }

  /**
   * One request, any number of responses, until the broker or the caller ends it.
   *
   * @param cancelTopic what ends it at the broker too, if anything does
   * @returns a function that ends it: no callback is called after that
   */
  stream(topic: string, payload: object, listener: StreamListener, cancelTopic?: string): () => void {
    const matchtag = this.#request(topic, payload, ANY_RANK, {
      topic,
      isStream: true,
      respond: listener.onResponse,
      end: listener.onEnd,
    });
    return () => {
      if (matchtag === undefined || !this.#pending.has(matchtag)) return;
      this.#abandon(matchtag);
      if (cancelTopic !== undefined) {
        this.#send(cancelTopic, { matchtag }, ANY_RANK, 0, messageFlags.noResponse);
      }
    };
  }

  /** Closes the connection, and fails all pending requests. Messages already sent are still delivered. */
  close(reason = 'the connection was closed'): void {
    this.#fail(reason, undefined, true);
  }

  #request(topic: string, payload: object | undefined, rank: number, pending: Pending): number | undefined {
    if (this.#error !== undefined) {
      pending.end(this.#error);
      return undefined;
    }
    const matchtag = this.#newMatchtag();
    this.#pending.set(matchtag, pending);
    this.#send(topic, payload, rank, matchtag, pending.isStream ? messageFlags.streaming : 0);
    return matchtag;
  }

  #newMatchtag(): number {
    do this.#lastMatchtag = (this.#lastMatchtag % 0xffffffff) + 1;
    while (this.#pending.has(this.#lastMatchtag) || this.#abandoned.has(this.#lastMatchtag));
    return this.#lastMatchtag;
  }

  #abandon(matchtag: number): void {
    this.#pending.delete(matchtag);
    this.#abandoned.add(matchtag);
  }

  #send(topic: string, payload: object | undefined, rank: number, matchtag: number, flags: number): void {
    const withPayload = payload === undefined ? 0 : messageFlags.payload;
    this.#stream.write(
      encodeMessage({
        type: messageTypes.request,
        flags: messageFlags.topic | messageFlags.route | withPayload | flags,
        userid: ANY_RANK,
        rolemask: 0,
        control: rank,
        matchtag,
        routes: [],
        topic,
        payload: payload === undefined ? undefined : Buffer.from(`${toJson(payload)}\0`),
      }),
    );
  }

  #receive(chunk: Buffer): void {
    if (this.#error !== undefined) return;
    let messages: Message[];
    try {
      messages = this.#decoder.push(chunk);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#fail(error.message);
      return;
    }
    for (const message of messages) {
      if (this.#error !== undefined) return;
      // Events and control messages are not for us: nothing was subscribed to.
      if (message.type === messageTypes.response) this.#respond(message);
      else if (message.type === messageTypes.request) this.#fail('the broker sent a request, which no client serves');
    }
  }

  #respond({ matchtag, control: errnum, flags, payload }: Message): void {
    const pending = this.#pending.get(matchtag);
    const isLast = errnum !== 0 || (flags & messageFlags.streaming) === 0;
    if (pending === undefined) {
      if (!this.#abandoned.has(matchtag)) this.#fail(`the broker answered a request that was not made (${matchtag})`);
      else if (isLast) this.#abandoned.delete(matchtag);
      return;
    }
    if (errnum !== 0) {
      this.#pending.delete(matchtag);
      const isEnd = errnum === errno.ENODATA && pending.isStream;
      pending.end(isEnd ? undefined : new FluxError(pending.topic, errnum, textOf(payload)));
      return;
    }
    let value: unknown;
    try {
      value = payload === undefined ? undefined : parseJson(textOf(payload));
    } catch {
      this.#fail(`the broker's answer to ${pending.topic} is not JSON`);
      return;
    }
    if (!pending.isStream) this.#pending.delete(matchtag);
    pending.respond(value);
  }

  /** The first reason counts. */
  #fail(reason: string, code?: string, isFlushed = false): void {
    if (this.#error !== undefined) return;
    const error = new ConnectionError(reason, code);
    this.#error = error;
    this.#stream.on('error', () => {});
    if (isFlushed && 'destroySoon' in this.#stream) (this.#stream as Socket).destroySoon();
    else this.#stream.destroy();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    this.#abandoned.clear();
    for (const { end } of pending) end(error);
    this.#onClose(error);
  }
}

function textOf(payload: Buffer | undefined): string {
  if (payload === undefined) return '';
  const end = payload.at(-1) === 0 ? payload.length - 1 : payload.length;
  return payload.toString('utf8', 0, end);
}
