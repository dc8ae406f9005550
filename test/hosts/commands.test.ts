import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { collectText, mustRun, run, runLeashed } from '../../src/hosts/commands.js';
import { HostError } from '../../src/hosts/host.js';
import { plainHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';
import { isAlive, until } from '../support/wait.js';

const never = () => new AbortController().signal;

describe('a command', () => {
  it('gives its status, its output as bytes, and its errors as text without blanks around', async () => {
    const { code, stdout, stderr } = await run(
      plainHost(),
      'cat; printf "\\xff"; printf "\\n é \\n" >&2; exit 3',
      'in ',
    );
    expect({ code, stderr }).toEqual({ code: 3, stderr: 'é' });
    expect(stdout).toEqual(Buffer.from([0x69, 0x6e, 0x20, 0xff]));
  });

  it('that must succeed says what it was for when it does not, in its own words or by its status', async () => {
    const host = plainHost();
    expect((await mustRun(host, 'cannot count', 'wc -c', '12345')).toString().trim()).toBe('5');
    await expect(mustRun(host, 'cannot count', 'echo no fingers >&2; exit 1')).rejects.toThrow(
      new HostError('cannot count: no fingers'),
    );
    await expect(mustRun(host, 'cannot count', 'exit 9')).rejects.toThrow(new HostError('cannot count: exit 9'));
    await expect(mustRun(host, 'cannot count', 'kill -KILL $$')).rejects.toThrow(
      new HostError('cannot count: killed (exit 137)'),
    );
    await expect(mustRun(host, 'cannot count', 'echo one >&2; kill -KILL $$')).rejects.toThrow(
      new HostError('cannot count: killed (exit 137): one'),
    );
  });
});

describe('text that is collected', () => {
  it('is the end of the stream, where errors are', async () => {
    const stream = Readable.from([Buffer.from('  abc'), Buffer.from('defgh'), Buffer.from('ijk')]);
    const text = collectText(stream, 7);
    await new Promise((resolve) => stream.on('end', resolve));
    expect(text()).toBe('efghijk');
  });
});

describe('a command on a leash', () => {
  it('runs like any other', async () => {
    const { code, stdout, stderr } = await runLeashed(plainHost(), 'echo out; echo err >&2; exit 3', never());
    expect({ code, stdout: stdout.toString(), stderr }).toEqual({ code: 3, stdout: 'out\n', stderr: 'err' });
  });

  it('may be several lines, with a here-document, and has nothing to read', async () => {
    const { code, stdout } = await runLeashed(plainHost(), 'cat\ncat <<END\ntext\nEND\necho "$((1 + 1))"', never());
    expect({ code, stdout: stdout.toString() }).toEqual({ code: 0, stdout: 'text\n2\n' });
  });

  it('ends when it is cancelled, with all that it started', async () => {
    const directory = temporaryDirectory();
    const cancel = new AbortController();
    const done = runLeashed(plainHost(), `(sleep 60 & echo $! > ${directory}/pid; wait) & wait`, cancel.signal);
    const pid = await until('it runs', () => {
      const file = path.join(directory, 'pid');
      // It is there a moment before it is written.
      return existsSync(file) && (Number(readFileSync(file, 'utf8')) || undefined);
    });
    const began = Date.now();
    cancel.abort();
    expect((await done).code).not.toBe(0);
    expect(Date.now() - began).toBeLessThan(10_000);
    await until('its child is gone', () => !isAlive(pid));
  });

  it('ends at once if it is cancelled already', async () => {
    const began = Date.now();
    const { code } = await runLeashed(plainHost(), 'sleep 60', AbortSignal.abort());
    expect(code).not.toBe(0);
    expect(Date.now() - began).toBeLessThan(10_000);
  });

  it('leaves nobody who watches when it is done', async () => {
    const directory = temporaryDirectory();
    // The group of the command: it leads its own.
    const { stdout } = await runLeashed(plainHost(), `cut -d" " -f5 /proc/$BASHPID/stat; cd ${directory}`, never());
    const group = Number(stdout.toString());
    expect(group).toBeGreaterThan(0);
    await until('its group is empty', () => {
      try {
        process.kill(-group, 0);
        return false;
      } catch {
        return true;
      }
    });
  });

  it('is not disturbed by a cancellation after its end', async () => {
    const cancel = new AbortController();
    const result = await runLeashed(plainHost(), 'echo done', cancel.signal);
    cancel.abort();
    expect(result.stdout.toString()).toBe('done\n');
  });
});

describe('a command on a leash that does not want to end', () => {
  it('is killed, with what it started', async () => {
    const cancel = new AbortController();
    const ending = runLeashed(plainHost(), "trap '' TERM; while :; do sleep 0.1; done", cancel.signal);
    setTimeout(() => cancel.abort('enough'), 200);
    const begun = Date.now();
    await ending;
    expect(Date.now() - begun).toBeLessThan(6000);
  });
});
