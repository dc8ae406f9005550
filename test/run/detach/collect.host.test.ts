import { describe, expect, it } from 'vitest';
import type { Host } from '../../../src/hosts/host.js';
import { collectStudies, unpublished } from '../../../src/run/detach/collect.js';
import { registrationSchema, writeRegistration } from '../../../src/run/detach/registration.js';
import type { Log } from '../../../src/util/log/log.js';
import { plainHost } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';

const silent: Log = { phase() {}, endPhase() {}, info() {}, live() {}, problem() {}, error() {}, warning() {} };

describe('studies that are collected', () => {
  it('are all looked at, although one of them meets an error of the program', async () => {
    const [root, plain] = [temporaryDirectory(), plainHost()];
    for (const started of [1, 2]) {
      const about = { repository: '', sha: '', checkRun: null, runUrl: '' };
      const its = { version: 1, token: `${started}`.repeat(32), studyPath: `${root}/study-${started}`, started };
      await writeRegistration(plain, root, registrationSchema.parse({ ...about, ...its }));
    }
    const host: Host = {
      name: 'this machine',
      spawn: (command, options) => {
        if (command.includes('study-1')) throw new TypeError('undefined is not iterable');
        return plain.spawn(command, options);
      },
    };
    const collected = await collectStudies({
      ...{ host, root, log: silent, isWanted: () => true, node: '', baseline: undefined, publisher: unpublished },
      reportPlace: () => ({ path: root, untrusted: [] }),
      report: { collect: [] } as never,
    });
    expect(collected).toMatchObject([
      { state: 'lost', why: 'internal error, please report it: undefined is not iterable' },
      { state: 'lost', why: expect.stringContaining('study-2') },
    ]);
  });
});
