import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { RemoteWriter } from '../../src/store/remote-writer.js';
import { systemClock } from '../../src/util/clock.js';
import { Account, forClients } from '../hosts/ssh/account.js';
import { CutProxy } from '../support/cut-proxy.js';
import { temporaryDirectory } from '../support/temporary.js';
import { until } from '../support/wait.js';

forClients('a clerk on a cluster', (client) => {
  it('loses nothing, and keeps its order, however often the network breaks', { timeout: 90_000 }, async () => {
    const account = await Account.forTest();
    const proxy = await CutProxy.forTest(account.server.port);
    const host = await account.open(client, {
      host: `${account.server.user}@127.0.0.1:${proxy.port}`,
      knownHosts: account.server.knownHosts.replaceAll(`${account.server.port}`, `${proxy.port}`),
    });
    const study = temporaryDirectory();
    mkdirSync(path.join(study, '.conductor/fences'), { recursive: true });
    writeFileSync(path.join(study, '.conductor/fences/1'), 'x\n');
    const journal = path.join(study, '.conductor/journal.jsonl');
    const told: string[] = [];
    const writer = RemoteWriter.start({
      host,
      studyPath: study,
      fence: 1,
      clock: systemClock,
      listener: {
        onCancel: () => void told.push('cancel'),
        onUpdate: () => {},
        onLost: () => void told.push('lost'),
        onTrouble: (words) => void told.push(`trouble ${words}`),
      },
    });
    const answered: number[] = [];
    const lines: string[] = [];
    const append = (seq: number) => {
      const line = JSON.stringify({ seq, x: 'x'.repeat(seq % 5 === 0 ? 200_000 : 10) });
      lines.push(line);
      return writer.append(`${line}\n`).then(() => void answered.push(seq));
    };
    const all: Promise<void>[] = [append(0)];
    await all[0];
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 15; i++) all.push(append(all.length));
      await sleep(round * 15);
      proxy.cut();
    }
    await Promise.all(all);
    expect(answered).toEqual(lines.map((_, seq) => seq));
    const whole = readFileSync(journal, 'utf8')
      .split('\n')
      .filter((line) => lines.includes(line));
    // The first of each: what a reader sees who passes over repetitions.
    expect([...new Set(whole)]).toEqual(lines);
    writeFileSync(path.join(study, '.cancel.lock'), '');
    await until('it is told', () => told.length > 0, 20_000);
    await writer.end();
    expect(told).toEqual(['cancel']);
  });
});
