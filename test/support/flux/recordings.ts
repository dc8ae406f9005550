import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** A message as it was recorded: what it says, and its bytes. */
export interface RecordedMessage {
  /** From the client, or from the server. */
  readonly dir: 'C' | 'S';
  readonly type: 'request' | 'response';
  readonly flags: number;
  readonly userid: number;
  readonly rolemask: number;
  /** Of a request. */
  readonly nodeid?: number;
  /** Of a response. */
  readonly errnum?: number;
  readonly matchtag: number;
  readonly topic: string;
  /** Without the NUL at its end. */
  readonly payload?: string;
  readonly frame: Buffer;
}

/** One connection of an exchange. */
export interface RecordedConnection {
  readonly file: string;
  readonly exchange: string;
  readonly conn: number;
  /** The first byte that the server sent. */
  auth: number;
  readonly messages: RecordedMessage[];
}

const directory = path.join(import.meta.dirname, '../../flux/recordings');

export function readRecording(file: string): RecordedConnection[] {
  const connections: RecordedConnection[] = [];
  let exchange = '';
  let first = 0;
  for (const line of linesOf(file)) {
    const entry = JSON.parse(line);
    if (entry.exchange !== undefined) {
      exchange = entry.exchange;
      first = connections.length;
      continue;
    }
    let connection = connections.slice(first).find(({ conn }) => conn === entry.conn);
    if (connection === undefined) {
      connection = { file, exchange, conn: entry.conn, auth: 0, messages: [] };
      connections.push(connection);
    }
    if (entry.auth !== undefined) connection.auth = entry.auth;
    else connection.messages.push({ ...entry, frame: Buffer.from(entry.frame, 'hex') });
  }
  return connections;
}

/** Everything that was recorded of brokers and their clients. */
export const recordedConnections: readonly RecordedConnection[] = readdirSync(directory)
  .filter((file) => /^(exchanges|client)-.*\.jsonl$/.test(file))
  .sort()
  .flatMap(readRecording);

/** What Maestro's own adapter submits, by the resources that a step asks for. */
export const recordedJobspecs: readonly { readonly maestro: Record<string, unknown>; readonly jobspec: unknown }[] =
  linesOf('jobspecs-0.88.jsonl').map((line) => JSON.parse(line));

export interface RecordedJob {
  readonly file: string;
  readonly exchange: string;
  /** Its eventlog. */
  readonly text: string;
  /** The errnum that the watch ended with; undefined if it was given up, or the connection lost. */
  readonly errnum: number | undefined;
}

/** Every watch of an eventlog that was recorded, in the order in which they began. */
export function recordedJobs(): RecordedJob[] {
  return recordedConnections.flatMap(({ file, exchange, messages }) =>
    messages
      .filter(({ dir, topic }) => dir === 'C' && topic === 'job-info.eventlog-watch')
      .map(({ matchtag }) => {
        const answers = messages.filter((message) => message.dir === 'S' && message.matchtag === matchtag);
        const isCancelled = messages.some(
          ({ topic, payload }) => topic.endsWith('watch-cancel') && payload === `{"matchtag":${matchtag}}`,
        );
        const last = answers.at(-1)?.errnum;
        const text = answers.map(({ payload, errnum }) => (errnum === 0 ? JSON.parse(payload!).event : '')).join('');
        const isGivenUp = isCancelled && !text.includes('"clean"');
        return { file, exchange, text, errnum: isGivenUp || last === 0 ? undefined : last };
      }),
  );
}

function linesOf(file: string): string[] {
  return readFileSync(path.join(directory, file), 'utf8')
    .split('\n')
    .filter((line) => line !== '');
}
