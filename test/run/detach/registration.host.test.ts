import { describe, expect, it } from 'vitest';
import {
  Claim,
  findRegistration,
  type Registration,
  registerAgain,
  registrationSchema,
  writeRegistration,
} from '../../../src/run/detach/registration.js';
import { plainHost } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';

const token = 'a'.repeat(32);

function registered(started: number, checkRun: Registration['checkRun']): Registration {
  const about = { version: 1, token, studyPath: '/study', started, repository: 'octo/studies', sha: '', runUrl: '' };
  return registrationSchema.parse({ ...about, checkRun });
}

describe('a study that is registered again while it is collected', () => {
  const [first, second] = [registered(1, { id: 1, name: 'one' }), registered(2, { id: 2, name: 'two' })];

  it('is not noted as reported by a process that knows only what it was registered for before', async () => {
    const [root, host] = [temporaryDirectory(), plainHost()];
    await writeRegistration(host, root, first);
    const claim = await Claim.take(host, root, first);
    await writeRegistration(host, root, second);
    await claim!.reported();
    await claim!.release();
    expect(await Claim.take(host, root, first)).toBeUndefined();
    expect(await findRegistration(host, root, token)).toMatchObject({ checkRun: { id: 2 } });
    const now = await Claim.take(host, root, second);
    await now!.reported();
    await now!.release();
    expect(await findRegistration(host, root, token)).toBeUndefined();
  });

  it('keeps what it was registered for before', async () => {
    const [root, host] = [temporaryDirectory(), plainHost()];
    await writeRegistration(host, root, first);
    await registerAgain(host, root, second);
    await registerAgain(host, root, registered(3, { id: 3, name: 'three' }));
    const now = await findRegistration(host, root, token);
    expect([now!.checkRun, ...now!.earlier!].map((shown) => shown!.id)).toEqual([3, 2, 1]);
  });
});
