import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { errno, FluxError } from '../../src/flux/errors.js';
import { type FluxEvent, parseEvents } from '../../src/flux/eventlog.js';
import { encodeMessage, FrameDecoder, type Message, messageFlags } from '../../src/flux/frames.js';
import type { Handle } from '../../src/flux/handle.js';
import { toJobId } from '../../src/flux/job-id.js';
import { parseJson, property } from '../../src/flux/json.js';
import {
  cancelJob,
  getAttribute,
  getConfig,
  getInstanceState,
  getResources,
  queuesIn,
  submitJob,
  watchEventlog,
  watchInstance,
} from '../../src/flux/requests.js';
import { type RecordedConnection, type RecordedMessage, recordedConnections } from '../support/flux/recordings.js';
import { ScriptedPeer } from '../support/flux/scripted-peer.js';
import { at } from '../support/flux/submission.js';

/** Until everything has gone from one end of the stream to the other. */
async function settled(): Promise<void> {
  for (let count = 0; count < 5; count++) await turn();
}

const jsonOf = (payload: string | undefined) => (payload === undefined ? undefined : parseJson(payload));

/** What the client was told in answer to one request. */
interface Outcome {
  readonly values: unknown[];
  readonly ends: (Error | undefined)[];
  readonly stop: () => void;
}

/** Makes a recorded request by the client's own function for it, if it has one. */
function ask(handle: Handle, { topic, payload, flags, nodeid }: RecordedMessage): Outcome {
  const request = jsonOf(payload);
  const id = toJobId(property(request, 'id'));
  const text = (key: string) => String(property(request, key) ?? '');
  switch (topic) {
    case 'attr.get':
      return once(getAttribute(handle, text('name')));
    case 'config.get':
      return once(getConfig(handle).then(queuesIn));
    case 'resource.sched-status':
      return once(getResources(handle, 0));
    case 'state-machine.get':
      return once(getInstanceState(handle, 0));
    case 'state-machine.monitor':
      return watched((values, onEnd) => watchInstance(handle, () => values.push('left'), onEnd));
    case 'job-ingest.submit':
      if (property(request, 'J') === undefined) break;
      return once(submitJob(handle, text('J'), Number(property(request, 'urgency'))));
    case 'job-manager.raise':
      return once(cancelJob(handle, id!, text('note')));
    case 'job-info.eventlog-watch':
      return watched((values, onEnd) =>
        watchEventlog(handle, id!, { onEvents: (events) => values.push(...events), onEnd }),
      );
  }
  if (flags & messageFlags.streaming) {
    return watched((values, onEnd) =>
      handle.stream(topic, request as object, { onResponse: (value) => values.push(value), onEnd }),
    );
  }
  return once(handle.rpc(topic, request as object | undefined, nodeid === 0xffffffff ? {} : { rank: nodeid! }));
}

function once(answer: Promise<unknown>): Outcome {
  const outcome: Outcome = { values: [], ends: [], stop: () => {} };
  answer.then(
    (value) => outcome.values.push(value),
    (error) => outcome.ends.push(error),
  );
  return outcome;
}

type Start = (values: unknown[], onEnd: (error: Error | undefined) => void) => () => void;

function watched(start: Start): Outcome {
  const [values, ends]: [unknown[], (Error | undefined)[]] = [[], []];
  return { values, ends, stop: start(values, (error) => ends.push(error)) };
}

/** What the answers to a request mean, by what they say themselves. */
function meaning(request: RecordedMessage, answers: readonly RecordedMessage[]): Pick<Outcome, 'values' | 'ends'> {
  const last = answers.at(-1);
  const good = answers.filter(({ errnum }) => errnum === 0).map(({ payload }) => jsonOf(payload));
  const isStream = (request.flags & messageFlags.streaming) !== 0;
  const isError = last !== undefined && last.errnum !== 0;
  const isForgiven =
    request.topic === 'job-manager.raise' && /^(unknown job id|job is inactive)$/.test(last?.payload ?? '');
  if (isForgiven) return { values: [undefined], ends: [] };
  const error = () => {
    if (isStream && last!.errnum === errno.ENODATA) return undefined;
    return new FluxError(request.topic, last!.errnum!, last!.payload ?? '');
  };
  return { values: valuesOf(request, good), ends: isError ? [error()] : [] };
}

function valuesOf(request: RecordedMessage, good: readonly unknown[]): unknown[] {
  switch (request.topic) {
    case 'attr.get':
      return good.map((answer) => property(answer, 'value'));
    case 'config.get':
      return good.map((answer) => Object.keys((property(answer, 'queues') as object | undefined) ?? {}));
    case 'resource.sched-status':
      return good.map((answer) => ({ expiration: at(answer, 'all', 'execution', 'expiration') }));
    case 'state-machine.get':
      return good.map((answer) => property(answer, 'state'));
    case 'state-machine.monitor':
      return good.slice(1).map(() => 'left');
    case 'job-ingest.submit':
      return good.map((answer) => toJobId(property(answer, 'id')));
    case 'job-info.eventlog-watch':
      return good.flatMap((answer): FluxEvent[] => parseEvents(String(property(answer, 'event'))));
    default:
      return [...good];
  }
}

/** A request's payload, less what one client says and another does not, to the same effect. */
function effectOf(topic: string, payload: string | undefined): unknown {
  const request = jsonOf(payload) as Record<string, unknown> | undefined;
  switch (topic) {
    case 'job-ingest.submit': {
      const { priority, ...rest } = request!;
      return rest;
    }
    case 'job-manager.raise':
      return { note: '', ...request };
    case 'state-machine.monitor':
      return {};
    default:
      return request;
  }
}

function checkRequest(made: Message, recorded: RecordedMessage): void {
  expect(made).toMatchObject({
    topic: recorded.topic,
    flags: recorded.flags,
    userid: recorded.userid,
    rolemask: recorded.rolemask,
    control: recorded.nodeid,
  });
  const payload = made.payload?.toString().replace(/\0$/, '');
  expect(effectOf(recorded.topic, payload)).toEqual(effectOf(recorded.topic, recorded.payload));
}

/** Plays a recorded connection: the client asks what was asked, the other end answers what was answered. */
async function replay({ messages }: RecordedConnection): Promise<void> {
  const peer = new ScriptedPeer();
  const handle = await peer.accept();
  /** By the matchtag that was recorded: the request that has it now. */
  const current = new Map<number, { request: Message; asked: Asked }>();
  const all: Asked[] = [];
  for (const message of messages) {
    if (message.dir === 'S') {
      const { request, asked } = current.get(message.matchtag)!;
      if (!asked.isStopped) asked.answers.push(message);
      peer.send(encodeMessage({ ...decode(message.frame), matchtag: request.matchtag }));
    } else if (message.topic.endsWith('watch-cancel')) {
      const { request, asked } = current.get(Number(property(jsonOf(message.payload), 'matchtag')))!;
      const before = peer.requests.length;
      asked.isStopped = true;
      asked.outcome.stop();
      await settled();
      // Of what is over there is nothing to cancel.
      const [cancel] = peer.requests.slice(before);
      expect(cancel === undefined).toBe(asked.outcome.ends.length > 0);
      if (cancel !== undefined) checkRequest(cancel, withMatchtag(message, request.matchtag));
    } else {
      const before = peer.requests.length;
      const asked: Asked = { recorded: message, answers: [], outcome: ask(handle, message), isStopped: false };
      const request = await peer.request(before + 1);
      checkRequest(request, message);
      current.set(message.matchtag, { request, asked });
      all.push(asked);
    }
    await settled();
  }
  for (const { recorded, answers, outcome } of all) {
    expect({ values: outcome.values, ends: outcome.ends }).toEqual(meaning(recorded, answers));
  }
  expect(handle.isClosed).toBe(false);
}

interface Asked {
  readonly recorded: RecordedMessage;
  readonly answers: RecordedMessage[];
  readonly outcome: Outcome;
  isStopped: boolean;
}

const decode = (frame: Buffer) => new FrameDecoder().push(frame)[0]!;
const withMatchtag = (message: RecordedMessage, matchtag: number) => ({
  ...message,
  payload: JSON.stringify({ matchtag }),
});

describe('the client says what was recorded, and understands what it is answered', () => {
  it.each(recordedConnections.map((connection) => [nameOf(connection), connection] as const))('%s', (_, connection) =>
    replay(connection),
  );
});

function nameOf({ file, exchange, conn }: RecordedConnection): string {
  return `${file}: ${exchange} (${conn})`;
}
