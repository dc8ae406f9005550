import { spawn } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { run } from '../../src/hosts/commands.js';
import { HostError } from '../../src/hosts/host.js';
import { LocalHost } from '../../src/hosts/local-host.js';
import { plainEnvironment, plainHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';
import { isAlive, until } from '../support/wait.js';

async function output(command: string, host = plainHost()) {
  const { code, stdout, stderr } = await run(host, command);
  return { code, stdout: stdout.toString(), stderr };
}

describe('a command on this machine', () => {
  it('has three streams and an exit status', async () => {
    const process = plainHost().spawn('read -r line; echo "out $line"; echo "err $line" >&2; exit 5');
    process.stdin.end('in\n');
    const [stdout, stderr, exit] = await Promise.all([buffer(process.stdout), buffer(process.stderr), process.exit]);
    expect([stdout.toString(), stderr.toString(), exit]).toEqual(['out in\n', 'err in\n', { code: 5 }]);
  });

  it('takes and gives any bytes, and many of them', async () => {
    const bytes = Buffer.alloc(3_000_000, Buffer.from(Array.from({ length: 256 }, (_, i) => i)));
    const { code, stdout } = await run(plainHost(), 'cat', bytes);
    expect(code).toBe(0);
    expect(stdout.equals(bytes)).toBe(true);
  });

  it('need not read what it is sent', async () => {
    const { code } = await run(plainHost(), 'exit 6', Buffer.alloc(3_000_000));
    expect(code).toBe(6);
  });

  it('that a signal ended has 128 and the signal as its status', async () => {
    const codes = [];
    for (const signal of ['HUP', 'KILL', 'TERM']) codes.push((await output(`kill -${signal} $$`)).code);
    expect(codes).toEqual([129, 137, 143]);
  });

  it('runs in the root directory', async () => {
    expect((await output('pwd')).stdout).toBe('/\n');
  });

  it('leads its own session and process group', async () => {
    const { stdout } = await output('cut -d" " -f1,5,6 "/proc/$$/stat"; echo $$');
    const [stat, pid] = stdout.trim().split('\n');
    expect(stat).toBe(`${pid} ${pid} ${pid}`);
  });

  it('finds the environment that was given and nothing else', async () => {
    const host = new LocalHost({ ...plainEnvironment, TEXT: `it's "two"\nlines é`, EMPTY: '', SHLVL: '5' });
    const { stdout } = await output('env -0', host);
    const entries = stdout.split('\0').filter((entry) => entry !== '' && !/^(_|PWD|OLDPWD|SHLVL)=/.test(entry));
    expect(entries.sort()).toEqual(
      [...Object.entries(plainEnvironment), ['TEXT', `it's "two"\nlines é`], ['EMPTY', '']]
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
    );
  });

  it("is not preceded by the user's ~/.bashrc, which may do and print anything", async () => {
    const home = temporaryDirectory();
    writeFileSync(path.join(home, '.bashrc'), 'echo welcome; echo careful >&2; OF_BASHRC=1\n');
    expect(await output('echo "mine $OF_BASHRC"', plainHost('', { HOME: home }))).toEqual({
      code: 0,
      stdout: 'mine \n',
      stderr: '',
    });
  });

  it('outlives the program that started it', async () => {
    const directory = temporaryDirectory();
    const program = spawn(
      'bash',
      // A shell that starts a session of its own and dies is what this program is to its commands.
      ['-c', `setsid bash -c 'echo $$ > ${directory}/pid; sleep 1; touch ${directory}/survived' & wait`],
      { detached: true, stdio: 'ignore' },
    );
    await until('it runs', () => existsSync(path.join(directory, 'pid')));
    process.kill(-program.pid!, 'SIGKILL');
    await until('it has done its work', () => existsSync(path.join(directory, 'survived')));
  });

  it('cannot run without bash, which is an error of the host', async () => {
    const process = new LocalHost({ PATH: '/no/such/directory' }).spawn('true');
    await expect(process.exit).rejects.toThrow(HostError);
    await expect(process.exit).rejects.toThrow('cannot run bash on this machine');
  });
});

describe('setup lines', () => {
  it('go before every command, and change its environment', async () => {
    const host = plainHost('export A=1\nB=2\ngreet() { echo "hello $1"; }\numask 027');
    expect((await output('echo "$A$B"; greet you; umask', host)).stdout).toBe('12\nhello you\n0027\n');
    expect((await output('echo "$A"', host)).stdout).toBe('1\n');
  });

  it('print to stderr only', async () => {
    expect(await output('echo mine', plainHost('echo loading; echo careful >&2'))).toEqual({
      code: 0,
      stdout: 'mine\n',
      stderr: 'loading\ncareful',
    });
  });

  it('may end in a comment, a blank line, or without a newline', async () => {
    for (const setup of ['A=1 # comment', 'A=1\n\n', '\n  A=1', 'A=1;']) {
      expect([setup, (await output('echo $A', plainHost(setup))).stdout]).toEqual([setup, '1\n']);
    }
    expect((await output('echo', plainHost('  \n '))).stdout).toBe('\n');
  });

  it('that are nothing but a comment are none', async () => {
    expect(await output('echo mine', plainHost('# nothing'))).toEqual({ code: 0, stdout: 'mine\n', stderr: '' });
  });

  it('cannot read what the command is sent', async () => {
    const { stdout } = await run(plainHost('cat > /dev/null'), 'cat', 'for the command');
    expect(stdout.toString()).toBe('for the command');
  });

  it('that exit end the command with their status', async () => {
    expect(await output('echo mine', plainHost('echo no such module >&2; exit 4'))).toEqual({
      code: 4,
      stdout: '',
      stderr: 'no such module',
    });
  });

  it('that make no sense are said so', async () => {
    const { code, stdout, stderr } = await output('echo mine', plainHost('if true'));
    expect({ code: code === 0, stdout }).toEqual({ code: false, stdout: '' });
    expect(stderr).toContain('syntax error');
  });
});

describe('a command that is run to its end', () => {
  it('is awaited with all that it wrote, also by its children', async () => {
    const { stdout } = await output('(sleep 0.2; echo late) & echo early');
    expect(stdout).toBe('early\nlate\n');
  });

  it('leaves no process behind', async () => {
    const { stdout } = await output('echo $$');
    expect(isAlive(Number(stdout))).toBe(false);
    expect(existsSync(`/proc/${stdout.trim()}`) && readFileSync(`/proc/${stdout.trim()}/cmdline`, 'utf8')).toBe(false);
  });
});

describe('what others on the machine can see of a command', () => {
  it('is not its text, which has the values of `env` in it', async () => {
    const process = plainHost().spawn('cat /proc/$$/cmdline; export TOKEN=hunter2');
    process.stdin.end();
    const seen = (await buffer(process.stdout)).toString();
    await process.exit;
    expect(seen).toContain('bash');
    expect(seen).not.toContain('hunter2');
  });

  it('leaves room for commands of any length', async () => {
    const value = 'x'.repeat(300_000);
    expect(await output(`v=${value}; echo "${'$'}{#v}"`)).toEqual({ code: 0, stdout: '300000\n', stderr: '' });
  });
});

describe('a command that cannot be started', () => {
  it('is an error of the machine, not of ours', async () => {
    const process = new LocalHost({ PATH: '/nonexistent' }).spawn('true');
    await expect(process.exit).rejects.toThrow(HostError);
  });
});
