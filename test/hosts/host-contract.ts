import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { run } from '../../src/hosts/commands.js';
import type { Host } from '../../src/hosts/host.js';
import { temporaryDirectory } from '../support/temporary.js';
import { isAlive } from '../support/wait.js';

/** What a test wants of the machine that it is given. */
export interface ContractWish {
  readonly setup?: string;
  /** The home of who runs commands there; one without files unless told. */
  readonly home?: string;
}

/** Runs a command to its end, with texts for its outputs. */
export async function outputOf(host: Host, command: string) {
  const { code, stdout, stderr } = await run(host, command);
  return { code, stdout: stdout.toString(), stderr };
}

/**
 * What a machine owes to whoever runs commands on it, whichever way leads there. Every kind of host has to pass.
 *
 * @param open a machine that is there until the test ends. Its processes are those of this one.
 */
export function hostContract(open: (wish?: ContractWish) => Host | Promise<Host>): void {
  const output = async (command: string, wish?: ContractWish) => outputOf(await open(wish), command);

  describe('a command', () => {
    it('has three streams and an exit status', async () => {
      const process = (await open()).spawn('read -r line; echo "out $line"; echo "err $line" >&2; exit 5');
      process.stdin.end('in\n');
      const [stdout, stderr, exit] = await Promise.all([buffer(process.stdout), buffer(process.stderr), process.exit]);
      expect([stdout.toString(), stderr.toString(), exit]).toEqual(['out in\n', 'err in\n', { code: 5 }]);
    });

    it('has any exit status', async () => {
      const host = await open();
      const codes = [];
      for (const code of [0, 1, 126, 127, 128, 254, 255]) codes.push((await outputOf(host, `exit ${code}`)).code);
      expect(codes).toEqual([0, 1, 126, 127, 128, 254, 255]);
    });

    it('takes and gives any bytes, and many of them', async () => {
      const bytes = Buffer.alloc(3_000_000, Buffer.from(Array.from({ length: 256 }, (_, i) => i)));
      const { code, stdout } = await run(await open(), 'cat', bytes);
      expect(code).toBe(0);
      expect(stdout.equals(bytes)).toBe(true);
    });

    it('gives any bytes on stderr too', async () => {
      const bytes = Buffer.alloc(300_000, Buffer.from(Array.from({ length: 256 }, (_, i) => i)));
      const process = (await open()).spawn('cat >&2');
      process.stdin.end(bytes);
      const [stdout, stderr] = await Promise.all([buffer(process.stdout), buffer(process.stderr), process.exit]);
      expect(stdout.length).toBe(0);
      expect(stderr.equals(bytes)).toBe(true);
    });

    it('need not read what it is sent', async () => {
      const { code } = await run(await open(), 'exit 6', Buffer.alloc(3_000_000));
      expect(code).toBe(6);
    });

    it('may close its outputs and go on', async () => {
      expect(await output('exec >&- 2>&-; sleep 0.2; exit 7')).toEqual({ code: 7, stdout: '', stderr: '' });
    });

    it('whose process group a signal ended has 128 and the signal as its status', async () => {
      const host = await open();
      const codes = [];
      for (const signal of ['HUP', 'INT', 'KILL', 'TERM']) {
        codes.push((await outputOf(host, `kill -${signal} -- -$$; sleep 1; exit 3`)).code);
      }
      expect(codes).toEqual([129, 130, 137, 143]);
    });

    it('has the status that its own trap for a signal gives', async () => {
      expect(await output("trap 'echo ended; exit 9' TERM; kill -TERM -- -$$; sleep 1")).toMatchObject({
        code: 9,
        stdout: 'ended\n',
      });
    });

    it('that makes no sense fails, and says so', async () => {
      const { code, stdout, stderr } = await output('echo mine; if true');
      expect({ code: code === 0, stdout }).toEqual({ code: false, stdout: '' });
      expect(stderr).toContain('syntax error');
    });

    it('may be of several lines, with a comment at the end', async () => {
      expect(await output("cat <<'END'\n$a\nEND\necho two # nothing")).toEqual({
        code: 0,
        stdout: '$a\ntwo\n',
        stderr: '',
      });
    });

    it('runs in the root directory', async () => {
      expect(await output('pwd; echo "$PWD"')).toMatchObject({ stdout: '/\n/\n' });
    });

    it('leads its own session and process group', async () => {
      const { stdout } = await output('cut -d" " -f1,5,6 "/proc/$$/stat"; echo $$');
      const [stat, pid] = stdout.trim().split('\n');
      expect(stat).toBe(`${pid} ${pid} ${pid}`);
    });

    it("is not preceded by the user's ~/.bashrc, which may do and print anything", async () => {
      const home = temporaryDirectory();
      writeFileSync(path.join(home, '.bashrc'), 'echo welcome; echo careful >&2; OF_BASHRC=1\n');
      expect(await output('echo "mine $OF_BASHRC"', { home })).toEqual({ code: 0, stdout: 'mine \n', stderr: '' });
    });

    it('is awaited with all that it wrote, also by its children', async () => {
      expect(await output('(sleep 0.2; echo late) & echo early')).toMatchObject({ stdout: 'early\nlate\n' });
    });

    it('leaves no process behind', async () => {
      const { stdout } = await output('echo $$');
      expect(Number(stdout)).toBeGreaterThan(1);
      expect(isAlive(Number(stdout))).toBe(false);
    });

    it('sees the end of its input, and not before', async () => {
      const process = (await open()).spawn('echo ready; cat; echo end');
      const stdout = buffer(process.stdout);
      process.stderr.resume();
      await new Promise((resolve) => process.stdout.once('data', resolve));
      process.stdin.write('one\n');
      process.stdin.end('two\n');
      expect((await stdout).toString()).toMatch(/one\ntwo\nend\n$/);
      expect(await process.exit).toEqual({ code: 0 });
    });
  });

  describe('setup lines', () => {
    it('go before every command, and change its environment', async () => {
      const host = await open({ setup: 'export A=1\nB=2\ngreet() { echo "hello $1"; }\numask 027' });
      expect((await outputOf(host, 'echo "$A$B"; greet you; umask')).stdout).toBe('12\nhello you\n0027\n');
      expect((await outputOf(host, 'echo "$A"')).stdout).toBe('1\n');
    });

    it('print to stderr only', async () => {
      expect(await output('echo mine', { setup: 'echo loading; echo careful >&2' })).toEqual({
        code: 0,
        stdout: 'mine\n',
        stderr: 'loading\ncareful',
      });
    });

    it('may end in a comment, a blank line, or without a newline', async () => {
      for (const setup of ['A=1 # comment', 'A=1\n\n', '\n  A=1', 'A=1;']) {
        expect([setup, (await output('echo $A', { setup })).stdout]).toEqual([setup, '1\n']);
      }
      expect((await output('echo', { setup: '  \n ' })).stdout).toBe('\n');
    });

    it('that are nothing but a comment are none', async () => {
      expect(await output('echo mine', { setup: '# nothing' })).toEqual({ code: 0, stdout: 'mine\n', stderr: '' });
    });

    it('cannot read what the command is sent', async () => {
      const { stdout } = await run(await open({ setup: 'cat > /dev/null' }), 'cat', 'for the command');
      expect(stdout.toString()).toBe('for the command');
    });

    it('that exit end the command with their status', async () => {
      expect(await output('echo mine', { setup: 'echo no such module >&2; exit 4' })).toEqual({
        code: 4,
        stdout: '',
        stderr: 'no such module',
      });
    });

    it('that make no sense are said so', async () => {
      const { code, stdout, stderr } = await output('echo mine', { setup: 'if true' });
      expect({ code: code === 0, stdout }).toEqual({ code: false, stdout: '' });
      expect(stderr).toContain('syntax error');
    });
  });

  describe('what others on the machine can see of a command', () => {
    it('is not its text, which has the values of `env` in it', async () => {
      const { stdout } = await output(
        'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " "; export TOKEN=hunter2-of-ours',
      );
      expect(stdout).toContain('bash');
      expect(stdout).not.toContain(['hunter2', 'of', 'ours'].join('-'));
    });

    it('leaves room for commands of any length', async () => {
      const value = 'x'.repeat(300_000);
      expect(await output(`v=${value}; echo "${'$'}{#v}"`)).toEqual({ code: 0, stdout: '300000\n', stderr: '' });
    });
  });
}
