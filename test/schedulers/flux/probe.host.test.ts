import { describe, expect, it, onTestFinished } from 'vitest';
import { FluxInstance } from '../../../src/schedulers/flux/instance.js';
import type { PyValue } from '../../../src/spec/python.js';
import { systemClock } from '../../../src/util/clock.js';
import { BackendError } from '../../../src/util/errors.js';
import type { SimulatedBroker } from '../../support/flux/simulated-broker.js';
import { startBroker } from '../../support/flux/study-run.js';
import { at } from '../../support/flux/submission.js';
import { plainHost } from '../../support/hosts.js';
import { until } from '../../support/wait.js';

const never = new AbortController().signal;

async function opened({ uri }: SimulatedBroker): Promise<FluxInstance> {
  const flux = await FluxInstance.find({
    host: plainHost(),
    clock: systemClock,
    env: new Map([['OF_ENV', 'x']]),
    cancel: never,
    wanted: uri,
    batch: undefined,
    log: () => {},
  });
  onTestFinished(() => flux.close());
  return flux;
}

const batch = (values: Readonly<Record<string, PyValue>>) => ({
  type: 'flux' as const,
  values: new Map(Object.entries(values)),
  at: { file: 'study.yaml', line: 1, column: 1 },
  placeOf: () => ({ file: 'study.yaml', line: 1, column: 1 }),
});

describe('a probe', () => {
  it('is a job that ran', async () => {
    const flux = await opened(await startBroker());
    expect(await flux.probe({ command: ['true'], batch: undefined, timeoutMs: 10_000, cancel: never })).toMatchObject({
      state: 'INACTIVE',
      waitStatus: 0,
    });
    expect(await flux.probe({ command: ['false'], batch: undefined, timeoutMs: 10_000, cancel: never })).toMatchObject({
      state: 'INACTIVE',
      waitStatus: 256,
    });
  });

  it("goes to the study's queue and bank, and finds the environment of its jobs", async () => {
    const broker = await startBroker({ queues: ['debug', 'batch'] });
    const flux = await opened(broker);
    const script = '[ "$OF_ENV" = x ]';
    const job = await flux.probe({
      command: ['sh', '-c', script],
      batch: batch({ queue: 'batch', bank: 'science' }),
      timeoutMs: 10_000,
      cancel: never,
    });
    expect(job?.waitStatus).toBe(0);
    expect(at(broker.jobs[0]!.submission.jobspec, 'attributes', 'system')).toMatchObject({
      queue: 'batch',
      bank: 'science',
    });
  });

  it('leaves the queue out where there are none', async () => {
    const flux = await opened(await startBroker());
    expect(
      await flux.probe({ command: ['true'], batch: batch({ queue: 'batch' }), timeoutMs: 10_000, cancel: never }),
    ).toMatchObject({ waitStatus: 0 });
  });

  it('that is refused says why', async () => {
    const flux = await opened(await startBroker({ queues: ['debug'] }));
    const probe = flux.probe({
      command: ['true'],
      batch: batch({ queue: 'nosuch' }),
      timeoutMs: 10_000,
      cancel: never,
    });
    await expect(probe).rejects.toBeInstanceOf(BackendError);
    await expect(probe).rejects.toThrow("Invalid queue 'nosuch' specified");
  });

  for (const eventDelay of [0, 50]) {
    it(`that takes too long is cancelled, and nothing is said of it${eventDelay > 0 ? ', however late brokers tell' : ''}`, async () => {
      const broker = await startBroker({ cores: 1 });
      broker.behaviour.eventDelay = eventDelay;
      const flux = await opened(broker);
      expect(
        await flux.probe({ command: ['sleep', '60'], batch: undefined, timeoutMs: 100, cancel: never }),
      ).toBeUndefined();
      await until('it is over', () => broker.jobs[0]!.state === 'INACTIVE');
      expect(broker.asked('job-manager.raise')).toMatchObject([{ type: 'cancel', note: 'it took too long' }]);
    });
  }

  it('that nobody wants any more is cancelled', async () => {
    const broker = await startBroker();
    const flux = await opened(broker);
    const cancel = new AbortController();
    const probe = flux.probe({ command: ['sleep', '60'], batch: undefined, timeoutMs: 60_000, cancel: cancel.signal });
    await until('it runs', () => broker.jobs[0]?.state === 'RUN');
    cancel.abort();
    expect(await probe).toBeUndefined();
    await until('it is over', () => broker.jobs[0]!.state === 'INACTIVE');
  });

  it('whose broker dies meanwhile says so', async () => {
    const broker = await startBroker();
    const flux = await opened(broker);
    const probe = flux.probe({ command: ['sleep', '60'], batch: undefined, timeoutMs: 60_000, cancel: never });
    const refused = expect(probe).rejects.toBeInstanceOf(BackendError);
    await until('it runs', () => broker.jobs[0]?.state === 'RUN');
    await broker.die();
    await refused;
  });
});
