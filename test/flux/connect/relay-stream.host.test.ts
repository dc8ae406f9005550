import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { relayStream } from '../../../src/flux/connect/relay.js';
import type { HostProcess } from '../../../src/hosts/host.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { isAlive, until } from '../../support/wait.js';
import { FarHost } from './far-host.js';

/** The command of a relay path that runs `command` once the mark is printed. */
const marked = (command: string) => ({ name: 'relay', command: `printf %s%s maestro- relay; ${command}` });

describe('the stream of a relay', () => {
  const size = 10_000_000;
  /** Bytes of which no two thousand are alike. */
  const bytes = Buffer.from(Uint32Array.from({ length: size / 4 }, (_, i) => Math.imul(i, 2654435761)).buffer);

  async function readAll(stream: Duplex, most: number, pause = 0): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of stream) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= most) break;
      if (pause > 0) await sleep(pause);
    }
    return Buffer.concat(chunks);
  }

  function open(command: string, host = new FarHost()): { readonly stream: Duplex; readonly host: FarHost } {
    const stream = relayStream(host, marked(command));
    stream.on('error', () => {});
    onTestFinished(() => void stream.destroy());
    return { stream, host };
  }

  it('brings all that is written, and brings it back', async () => {
    const { stream } = open('exec cat');
    stream.write(bytes);
    expect((await readAll(stream, size)).equals(bytes)).toBe(true);
  });

  it('lets the relay wait while nobody reads, and loses nothing', async () => {
    let written = 0;
    const host = new FarHost();
    const spawn = host.spawn.bind(host);
    host.spawn = (command): HostProcess => {
      const process = spawn(command);
      process.stdout.on('data', (chunk: Buffer) => {
        written += chunk.length;
      });
      return process;
    };
    const { stream } = open(`exec head -c ${size} /dev/zero`, host);
    stream.pause();
    await until('something has come', () => written > 0);
    await sleep(300);
    expect(written).toBeLessThan(size / 10);
    expect((await readAll(stream, size)).length).toBe(size);
  });

  it('lets the writer wait while the relay does not read', async () => {
    const directory = temporaryDirectory();
    const { stream } = open(`until [ -e ${directory}/go ]; do sleep 0.02; done; exec wc -c`);
    let taken = 0;
    const chunk = bytes.subarray(0, 100_000);
    const writing = (async () => {
      for (let i = 0; i < size / chunk.length; i++) {
        await new Promise((resolve) => stream.write(chunk, resolve));
        taken += chunk.length;
      }
      stream.end();
    })();
    await sleep(300);
    expect(taken).toBeLessThan(size / 10);
    writeFileSync(path.join(directory, 'go'), '');
    await writing;
    expect((await readAll(stream, 1)).toString().trim()).toBe(String(size));
  });

  it('that is ended soon delivers what was written before', async () => {
    const directory = temporaryDirectory();
    const { stream, host } = open(`cat > ${directory}/part; mv ${directory}/part ${directory}/whole`);
    stream.write(bytes);
    (stream as Duplex & { destroySoon(): void }).destroySoon();
    await until('the relay has ended', () => host.running === 0);
    expect(readFileSync(path.join(directory, 'whole')).equals(bytes)).toBe(true);
  });

  it('that is destroyed ends its relay, also one that has much to say to nobody', async () => {
    const pidFile = path.join(temporaryDirectory(), 'pid');
    // As a relay it ends with its input, but not in the middle of what it writes.
    const { stream, host } = open(`echo $$ > ${pidFile}; head -c ${size} /dev/zero; exec cat > /dev/null`);
    stream.pause();
    const pid = await until('it runs', () => {
      try {
        return Number(readFileSync(pidFile, 'utf8')) || undefined;
      } catch {
        return undefined;
      }
    });
    await sleep(100);
    stream.destroy();
    await until('the relay has ended', () => host.running === 0 && !isAlive(pid));
  });

  it('ends with an error also where the relay ends well: a broker does not go without a reason', async () => {
    const { stream } = open('exit 0');
    stream.resume();
    await expect(finished(stream)).rejects.toThrow('relay: ended with exit 0');
  });
});
