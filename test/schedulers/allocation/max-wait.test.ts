import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Host } from '../../../src/hosts/host.js';
import { AllocatedBackend } from '../../../src/schedulers/allocation/allocated-backend.js';
import type { BackendContext } from '../../../src/schedulers/backend.js';
import { replay } from '../../../src/store/journal/replay.js';
import type { StudySession } from '../../../src/store/session.js';
import { validPlan } from '../../support/plan.js';
import { VirtualClock } from '../../support/virtual-clock.js';
import { until } from '../../support/wait.js';
import { requestOf } from './stand-ins.js';

const day = 24 * 3600 * 1000;

/** What a login node answers whose queue takes the allocation and never starts it; undefined: it waits until it is left. */
function answerTo(command: string): string | undefined {
  if (command.includes('type -P flux')) return '1000\0login\0login\0/usr/bin/flux\0';
  if (command.includes('flux version')) return 'commands:  0.60.0\n';
  if (command.includes('exec sbatch')) return '4711\n';
  if (command.endsWith('\nlook')) return 'PENDING|pbatch||N/A|Priority\n';
  if (command.includes('read -r -t 1 _')) return undefined;
  return '';
}

class Login implements Host {
  readonly name = 'login';
  isWaited = false;

  spawn(command: string) {
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
    stdin.resume();
    const answer = answerTo(command);
    if (answer === undefined) this.isWaited = true;
    else stdout.end(answer);
    stderr.end();
    const exit = answer === undefined ? new Promise<never>(() => {}) : Promise.resolve({ code: 0 });
    return { stdin, stdout, stderr, exit, leave: () => {} };
  }
}

/** An allocation that waits in a queue, and may do so for so many seconds. */
async function waitingFor(maxWait: number | undefined) {
  const clock = new VirtualClock();
  const host = new Login();
  const silent = () => {};
  const context: BackendContext = {
    options: { fluxTarget: 'auto', stepEnvironment: new Map(), ignoresJobsElsewhere: false },
    ...{ host, clock, onlyFinishes: false, around: '', remember: silent },
    log: {
      ...{ phase: silent, endPhase: silent, info: silent, live: silent },
      ...{ problem: silent, error: silent, warning: silent },
    },
    ...{ cancel: new AbortController().signal, leave: new AbortController().signal },
  };
  const journal = { write: silent, durable: async () => {} };
  const session = { state: replay(''), journal, confirm: async () => {} } as unknown as StudySession;
  const backend = new AllocatedBackend(context, requestOf('slurm', { maxWait }));
  const plan = await backend.prepare(validPlan({ batch: { type: 'flux' }, steps: [{ name: 'run', nodes: 1 }] }));
  let end: string | undefined;
  backend.open(plan, session, silent).catch((error: Error) => (end = error.message));
  await until('it waits', () => host.isWaited);
  /** What it says after so many days in all. */
  const saidOnDay = async (days: number) => {
    clock.advance(days * day - clock.now());
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    return end;
  };
  return { saidOnDay };
}

describe('an allocation that does not start', () => {
  it('is waited for as long as its request says, be it a month', async () => {
    const { saidOnDay } = await waitingFor((30 * day) / 1000);
    expect(await saidOnDay(29.9)).toBeUndefined();
    expect(await saidOnDay(30)).toMatch(/^max-wait: no allocation has started within 30d/);
  });

  it.each([undefined, 0])('is waited for for ever if that says nothing, or 0: %s', async (maxWait) => {
    const { saidOnDay } = await waitingFor(maxWait);
    expect(await saidOnDay(400)).toBeUndefined();
  });
});
