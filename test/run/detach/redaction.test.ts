import { describe, expect, it } from 'vitest';
import { RedactedStream, redactorOf, secretsIn } from '../../../src/run/detach/redaction.js';

describe('what is taken out of the log of a conductor', () => {
  it('is what inputs call a secret, or what looks like one of a known service', () => {
    const env = 'API_TOKEN=abcdef123\nDATA=/p/lustre/me\nOMP_NUM_THREADS=4\nWHO=ghp_0123456789abcdef\nPIN=1234';
    expect(secretsIn([env])).toEqual(['ghp_0123456789abcdef', 'abcdef123']);
    expect(secretsIn(["export DB_PASSWORD='s3cret words'", 'module load nodejs'])).toEqual(['s3cret words']);
    expect(secretsIn(['credential: value-of-it'])).toEqual(['value-of-it']);
  });

  const secret = 's3cretvalue';
  it.each([
    `{API_TOKEN: ${secret}, N: 2}`,
    `{N: 2, API_TOKEN: ${secret}}`,
    `{"N": 2, "API_TOKEN":"${secret}"}`,
    `{variables: {'API_TOKEN': '${secret}'}}`,
    `[API_TOKEN=${secret}, N=2]`,
    `API_TOKEN: ${secret}  # for CI`,
    `  - API_TOKEN: "${secret}" # for CI`,
    `API_TOKEN:${secret}`,
    `N=1\r\nAPI_TOKEN=${secret}\r\nM=2`,
    `export API_TOKEN=${secret}; module load x`,
    `export A=1 API_TOKEN=${secret}`,
    `export X=1 && export DB_PASSWORD=${secret} && echo done`,
    `API_TOKEN=${secret} curl https://example.org|cat`,
    `(API_TOKEN="${secret}" ./run)`,
    `setenv API_TOKEN ${secret}; setenv N 2`,
    `: "\${API_TOKEN:=${secret}}"`,
    `curl -H "Authorization: Bearer ${secret}" https://example.org`,
    `tool --api-key=${secret} --verbose`,
    `export https_proxy=http://me:${secret}@proxy.example.org:3128`,
  ])('is found in %s', (text) => {
    const redact = redactorOf(secretsIn([text]));
    expect(redact(`it said: ${secret}.`)).toBe('it said: ***.');
    expect(redact('curl export module load example verbose done variables')).toBe(
      'curl export module load example verbose done variables',
    );
  });

  it('is a value with blanks, commas or escapes as a whole, and as bash or YAML reads it', () => {
    expect(secretsIn(['DB_PASSWORD=two words, and more'])).toContain('two words, and more');
    expect(secretsIn(['DB_PASSWORD: two words, and more # or not'])).toContain('two words, and more');
    expect(secretsIn([String.raw`DB_PASSWORD="with \"quotes\" in it"`])).toContain('with "quotes" in it');
    expect(secretsIn(["DB_PASSWORD: 'with ''quotes'' in it'"])).toContain("with 'quotes' in it");
  });

  it('is the token of a known service wherever it stands', () => {
    expect(secretsIn(['git clone https://x:ghp_0123456789abcdef@github.com/a/b'])).toContain('ghp_0123456789abcdef');
    expect(secretsIn(['WHO: [me, glpat-0123456789abcdef]'])).toContain('glpat-0123456789abcdef');
  });

  it.each([
    ['what is too short to be told from other words', 'PIN=1234\nTOKEN: true'],
    ['what only says where the value is', 'API_TOKEN=$OTHER_TOKEN\nexport KEY="${KEY}"; API_KEY=$(cat /home/me/key)'],
    [
      'what another name has',
      'AUTHOR=somebody\nauthors: somebody and others\nPATH=$AUTH_HOME:/usr/local/bin\nX=/opt/token:/opt/lib64',
    ],
    ['what only begins as a token does', 'ASIAN_GRID=large; ghx_run=long'],
    ['what is compared', 'if [ "$MODE_KEY" == default ]; then module load nodejs; fi'],
  ])('is not %s', (_, text) => expect(secretsIn([text])).toEqual([]));

  it('is found in a long text at once', () => {
    const long = `${'a'.repeat(200_000)} ${' '.repeat(200_000)}${'token'.repeat(40_000)}\nAPI_TOKEN=${secret}`;
    expect(secretsIn([long])).toContain(secret);
  });

  it('is replaced wherever it occurs, the longest first', () => {
    const redact = redactorOf(secretsIn(['A_KEY=abcdef\nB_KEY=abcdefgh$&']));
    expect(redact('abcdefgh$& and abcdef, abcdef')).toBe('*** and ***, ***');
  });

  it('is not written', () => {
    const written: string[] = [];
    const stream = new RedactedStream({ write: (text) => written.push(text) });
    stream.write('before\n');
    stream.redact = redactorOf(['hunter2']);
    stream.write('it is hunter2\n');
    expect(written).toEqual(['before\n', 'it is ***\n']);
  });
});
