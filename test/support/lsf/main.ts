// An LSF of one host for tests: takes the calls of client.sh on a port of loopback, and runs jobs as real processes. It has the
// commands' forms and words from IBM's documentation of LSF 10.1; no real LSF was tried.
//   main.ts DIRECTORY     the directory has options.json, and gets `port` and the jobs' files
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import path from 'node:path';
import { bjobs } from './bjobs.js';
import { bsub, type Call, type Reply } from './bsub.js';
import { Cluster, type Fault } from './cluster.js';
import { bhist, bparams, bqueues, control, lsid } from './others.js';

const directory = process.argv[2]!;
const cluster = new Cluster(directory, JSON.parse(readFileSync(path.join(directory, 'options.json'), 'utf8')));

const commands: Readonly<Record<string, (cluster: Cluster, call: Call) => Reply>> = {
  bsub,
  bjobs,
  bqueues,
  bparams,
  bhist,
  lsid,
  bkill: control,
  bstop: control,
  bresume: control,
  brequeue: control,
};

/** What tests ask, which is no command of LSF. */
const asks: Readonly<Record<string, (words: readonly string[]) => string>> = {
  fault: ([name, isOn]) => {
    if (isOn === 'on') cluster.faults.add(name as Fault);
    else cluster.faults.delete(name as Fault);
    cluster.schedule();
    return '';
  },
  forget: ([id]) => {
    cluster.jobs.get(Number(id))!.isForgotten = true;
    return '';
  },
  vanish: ([id]) => {
    cluster.jobs.get(Number(id))!.vanish();
    return '';
  },
  kill: ([id, reason]) => {
    cluster.jobs.get(Number(id))!.kill(reason!);
    return '';
  },
  lose: ([id, state]) => {
    cluster.jobs.get(Number(id))!.lose(state as 'UNKWN' | 'ZOMBI');
    return '';
  },
  calls: () => JSON.stringify(calls),
  jobs: () =>
    JSON.stringify(
      [...cluster.jobs.values()].map(({ id, state, exitCode, exitReason, request }) => {
        const { environment: _, script: __, ...shown } = request;
        return { id, state, exitCode, exitReason, ...shown };
      }),
    ),
};

/** The commands that were run: `bjobs -a …`. */
const calls: string[] = [];

function answer(call: Call): Reply {
  const ask = asks[call.name];
  if (ask !== undefined) return { stdout: ask(call.words), code: 0 };
  calls.push([call.name, ...call.words].join(' '));
  if (cluster.faults.has('down')) return { stderr: 'LSF is down. Please wait ...', code: 255 };
  return commands[call.name]!(cluster, call);
}

function serve(socket: Socket): void {
  let text = '';
  socket.setEncoding('utf8');
  socket.on('error', () => {});
  socket.on('data', (chunk) => {
    text += chunk;
    const call = parse(text);
    if (call === undefined) return;
    text = '';
    const { stdout = '', stderr = '', code } = answer(call);
    const lines = (mark: string, printed: string) =>
      printed === ''
        ? ''
        : printed
            .split('\n')
            .map((line) => `${mark}${line}\n`)
            .join('');
    socket.end(`${lines('2', stderr)}${lines('1', stdout)}=${code}\n`);
  });
}

/** @returns undefined if it is not whole yet */
function parse(text: string): Call | undefined {
  const fields = text.split('\0');
  const [name = '', cwd = '', count = ''] = fields;
  const end = 3 + Number(count);
  const words = fields.slice(3, end);
  const variables = fields.slice(end + 1);
  // The environment ends with an empty entry.
  if (variables.length < 3 || !text.endsWith('\0\0')) return undefined;
  const entries = variables.filter((entry) => entry !== '').map((entry) => /^([^=]*)=(.*)$/s.exec(entry)!.slice(1));
  return { name, cwd, words, script: fields[end]!, environment: Object.fromEntries(entries) };
}

const server = createServer(serve).listen(0, '127.0.0.1', () => {
  writeFileSync(path.join(directory, 'port'), `${(server.address() as { port: number }).port}\n`);
  process.stdout.write('ready\n');
});
process.on('SIGTERM', () => {
  cluster.close();
  process.exit();
});
