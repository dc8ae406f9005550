import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { programs } from '../../src/generated/programs.js';
import { assignments } from '../../src/util/shell-quote.js';
import { temporaryDirectory } from '../support/temporary.js';

const inSession = '0::/user.slice/user-1000.slice/session-3.scope\n';

/** What starting a conductor says first on a machine that has these files. */
function firstLine(files: Readonly<Record<string, string>>): string {
  const root = temporaryDirectory();
  for (const [name, text] of Object.entries({ 'proc/self/cgroup': inSession, ...files })) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  // It ends at once: only what is said before is of interest.
  const start = {
    node: 'true',
    program: '',
    study: root,
    token: '',
    directory: root,
    patience: 10,
    confirms: 'no',
    root,
  };
  const command = assignments(start) + programs['run/detach/start.sh'];
  const said = execFileSync('bash', ['-c', command], { encoding: 'utf8' });
  return said.split('\n')[0]!.replace(root, '');
}

const main = 'etc/systemd/logind.conf';
const nobody = 'KillExcludeUsers=\n';

describe('the start of a conductor', () => {
  it('notices that the machine ends what is left at logout, and by which file', () => {
    expect(firstLine({ [main]: `[Login]\n${nobody}KillUserProcesses=yes\n` })).toBe(`logout /${main}`);
  });

  it('takes the last of the files that say something of it', () => {
    const dropIn = 'etc/systemd/logind.conf.d/50-kill.conf';
    const files = { [main]: `${nobody}KillUserProcesses=no\n`, [dropIn]: 'KillUserProcesses=true\n' };
    expect(firstLine(files)).toBe(`logout /${dropIn}`);
    expect(firstLine({ ...files, 'etc/systemd/logind.conf.d/60-keep.conf': 'KillUserProcesses=no\n' })).toBe('dead');
  });

  it('says nothing where that is off, is not for this user, or where it is in no session', () => {
    const kills = `${nobody}KillUserProcesses=yes\n`;
    expect(firstLine({})).toBe('dead');
    expect(firstLine({ [main]: '#KillUserProcesses=yes\n' })).toBe('dead');
    const user = execFileSync('id', ['-un'], { encoding: 'utf8' }).trim();
    expect(firstLine({ [main]: `KillUserProcesses=yes\nKillExcludeUsers=root ${user}\n` })).toBe('dead');
    expect(firstLine({ [main]: `${kills}KillOnlyUsers=somebody\n` })).toBe('dead');
    expect(firstLine({ [main]: kills, 'proc/self/cgroup': '0::/system.slice/sshd.service\n' })).toBe('dead');
  });
});
