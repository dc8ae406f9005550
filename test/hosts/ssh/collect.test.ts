import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { collect } from '../../../src/report/artifacts/collected.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { Account, forClients } from './account.js';

forClients('what is collected', (client) => {
  it('is whole, though it is written more slowly than it comes', async () => {
    const host = await (await Account.forTest()).open(client);
    const study = temporaryDirectory();
    mkdirSync(path.join(study, 'a'));
    writeFileSync(path.join(study, 'a/big.bin'), Buffer.alloc(20_000_000, 7));
    for (let round = 0; round < 5; round++) {
      const destination = temporaryDirectory();
      const { problems } = await collect(host, study, ['a/*'], destination);
      expect([problems, statSync(path.join(destination, 'a/big.bin')).size]).toEqual([[], 20_000_000]);
    }
  });
});
