import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { mostHeldDuring } from '../../support/held-memory.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { Account, forClients } from './account.js';

const size = 1_000_000_000;

/** What stands between the two ends of a stream, in bytes, is less than this: buffers of both programs and of the system. */
const mostUnderWay = 30_000_000;

forClients('a gigabyte', (client) => {
  it('comes through without being kept, also if it is read slowly', async () => {
    const host = await (await Account.forTest()).open(client);
    let bytes = 0;
    const held = await mostHeldDuring(async () => {
      const process = host.spawn(`head -c ${size} /dev/zero`);
      process.stdin.end();
      process.stderr.resume();
      const slow = new Writable({
        write(chunk: Buffer, _, done) {
          const waits = Math.floor((bytes + chunk.length) / 100_000_000) > Math.floor(bytes / 100_000_000);
          bytes += chunk.length;
          if (waits) setTimeout(done, 100);
          else done();
        },
      });
      await pipeline(process.stdout, slow);
      expect(await process.exit).toEqual({ code: 0 });
    });
    expect(bytes).toBe(size);
    expect(held).toBeLessThan(mostUnderWay);
  }, 180_000);

  it('goes there without being kept', async () => {
    const host = await (await Account.forTest()).open(client);
    let counted = '';
    const held = await mostHeldDuring(async () => {
      const process = host.spawn('wc -c');
      process.stderr.resume();
      process.stdout.on('data', (chunk: Buffer) => {
        counted += chunk.toString();
      });
      const chunk = Buffer.alloc(1_000_000);
      await pipeline(function* () {
        for (let sent = 0; sent < size; sent += chunk.length) yield chunk;
      }, process.stdin);
      expect(await process.exit).toEqual({ code: 0 });
    });
    expect(counted.trim()).toBe(`${size}`);
    expect(held).toBeLessThan(mostUnderWay);
  }, 180_000);
});

forClients('who stops', (client) => {
  it('reading makes the command wait, until it reads on', async () => {
    const host = await (await Account.forTest()).open(client);
    const progress = path.join(temporaryDirectory(), 'progress');
    const process = host.spawn(
      `for i in {1..100}; do head -c 1000000 /dev/zero; echo $i >${progress}; done; exec >&-; exit 3`,
    );
    process.stdin.end();
    process.stderr.resume();
    const soFar = () => (existsSync(progress) ? Number(readFileSync(progress, 'utf8')) : 0);
    let last = -1;
    for (let now = soFar(); now === 0 || now !== last; now = soFar()) {
      last = now;
      await sleep(300);
    }
    expect(last * 1_000_000).toBeLessThan(mostUnderWay);
    let bytes = 0;
    process.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    expect(await process.exit).toEqual({ code: 3 });
    expect(bytes).toBe(100_000_000);
  });

  it('reading over there makes us wait', async () => {
    const host = await (await Account.forTest()).open(client);
    const process = host.spawn('read -r line; sleep 0.7; wc -c');
    process.stderr.resume();
    let counted = '';
    process.stdout.on('data', (chunk: Buffer) => {
      counted += chunk.toString();
    });
    process.stdin.write('go\n');
    const chunk = Buffer.alloc(1_000_000);
    let sent = 0;
    const since = Date.now();
    let accepted = 0;
    while (sent < 100) {
      sent += 1;
      if (!process.stdin.write(chunk)) await new Promise((resolve) => process.stdin.once('drain', resolve));
      if (Date.now() - since < 500) accepted = sent;
    }
    process.stdin.end();
    expect(await process.exit).toEqual({ code: 0 });
    expect(counted.trim()).toBe('100000000');
    expect(accepted * 1_000_000).toBeLessThan(mostUnderWay);
  });
});
