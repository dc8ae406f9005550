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
 * Reads a private key in OpenSSH's own format, or as PEM (PKCS#1, SEC 1, PKCS#8). Line ends and blanks that copying changed are
 * repaired. No message contains any part of the key.
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

/** Secrets are copied by hand, which may change line ends, write them as `\n`, or add blanks. */
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
  /** Lines such as `Proc-Type: 4,ENCRYPTED`, which PKCS#1 and SEC 1 have. */
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
      "is a key in PuTTY's format, which cannot be read",
      'convert it with `puttygen KEY.ppk -O private-openssh -o KEY`, or in PuTTYgen with Conversions > Export OpenSSH key',
    );
  }
  const isPublic = /^---- BEGIN SSH2 PUBLIC KEY|^(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ +AAAA/m.test(text);
  return isPublic ? publicKey() : wrong('is not a private key', wanted);
}

function publicKey(): HostError {
  return wrong(
    'is a public key: that one belongs in ~/.ssh/authorized_keys on the host',
    'give the private key, which is the file without .pub',
  );
}

function damaged(): HostError {
  return wrong('is damaged: some of it is missing or has changed', 'copy the whole file again');
}

function unsupported(kind: string): HostError {
  return wrong(`is a kind of key that cannot be used here: ${kind}`, kinds);
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
  if (type.startsWith('sk-')) throw unsupported(`${type}, a security key, which a person must touch`);
  if (type === 'ssh-dss') throw unsupported('DSA');
  if (!/^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521))$/.test(type)) throw unsupported('none that is known');
  if (!ciphers.test(cipher)) {
    throw wrong(
      'is encrypted with a cipher that cannot be read here',
      'encrypt it again with `ssh-keygen -p -Z aes256-ctr -f KEY`',
    );
  }
  if (cipher !== 'none' && passphrase === '') throw passphraseNeeded();
  const key = parse(pem('OPENSSH PRIVATE KEY', body), passphrase);
  if (key === undefined) throw cipher === 'none' ? damaged() : passphraseWrong();
  return key;
}

/** Reads the part of a key that is never encrypted: the name of the cipher, and the type in the public key. */
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

/**
 * ssh2 reads PKCS#1 and SEC 1 but not PKCS#8, and does not tell a wrong passphrase from a damaged key. So Node reads all three, and
 * writes what ssh2 reads. Of Ed25519 keys ssh2 reads only OpenSSH's own format, which Node does not write.
 */
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
      throw wrong(
        'is an Ed25519 key in PKCS#8, a format that cannot be used here',
        "convert it to OpenSSH's own format with `ssh-keygen -p -f KEY` (OpenSSH 9.6 or later), or make a new key with `ssh-keygen -t ed25519`",
      );
    case 'dsa':
      throw unsupported('DSA');
    default:
      throw unsupported(`${key.asymmetricKeyType}`);
  }
}

/** @returns undefined if ssh2 cannot read the key. Its error is not passed on: it may quote what it decrypted. */
function parse(text: string, passphrase: string): ParsedKey | undefined {
  try {
    const key = ssh2.utils.parseKey(text, passphrase) as ParsedKey | Error | undefined;
    return key instanceof Error || !key?.isPrivateKey() ? undefined : key;
  } catch {
    return undefined;
  }
}
