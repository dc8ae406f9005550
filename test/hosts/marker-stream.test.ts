import { execFileSync } from 'node:child_process';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AfterMark, printMark } from '../../src/hosts/marker-stream.js';

const mark = ['begin-', '0a1b='] as const;
const whole = mark.join('');

/** What comes out, of chunks that go in. */
async function passed(chunks: readonly Buffer[]): Promise<{ readonly after: string; readonly stream: AfterMark }> {
  const stream = new AfterMark(mark);
  const after = buffer(stream);
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  return { after: (await after).toString('latin1'), stream };
}

/** A text in pieces that end at some of its bytes. */
function pieces(text: string, ends: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text, 'latin1');
  const places = [0, ...ends.map((end) => end % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end));
}

describe('what comes after the mark', () => {
  it('is passed on, byte for byte, however it arrives', async () => {
    // Noise of parts of the mark is the kind that could be taken for it.
    const noise = fc
      .array(fc.constantFrom('b', 'begin', 'begin-', '0a1b', '=', '\n', '\xff'))
      .map((all) => all.join(''));
    await fc.assert(
      fc.asyncProperty(noise, noise, fc.array(fc.nat()), async (before, after, ends) => {
        fc.pre(!before.includes(whole) && `${before}${whole}`.indexOf(whole) === before.length);
        const result = await passed(pieces(`${before}${whole}${after}`, ends));
        expect(result.after).toBe(after);
        expect(result.stream.hasBegun).toBe(true);
      }),
    );
  });

  it('may have the mark in it again', async () => {
    expect((await passed([Buffer.from(`x${whole}y${whole}z`)])).after).toBe(`y${whole}z`);
  });

  it('is nothing if the mark does not come', async () => {
    for (const text of ['', 'noise', whole.slice(0, -1), `begin-\n0a1b=`]) {
      const { after, stream } = await passed([Buffer.from(text)]);
      expect([text, after, stream.hasBegun, stream.noise]).toEqual([text, '', false, text]);
    }
  });

  it('is announced once, as soon as the mark is whole', () => {
    const stream = new AfterMark(mark);
    let begun = 0;
    stream.on('begun', () => {
      begun += 1;
    });
    stream.write(`noise${whole.slice(0, -1)}`);
    expect([begun, stream.hasBegun]).toEqual([0, false]);
    stream.write(whole.slice(-1));
    expect([begun, stream.hasBegun]).toEqual([1, true]);
    stream.write(whole);
    expect(begun).toBe(1);
  });
});

describe('what comes before the mark', () => {
  it('is kept to be told', async () => {
    const { stream } = await passed([Buffer.from('your account '), Buffer.from('has expired\n'), Buffer.from(whole)]);
    expect(stream.noise).toBe('your account has expired');
  });

  it('is kept by its end only, and takes no time, if there is very much', async () => {
    const line = Buffer.from('all work and no play\n');
    const { stream, after } = await passed([...Array(200_000).fill(line), Buffer.from(`the end\n${whole}out`)]);
    expect(after).toBe('out');
    expect(stream.noise.length).toBeLessThanOrEqual(4096);
    expect(stream.noise).toMatch(/play\nthe end$/);
  });
});

describe('the shell text that prints the mark', () => {
  it('does not have the mark in it, so that a shell that prints what it is told is not taken for one that does it', () => {
    expect(printMark(mark)).not.toContain(whole);
  });

  it('prints it in any shell, without a line break', () => {
    expect(execFileSync('sh', ['-c', `${printMark(mark)}; echo next`], { encoding: 'utf8' })).toBe(`${whole}next\n`);
  });
});
