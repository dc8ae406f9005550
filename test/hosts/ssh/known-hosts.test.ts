import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import fc from 'fast-check';
import ssh2 from 'ssh2';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  fingerprint,
  hostKeyFailure,
  type KeyState,
  KnownHosts,
  typeOfKey,
} from '../../../src/hosts/ssh/known-hosts.js';
import { newHostKey } from '../../support/host-key.js';
import { temporaryDirectory } from '../../support/temporary.js';

const source = "input 'ssh-known-hosts'";
const host = 'login1.example.org';

/** A public key of any type: nobody has its private half. */
function keyOf(type: string, seed: number, fields = type === 'ssh-ed25519' ? 1 : 2): Buffer {
  const content = createHash('sha256').update(`${seed}`).digest();
  return Buffer.concat([type, ...Array<Buffer>(fields).fill(content)].map(field));
}

function field(content: string | Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([length, Buffer.from(content as string)]);
}

function lineOf(names: string, key: Buffer): string {
  return `${names} ${typeOfKey(key)} ${key.toString('base64')}`;
}

const [ed1, ed2, rsa1, ecdsa1] = [
  keyOf('ssh-ed25519', 1),
  keyOf('ssh-ed25519', 2),
  keyOf('ssh-rsa', 3),
  keyOf('ecdsa-sha2-nistp384', 4),
] as const;

function parse(...lines: readonly string[]): KnownHosts {
  return KnownHosts.parse(lines.join('\n'), source);
}

describe('a known_hosts file', () => {
  it('has comments and empty lines, blanks of both kinds, and either end of line', () => {
    const known = parse(
      '# a comment',
      '',
      '  # another',
      `\t${lineOf(host, ed1).replaceAll(' ', ' \t ')}  me@x # y\r`,
      '\r',
    );
    expect(known.problems).toEqual([]);
    expect(known.judge(host, 22, ed1)).toEqual({ is: 'known' });
  });

  it.each([
    ['login1', 'it is not of the form: names, type of the key, key'],
    ['login1 ssh-ed25519', 'it is not of the form: names, type of the key, key'],
    ['@revoked', 'it is not of the form: names, type of the key, key'],
    [`@trusted ${lineOf(host, ed1)}`, 'a marker can only be @revoked or @cert-authority, and there can be one'],
    [
      `@revoked @revoked ${lineOf(host, ed1)}`,
      'a marker can only be @revoked or @cert-authority, and there can be one',
    ],
    [`${host} 1024 35 1234567`, 'it has no type of key that is known after the names'],
    [lineOf(host, ed1).replace('ssh-ed25519', 'toString'), 'it has no type of key that is known after the names'],
    [lineOf(host, ed1).slice(0, -10), 'what follows ssh-ed25519 is no such key: it may be cut off'],
    [`${lineOf(host, ed1)}AAAA`, 'what follows ssh-ed25519 is no such key: it may be cut off'],
    [`${lineOf(host, ed1)}*`, 'what follows ssh-ed25519 is no such key: it may be cut off'],
    [`${host} ssh-rsa ${ed1.toString('base64')}`, 'what follows ssh-rsa is no such key: it may be cut off'],
    [`|1|c2hvcnQ=|c2hvcnQ= ssh-ed25519 ${ed1.toString('base64')}`, 'its name is hashed in a way that is not known'],
    [`|2|salt|hash ssh-ed25519 ${ed1.toString('base64')}`, 'its name is hashed in a way that is not known'],
  ])('may have a line that makes no sense, which is told and does no harm: %s', (line, message) => {
    const known = parse('# one', line, lineOf(host, ed2));
    expect(known.problems).toEqual([{ source, line: 2, message }]);
    expect(known.judge(host, 22, ed2)).toEqual({ is: 'known' });
    expect(known.judge(host, 22, ed1)).toMatchObject({ is: 'changed' });
  });

  it('is one with others that it is joined with', () => {
    const other = KnownHosts.parse(`${lineOf(host, ed2)}\nnonsense\n@revoked * ${lineOf('', ed1).trim()}`, 'other');
    const known = KnownHosts.join([parse(lineOf(host, ed1), lineOf(host, rsa1)), other]);
    expect(known.judge(host, 22, rsa1)).toEqual({ is: 'known' });
    expect(known.judge(host, 22, ed2)).toEqual({ is: 'known' });
    expect(known.judge(host, 22, ed1)).toMatchObject({ is: 'revoked', by: { source: 'other', line: 3 } });
    expect(known.problems).toMatchObject([{ source: 'other', line: 2 }]);
  });

  it('is read in a time that no pattern makes long', () => {
    const known = parse(lineOf(`${'*a'.repeat(2000)}*b`, ed1));
    expect(known.judge('a'.repeat(4000), 22, ed1)).toEqual({ is: 'unknown' });
  }, 5000);
});

describe('a host key', () => {
  const signed = `@cert-authority *.example.org ${lineOf('', ed2).trim()}`;

  it.each<[string, KeyState['is'], readonly string[]]>([
    ['is known if a line of the machine has it', 'known', [lineOf(host, ed1)]],
    ['is known if one of several lines of the machine has it', 'known', [lineOf(host, ed2), lineOf(host, ed1)]],
    ['is unknown if no line is of the machine', 'unknown', [lineOf('login2.example.org', ed1)]],
    ['is unknown if there are no lines', 'unknown', []],
    ['has changed if the machine is known with another', 'changed', [lineOf(host, ed2)]],
    ['has changed if the machine is known with one of another type', 'changed', [lineOf(host, rsa1)]],
    ['is revoked even if it is known', 'revoked', [lineOf(host, ed1), `@revoked * ${lineOf('', ed1).trim()}`]],
    ['is unknown if another is revoked', 'unknown', [`@revoked * ${lineOf('', ed2).trim()}`]],
    ['is known if another is revoked', 'known', [`@revoked * ${lineOf('', ed2).trim()}`, lineOf(host, ed1)]],
    ['needs its authority if that is all that is known', 'needs-ca', [signed]],
    ['is known beside an authority', 'known', [signed, lineOf(host, ed1)]],
    ['has changed beside an authority', 'changed', [signed, lineOf(host, rsa1)]],
    [
      'is not known for being an authority',
      'needs-ca',
      [signed.replace(ed2.toString('base64'), ed1.toString('base64'))],
    ],
  ])('%s', (_, is, lines) => {
    expect(parse(...lines).judge(host, 22, ed1)).toMatchObject({ is });
  });

  it.each<[string, KeyState['is'], readonly string[]]>([
    ['is known by its name with the port', 'known', [lineOf(`[${host}]:2222`, ed1)]],
    ['is known by its name alone', 'known', [lineOf(host, ed1)]],
    ['is unknown if the name alone has another key: that is another server', 'unknown', [lineOf(host, ed2)]],
    [
      'has changed if its name with the port has another',
      'changed',
      [lineOf(`[${host}]:2222`, ed2), lineOf(host, ed1)],
    ],
    ['is revoked by its name alone', 'revoked', [`@revoked ${lineOf(host, ed1)}`]],
    ['needs the authority of its name alone', 'needs-ca', [signed]],
    ['is known by its name alone beside an authority', 'known', [signed.replace('*', '*:2222,*'), lineOf(host, ed1)]],
    ['is unknown at another port', 'unknown', [lineOf(`[${host}]:2223`, ed1)]],
  ])('at another port than 22 %s', (_, is, lines) => {
    expect(parse(...lines).judge(host, 2222, ed1)).toMatchObject({ is });
  });

  it('at port 22 is not known by a name with another port', () => {
    expect(parse(lineOf(`[${host}]:2222`, ed1)).judge(host, 22, ed1)).toEqual({ is: 'unknown' });
  });
});

describe('the algorithms that a machine is asked for', () => {
  const all = [
    'ssh-ed25519',
    'ecdsa-sha2-nistp256',
    'ecdsa-sha2-nistp384',
    'ecdsa-sha2-nistp521',
    'rsa-sha2-512',
    'rsa-sha2-256',
  ];
  const first = (...names: readonly string[]) => [...names, ...all.filter((name) => !names.includes(name))];

  it.each<[string, readonly string[], readonly string[]]>([
    ['begin with the one that a key is known of', [lineOf(host, ecdsa1)], first('ecdsa-sha2-nistp384')],
    ['are two for RSA, and never the old one', [lineOf(host, rsa1)], first('rsa-sha2-512', 'rsa-sha2-256')],
    [
      'begin with the best that a key is known of',
      [lineOf(host, rsa1), lineOf(host, ecdsa1)],
      first('ecdsa-sha2-nistp384', 'rsa-sha2-512', 'rsa-sha2-256'),
    ],
    [
      'do not begin with one of which the only key is revoked',
      [lineOf(host, ed1), `@revoked * ${lineOf('', ed1).trim()}`, lineOf(host, rsa1)],
      first('rsa-sha2-512', 'rsa-sha2-256'),
    ],
    ['are none if the machine is not known', [lineOf('other', ed1)], []],
    ['are none if only an authority is known', [`@cert-authority ${lineOf(host, ed1)}`], []],
  ])('%s', (_, lines, expected) => {
    expect(parse(...lines).algorithmsFor(host, 22)).toEqual(expected);
  });

  it('are those of its name with the port, else of its name alone', () => {
    const known = parse(lineOf(host, rsa1), lineOf(`[${host}]:2222`, ecdsa1));
    expect(known.algorithmsFor(host, 2222)[0]).toBe('ecdsa-sha2-nistp384');
    expect(known.algorithmsFor(host, 2223)[0]).toBe('rsa-sha2-512');
  });
});

describe('what a person is told of a host key', () => {
  function told(port: number, ...lines: readonly string[]): string {
    const verdict = parse(...lines).judge('Login1.Example.org', port, ed1);
    if (verdict.is === 'known') throw new Error('it is known');
    return hostKeyFailure(verdict, { name: 'Login1.Example.org', port, key: ed1 }).message;
  }

  it('that is unknown is its fingerprint, to be compared, and the line to add', () => {
    expect(told(22)).toBe(
      `the host key of ${host} is not known: it showed the key ssh-ed25519 ${fingerprint(ed1)}. Compare it with the fingerprint ` +
        'that the site publishes (in its documentation, or ask its support). Only if they are the same, add this line to ' +
        `\`ssh-known-hosts\`:\n${lineOf(host, ed1)}`,
    );
  });

  it.each([22, 2222])('that is unknown has a line that makes it known, at port %d', (port) => {
    const line = told(port).split('\n')[1]!;
    expect(parse(line).judge(host, port, ed1)).toEqual({ is: 'known' });
    expect(line.startsWith(port === 22 ? `${host} ` : `[${host}]:2222 `)).toBe(true);
  });

  it('that has changed is what it was, by which line, and the danger', () => {
    expect(told(22, '# one', lineOf(host, ed2), lineOf(`*,!x`, rsa1))).toBe(
      `the host key of ${host} has changed: it showed the key ssh-ed25519 ${fingerprint(ed1)}, but line 2 of ${source} expects ` +
        `ssh-ed25519 ${fingerprint(ed2)}, line 3 of ${source} expects ssh-rsa ${fingerprint(rsa1)}. Either someone is ` +
        'intercepting the connection, or the machine has a new key. Ask the site, by another way, before you replace its line ' +
        'in `ssh-known-hosts`',
    );
  });

  it('that is revoked is by which line', () => {
    const text = told(22, lineOf(host, ed1), `@revoked * ${lineOf('', ed1).trim()}`);
    expect(text).toContain(
      `is revoked: it showed the key ssh-ed25519 ${fingerprint(ed1)}, which line 2 of ${source} says`,
    );
    expect(text).toContain('may be intercepting the connection');
  });

  it('that only an authority could vouch for is the client that can check that', () => {
    const text = told(22, `@cert-authority *.example.org ${lineOf('', ed2).trim()}`);
    expect(text).toContain(`line 1 of ${source} trusts`);
    expect(text).toContain('needs `ssh-client: openssh`');
  });

  it('has nothing of a key that is none', () => {
    const key = field('\x1b[2J');
    const text = hostKeyFailure({ is: 'unknown' }, { name: host, port: 22, key }).message;
    expect(text).toContain('the key unknown SHA256:');
    expect(text).not.toContain('\x1b');
  });
});

const installed = [['ssh-keygen', '-?'] as const, ['ssh', '-V'] as const].every(
  ([command, argument]) => spawnSync(command, [argument]).error === undefined,
);

if (!installed) {
  console.warn(
    'There is no ssh or no ssh-keygen on PATH: that known_hosts files are read as OpenSSH does is NOT checked.',
  );
  it.skip('NOT TESTED against OpenSSH: there is no ssh or no ssh-keygen on PATH', () => {});
}

/** By line of a file, from 1, whether `ssh-keygen -F` finds the name there. */
function foundByOpenSsh(file: string, name: string): number[] {
  const { stdout } = spawnSync('ssh-keygen', ['-F', name, '-f', file], { encoding: 'utf8' });
  return [...stdout.matchAll(/^# Host .* found: line (\d+)/gm)].map(([, line]) => Number(line));
}

/** The same of ours: each line has the key of its number. */
function foundByUs(text: string, name: string, port: number): number[] {
  const known = KnownHosts.parse(text, source);
  return text
    .split('\n')
    .map((_, i) => i + 1)
    .filter((line) => ['known', 'revoked'].includes(known.judge(name, port, keyOf('ssh-ed25519', line)).is));
}

function fileOf(names: readonly string[]): { readonly file: string; readonly text: string } {
  const text = names.map((name, i) => lineOf(name, keyOf('ssh-ed25519', i + 1))).join('\n');
  const file = path.join(temporaryDirectory(), 'known_hosts');
  writeFileSync(file, `${text}\n`);
  return { file, text };
}

describe.skipIf(!installed)('a machine is found where OpenSSH finds it', () => {
  const names = [
    'login1,login2',
    'Login1.Example.ORG',
    '*.example.org',
    '*.example.org,!login2.example.org',
    '!login2.example.org,*.example.org',
    '!login1.example.org',
    'login?.example.org',
    '*',
    '?*.*.*',
    '**login1**',
    '[login1.example.org]:2222',
    '[LOGIN1.example.org]:*',
    '[*]:2222',
    '[::1]:2222,[2001:db8::7]:2222',
    '::1',
    'login1,,login3',
    'login1.example.org.',
    '@revoked login1.example.org',
    '@revoked *',
    '\t login3',
  ];
  const asked: readonly (readonly [name: string, port: number])[] = [
    ...[
      'login1',
      'login2',
      'LOGIN3',
      'login1.example.org',
      'Login2.Example.Org',
      'login12.example.org',
      '.example.org',
      '::1',
    ],
    ...['example.org', 'other', 'a.b.c', 'login1.example.org.'],
  ].flatMap((name) => [
    [name, 22],
    [name, 2222],
    [name, 2223],
  ]);

  it.each(asked)('%s at port %d', (name, port) => {
    const { file, text } = fileOf(names);
    // At another port, ssh looks for the name alone where it has found nothing: see the next test.
    const found = foundByOpenSsh(file, port === 22 ? name : `[${name}]:${port}`);
    const alone = port === 22 ? [] : foundByOpenSsh(file, name);
    const ours = foundByUs(text, name, port);
    expect(ours.filter((line) => !alone.includes(line) || found.includes(line))).toEqual(found);
    expect(KnownHosts.parse(text, source).problems).toEqual([]);
  });

  it('by any pattern', () => {
    const letters = fc.constantFrom('a', 'B', '.', '*', '?', '!', ',');
    const pattern = fc.string({ unit: letters, minLength: 1, maxLength: 6 });
    const name = fc.string({ unit: fc.constantFrom('a', 'b', 'B', '.'), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(pattern, { minLength: 1, maxLength: 30 }), name, (patterns, asked) => {
        const { file, text } = fileOf(patterns);
        expect(foundByUs(text, asked, 22)).toEqual(foundByOpenSsh(file, asked));
      }),
      { numRuns: 60 },
    );
  });

  it('by names that ssh-keygen has hashed', () => {
    const { file } = fileOf(['login1,login2', '[login1]:2222', 'Login3.example.org', '::1']);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' });
    const text = readFileSync(file, 'utf8').trim();
    expect(text).not.toMatch(/login/i);
    const known = KnownHosts.parse(text, source);
    expect(known.problems).toEqual([]);
    const keys = [1, 2, 3, 4].map((seed) => keyOf('ssh-ed25519', seed));
    for (const [name, port, lookUp] of [
      ['login1', 22, 'login1'],
      ['login2', 22, 'login2'],
      ['login1', 2222, '[login1]:2222'],
      ['login3.example.org', 22, 'login3.example.org'],
      ['::1', 22, '::1'],
      ['login4', 22, 'login4'],
    ] as const) {
      const isKnown = keys.map((key) => known.judge(name, port, key).is === 'known');
      const lines = text.split('\n').filter((_, i) => foundByOpenSsh(file, lookUp).includes(i + 1));
      expect([name, ...isKnown]).toEqual([
        name,
        ...keys.map((key) => lines.some((line) => line.includes(key.toString('base64')))),
      ]);
    }
    expect(known.judge('LOGIN3.Example.org', 22, keys[2]!)).toEqual({ is: 'known' });
  });

  it.each(['ed25519', 'rsa', 'ecdsa'])('its keys have the fingerprint that ssh-keygen prints: %s', (type) => {
    const file = path.join(temporaryDirectory(), 'key');
    execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', file]);
    const [name, base64] = readFileSync(`${file}.pub`, 'utf8').split(' ') as [string, string];
    const key = Buffer.from(base64, 'base64');
    expect(execFileSync('ssh-keygen', ['-l', '-f', file], { encoding: 'utf8' }).split(' ')[1]).toBe(fingerprint(key));
    expect(parse(lineOf(host, key)).judge(host, 22, key)).toEqual({ is: 'known' });
    expect(typeOfKey(key)).toBe(name);
  });
});

/** A server with a host key of its own, that lets nobody in. */
async function startServer(): Promise<{ readonly port: number; readonly key: Buffer }> {
  const pair = newHostKey();
  const server = new ssh2.Server({ hostKeys: [pair.private] }, (client) => {
    client.on('error', () => {});
    client.on('authentication', (context) => context.reject(['publickey']));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return { port: (server.address() as AddressInfo).port, key: Buffer.from(pair.public.split(' ')[1]!, 'base64') };
}

/** What `ssh` thinks of the key that a server shows. */
async function judgedByOpenSsh(text: string, name: string, port: number): Promise<KeyState['is']> {
  const file = path.join(temporaryDirectory(), 'known_hosts');
  writeFileSync(file, `${text}\n`);
  const set = {
    BatchMode: 'yes',
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: file,
    GlobalKnownHostsFile: '/dev/null',
  };
  const options = Object.entries(set).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  const words = await new Promise<string>((resolve) => {
    const all = ['-4', '-F', '/dev/null', '-p', `${port}`, ...options, `nobody@${name}`, 'true'];
    execFile('ssh', all, { encoding: 'utf8' }, (_, _stdout, stderr) => resolve(stderr));
  });
  if (words.includes('Permission denied')) return 'known';
  if (words.includes('REVOKED')) return 'revoked';
  if (words.includes('has changed and you have requested')) return 'changed';
  if (words.includes('host key is known for')) return 'unknown';
  throw new Error(words);
}

describe.skipIf(!installed)('ssh is of the same mind of a server that is known by', () => {
  it.each<[string, KeyState['is'], (key: string, other: string, port: number) => readonly string[]]>([
    ['its name and port', 'known', (key, _, port) => [`[localhost]:${port} ${key}`]],
    ['its name and port in other case', 'known', (key, _, port) => [`[LocalHost]:${port} ${key}`]],
    ['its name alone', 'known', (key) => [`localhost ${key}`]],
    ['its name alone, with another key', 'unknown', (_, other) => [`localhost ${other}`]],
    ['nothing', 'unknown', () => []],
    ['its name at another port', 'unknown', (key) => [`[localhost]:1 ${key}`]],
    ['another key', 'changed', (key, other, port) => [`[localhost]:${port} ${other}`, `localhost ${key}`]],
    [
      'its key and another',
      'known',
      (key, other, port) => [`[localhost]:${port} ${other}`, `[localhost]:${port} ${key}`],
    ],
    ['a key that is revoked', 'revoked', (key, _, port) => [`[localhost]:${port} ${key}`, `@revoked * ${key}`]],
    ['an authority, and its name alone', 'known', (key, other) => [`@cert-authority * ${other}`, `localhost ${key}`]],
    ['a pattern that is negated', 'unknown', (key) => [`*,!*localhost* ${key}`]],
  ])('%s', async (_, is, lines) => {
    const { port, key } = await startServer();
    const text = lines(lineOf('', key).trim(), lineOf('', ed1).trim(), port).join('\n');
    expect(KnownHosts.parse(text, source).judge('LOCALHOST', port, key)).toMatchObject({ is });
    expect(await judgedByOpenSsh(text, 'LOCALHOST', port)).toBe(is);
  });
});
