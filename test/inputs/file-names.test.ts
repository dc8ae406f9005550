import { describe, expect, it } from 'vitest';
import { fileNames } from '../../src/inputs/file-names.js';
import { type Inputs, inputsSchema } from '../../src/inputs/schema.js';

const there = ['sizes.yaml', 'key', 'my values', '/home/me/.ssh/id_ed25519', 'hosts'];
const isFile = (name: string) => there.includes(name);

const onCommandLine = (given: Record<string, string>) =>
  fileNames(inputsSchema.parse(given), { nameOf: (name) => `--${name}`, readsFiles: true, isFile });
const onGitHub = (given: Record<string, string>) =>
  fileNames(inputsSchema.parse(given), { nameOf: (name) => `input '${name}'`, readsFiles: false, isFile });

const key = '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----';

describe('the name of a file in place of its text', () => {
  it.each(['parameters', 'variables', 'batch', 'allocate'])('is told with how to give the file (%s)', (name) => {
    const isYaml = `--${name} is YAML, and not the name of a file: give --${name}`;
    expect(onCommandLine({ [name]: 'sizes.yaml' }).errors).toEqual([`${isYaml} @sizes.yaml`]);
    expect(onCommandLine({ [name]: 'gone.yml' }).errors).toEqual([`${isYaml} @gone.yml`]);
    expect(onCommandLine({ [name]: 'my values' }).errors).toEqual([`${isYaml} @my values`]);
    expect(onGitHub({ [name]: 'sizes.yaml' }).errors).toEqual([
      `input '${name}' is YAML, and not the name of a file: give its text`,
    ]);
  });

  it.each(['SIZE: [1, 2]', '{SIZE: {values: [1]}}', 'a: b.yaml', ''])('is no text that is YAML: %j', (text) => {
    expect(onCommandLine({ parameters: text }).errors).toEqual([]);
  });

  it('is told for a key', () => {
    const isText = 'ssh-key is the text of a private key, and not the name of a file: ';
    expect(onCommandLine({ 'ssh-key': '/home/me/.ssh/id_ed25519' }).errors).toEqual([
      `--${isText}give --ssh-key @/home/me/.ssh/id_ed25519`,
    ]);
    expect(onGitHub({ 'ssh-key': 'key' }).errors).toEqual([
      "input 'ssh-key' is the text of a private key, and not the name of a file: " +
        'put the text into a secret, and give ${{ secrets.NAME }}',
    ]);
  });

  it('is not shown if there is no such file, for it may be a secret', () => {
    const all = { 'ssh-key': 'hunter2', 'ssh-known-hosts': 'hunter2' };
    const told = [...onCommandLine(all).errors, ...onGitHub(all).errors];
    expect(told).toHaveLength(4);
    expect(told.join()).not.toContain('hunter2');
    expect(told[0]).toContain('--ssh-key @~/.ssh/id_ed25519');
  });

  it('is told for lines of known_hosts', () => {
    expect(onCommandLine({ 'ssh-known-hosts': 'hosts' }).errors).toEqual([
      '--ssh-known-hosts is lines of known_hosts, and not the name of a file: give --ssh-known-hosts @hosts',
    ]);
    expect(onGitHub({ 'ssh-known-hosts': 'hosts' }).errors).toEqual([
      "input 'ssh-known-hosts' is lines of known_hosts, and not the name of a file: give its lines",
    ]);
  });

  it('is no text that is what it should be, nor one of which the reader of keys has more to say', () => {
    for (const given of [
      { 'ssh-key': key, 'ssh-known-hosts': 'login1 ssh-ed25519 AAAA' },
      { 'ssh-key': 'ssh-ed25519 AAAA me@here' },
      { 'ssh-key': 'PuTTY-User-Key-File-3: ssh-ed25519' },
      { 'ssh-key': '-----BEGIN cut off' },
    ]) {
      expect(onCommandLine(given)).toEqual({ errors: [], inputs: inputsSchema.parse(given) });
    }
  });

  it('is not used for anything else', () => {
    const { inputs } = onCommandLine({ parameters: 'sizes.yaml', 'ssh-key': 'key', batch: 'queue: x' });
    expect(inputs).toMatchObject({ parameters: '', 'ssh-key': '', batch: 'queue: x' } satisfies Partial<Inputs>);
  });
});
