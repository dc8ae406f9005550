import { describe, expect, it } from 'vitest';
import { RedactedStream, redactorOf, secretsIn } from '../../../src/run/detach/redaction.js';

describe('what is taken out of the log of a conductor', () => {
  it('is what inputs call a secret, or what looks like one of a known service', () => {
    const env = 'API_TOKEN=abcdef123\nDATA=/p/lustre/me\nOMP_NUM_THREADS=4\nWHO=ghp_0123456789abcdef\nPIN=1234';
    expect(secretsIn([env])).toEqual(['ghp_0123456789abcdef', 'abcdef123']);
    expect(secretsIn(["export DB_PASSWORD='s3cret words'", 'module load nodejs'])).toEqual(['s3cret words']);
    expect(secretsIn(['credential: value-of-it'])).toEqual(['value-of-it']);
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
