import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { configText, type OpensshSettings } from '../../../src/hosts/ssh/openssh-config.js';
import { plainEnvironment } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { missing } from './account.js';

const nothing: OpensshSettings = {
  knownHostsFile: undefined,
  keyFile: undefined,
  hasPassphrase: false,
  includes: [],
};

/** What `ssh` itself makes of it, for a machine: each setting with all its values. */
function understood(settings: Partial<OpensshSettings>, machine = 'cluster'): Record<string, string[]> {
  const file = path.join(temporaryDirectory(), 'config');
  writeFileSync(file, configText({ ...nothing, ...settings }));
  const output = execFileSync('ssh', ['-G', '-F', file, machine], { env: plainEnvironment, encoding: 'utf8' });
  const result: Record<string, string[]> = {};
  for (const line of output.trim().split('\n')) {
    const [, name, value] = /^(\S+) ?(.*)$/.exec(line)!;
    result[name!] = [...(result[name!] ?? []), value!];
  }
  return result;
}

/** A file of the user's. */
function userFile(text: string, name = 'config'): string {
  const file = path.join(temporaryDirectory(), name);
  writeFileSync(file, text);
  return file;
}

describe.skipIf(missing !== undefined)('our configuration, as `ssh` reads it', () => {
  it('asks nobody, trusts no new host key, and brings nothing along', () => {
    expect(understood({})).toMatchObject({
      batchmode: ['yes'],
      stricthostkeychecking: [expect.stringMatching(/^(yes|true)$/)],
      updatehostkeys: ['false'],
      passwordauthentication: ['no'],
      kbdinteractiveauthentication: ['no'],
      forwardagent: ['no'],
      forwardx11: ['no'],
      clearallforwardings: ['yes'],
      requesttty: ['false'],
      escapechar: ['none'],
      controlpersist: ['no'],
      connecttimeout: ['20'],
      serveraliveinterval: ['30'],
      serveralivecountmax: ['3'],
    });
  });

  it("wins over the user's", () => {
    const includes = [
      userFile(
        'Host *\nBatchMode no\nStrictHostKeyChecking no\nForwardAgent yes\nUpdateHostKeys yes\nServerAliveInterval 0\nRequestTTY force\nControlPersist 10m\n',
      ),
    ];
    expect(understood({ includes })).toMatchObject({
      batchmode: ['yes'],
      stricthostkeychecking: [expect.stringMatching(/^(yes|true)$/)],
      forwardagent: ['no'],
      updatehostkeys: ['false'],
      serveraliveinterval: ['30'],
      requesttty: ['false'],
      controlpersist: ['no'],
    });
  });

  it("has all else from the user's, and then from the machine's, whatever blocks they end in", () => {
    const includes = [
      userFile('Host cluster\nHostName login.example\nUser alice\nPort 2222\nHost other\nUser bob\n'),
      userFile('Match host nobody\nUser carol\nHost *\nUser dave\nCompression yes\n'),
    ];
    expect(understood({ includes })).toMatchObject({
      hostname: ['login.example'],
      user: ['alice'],
      port: ['2222'],
      compression: ['yes'],
    });
    expect(understood({ includes }, 'other')).toMatchObject({ user: ['bob'] });
    expect(understood({ includes }, 'third')).toMatchObject({ user: ['dave'] });
  });

  it('does without files that are not there', () => {
    expect(understood({ includes: ['/nonexistent/config'] })).toMatchObject({ hostname: ['cluster'] });
  });

  it('asks for a passphrase by SSH_ASKPASS only, and once', () => {
    expect(understood({ hasPassphrase: true })).toMatchObject({ batchmode: ['no'], numberofpasswordprompts: ['1'] });
  });

  it('counts only the host keys and the key that were given', () => {
    const includes = [userFile('IdentityFile /home/alice/key\nUserKnownHostsFile /home/alice/known\n')];
    const settings = { knownHostsFile: '/tmp/a b/known_hosts', keyFile: '/tmp/a b/key', includes };
    expect(understood(settings)).toMatchObject({
      userknownhostsfile: [expect.stringMatching(/^"?\/tmp\/a b\/known_hosts"?$/)],
      globalknownhostsfile: ['/dev/null'],
      identitiesonly: ['yes'],
    });
    expect(understood(settings).identityfile?.[0]).toBe('/tmp/a b/key');
  });

  it('names files with any characters', () => {
    const odd = userFile('User alice\n', 'a %h "b"');
    expect(understood({ includes: [odd.replaceAll('"', '_')] }).hostname).toEqual(['cluster']);
    expect(configText({ ...nothing, keyFile: '/tmp/100%/key' })).toContain('IdentityFile "/tmp/100%%/key"');
  });
});
