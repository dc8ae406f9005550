import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { type Host, HostLostError } from '../../../src/hosts/host.js';
import { startConductor } from '../../../src/run/detach/start-conductor.js';
import { journalOf, leaseOf, writeStudy } from '../../support/existing.js';
import { plainHost } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';

const token = 'a'.repeat(32);

/** Starts a conductor that ends without a word. @param losesLook whether the connection breaks before it is looked what drives the study */
async function startDead(studyPath: string, losesLook = false) {
  mkdirSync(path.join(studyPath, '.conductor/detached', token), { recursive: true });
  const node = path.join(studyPath, 'node');
  writeFileSync(node, '#!/bin/bash\necho no such option\n', { mode: 0o755 });
  const plain = plainHost();
  const host: Host = {
    name: 'this machine',
    spawn: (command, options) => {
      const process = plain.spawn(command, options);
      const isLost = losesLook && !command.includes('setsid');
      if (!isLost) return process;
      const exit = process.exit.then(() => Promise.reject(new HostLostError('the connection broke')));
      return { ...process, exit, leave: () => process.leave() };
    },
  };
  return startConductor(host, { program: { node, program: '' }, studyPath, token }, { warning: () => {} });
}

it('a conductor that ended without a word was the second one if one of the same start drives the study', async () => {
  const study = writeStudy(temporaryDirectory(), journalOf([]), leaseOf({ detached: token }));
  expect(await startDead(study)).toEqual({ state: 'runs', words: 'it was started before' });
});

it('else it could not run it', async () => {
  const words = /exited at startup: no such option/;
  const other = writeStudy(temporaryDirectory(), journalOf([]), leaseOf({ detached: 'b'.repeat(32) }));
  for (const study of [other, temporaryDirectory()]) {
    await expect(startDead(study)).rejects.toMatchObject({
      name: 'ConductorError',
      message: expect.stringMatching(words),
    });
  }
});

it('which of the two is not known if the connection breaks before that was seen', async () => {
  const study = writeStudy(temporaryDirectory(), journalOf([]), leaseOf({ detached: token }));
  await expect(startDead(study, true)).rejects.toMatchObject({ name: 'HostLostError' });
});
