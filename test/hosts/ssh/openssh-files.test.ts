import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ourProcess, processOf } from '../../../src/hosts/processes.js';
import { parseDestination } from '../../../src/hosts/ssh/destination.js';
import { OpensshFiles } from '../../../src/hosts/ssh/openssh-files.js';
import { temporaryDirectory } from '../../support/temporary.js';

function filesIn(temporary: string): OpensshFiles {
  const files = new OpensshFiles({
    destination: parseDestination('host', 'host'),
    jumps: [],
    key: 'secret',
    passphrase: '',
    knownHosts: '',
    temporary,
    environment: {},
  });
  onTestFinished(() => files.remove());
  return files;
}

function start(): ChildProcess {
  const child = spawn('sleep', ['60']);
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** A directory with a key, as another process of this machine made it. */
function leftBy(temporary: string, name: string, { pid }: ChildProcess): string {
  const directory = path.join(temporary, `maestro-ssh-${name}`);
  mkdirSync(directory);
  const { startTime } = processOf(readFileSync(`/proc/${pid}/stat`, 'utf8'))!;
  writeFileSync(path.join(directory, 'owner'), JSON.stringify({ ...ourProcess(), pid, startTime }));
  writeFileSync(path.join(directory, 'key'), 'secret');
  return directory;
}

describe('the files of `ssh`', () => {
  it('of a process that was killed are removed by the next one, and nothing else is', async () => {
    const temporary = temporaryDirectory();
    const [killed, alive] = [start(), start()];
    const left = leftBy(temporary, 'killed', killed);
    const used = leftBy(temporary, 'alive', alive);
    const unknown = leftBy(temporary, 'unknown', killed);
    rmSync(path.join(unknown, 'owner'));
    const elsewhere = leftBy(temporary, 'elsewhere', killed);
    const owner = JSON.parse(readFileSync(path.join(elsewhere, 'owner'), 'utf8'));
    writeFileSync(path.join(elsewhere, 'owner'), JSON.stringify({ ...owner, bootId: 'of another machine' }));
    killed.kill('SIGKILL');
    await once(killed, 'exit');
    const files = filesIn(temporary);
    expect([left, used, unknown, elsewhere].map((directory) => existsSync(directory))).toEqual([
      false,
      true,
      true,
      true,
    ]);
    expect(readFileSync(path.join(path.dirname(files.config), 'key'), 'utf8')).toBe('secret\n');
  });

  it('are not removed by another connection of the same process, and all are at its end', () => {
    const temporary = temporaryDirectory();
    const [one, other] = [filesIn(temporary), filesIn(temporary)];
    expect([one, other].map(({ config }) => existsSync(config))).toEqual([true, true]);
    for (const files of [one, other]) files.remove();
    expect(readdirSync(temporary)).toEqual([]);
  });
});
