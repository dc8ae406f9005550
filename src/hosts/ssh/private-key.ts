import { createPrivateKey, type KeyObject } from 'node:crypto';
import ssh2, { type ParsedKey } from 'ssh2';
import { HostError } from '../host.js';
import { fingerprint } from './known-hosts.js';

/** A private key that can be used to log in. */
export interface PrivateKey {
  readonly key: ParsedKey;
  /** What messages call it: `ssh-ed25519 SHA256:... (comment)`. */
  readonly name: string;
}

/**
 * Reads a private key as OpenSSH writes them, or as PEM (PKCS#1, SEC 1, PKCS#8).
 *
 * What copying does to a key is repaired. No message has any part of it.
 *
 * @param text the input `ssh-key`
 * @param passphrase the input `ssh-passphrase`; '' for none
 * @throws HostError that says what is wrong with it, and what to do
 */
export function readPrivateKey(text: string, passphrase: string): PrivateKey {
  const { label, headers, body } = findPem(repaired(text));
  // A passphrase is a line: what is read from a file may have its end too.
  const secret = passphrase.replace(/\r?\n$/, '');
  const key =
    label === 'OPENSSH PRIVATE KEY'
      ? readOpenSsh(body, secret)
      : readPem(pem(label, body, headers), /ENCRYPTED/.test(label + headers), secret);
  const comment = key.comment.replaceAll(/\p{C}/gu, '').trim();
  return { key, name: `${key.type} ${fingerprint(key.getPublicSSH())}${comment === '' ? '' : ` (${comment})`}` };
}

function wrong(what: string, todo: string): HostError {
  return new HostError(`input 'ssh-key' ${what} (${todo})`);
}

const wanted =
  'it must be the text of a private key, from its line -----BEGIN ... PRIVATE KEY----- to its line -----END ... PRIVATE KEY-----';

const kinds = 'ed25519, ecdsa and rsa can be used: make one with `ssh-keygen -t ed25519`';

/** Secrets are copied by hand: with other ends of lines, with none, with `\n` in their place, with blanks around. */
function repaired(text: string): string {
  return text
    .replaceAll(/\\r\\n|\\n|\r\n|\r/g, '\n')
    .split('\n')
    .map((line) => line.trim())
    .join('\n')
    .trim();
}

interface Pem {
  readonly label: string;
  /** Lines such as `Proc-Type: 4,ENCRYPTED`, which old forms have. */
  readonly headers: string;
  /** Base64 without blanks. */
  readonly body: string;
}

function findPem(text: string): Pem {
  if (text === '') {
    throw wrong('is empty', 'a secret that is not set is empty, and so is every secret in a pull request from a fork');
  }
  const parts = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END \1-----/.exec(text);
  const label = parts?.[1] ?? /-----BEGIN ([A-Z0-9 ]+)-----/.exec(text)?.[1];
  if (label === undefined) throw noPem(text);
  if (/PUBLIC KEY$/.test(label)) throw publicKey();
  if (!/PRIVATE KEY$/.test(label)) throw wrong('is not a private key', wanted);
  if (parts === null) throw wrong('is cut off: its last line is missing', wanted);
  const lines = parts[2]!.trim().split('\n');
  const firstOfBody = lines.findLastIndex((line) => line.includes(':')) + 1;
  const body = lines.slice(firstOfBody).join('').replaceAll(/\s/g, '');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(body)) throw damaged();
  return { label, headers: lines.slice(0, firstOfBody).join('\n'), body };
}

function noPem(text: string): HostError {
  if (/^PuTTY-User-Key-File-/m.test(text)) {
    return wrong(
      'is a key in the form of PuTTY, which cannot be read',
      'convert it with `puttygen KEY.ppk -O private-openssh -o KEY`, or in PuTTYgen with Conversions > Export OpenSSH key',
    );
  }
  const isPublic = /^---- BEGIN SSH2 PUBLIC KEY|^(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ +AAAA/m.test(text);
  return isPublic ? publicKey() : wrong('is not a private key', wanted);
}

function publicKey(): HostError {
  return wrong(
    'is a public key: that one belongs into ~/.ssh/authorized_keys on the host',
    'give the private key, which is the file without .pub',
  );
}

function damaged(): HostError {
  return wrong('is damaged: some of it is missing or has changed', 'copy the whole file again');
}

function unsupported(kind: string): HostError {
  return wrong(`is a key of a kind that cannot be used here: ${kind}`, kinds);
}

function passphraseNeeded(): HostError {
  return wrong('is encrypted, and there is no passphrase', 'give it as `ssh-passphrase`');
}

function passphraseWrong(): HostError {
  return wrong('cannot be decrypted', 'the passphrase in `ssh-passphrase` is the wrong one, or the key is damaged');
}

function pem(label: string, body: string, headers = ''): string {
  const lines = body.replaceAll(/.{64}(?!$)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${headers === '' ? '' : `${headers}\n\n`}${lines}\n-----END ${label}-----\n`;
}

const magic = Buffer.from('openssh-key-v1\0');

/** Ciphers of encrypted keys that ssh2 knows. */
const ciphers = /^(none|3des-cbc|aes(128|192|256)-(cbc|ctr|gcm@openssh\.com))$/;

function readOpenSsh(body: string, passphrase: string): ParsedKey {
  const { cipher, type } = readHeader(Buffer.from(body, 'base64'));
  if (type.startsWith('sk-')) throw unsupported(`${type}, a security key, which somebody must touch`);
  if (type === 'ssh-dss') throw unsupported('DSA');
  if (!/^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521))$/.test(type)) throw unsupported('none that is known');
  if (!ciphers.test(cipher)) {
    throw wrong(
      'is encrypted in a way that cannot be read',
      'encrypt it again with `ssh-keygen -p -Z aes256-ctr -f KEY`',
    );
  }
  if (cipher !== 'none' && passphrase === '') throw passphraseNeeded();
  const key = parse(pem('OPENSSH PRIVATE KEY', body), passphrase);
  if (key === undefined) throw cipher === 'none' ? damaged() : passphraseWrong();
  return key;
}

/** Reads what is never encrypted: how the rest is, and the public key. */
function readHeader(data: Buffer): { readonly cipher: string; readonly type: string } {
  try {
    if (!data.subarray(0, magic.length).equals(magic)) throw damaged();
    const [cipher, afterCipher] = readString(data, magic.length);
    const [, afterKdf] = readString(data, afterCipher);
    const [, afterOptions] = readString(data, afterKdf);
    if (data.readUInt32BE(afterOptions) !== 1) throw damaged();
    const [publicKey, afterKey] = readString(data, afterOptions + 4);
    readString(data, afterKey);
    return { cipher: cipher.toString('latin1'), type: readString(publicKey, 0)[0].toString('latin1') };
  } catch {
    throw damaged();
  }
}

/** @throws RangeError if the data end before */
function readString(data: Buffer, at: number): readonly [content: Buffer, after: number] {
  const after = at + 4 + data.readUInt32BE(at);
  if (after > data.length) throw new RangeError('it is cut off');
  return [data.subarray(at + 4, after), after];
}

/** ssh2 reads some of these forms, and tells a wrong passphrase badly. So Node reads them, and gives ssh2 one that it reads. */
function readPem(text: string, isEncrypted: boolean, passphrase: string): ParsedKey {
  if (isEncrypted && passphrase === '') throw passphraseNeeded();
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: text, passphrase });
  } catch {
    throw isEncrypted ? passphraseWrong() : damaged();
  }
  const parsed = parse(inReadableForm(key), '');
  if (parsed === undefined) throw damaged();
  return parsed;
}

function inReadableForm(key: KeyObject): string {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return key.export({ type: 'pkcs1', format: 'pem' }) as string;
    case 'ec': {
      const curve = key.asymmetricKeyDetails?.namedCurve;
      if (!['prime256v1', 'secp384r1', 'secp521r1'].includes(curve ?? ''))
        throw unsupported('an elliptic curve that SSH does not have');
      return key.export({ type: 'sec1', format: 'pem' }) as string;
    }
    case 'ed25519':
      return ed25519InOpenSshForm(key);
    case 'dsa':
      throw unsupported('DSA');
    default:
      throw unsupported(`${key.asymmetricKeyType}`);
  }
}

/** There is no other form of these that ssh2 reads (OpenSSH, PROTOCOL.key). */
function ed25519InOpenSshForm(key: KeyObject): string {
  const { x, d } = key.export({ format: 'jwk' });
  const [open, secret] = [Buffer.from(x!, 'base64url'), Buffer.from(d!, 'base64url')];
  const type = string('ssh-ed25519');
  const secrets = [uint32(0), uint32(0), type, string(open), string(Buffer.concat([secret, open])), string('')];
  const length = Buffer.concat(secrets).length;
  const padding = Buffer.from(Array.from({ length: (8 - (length % 8)) % 8 }, (_, i) => i + 1));
  const data = Buffer.concat([
    magic,
    ...[string('none'), string('none'), string(''), uint32(1)],
    string(Buffer.concat([type, string(open)])),
    string(Buffer.concat([...secrets, padding])),
  ]);
  return pem('OPENSSH PRIVATE KEY', data.toString('base64'));
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function string(content: string | Buffer): Buffer {
  return Buffer.concat([uint32(Buffer.byteLength(content)), Buffer.from(content as string)]);
}

/** undefined for what cannot be read. ssh2's own words are not passed on: they may be about what it decrypted. */
function parse(text: string, passphrase: string): ParsedKey | undefined {
  try {
    const key = ssh2.utils.parseKey(text, passphrase) as ParsedKey | Error | undefined;
    return key instanceof Error || !key?.isPrivateKey() ? undefined : key;
  } catch {
    return undefined;
  }
}
