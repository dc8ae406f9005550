import { spawn } from 'node:child_process';
import { availableParallelism, constants, hostname } from 'node:os';
import { applyEvent, endOf, newJob, parseEvents } from '../../../../src/flux/eventlog.js';
import type { SimulatedJob } from '../jobs.js';
import { SimulatedBroker } from '../simulated-broker.js';
import { at } from '../submission.js';
import { Failure, type Run } from './command.js';
import { type Facts, tellFacts } from './facts.js';

/**
 * `flux start [-s1] [-S ATTR=VALUE] [-o,OPTION] PROGRAM [ARG...]`: a broker for as long as the program runs. This process
 * is the broker: signals that tell it to end hang up on the program, and when that is over the instance ends.
 *
 * @param directory of the command `flux`, which the program finds on PATH
 */
export function start(directory: string): Run {
  return async (words, environment) => {
    const program = programOf(words);
    const cores = availableParallelism();
    const broker = await SimulatedBroker.start({ cores });
    // By its name `flux uri pid:` knows a broker.
    process.title = 'flux-broker-0';
    const facts = await tellFacts(broker, () => factsOf(broker));
    const began = Date.now();
    const child = spawn(program[0]!, program.slice(1), {
      env: { ...environment, FLUX_URI: broker.uri, PATH: `${directory}:${environment.PATH ?? ''}` },
      detached: true,
      stdio: 'inherit',
    });
    const hangUp = () => {
      try {
        process.kill(-child.pid!, 'SIGHUP');
      } catch {
        // It has just ended.
      }
    };
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, hangUp);
    const { code, how } = await new Promise<{ code: number; how: string }>((resolve) => {
      child.on('error', (error) => resolve({ code: 127, how: error.message }));
      child.on('exit', (code, signal) => resolve(endedBy(code, signal)));
    });
    if (code !== 0) {
      const seconds = ((Date.now() - began) / 1000).toFixed(1);
      process.stderr.write(`${logTime()} broker.err[0]: rc2.0: ${program.join(' ')} ${how} (rc=${code}) ${seconds}s\n`);
    }
    await broker.shutDown();
    facts.close();
    await broker.stop();
    return code;
  };
}

/** Several words are a command line as they are, one is a line for the shell. @throws Failure */
function programOf(words: readonly string[]): readonly string[] {
  const program = [...words];
  while (program[0]?.startsWith('-')) {
    const option = program.shift()!;
    if (option === '--') break;
    if (/^(-s1|--test-size=1|-o.+|-S.+|-v)$/.test(option)) continue;
    if (/^-[sSo]$/.test(option)) program.shift();
    else
      throw new Failure(`flux-start: unrecognized option '${option}'\nTry \`flux-start --help' for more information.`);
  }
  if (program.length === 0) throw new Failure("broker.crit[0]: stdin is not a tty - can't run interactive shell");
  return program.length === 1 ? ['/bin/bash', '-c', program[0]!] : program;
}

const signalWords: Readonly<Record<string, string>> = {
  SIGHUP: 'Hangup',
  SIGINT: 'Interrupt',
  SIGKILL: 'Killed',
  SIGTERM: 'Terminated',
};

function endedBy(code: number | null, signal: NodeJS.Signals | null): { code: number; how: string } {
  if (code !== null) return { code, how: 'Exited' };
  return { code: 128 + constants.signals[signal!], how: signalWords[signal!] ?? signal! };
}

/** `Nov 24 20:35:26.523790 UTC 2026` */
function logTime(): string {
  const [, month, day, year, time] = /^\w+, (\d+) (\w+) (\d+) (.*) GMT$/.exec(new Date().toUTCString())!;
  return `${day} ${month} ${time}.000000 UTC ${year}`;
}

function factsOf(broker: SimulatedBroker): Facts {
  return { pid: process.pid, host: hostname(), jobs: broker.jobs.map(factsOfJob) };
}

const results = {
  completed: 'COMPLETED',
  failed: 'FAILED',
  cancelled: 'CANCELED',
  timeout: 'TIMEOUT',
  'node-failure': 'FAILED',
} as const;

function factsOfJob(job: SimulatedJob): Facts['jobs'][number] {
  const { jobspec, command, demand } = job.submission;
  const name = at(jobspec, 'attributes', 'system', 'job', 'name') ?? command[0]!.split('/').at(-1);
  const view = parseEvents(job.lines.join('')).reduce(applyEvent, newJob);
  return {
    id: job.name,
    state: job.state,
    name: String(name),
    ntasks: demand.tasks,
    result: job.state === 'INACTIVE' ? results[endOf(view)] : undefined,
  };
}
