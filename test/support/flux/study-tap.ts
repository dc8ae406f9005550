import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { encodeMessage, FrameDecoder, type Message, messageFlags, messageTypes } from '../../../src/flux/frames.js';
import { parseJson, toJson } from '../../../src/flux/json.js';
import { until } from '../wait.js';

/** What the tap says in the broker's place. */
export interface OwnAnswer {
  readonly payload?: object;
  readonly errnum?: number;
  readonly words?: string;
}

/** Between a broker and its clients: counts what goes through, answers some of it itself, and cuts connections. */
export class Tap {
  readonly uri: string;
  /** Looks at every request; what it returns is said in place of the broker, which then never hears of it: later, by `tell`, if it is kept. */
  answer: (topic: string, payload: unknown) => OwnAnswer | 'kept' | undefined = () => undefined;
  /** Responses that have gone through, of all connections. */
  responses = 0;
  /** Topics whose answers come once something is so. */
  readonly #delays = new Map<string, () => unknown>();
  /** So many connections, the next ones, are cut after so many responses that each has had. */
  cuts = { connections: 0, after: 0 };
  /** The topic whose next answer is lost. */
  #losing: string | undefined;
  readonly #target: string;
  readonly #open = new Map<string, number>();
  readonly #most = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  readonly #kept: { readonly request: Message; readonly client: Socket }[] = [];
  /** Requests that were ended here: what the broker goes on to answer is dropped. */
  readonly #ended = new Map<Socket, number>();
  /** The last request to each topic that has gone through. */
  readonly #last = new Map<string, { readonly request: Message; readonly client: Socket }>();

  private constructor(directory: string, target: string) {
    this.uri = `local://${path.join(directory, 'tap')}`;
    this.#target = target.replace('local://', '');
  }

  /** @param target the broker's URI */
  static async start(target: string): Promise<Tap> {
    const directory = mkdtempSync(path.join(realpathSync(tmpdir()), 'simulated-flux-'));
    const tap = new Tap(directory, target);
    const server = createServer((socket) => tap.#accept(socket));
    await new Promise<void>((resolve) => server.listen(tap.uri.replace('local://', ''), resolve));
    onTestFinished(async () => {
      for (const socket of tap.#sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(directory, { recursive: true, force: true });
    });
    return tap;
  }

  /** How many requests to a topic were without an answer at once. */
  most(topic: string): number {
    return this.#most.get(topic) ?? 0;
  }

  /** Answers those requests to a topic that were kept. */
  tell(topic: string, answer: OwnAnswer): void {
    for (const { request, client } of this.#kept) {
      if (request.topic === topic && !client.destroyed) client.write(responseTo(request, answer));
    }
  }

  /** Answers the last request to a topic that has gone through: besides the broker, or for good if it is an error. */
  say(topic: string, answer: OwnAnswer): void {
    const { request, client } = this.#last.get(topic)!;
    if (answer.errnum !== undefined) this.#ended.set(client, request.matchtag);
    client.write(responseTo(request, answer));
  }

  /** Answers to this topic come once something is so; others come meanwhile. */
  delay(topic: string, condition: () => unknown): void {
    this.#delays.set(topic, condition);
  }

  /** The next answer to this topic does not come, and its connection ends. What was asked for has been done. */
  loseNextAnswer(topic: string): void {
    this.#losing = topic;
  }

  /** Whether that answer has not come yet. */
  get isLosing(): boolean {
    return this.#losing !== undefined;
  }

  #accept(client: Socket): void {
    const broker = connect(this.#target);
    const [requests, answers] = [new FrameDecoder(), new FrameDecoder()];
    const topics = new Map<number, string>();
    let isIn = false;
    const cutAfter = this.cuts.connections-- > 0 ? this.cuts.after : Number.POSITIVE_INFINITY;
    let responses = 0;
    for (const [one, other] of [
      [client, broker],
      [broker, client],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
        for (const topic of topics.values()) this.#count(topic, -1);
        topics.clear();
      });
    }
    client.on('data', (chunk) => {
      for (const message of requests.push(chunk)) {
        const topic = message.topic ?? '';
        const own = this.answer(topic, payloadOf(message));
        if (own === 'kept') {
          this.#kept.push({ request: message, client });
          continue;
        }
        if (own !== undefined) {
          client.write(responseTo(message, own));
          continue;
        }
        topics.set(message.matchtag, topic);
        this.#last.set(topic, { request: message, client });
        this.#count(topic, 1);
        broker.write(encodeMessage(message));
      }
    });
    broker.on('data', (chunk) => {
      const rest = isIn ? chunk : chunk.subarray(1);
      if (!isIn) client.write(chunk.subarray(0, 1));
      isIn = true;
      for (const message of answers.push(rest)) {
        const topic = topics.get(message.matchtag);
        if (topic !== undefined && topic === this.#losing) {
          this.#losing = undefined;
          client.end();
          broker.destroy();
          return;
        }
        if (topic !== undefined && topics.delete(message.matchtag)) this.#count(topic, -1);
        if (this.#ended.get(client) === message.matchtag) continue;
        const condition = this.#delays.get(topic ?? '');
        if (condition === undefined) client.write(encodeMessage(message));
        else void until(`an answer to ${topic} may come`, condition).then(() => client.write(encodeMessage(message)));
        this.responses += 1;
        responses += 1;
        if (responses < cutAfter) continue;
        client.end();
        broker.destroy();
        return;
      }
    });
  }

  #count(topic: string, change: number): void {
    const open = (this.#open.get(topic) ?? 0) + change;
    this.#open.set(topic, open);
    this.#most.set(topic, Math.max(this.most(topic), open));
  }
}

function payloadOf({ payload }: Message): unknown {
  return payload === undefined ? undefined : parseJson(payload.toString().replace(/\0$/, ''));
}

function responseTo(request: Message, { payload, errnum = 0, words }: OwnAnswer): Buffer {
  const text = words ?? (payload === undefined ? undefined : `${toJson(payload)}\0`);
  const flags = request.flags & (messageFlags.streaming | messageFlags.route | messageFlags.topic);
  return encodeMessage({
    ...request,
    type: messageTypes.response,
    flags: flags | (text === undefined ? 0 : messageFlags.payload),
    control: errnum,
    payload: text === undefined ? undefined : Buffer.from(text),
  });
}
