import { expect, it, onTestFinished } from 'vitest';
import { FluxInstance } from '../../../src/schedulers/flux/instance.js';
import { systemClock } from '../../../src/util/clock.js';
import { BackendError } from '../../../src/util/errors.js';
import { badLineTo } from '../../support/crash/bridge.js';
import { startBroker } from '../../support/flux/study-run.js';
import { plainHost } from '../../support/hosts.js';

/** An instance that is reached over a line, which breaks as the test says. */
async function overLine() {
  const broker = await startBroker();
  const { uri, proxy } = await badLineTo(broker.uri);
  const instance = await FluxInstance.find({
    ...{ host: plainHost(), clock: systemClock, env: new Map(), wanted: uri, batch: undefined, log: () => {} },
    cancel: new AbortController().signal,
  });
  onTestFinished(() => instance.close());
  return { broker, instance, proxy };
}

it('is asked for its identity over a new connection if the first one broke after it was found', async () => {
  const { instance, proxy } = await overLine();
  const before = await instance.endpoint();
  proxy.cut();
  expect(await instance.endpoint()).toEqual(before);
});

it('that has ended since it was found cannot be asked, which is said', async () => {
  const { broker, instance } = await overLine();
  await broker.stop();
  await expect(instance.endpoint()).rejects.toThrow(BackendError);
}, 30_000);
