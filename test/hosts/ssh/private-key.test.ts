import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { HostError } from '../../../src/hosts/host.js';
import { readPrivateKey } from '../../../src/hosts/ssh/private-key.js';
import { temporaryDirectory } from '../../support/temporary.js';

const installed = spawnSync('ssh-keygen', ['-?']).error === undefined;

if (!installed) {
  console.warn('There is no ssh-keygen on PATH: that the keys it makes can be read is NOT checked.');
  it.skip('NOT TESTED with keys of OpenSSH: there is no ssh-keygen on PATH', () => {});
}

const passphrase = 'correct horse "battery" é';

interface Made {
  readonly text: string;
  /** `SHA256:...`, as ssh-keygen prints it. */
  readonly fingerprint: string;
  readonly publicText: string;
}

function make(...options: readonly string[]): Made {
  const file = path.join(temporaryDirectory(), 'key');
  execFileSync('ssh-keygen', ['-q', '-a', '1', '-N', '', '-C', 'me@example', ...options, '-f', file]);
  return {
    text: readFileSync(file, 'utf8'),
    fingerprint: execFileSync('ssh-keygen', ['-l', '-f', `${file}.pub`], { encoding: 'utf8' }).split(' ')[1]!,
    publicText: readFileSync(`${file}.pub`, 'utf8'),
  };
}

/** The message of the HostError that a key ends with. No part of the key is in it. */
function refusal(text: string, secret = ''): string {
  try {
    readPrivateKey(text, secret);
  } catch (error) {
    expect(error).toBeInstanceOf(HostError);
    const { message } = error as HostError;
    const words = text.split(/\s+/).filter((word) => word.length > 12 && !word.includes('---'));
    for (const word of words)
      for (let at = 0; at + 12 <= word.length; at++) expect(message).not.toContain(word.slice(at, at + 12));
    if (secret !== '') expect(message).not.toContain(secret);
    return message;
  }
  throw new Error('it was read');
}

/** Whether it signs as its public half wants it. */
function signs(text: string, secret: string): boolean {
  const { key } = readPrivateKey(text, secret);
  return key.verify('what is signed', key.sign('what is signed')) === true;
}

const kinds: readonly (readonly [type: string, options: string])[] = [
  ['ssh-ed25519', '-t ed25519'],
  ...['', ' -m PEM', ' -m PKCS8'].flatMap((form): [string, string][] => [
    ['ssh-rsa', `-t rsa -b 2048${form}`],
    ...['256', '384', '521'].map((bits): [string, string] => [`ecdsa-sha2-nistp${bits}`, `-t ecdsa -b ${bits}${form}`]),
  ]),
];

describe.skipIf(!installed)('a key that ssh-keygen has made', () => {
  it.each(kinds)('is read: %s %s', (type, options) => {
    const { text, fingerprint } = make(...options.split(' '));
    const comment = options.includes('-m') ? '' : ' (me@example)';
    expect(readPrivateKey(text, '').name).toBe(`${type} ${fingerprint}${comment}`);
    expect(signs(text, '')).toBe(true);
    // A passphrase that is not needed does no harm.
    expect(readPrivateKey(text, passphrase).key.type).toBe(type);
  });

  it.each(kinds)('is read with its passphrase, and only with that: %s %s', (type, options) => {
    const { text, fingerprint } = make(...options.split(' '), '-N', passphrase);
    expect(readPrivateKey(text, passphrase).name).toContain(`${type} ${fingerprint}`);
    expect(signs(text, `${passphrase}\n`)).toBe(true);
    expect(refusal(text)).toBe(
      "input 'ssh-key' is encrypted, and there is no passphrase (give it as `ssh-passphrase`)",
    );
    expect(refusal(text, 'a wrong one')).toBe(
      "input 'ssh-key' cannot be decrypted (the passphrase in `ssh-passphrase` is the wrong one, or the key is damaged)",
    );
  });

  it.each(['aes128-cbc', 'aes192-ctr', 'aes256-gcm@openssh.com', '3des-cbc'])('may be encrypted with %s', (cipher) => {
    const { text } = make('-t', 'ed25519', '-N', passphrase, '-Z', cipher);
    expect(signs(text, passphrase)).toBe(true);
    expect(refusal(text, 'a wrong one')).toContain('cannot be decrypted');
  });

  it('is refused if it is encrypted with what ssh2 does not have', () => {
    const { text } = make('-t', 'ed25519', '-N', passphrase, '-Z', 'chacha20-poly1305@openssh.com');
    expect(refusal(text, passphrase)).toBe(
      "input 'ssh-key' is encrypted with a cipher that cannot be read here (encrypt it again with `ssh-keygen -p -Z aes256-ctr -f KEY`)",
    );
  });

  it('is not read as its public half', () => {
    const { publicText } = make('-t', 'ed25519');
    expect(refusal(publicText)).toBe(
      "input 'ssh-key' is a public key: that one belongs in ~/.ssh/authorized_keys on the host (give the private key, which is the file without .pub)",
    );
  });

  it.each(['RFC4716', 'PEM', 'PKCS8'])('is not read as its public half in the form %s', (form) => {
    const file = path.join(temporaryDirectory(), 'key');
    execFileSync('ssh-keygen', ['-q', '-t', 'rsa', '-N', '', '-f', file]);
    expect(refusal(execFileSync('ssh-keygen', ['-e', '-m', form, '-f', file], { encoding: 'utf8' }))).toContain(
      'is a public key',
    );
  });

  const copies: readonly (readonly [how: string, copy: (text: string) => string])[] = [
    ['without its last end of line', (text) => text.trimEnd()],
    ['with more ends of lines', (text) => `\n\n${text}\n\n`],
    ['with the ends of lines of Windows', (text) => text.replaceAll('\n', '\r\n')],
    ['with the ends of lines of old Macs', (text) => text.replaceAll('\n', '\r')],
    ['with blanks around', (text) => text.replaceAll(/^|$/gm, '  \t')],
    ['with \\n in place of ends of lines', (text) => text.replaceAll('\n', '\\n')],
    ['with \\r\\n in place of ends of lines', (text) => text.replaceAll('\n', '\\r\\n')],
    ['with quotes and \\n, as in JSON', (text) => JSON.stringify(text)],
    ['with a byte order mark', (text) => `\ufeff${text}`],
    ['after other text', (text) => `Bag Attributes\n    localKeyID: 01\n${text}`],
  ];

  it.each(copies)('may have been copied %s', (_, copy) => {
    for (const options of [
      ['-t', 'ed25519'],
      ['-t', 'ecdsa', '-m', 'PEM'],
      ['-t', 'ecdsa', '-m', 'PKCS8'],
    ]) {
      for (const secret of ['', passphrase]) {
        const { text, fingerprint } = make(...options, '-N', secret);
        expect(readPrivateKey(copy(text), secret).name).toContain(fingerprint);
      }
    }
  });

  it('may have been copied with blanks in place of ends of lines', () => {
    const { text, fingerprint } = make('-t', 'ed25519');
    expect(readPrivateKey(text.trim().replaceAll('\n', ' '), '').name).toContain(fingerprint);
  });

  it.each([
    [['-t', 'ed25519'], ''],
    [['-t', 'ed25519'], passphrase],
    [['-t', 'ecdsa', '-m', 'PEM'], ''],
    [['-t', 'rsa', '-m', 'PKCS8'], ''],
  ])('that has lost something is damaged: %s %s', (options, secret) => {
    const lines = make(...options, '-N', secret)
      .text.trim()
      .split('\n');
    const middle = Math.floor(lines.length / 2);
    expect(refusal(lines.toSpliced(middle, 1).join('\n'), secret)).toMatch(/is damaged/);
    expect(refusal(lines.with(middle, '*secret*').join('\n'), secret)).toMatch(/is damaged/);
    expect(refusal(lines.slice(0, -1).join('\n'), secret)).toContain('is cut off: its last line is missing');
    expect(refusal([lines[0], lines.at(-1)].join('\n'), secret)).toContain('is damaged');
  });

  it('has a comment that does nothing to a terminal', () => {
    const { text, fingerprint } = make('-t', 'ed25519', '-C', 'a\x1b[2Jb');
    expect(readPrivateKey(text, '').name).toBe(`ssh-ed25519 ${fingerprint} (a[2Jb)`);
  });
});

describe('a key that something else has made', () => {
  it.each([
    ['', {}],
    [' encrypted', { cipher: 'aes-256-cbc', passphrase }],
  ])('is refused if it is of Ed25519 in PKCS#8%s: the message says how to convert it', (_, encryption) => {
    const { privateKey } = generateKeyPairSync('ed25519', {
      privateKeyEncoding: { type: 'pkcs8', format: 'pem', ...encryption },
      publicKeyEncoding: { type: 'spki', format: 'der' },
    });
    expect(refusal(privateKey, 'passphrase' in encryption ? passphrase : '')).toBe(
      "input 'ssh-key' is an Ed25519 key in PKCS#8, a format that cannot be used here (convert it to OpenSSH's own format with `ssh-keygen -p -f KEY` (OpenSSH 9.6 or later), or make a new key with `ssh-keygen -t ed25519`)",
    );
  });

  const can = '(ed25519, ecdsa and rsa can be used: make one with `ssh-keygen -t ed25519`)';

  it.each([
    ['dsa', generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }), 'DSA'],
    ['ed448', generateKeyPairSync('ed448'), 'ed448'],
    ['x25519', generateKeyPairSync('x25519'), 'x25519'],
    ['secp256k1', generateKeyPairSync('ec', { namedCurve: 'secp256k1' }), 'an elliptic curve that SSH does not have'],
  ])('is refused if it is of a kind that cannot be used: %s', (_, { privateKey }, kind) => {
    const text = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    expect(refusal(text)).toBe(`input 'ssh-key' is a kind of key that cannot be used here: ${kind} ${can}`);
  });

  it.each([
    ['sk-ssh-ed25519@openssh.com', 'sk-ssh-ed25519@openssh.com, a security key, which a person must touch'],
    [
      'sk-ecdsa-sha2-nistp256@openssh.com',
      'sk-ecdsa-sha2-nistp256@openssh.com, a security key, which a person must touch',
    ],
    ['ssh-dss', 'DSA'],
    ['ssh-something', 'none that is known'],
  ])("is refused if it is in OpenSSH's form, and of a kind that cannot be used: %s", (type, kind) => {
    const parts = ['none', 'none', ''].map(field);
    const count = Buffer.from([0, 0, 0, 1]);
    const data = Buffer.concat([Buffer.from('openssh-key-v1\0'), ...parts, count, field(field(type)), field('secret')]);
    const text = `-----BEGIN OPENSSH PRIVATE KEY-----\n${data.toString('base64')}\n-----END OPENSSH PRIVATE KEY-----\n`;
    expect(refusal(text)).toBe(`input 'ssh-key' is a kind of key that cannot be used here: ${kind} ${can}`);
  });

  it("is refused in PuTTY's form", () => {
    const text =
      'PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: none\r\nComment: me\r\nPublic-Lines: 2\r\nAAAAC3NzaC1lZDI1NTE5AAAA';
    expect(refusal(text)).toContain(
      "input 'ssh-key' is a key in PuTTY's format, which cannot be read (convert it with `puttygen",
    );
  });
});

describe('what is no private key', () => {
  it('is refused', () => {
    expect(refusal('not a key but a secret')).toBe(
      "input 'ssh-key' is not a private key (it must be the text of a private key, from its line -----BEGIN ... PRIVATE KEY----- to its line -----END ... PRIVATE KEY-----)",
    );
    expect(refusal('~/.ssh/id_ed25519')).toContain('is not a private key');
    expect(refusal('-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----')).toContain('is not a private key');
    expect(refusal('-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----')).toContain('is damaged');
  });

  it('is empty where the secret is not set', () => {
    expect(refusal(' \n')).toBe(
      "input 'ssh-key' is empty (a secret that is not set is empty, and so is every secret in a pull request from a fork)",
    );
  });
});

function field(content: string | Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(content));
  return Buffer.concat([length, Buffer.from(content as string)]);
}
