import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Handle } from '../../../src/flux/handle.js';
import { InstanceMonitor } from '../../../src/schedulers/flux/instance-monitor.js';
import { type Clock, systemClock } from '../../../src/util/clock.js';
import { hurried, startBroker } from '../../support/flux/study-run.js';
import { Tap } from '../../support/flux/study-tap.js';
import { until } from '../../support/wait.js';

interface Setting {
  readonly isOwner?: boolean;
  readonly version?: string;
  readonly clock?: Clock;
  readonly handleClock?: Clock;
}

/** An instance, watched. */
async function watched({
  isOwner = true,
  version = '0.88.0',
  clock = systemClock,
  handleClock = systemClock,
}: Setting) {
  const broker = await startBroker({ version, ...(isOwner ? {} : { owner: 4242, user: process.getuid!() }) });
  const tap = await Tap.start(broker.uri);
  const told: string[] = [];
  const watch = new InstanceMonitor(isOwner, clock, {
    onRun: () => told.push('run'),
    onEnding: () => told.push('ending'),
    onTrouble: (reason) => told.push(reason),
  });
  const up = async () => {
    const handle = await Handle.connect(connect(tap.uri.replace('local://', '')), handleClock);
    onTestFinished(() => handle.close());
    handle.onClose = () => watch.onDown();
    watch.onUp(handle);
    return handle;
  };
  return { broker, tap, watch, told, up };
}

/** From now on the broker says that it is in this state. */
function inState(tap: Tap, state: string): void {
  tap.answer = (topic) => (topic === 'state-machine.get' ? { payload: { state } } : undefined);
}

describe('an instance', () => {
  for (const version of ['0.39.0', '0.50.0', '0.88.0']) {
    for (const isOwner of [true, false]) {
      it(`of version ${version} runs, to its ${isOwner ? 'owner' : 'guests'}, until it is told to end`, async () => {
        const { broker, watch, told, up } = await watched({ isOwner, version });
        expect(watch.state).toBe('unknown');
        await up();
        await until('it is known to run', () => watch.state === 'run');
        const end = broker.shutDown(300);
        // Its owner is told. A guest has to ask.
        if (isOwner) await until('it is known to end', () => watch.state === 'ending');
        expect(await watch.ask()).toBe('ending');
        await end;
        expect(await watch.ask()).toBe('ending');
        expect(told).toEqual(['run', 'ending']);
      });
    }
  }

  it('is in no state that is known without a connection', async () => {
    const { watch, up } = await watched({});
    expect(await watch.ask()).toBe('unknown');
    const handle = await up();
    expect(await watch.ask()).toBe('run');
    handle.close();
    expect(await watch.ask()).toBe('unknown');
  });

  it('that does not say so within ten seconds is not known to run, and its silence is told', async () => {
    const { broker, watch, told, up } = await watched({ handleClock: hurried(100) });
    await up();
    await watch.ask();
    broker.behaviour.isStalled = true;
    expect(await watch.ask()).toBe('unknown');
    expect(told).toEqual(['run', 'state-machine.get: no answer within 10 s']);
  });

  it('that cannot be asked is believed to run', async () => {
    const { broker, watch, up } = await watched({});
    broker.behaviour.missing.add('state-machine.get');
    broker.behaviour.missing.add('state-machine.monitor');
    await up();
    expect(await watch.ask()).toBe('run');
  });

  it('that came back runs again', async () => {
    const { broker, watch, told, up } = await watched({});
    await up();
    await watch.ask();
    await broker.shutDown();
    expect(watch.state).toBe('ending');
    await broker.comeBack();
    await up();
    expect(watch.state).toBe('ending');
    expect(await watch.ask()).toBe('run');
    expect(told).toEqual(['run', 'ending', 'run']);
  });

  it('to which there is another connection is asked anew', async () => {
    const { tap, watch, told, up } = await watched({ isOwner: false });
    await up();
    await watch.ask();
    inState(tap, 'shutdown');
    await up();
    await until('it is known', () => watch.state === 'ending');
    expect(told).toEqual(['run', 'ending']);
  });

  for (const state of ['none', 'join', 'init', 'quorum']) {
    it(`whose broker is in state ${state} is starting, and asked again until it runs`, async () => {
      const { tap, watch, told, up } = await watched({ isOwner: false, clock: hurried(50) });
      inState(tap, state);
      await up();
      expect(await watch.ask()).toBe('unknown');
      inState(tap, 'run');
      await until('it is known to run', () => watch.state === 'run');
      expect(told).toEqual(['run']);
    });
  }

  for (const state of ['cleanup', 'shutdown', 'finalize', 'goodbye', 'exit']) {
    it(`whose broker is in state ${state} is ending`, async () => {
      const { tap, watch, told, up } = await watched({ isOwner: false });
      inState(tap, state);
      await up();
      expect(await watch.ask()).toBe('ending');
      expect(told).toEqual(['ending']);
    });
  }

  it('is not ending when its broker goes from starting to running', async () => {
    const { tap, watch, told, up } = await watched({});
    // Numbers and names as 0.88 has them.
    let state = 'init';
    tap.answer = (topic) => {
      if (topic === 'state-machine.monitor') return 'kept';
      return topic === 'state-machine.get' ? { payload: { state } } : undefined;
    };
    await up();
    await watch.ask();
    state = 'run';
    for (const number of [3, 4, 5]) tap.tell('state-machine.monitor', { payload: { state: number } });
    await until('it is known to run', () => watch.state === 'run');
    expect(told).toEqual(['run']);
  });
});
