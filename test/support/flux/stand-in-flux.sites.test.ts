import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { hostname } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { plainEnvironment } from '../hosts.js';
import { installedSlurm, Slurm } from '../slurm.js';
import { temporaryDirectory } from '../temporary.js';
import { isAlive, until } from '../wait.js';
import { installedFlux } from './real-broker.js';
import { standInFlux } from './stand-in-flux.js';

type Environment = Readonly<Record<string, string>>;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs bash text; killed with its children when the test ends. */
function bash(script: string, env: Environment): { pid: number; stdin: NodeJS.WritableStream; ended: Promise<Ended> } {
  const child = spawn('bash', ['--norc', '-c', script], { env, detached: true });
  onTestFinished(() => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // It has ended.
    }
  });
  child.stdin.on('error', () => {});
  const code = new Promise<number | null>((resolve) => child.on('close', resolve));
  const ended = Promise.all([code, text(child.stdout), text(child.stderr)]).then(([code, stdout, stderr]) => ({
    code,
    stdout,
    stderr,
  }));
  return { pid: child.pid!, stdin: child.stdin, ended };
}

function run(script: string, environment: Environment): Promise<Ended> {
  const { stdin, ended } = bash(script, environment);
  stdin.end();
  return ended;
}

/** What a program prints that runs in an instance of its own. */
async function inside(script: string, environment: Environment): Promise<Ended> {
  const file = path.join(temporaryDirectory(), 'program');
  writeFileSync(file, script);
  return run(`exec flux start bash --norc ${file}`, environment);
}

/** What is to hold of the real command, and so of the stand-in. */
function fluxContract(environmentOf: () => Environment): void {
  it('says its version, and which commands it does not have', async () => {
    const environment = environmentOf();
    expect((await run('flux --version', environment)).stdout).toMatch(/^commands:\s+\d+\.\d+\.\d+$/m);
    expect(await run('flux nosuch', environment)).toMatchObject({
      code: 1,
      stderr: "flux: `nosuch' is not a flux command.  See 'flux --help'\n",
    });
  });

  it('runs a program in an instance of its own, and ends as it does', async () => {
    const script =
      'flux getattr local-uri; echo $FLUX_URI; type -P flux\n' +
      'flux getattr rundir; flux getattr size; flux getattr hostlist; flux getattr instance-level\n' +
      'readlink /proc/$(flux getattr broker.pid)/exe > /dev/null && echo the broker lives\nexit 7';
    const { code, stdout, stderr } = await inside(script, environmentOf());
    const [uri, around, command, rundir, ...others] = stdout.split('\n');
    expect([code, around, `${rundir}/local-0`]).toEqual([7, uri, uri!.replace('local://', '')]);
    expect(command).toMatch(/\/flux$/);
    expect(others).toEqual(['1', hostname(), '0', 'the broker lives', '']);
    expect(stderr).toMatch(
      /^\w+ +\d+ [0-9:.]+ UTC \d+ broker\.err\[0\]: rc2\.0: bash --norc \S+ Exited \(rc=7\) \d+\.\ds\n/,
    );
    expect(existsSync(rundir!)).toBe(false);
  });

  it('takes one word as a line for the shell', async () => {
    expect(await run("flux start 'echo a; exit 4' </dev/null", environmentOf())).toMatchObject({
      code: 4,
      stdout: 'a\n',
    });
  });

  it('hangs up on its program when it is told to end, and ends with it and its jobs', async () => {
    const directory = temporaryDirectory();
    const script =
      `flux submit sh -c 'echo $$ > ${directory}/job; exec sleep 64'\n` +
      `until [ -s ${directory}/job ]; do sleep 0.02; done\n` +
      `echo $$ > ${directory}/program; flux getattr broker.pid > ${directory}/broker; exec sleep 65`;
    writeFileSync(path.join(directory, 'script'), script);
    const started = bash(`exec flux start bash ${directory}/script`, environmentOf());
    const at = (name: string) => readFileSync(path.join(directory, name), 'utf8').trim();
    await until('it has started', () => existsSync(path.join(directory, 'broker')) && at('broker') !== '');
    process.kill(Number(at('broker')), 'SIGTERM');
    const { code, stderr } = await started.ended;
    expect([code, stderr]).toEqual([129, expect.stringMatching(/ Hangup \(rc=129\) /)]);
    expect(isAlive(Number(at('program')))).toBe(false);
    expect(isAlive(Number(at('job')))).toBe(false);
  });

  it('says what is wrong when there is no broker, or no such attribute', async () => {
    const nobody = { ...environmentOf(), FLUX_URI: 'local:///no/such/socket' };
    expect(await run('flux getattr size', nobody)).toEqual({
      code: 1,
      stdout: '',
      stderr: 'flux: flux_open: No such file or directory\n',
    });
    expect(await run('flux jobs -n', nobody)).toMatchObject({
      code: 1,
      stderr: 'flux-jobs: ERROR: Unable to connect to Flux: broker socket /no/such/socket was not found\n',
    });
    const { stdout } = await inside('flux getattr nosuch 2>&1; echo $?', environmentOf());
    expect(stdout).toBe('flux-getattr: nosuch: No such file or directory\n1\n');
  });

  it('relays bytes to a broker until its input ends', async () => {
    const script = 'flux relay $(flux getattr rundir)/local-0 </dev/null | od -An -tx1; echo ${PIPESTATUS[0]}';
    expect((await inside(script, environmentOf())).stdout).toBe(' 00\n0\n');
  });

  it('ends a relay with a failure when the broker goes', async () => {
    const directory = temporaryDirectory();
    const script = `flux getattr rundir > ${directory}/part; mv ${directory}/part ${directory}/rundir; read -r _ < ${directory}/go`;
    writeFileSync(path.join(directory, 'script'), script);
    const environment = environmentOf();
    const instance = bash(`mkfifo ${directory}/go; exec flux start bash ${directory}/script`, environment);
    await until('it has started', () => existsSync(path.join(directory, 'rundir')));
    const rundir = readFileSync(path.join(directory, 'rundir'), 'utf8').trim();
    const relay = bash(`exec flux relay ${rundir}/local-0 > ${directory}/relayed`, environment);
    await until('the relay is up', () => {
      const file = path.join(directory, 'relayed');
      return existsSync(file) && readFileSync(file).length === 1;
    });
    writeFileSync(path.join(directory, 'go'), '\n');
    expect(await relay.ended).toMatchObject({ code: 1, stderr: `${hostname()}: flux_reactor_run: Success\n` });
    expect(await instance.ended).toMatchObject({ code: 0 });
  });

  it('says why a relay cannot begin', async () => {
    const environment = environmentOf();
    const directory = temporaryDirectory();
    writeFileSync(path.join(directory, 'file'), '');
    for (const [name, words] of [
      [path.join(directory, 'nosuch'), 'No such file or directory'],
      [path.join(directory, 'file'), 'Connection refused'],
    ]) {
      expect(await run(`flux relay ${name}`, environment)).toEqual({
        code: 1,
        stdout: '',
        stderr: `${hostname()}: local://${name}: ${words}\n`,
      });
    }
    const { code, stderr } = await run('flux relay', environment);
    expect([code, stderr.split('\n')[0]]).toEqual([1, 'flux relay: path argument is required']);
  });

  it('finds the URI of a broker, of a process, and of a URI', async () => {
    const script =
      'flux uri pid:$(flux getattr broker.pid)\nflux uri --remote pid:$$\nflux uri /\n' +
      'flux uri --remote -- local:///a/b\nflux uri --local ssh://x/a\necho $FLUX_URI';
    const { stdout } = await inside(script, environmentOf());
    const uri = stdout.split('\n').at(-2)!;
    expect(stdout).toBe(
      [uri, uri.replace('local://', `ssh://${hostname()}`), uri, `ssh://${hostname()}/a/b`, 'local:///a', uri, ''].join(
        '\n',
      ),
    );
  });

  it('says why it finds none', async () => {
    const environment = environmentOf();
    const none = (target: string) => run(`flux uri --remote -- ${target}`, environment);
    const refused = (words: string) => ({ code: 1, stdout: '', stderr: `flux-uri: ERROR: ${words}\n` });
    expect(await none('pid:999999999')).toEqual(refused("No such file or directory: '/proc/999999999/status'"));
    expect(await none(`pid:${process.pid}`)).toEqual(refused(`PID ${process.pid} doesn't seem to have a FLUX_URI`));
    expect(await none('foo:1')).toEqual(refused('No plugin for URI scheme foo'));
    // Not the system instance, which this machine may have.
    const lost = { ...environment, FLUX_URI: 'local:///nonexistent/local' };
    expect(await run('flux uri --remote -- f1', lost)).toEqual(
      refused('Unable to connect to Flux: broker socket /nonexistent/local was not found'),
    );
    const script = 'id=$(flux submit sleep 66); flux uri $id 2>&1; echo $?; flux uri f123 2>&1; echo $id';
    const [first, code, second, id] = (await inside(script, environment)).stdout.split('\n');
    expect([first, code, second]).toEqual([
      `flux-uri: ERROR: URI not found for job ${id}`,
      '1',
      'flux-uri: ERROR: jobid f123 not found',
    ]);
  });

  it('submits, lists and cancels jobs', async () => {
    const script = `
      one=$(flux submit -n1 sleep 67); echo $one
      two=$(flux run --dry-run true 2>/dev/null | flux job submit --urgency=20) || two=$one
      until flux jobs -n -o '{status}' | grep -q RUN; do sleep 0.05; done
      flux jobs -no '{id} {name}' | grep $one
      flux cancel $one; echo $?
      until [ -z "$(flux jobs -n -o '{id}')" ]; do sleep 0.05; done
      flux jobs -a -n -o '{id} {result}' | grep $one
      flux cancel $one 2>&1; echo $?`;
    const { stdout } = await inside(script, environmentOf());
    const id = stdout.split('\n')[0]!;
    expect(stdout).toBe(
      [id, `${id} sleep`, '0', `${id} CANCELED`, `flux-cancel: ERROR: ${id}: job is inactive`, '1', ''].join('\n'),
    );
  });

  it('submits jobspecs as they are', async () => {
    const jobspec = {
      resources: [{ type: 'slot', count: 1, with: [{ type: 'core', count: 1 }], label: 'task' }],
      tasks: [{ command: ['true'], slot: 'task', count: { per_slot: 1 } }],
      attributes: { system: { duration: 0 } },
      version: 1,
    };
    const file = path.join(temporaryDirectory(), 'jobspec');
    writeFileSync(file, JSON.stringify(jobspec));
    const other = { ...jobspec, attributes: { system: { duration: 0, queue: 'nosuch' } } };
    writeFileSync(`${file}-other`, JSON.stringify(other));
    const { stdout } = await inside(
      `flux job submit < ${file}; flux job submit --urgency=20 ${file}; flux job submit ${file}-other 2>&1; echo $?`,
      environmentOf(),
    );
    expect(stdout).toMatch(/^(ƒ\S+\n){2}flux-job: 'nosuch' is not a valid queue\n1\n$/);
  });

  it('runs a job to its end, with what it prints and how it ends', async () => {
    const script = `
      flux run -n2 sh -c 'echo out; echo err >&2'; echo $?
      flux run sh -c 'exit 3' 2>&1; echo $?
      flux run nosuchprogram 2>&1 | grep -o 'start failed: .*' | head -n 1; echo \${PIPESTATUS[0]}`;
    const { stdout, stderr } = await inside(script, environmentOf());
    expect(stdout).toBe(
      'out\nout\n0\nflux-job: task(s) exited with exit code 3\n3\n' +
        'start failed: nosuchprogram: No such file or directory\n127\n',
    );
    expect(stderr).toBe('err\nerr\n');
  });

  const slurmIsThere = installedSlurm() === true;
  it.skipIf(!slurmIsThere)('finds the broker of a Slurm job', async () => {
    const slurm = await Slurm.forTest();
    const environment = { ...environmentOf(), ...slurm.environment };
    const directory = temporaryDirectory();
    const script = `#!/bin/bash\nsrun -N1 -n1 flux start bash -c 'flux getattr local-uri > ${directory}/uri; exec sleep 68'\n`;
    writeFileSync(path.join(directory, 'script'), script);
    const { stdout: id } = await run(`sbatch --parsable --output=${directory}/out ${directory}/script`, environment);
    const file = path.join(directory, 'uri');
    const uri = await until('it has started', () =>
      existsSync(file) ? readFileSync(file, 'utf8').trim() || undefined : undefined,
    );
    expect(await run(`flux uri --remote slurm:${id.trim()}`, environment)).toEqual({
      code: 0,
      stdout: `${uri.replace('local://', `ssh://${hostname()}`)}\n`,
      stderr: '',
    });
    const { code, stderr } = await run('flux uri --remote slurm:999999', environment);
    expect([code, stderr]).toEqual([1, expect.stringMatching(/flux-uri: ERROR: .* Slurm job 999999\n$/)]);
  });
}

describe('the stand-in for the command flux', () => {
  fluxContract(() => standInFlux().environment);

  it('fails to relay where the broker does not let us in', async () => {
    const directory = path.join(temporaryDirectory(), 'rundir');
    mkdirSync(directory);
    const server = createServer((socket) => socket.end(Buffer.of(1)));
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(path.join(directory, 'local-0'), resolve));
    expect(await run(`flux relay ${directory}/local-0`, standInFlux().environment)).toEqual({
      code: 1,
      stdout: '',
      stderr: `${hostname()}: local://${directory}/local-0: Operation not permitted\n`,
    });
  });
});

const installed = installedFlux();

describe.skipIf(installed === undefined)(`the command flux of ${installed}`, () => {
  fluxContract(() => ({ ...plainEnvironment, HOME: temporaryDirectory(), PATH: process.env.PATH ?? '' }));
});

if (installed === undefined) {
  console.warn('There is no flux on PATH: what a command flux owes was checked of the stand-in ONLY.');
  it.skip('NOT TESTED against a real command flux: there is none on PATH', () => {});
}
if (installedSlurm() !== true) console.warn('There is no Slurm: brokers of Slurm jobs were NOT TESTED.');
