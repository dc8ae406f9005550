import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { run } from '../../src/hosts/commands.js';
import type { Host, SpawnOptions } from '../../src/hosts/host.js';
import { SetupError } from '../../src/hosts/setup.js';
import { temporaryDirectory } from '../support/temporary.js';
import { isAlive } from '../support/wait.js';

/** What a test wants of the machine that it is given. */
export interface ContractWish {
  readonly setup?: string;
  /** The home of who runs commands there; one without files unless told. */
  readonly home?: string;
}

/** Runs a command to its end, with texts for its outputs. */
export async function outputOf(host: Host, command: string, options: SpawnOptions = {}) {
  const { code, stdout, stderr } = await run(host, command, '', options);
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
    it('are run once, and what they leave is there for every command', async () => {
      const count = path.join(temporaryDirectory(), 'count');
      const host = await open({ setup: `echo x >> ${count}\nexport A=1\numask 027` });
      for (const _ of [1, 2]) expect((await outputOf(host, 'echo "$A"; umask')).stdout).toBe('1\n0027\n');
      expect(readFileSync(count, 'utf8')).toBe('x\n');
    });

    it('set limits for steps, and none for commands of ours', async () => {
      const host = await open({ setup: 'ulimit -n 77; ulimit -S -c 0' });
      expect((await run(host, 'ulimit -H -n; ulimit -n', '', { isForSteps: true })).stdout.toString()).toBe('77\n77\n');
      expect((await outputOf(host, 'ulimit -H -n')).stdout).not.toBe('77\n');
    });

    it('print nothing into what commands print', async () => {
      const setup = 'echo loading; echo careful >&2; set -x; (sleep 1; echo late; echo late >&2) &';
      expect(await output('sleep 1.2; echo mine; echo oops >&2', { setup })).toEqual({
        code: 0,
        stdout: 'mine\n',
        stderr: 'oops',
      });
    });

    it('may end in a comment, a blank line, or without a newline', async () => {
      for (const setup of [
        'export A=1 # comment',
        'export A=1\n\n',
        '\n  export A=1',
        'export A=1;',
        '# x\nexport A=1',
      ]) {
        expect([setup, (await output('echo $A', { setup })).stdout]).toEqual([setup, '1\n']);
      }
      expect((await output('echo', { setup: '  \n ' })).stdout).toBe('\n');
      expect(await output('echo mine', { setup: '# nothing' })).toEqual({ code: 0, stdout: 'mine\n', stderr: '' });
    });

    it('may do to their own shell what they like', async () => {
      const settings = 'set -euo pipefail; set -f; shopt -s nullglob; cd /tmp; exec > /dev/null; trap "echo bye" EXIT';
      const noise = 'printf() { echo no; }; env() { echo no; }; alias cat=no; readonly R=1; set -a; B=2';
      const host = await open({ setup: `${settings}\n${noise}\nexport A=1\nreturn 0\nnever` });
      expect(await outputOf(host, 'echo "$A$B" *; printf x; compgen -v | grep -i maestro')).toMatchObject({
        stdout: expect.stringMatching(/^12 .*\betc\b.*\nx$/),
        stderr: '',
      });
    });

    it('get an end of file where they read', async () => {
      const { stdout } = await run(await open({ setup: 'cat > /dev/null; read x || true' }), 'cat', 'for the command');
      expect(stdout.toString()).toBe('for the command');
    });

    it('may export functions, which steps have and commands of ours have not', async () => {
      const host = await open({ setup: 'cat() { echo mine; }; export -f cat' });
      const command = 'echo text | cat; bash -c "cat < /dev/null"';
      expect((await run(host, command, '', { isForSteps: true })).stdout.toString()).toBe('text\nmine\n');
      expect((await outputOf(host, command)).stdout).toBe('text\n');
    });

    it('that leave a process running are not waited for', async () => {
      const pid = path.join(temporaryDirectory(), 'pid');
      const began = Date.now();
      const host = await open({ setup: `sleep 100 & echo $! > ${pid}; export A=1` });
      onTestFinished(() => void process.kill(Number(readFileSync(pid, 'utf8'))));
      expect((await outputOf(host, 'echo $A')).stdout).toBe('1\n');
      expect(Date.now() - began).toBeLessThan(15_000);
      expect(isAlive(Number(readFileSync(pid, 'utf8')))).toBe(true);
    });

    it('may look for what is not there', async () => {
      const looks =
        'nosuch || A=1\nA=$(nosuch 2>/dev/null)\n if nosuch; then :; fi; ! nosuch; command -v nosuch || true';
      expect((await output('echo $B', { setup: `${looks}\nexport B=1` })).stdout).toBe('1\n');
    });

    it.each([
      ['moduel load x', /^line 1 of setup, `moduel load x`, fails: there is no command `moduel`/],
      ['export A=1\n  moduel load x\necho on', /^line 2 of setup, `moduel load x`, fails: there is no command/],
      ['eval "$(moduel sh)"\ntrue', /^line 1 of setup, .* there is no command `moduel`/],
      ['nosuch a && nosuch b\ntrue', /^line 1 of setup, .* there is no command `nosuch`/],
      ['true\nnosuch | cat\ntrue', /^line 2 of setup, .* there is no command `nosuch`/],
      ['f() {\n  nosuch\n}\nf\ntrue', /^line 2 of setup, `nosuch`, fails: there is no command `nosuch`/],
      [
        'true\n/no/such/file\ntrue',
        /^line 2 of setup, .* cannot be run, exit 127 .*: line 2: \/no\/such\/file: No such file/,
      ],
      ['true\n[ -e /no/such/file ]\n\n# end', /^line 2 of setup, `\[ -e \/no\/such\/file \]`, fails: exit 1/],
      ['echo no such module >&2; exit 4', /^line 1 of setup, .*exit 4.*: no such module$/],
      ['export A=1\nexit', /^line 2 of setup, `exit`, ends the shell .*exit 0/],
      ['set -e\nfalse\ntrue', /^line 2 of setup, `false`, fails: exit 1$/],
      ['true\nset -u; echo $NO_SUCH\ntrue', /^line 2 of setup, .*: line 2: NO_SUCH: unbound variable$/],
      ['if true', /^line 1 of setup, `if true`, fails: .* syntax error/],
      ['exec true', /^setup did not come to its end: something in it replaced its shell/],
      ['kill -KILL $$', /^setup did not come to its end: .*\(exit \d+\)$/],
      ['export PATH=/nonexistent', /^setup leaves a PATH on which not even `env` is found/],
    ])('that fail are an error with the line: %j', async (setup, message) => {
      const error = await Promise.resolve(open({ setup })).then(
        () => undefined,
        (error: unknown) => error as Error,
      );
      expect(error).toBeInstanceOf(SetupError);
      expect(error!.message).toMatch(message);
    });
  });

  describe('variables that change what commands mean', () => {
    const profile = [
      'export TAR_OPTIONS=--nosuch QUOTING_STYLE=c LS_COLORS=x GREP_OPTIONS=-v POSIXLY_CORRECT=1 GIT_DIR=/nonexistent',
      'export CDPATH=/tmp GLOBIGNORE="*" BASH_ENV=~/noise LC_ALL=C.UTF-8 TMOUT=1 OF_MINE=1',
      'cat() { echo mine; }; export -f cat',
    ].join('\n');
    const names = 'TAR_OPTIONS QUOTING_STYLE LS_COLORS GREP_OPTIONS POSIXLY_CORRECT GIT_DIR CDPATH BASH_ENV LC_ALL';

    it('are there for steps, which have them unchanged, and not for commands of ours', async () => {
      const home = temporaryDirectory();
      writeFileSync(path.join(home, 'noise'), 'echo noise; echo noise >&2\n');
      const host = await open({ home, setup: profile });
      const list = `for name in ${names}; do [ -z "\${!name+x}" ] || printf '%s ' "$name"; done; echo "$OF_MINE"`;
      expect(await outputOf(host, `${list}; echo a | cat; cd /; echo etc*`)).toEqual({
        code: 0,
        stdout: '1\na\netc\n',
        stderr: '',
      });
      const { stdout, stderr } = await run(host, `${list}; echo a | cat; env | grep -c '^BASH_FUNC_cat'`, '', {
        isForSteps: true,
      });
      expect([stdout.toString(), stderr]).toEqual([`${names} 1\na\n1\n`, '']);
    });

    it('may have values that are not UTF-8, which steps have as they are', async () => {
      const host = await open({ setup: `export LATIN=$'caf\\xe9' MIXED=$'\\xff\\'é$x'` });
      for (const options of [{}, { isForSteps: true }]) {
        const { stdout } = await run(host, 'printf "%s " "$LATIN" "$MIXED"', '', options);
        expect(stdout.toString('hex')).toBe(Buffer.from("caf\xe9 \xff'\xc3\xa9$x ", 'latin1').toString('hex'));
      }
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
