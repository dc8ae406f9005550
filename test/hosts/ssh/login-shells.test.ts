import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../../../src/hosts/commands.js';
import { HostError } from '../../../src/hosts/host.js';
import type { SshServerOptions } from '../../support/ssh-server.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { outputOf } from '../host-contract.js';
import { Account, forClients, hurried, refusal } from './account.js';

/** A home with files in it. */
function homeWith(files: Readonly<Record<string, string>>): string {
  const home = temporaryDirectory();
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(home, name), text, { mode: 0o755 });
  return home;
}

const shells = ['/bin/sh', '/bin/tcsh', '/bin/zsh', '/bin/ksh', '/usr/bin/fish'];
const installed = shells.filter((shell) => existsSync(shell));
if (!installed.some((shell) => shell.endsWith('tcsh'))) {
  console.warn('There is no tcsh on this machine: that it may be the login shell is NOT TESTED.');
  it.skip('NOT TESTED for want of tcsh: it may be the login shell', () => {});
}

forClients('a login shell', (client) => {
  it.each(installed)('may be %s', async (shell) => {
    const home = homeWith({ '.bash_profile': `export GREETING="it's me"\n` });
    const host = await (await Account.forTest({ home, shell })).open(client, { setup: 'echo loading; export A=1' });
    const { code, stdout } = await run(host, 'cat; echo "$GREETING $A"; exit 5', 'input\n');
    expect([code, stdout.toString()]).toEqual([5, "input\nit's me 1\n"]);
    const value = `x'"$!\`\\\n`.repeat(10_000);
    expect((await run(host, 'cat', value)).stdout.toString()).toBe(value);
  });

  it('may print anything before it does anything, and so may the server', async () => {
    const banner = path.join(temporaryDirectory(), 'banner');
    writeFileSync(banner, 'NOTICE TO USERS\n\nmaestro-begin-\n');
    const noise = 'yes noise | head -n 20000; printf "maestro-begin-"; echo maestro-begin-00 >&2; stty erase ^H\n';
    const home = homeWith({ '.bashrc': noise, '.bash_profile': `${noise}export A=1\n` });
    const host = await (await Account.forTest({ home, config: [`Banner ${banner}`] })).open(client);
    for (const _ of [1, 2]) {
      expect(await outputOf(host, 'echo "mine $A"; echo mine >&2')).toEqual({
        code: 0,
        stdout: 'mine 1\n',
        stderr: 'mine',
      });
    }
  });

  it('may take its time', async () => {
    const home = homeWith({ '.bashrc': 'sleep 0.5\n', '.bash_profile': 'sleep 1.5\nexport A=1\n' });
    const host = await (await Account.forTest({ home })).open(client);
    expect((await run(host, 'cat; echo "$A"', 'input ')).stdout.toString()).toBe('input 1\n');
  });

  it('that comes to no end is said so', async () => {
    const home = homeWith({ '.bash_profile': 'sleep 1000\n' });
    const message = await refusal(client, (await Account.forTest({ home })).wanted({ clock: hurried(40) }));
    expect(message).toMatch(/did not finish within 60 s: look at ~\/\.bashrc/);
  });

  it.each<[string, () => SshServerOptions, RegExp]>([
    [
      'ends in ~/.bash_profile',
      () => ({ home: homeWith({ '.bash_profile': 'echo "your account has expired"; exit 3\n' }) }),
      /exit 3\); it says: your account has expired/,
    ],
    [
      'ends in ~/.bashrc',
      () => ({ home: homeWith({ '.bashrc': 'echo "no batch logins" >&2; exit 4\n' }) }),
      /exit 4\); it says: no batch logins/,
    ],
    [
      'ends in ~/.bashrc without a word and without a failure',
      () => ({ home: homeWith({ '.bashrc': 'exit 0\n' }) }),
      /does not run bash \(exit 0\)$/,
    ],
    [
      'is replaced by a command of the server',
      () => ({ config: ['ForceCommand echo "This service allows sftp connections only."; exit 1'] }),
      /exit 1\); it says: This service allows sftp connections only\./,
    ],
    [
      'is nologin',
      () => ({ shell: ['/usr/sbin/nologin', '/sbin/nologin'].find(existsSync) ?? '/bin/false' }),
      /exit 1\)(; it says: This account is currently not available\.)?/,
    ],
    [
      'only repeats what it is told',
      () => ({
        shell: path.join(homeWith({ 'parrot shell': '#!/bin/sh\necho "refused: $2"\nexit 2\n' }), 'parrot shell'),
      }),
      /exit 2\); it says: refused: exec bash --norc -p/,
    ],
    [
      'finds no bash',
      () => ({ environment: { PATH: '/nonexistent' }, shell: '/bin/sh' }),
      /exit 127\); it says: .*bash: not found/,
    ],
    [
      'is killed',
      () => ({ home: homeWith({ '.bashrc': 'echo "out of memory"; kill -KILL $$\n' }) }),
      /exit (137|255)\); it says: out of memory/,
    ],
  ])('that %s is told, with what it printed', async (_, options, words) => {
    const account = await Account.forTest(options());
    const message = await refusal(client, account.wanted());
    expect(message).toContain(`HostError: ${account.server.hostPort} lets us in, but a login there does not run bash`);
    expect(message).toMatch(words);
  });

  it('that prints very much before it ends is told by the end of that', async () => {
    const home = homeWith({ '.bashrc': 'yes noise | head -n 200000; echo "in the end"; exit 3\n' });
    const message = await refusal(client, (await Account.forTest({ home })).wanted());
    expect(message).toMatch(/noise\nin the end$/);
    expect(message.length).toBeLessThan(5000);
  });

  it('that ends only later is told by the command that it was to run', async () => {
    const home = homeWith({ '.bashrc': '[ ! -e ~/full ] || { echo "quota exceeded" >&2; exit 9; }\n' });
    // Where there may be more sessions, some have logged in before there is a command for them.
    const host = await (await Account.forTest({ home, config: ['MaxSessions 1'] })).open(client);
    expect((await outputOf(host, 'touch ~/full; echo in')).stdout).toBe('in\n');
    await expect(outputOf(host, 'echo in')).rejects.toThrow(/exit 9\); it says: quota exceeded/);
    await expect(outputOf(host, 'echo in')).rejects.toThrow(HostError);
  });
});
