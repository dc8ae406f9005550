/*
 * Records what the client and a real broker say to each other, in the form of the recordings beside it:
 *   PATH=<where flux is>:$PATH npx node test/flux/record.mjs [part of a scenario's name …] > test/flux/recordings/<name>.jsonl
 * With FLUX_URI set, what a guest of that instance is told.
 *
 * A proxy stands between the two. What names this machine is replaced in what is written, and the message encoded anew.
 */
import './typescript.mjs';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const { systemClock } = await import('../../src/util/clock.ts');
const { encodeMessage, FrameDecoder } = await import('../../src/flux/frames.ts');
const { Handle } = await import('../../src/flux/handle.ts');
const { jobspecOf, plainJob } = await import('../../src/flux/jobspec.ts');
const { cancelJob, submitJob, watchEventlog, watchInstance } = await import('../../src/flux/requests.ts');
const { signNone } = await import('../../src/flux/jobspec.ts');

const bin = path.dirname(execFileSync('sh', ['-c', 'command -v flux'], { encoding: 'utf8' }).trim());
const directory = mkdtempSync('/tmp/record-');
const types = { 1: 'request', 2: 'response', 4: 'event', 8: 'control' };
let connections = 0;

const write = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const exchange = (name) => {
  connections = 0;
  write({ exchange: name });
};

/** The same message from a machine that is nobody's. */
function neutral(message) {
  if (message.payload === undefined) return message;
  const replace = (text) =>
    text.replaceAll(hostname(), 'node1').replaceAll(bin, '/usr/bin').replaceAll(directory, '/run');
  const signed = (_, header, jobspec, signature) =>
    `"${header}.${Buffer.from(replace(Buffer.from(jobspec, 'base64').toString())).toString('base64')}.${signature}"`;
  const text = message.payload.toString().replace(/"([\w+/=]{20,})\.([\w+/=]+)\.(none)"/, signed);
  return { ...message, payload: Buffer.from(replace(text)) };
}

function writeMessage(conn, dir, received) {
  const message = neutral(received);
  const { flags, userid, rolemask, control, matchtag, topic, payload } = message;
  write({
    conn,
    dir,
    type: types[message.type],
    flags,
    userid,
    rolemask,
    ...(dir === 'C' ? { nodeid: control } : { errnum: control }),
    matchtag,
    topic,
    ...(payload === undefined ? {} : { payload: payload.toString().replace(/\0$/, '') }),
    frame: encodeMessage(message).toString('hex'),
  });
}

/** A socket that leads to the broker at `uri` and tells what passes. */
async function proxyTo(uri) {
  const server = createServer((client) => {
    const conn = connections++;
    const broker = connect(uri.replace('local://', ''));
    const [fromClient, fromBroker] = [new FrameDecoder(), new FrameDecoder()];
    let isFirst = true;
    client.on('data', (chunk) => {
      for (const message of fromClient.push(chunk)) writeMessage(conn, 'C', message);
      broker.write(chunk);
    });
    broker.on('data', (chunk) => {
      client.write(chunk);
      let rest = chunk;
      if (isFirst) {
        isFirst = false;
        write({ conn, dir: 'S', auth: chunk[0] });
        rest = chunk.subarray(1);
      }
      for (const message of fromBroker.push(rest)) writeMessage(conn, 'S', message);
    });
    for (const [one, other] of [
      [client, broker],
      [broker, client],
    ]) {
      one.on('close', () => other.destroy());
      one.on('error', () => other.destroy());
    }
  });
  const socket = path.join(directory, `proxy-${Date.now()}`);
  await new Promise((resolve) => server.listen(socket, resolve));
  return { connect: () => Handle.connect(connect(socket), systemClock), close: () => server.close() };
}

/** @param before the command that starts the broker: `flux start`, perhaps as a job of another one */
async function startBroker(before = ['flux', 'start']) {
  const [command, ...words] = [...before, 'sh', '-c', 'echo uri=$FLUX_URI; exec sleep inf'];
  const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'ignore'], cwd: '/tmp', detached: true });
  let said = '';
  const uri = await new Promise((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      said += chunk;
      const found = /uri=(\S+)\n/.exec(said);
      if (found) resolve(found[1]);
    });
    child.on('exit', () => reject(new Error('the broker ended')));
  });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const kill = (signal) => {
    try {
      process.kill(-child.pid, signal);
    } catch {
      // Nothing is left of it.
    }
  };
  const stop = () => {
    kill('SIGTERM');
    return ended;
  };
  return { uri, ended, sweep: () => kill('SIGKILL'), stop };
}

const plain = { ...plainJob, name: 'test', environment: { PATH: '/usr/bin:/bin' } };
const sign = (changes) => signNone(JSON.stringify(jobspecOf({ ...plain, ...changes })), process.getuid());
const submit = (handle, changes, urgency = 16) => submitJob(handle, sign(changes), urgency);
const ignore = () => {};

/** A watch: `until(name)` waits for an event, `end` for the log's end. */
function watch(handle, id) {
  const events = [];
  let onEvent = ignore;
  const end = new Promise((resolve) =>
    watchEventlog(handle, id, {
      onEvents: (more) => {
        events.push(...more);
        onEvent();
      },
      onEnd: resolve,
    }),
  );
  const until = (wanted) =>
    new Promise((resolve) => {
      onEvent = () => events.some(({ name }) => name === wanted) && resolve();
      onEvent();
    });
  return { end, until };
}

const run = async (handle, changes) => watch(handle, await submit(handle, changes)).end;
const shell = (script, changes = {}) => ({ command: ['sh', '-c', script], ...changes });

/** Each has a connection of its own, and the broker's cores to itself. */
const scenarios = {
  'what the instance is': async (handle) => {
    const names = ['version', 'size', 'security.owner', 'local-uri', 'instance-level', 'parent-uri', 'nosuch'];
    for (const name of names) await handle.rpc('attr.get', { name }).catch(ignore);
    await handle.rpc('config.get');
    await handle.rpc('state-machine.get');
  },
  'resources: resource.sched-status, sched.resource-status': async (handle) => {
    await handle.rpc('resource.sched-status', undefined, { rank: 0 }).catch(ignore);
    await handle.rpc('sched.resource-status').catch(ignore);
  },
  'a service that is not there': (handle) => handle.rpc('nosuch.service', {}).catch(ignore),
  'success, exit 3, killed by SIGKILL, killed by SIGSEGV': async (handle) => {
    await run(handle, {});
    await run(handle, shell('exit 3'));
    await run(handle, shell('kill -9 $$'));
    await run(handle, shell('kill -11 $$'));
  },
  'command not found; no such directory; output that cannot be opened': async (handle) => {
    await run(handle, { command: ['/no/such/prog'] });
    await run(handle, { cwd: '/no/such/directory' });
    await run(handle, { stdout: '/no/such/directory/out' });
  },
  'two tasks, and the second fails': (handle) =>
    run(handle, shell('exit $FLUX_TASK_RANK', { procs: 2, stdout: '/dev/null' })),
  'two tasks, command not found': (handle) => run(handle, { command: ['/no/such/prog'], procs: 2 }),
  'a request that never fits': async (handle) => {
    await run(handle, { procs: 99 });
    await run(handle, { nodes: 50, procs: 50 });
    await run(handle, { nodes: 50, procs: 50, exclusive: true });
    await run(handle, { gpusPerTask: 1 });
  },
  'its own duration has passed': (handle) => run(handle, { command: ['sleep', '30'], duration: 0.5 }),
  'cancel of a running job': async (handle) => {
    const id = await submit(handle, { command: ['sleep', '30'] });
    const log = watch(handle, id);
    await log.until('start');
    await cancelJob(handle, id, 'no longer wanted');
    await log.end;
  },
  'cancel before it is valid, and as soon as it has started': async (handle) => {
    const id = await submit(handle, {});
    await cancelJob(handle, id, 'at once');
    await watch(handle, id).end;
    const other = await submit(handle, { command: ['sleep', '30'] });
    const log = watch(handle, other);
    await log.until('alloc');
    await cancelJob(handle, other, 'too early');
    await log.end;
  },
  'cancel of a job that ignores SIGTERM: twice': async (handle) => {
    const id = await submit(handle, shell('trap "" TERM; sleep 2; exit 4'));
    const log = watch(handle, id);
    await log.until('start');
    await sleep(300);
    await cancelJob(handle, id, 'once');
    await cancelJob(handle, id, 'twice');
    await log.end;
  },
  'cancel of a pending job, then of an inactive one; kill of both, and of no job; watch of an inactive job': async (
    handle,
  ) => {
    const running = watch(handle, await submit(handle, { command: ['sleep', '3'], procs: 2 }));
    const id = await submit(handle, {});
    const pending = watch(handle, id);
    await pending.until('priority');
    await handle.rpc('job-manager.kill', { id, signum: 15 }).catch(ignore);
    await cancelJob(handle, id, 'no longer wanted');
    await pending.end;
    await cancelJob(handle, id, 'again');
    await handle.rpc('job-manager.kill', { id, signum: 15 }).catch(ignore);
    await cancelJob(handle, 60n, 'of nobody');
    await handle.rpc('job-manager.kill', { id: 60, signum: 15 }).catch(ignore);
    await watch(handle, id).end;
    await running.end;
  },
  'urgency 0 holds a job; urgencies decide who is next': async (handle) => {
    const running = watch(handle, await submit(handle, { command: ['sleep', '1'], procs: 2 }));
    const held = await submit(handle, {}, 0);
    const low = watch(handle, await submit(handle, { procs: 2 }, 8));
    const high = watch(handle, await submit(handle, { procs: 2 }, 24));
    const log = watch(handle, held);
    await Promise.all([running.end, low.end, high.end]);
    await cancelJob(handle, held, '');
    await log.end;
  },
  'two watches of one job, one given up': async (handle) => {
    const id = await submit(handle, { command: ['sleep', '1'] });
    const stop = watchEventlog(handle, id, { onEvents: ignore, onEnd: ignore });
    const log = watch(handle, id);
    await log.until('start');
    stop();
    await log.end;
  },
  'list-id: at once, later, of no job': async (handle) => {
    const id = await submit(handle, {});
    const list = (id) => handle.rpc('job-list.list-id', { id, attrs: ['name', 'state', 'result'] }).catch(ignore);
    await list(id);
    await watch(handle, id).end;
    await sleep(1000);
    await list(id);
    await list(60);
  },
  'submissions that are refused': async (handle) => {
    const refused = (jobspec, userid = process.getuid(), urgency = 16) =>
      submitJob(
        handle,
        signNone(typeof jobspec === 'string' ? jobspec : JSON.stringify(jobspec), userid),
        urgency,
      ).catch(ignore);
    const good = jobspecOf(plain);
    await refused(good, 54321);
    await refused('this is no JSON');
    await refused({});
    await refused({ ...good, version: 7 });
    await refused({ ...good, resources: [] });
    await refused({ ...good, tasks: [] });
    await refused({ ...good, tasks: [{ ...good.tasks[0], command: [] }] });
    await refused({ ...good, attributes: {} });
    await refused({ ...good, attributes: { system: {} } });
    await refused(jobspecOf({ ...plain, queue: 'pbatch' }));
    await refused(good, undefined, 32);
    await handle.rpc('job-ingest.submit', { J: 'not signed', urgency: 16, flags: 0 }).catch(ignore);
    await handle.rpc('job-ingest.submit', {}).catch(ignore);
  },
  'a nested job': (handle) =>
    run(handle, {
      nested: true,
      command: ['sleep', '1'],
      environment: { PATH: `${bin}:/usr/bin:/bin` },
    }),
};

/** Two jobs that run and one that waits, all watched; told when they are as far as that. */
async function occupy(handle, duration = 0) {
  const submitted = [];
  for (const _ of [1, 2, 3]) submitted.push(await submit(handle, { command: ['sleep', '30'], duration }));
  const logs = submitted.map((id) => watch(handle, id));
  await Promise.all([logs[0].until('start'), logs[1].until('start'), logs[2].until('priority')]);
  return logs;
}

const closed = (handle) =>
  new Promise((resolve) => {
    handle.onClose = resolve;
  });

async function recordTheEnd(name, broker, provoke) {
  exchange(name);
  const proxy = await proxyTo(broker.uri);
  const handle = await proxy.connect();
  // What it says while it ends.
  const onLeft = () => {
    handle.rpc('state-machine.get').catch(ignore);
    submit(handle, {}).catch(ignore);
  };
  let isLeft = false;
  watchInstance(
    handle,
    () => {
      if (!isLeft) onLeft();
      isLeft = true;
    },
    ignore,
  );
  await occupy(handle);
  const end = closed(handle);
  await provoke(handle);
  await end;
  proxy.close();
  await broker.ended;
  broker.sweep();
}

const only = process.argv.slice(2);
const wanted = (name) => only.length === 0 || only.some((part) => name.includes(part));

/** Of an instance that runs, and that belongs to somebody else. */
const guestScenarios = {
  'guest: what only the owner may': async (handle) => {
    await handle.rpc('attr.get', { name: 'security.owner' });
    await handle.rpc('state-machine.get');
    await new Promise((resolve) => watchInstance(handle, ignore, resolve));
  },
};

async function play(proxy, scenarios) {
  for (const [name, scenario] of Object.entries(scenarios).filter(([name]) => wanted(name))) {
    exchange(name);
    const handle = await proxy.connect();
    await scenario(handle);
    await sleep(50);
    handle.close();
    await sleep(50);
  }
  proxy.close();
}

if (process.env.FLUX_URI !== undefined) {
  await play(await proxyTo(process.env.FLUX_URI), guestScenarios);
  process.exit();
}

const broker = await startBroker();
await play(await proxyTo(broker.uri), scenarios);
await broker.stop();

const signalBroker = (signal) => async (handle) =>
  process.kill(Number((await handle.rpc('attr.get', { name: 'broker.pid' })).value), signal);

const ends = {
  'SIGTERM to the broker: two jobs run, one waits': async (name) =>
    recordTheEnd(name, await startBroker(), signalBroker('SIGTERM')),
  'SIGKILL to the broker': async (name) => recordTheEnd(name, await startBroker(), signalBroker('SIGKILL')),
  "the instance's time has run out: two jobs run, one waits": async (name) => {
    const mini = existsSync(path.join(bin, '../libexec/flux/cmd/flux-run.py')) ? [] : ['mini'];
    await recordTheEnd(
      name,
      await startBroker(['flux', 'start', 'flux', ...mini, 'run', '-c2', '-t', '6s', 'flux', 'start']),
      ignore,
    );
  },
};
for (const [name, record] of Object.entries(ends).filter(([name]) => wanted(name))) await record(name);
rmSync(directory, { recursive: true });
// A broker that was killed leaves processes behind that keep its output open.
process.exit();
