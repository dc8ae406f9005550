import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arrange, firstFitting, fittingLines, type Section } from '../../src/report/summary/fit.js';

const section = (name: string, rank: number, text: string, most?: number): Section => ({
  name,
  rank,
  ...(most === undefined ? {} : { most }),
  render: () => text,
});

describe('sections', () => {
  it('stand in the order given, and empty ones nowhere', () => {
    const sections = [section('a', 3, 'A'), section('b', 1, ''), section('c', 2, 'C')];
    expect(arrange(sections, 5000)).toBe('A\n\nC\n\n');
  });

  it('get room by rank, and what does not fit is named', () => {
    const sections = [
      section('a', 3, 'A'.repeat(600)),
      section('b', 1, 'B'.repeat(600)),
      section('c', 2, 'C'.repeat(300)),
    ];
    const text = arrange(sections, 2000);
    expect(text).toBe(`${'B'.repeat(600)}\n\n${'C'.repeat(300)}\n\n_Left out, for want of room: a._\n\n`);
  });

  it('are told how much room there is, and no more than is theirs', () => {
    const told: number[] = [];
    const asks = (rank: number, most: number | undefined, text: string): Section => ({
      ...section('x', rank, text, most),
      render: (bytes) => {
        told.push(bytes);
        return text;
      },
    });
    arrange([asks(1, 100, 'é'.repeat(50)), asks(2, undefined, 'x')], 2000);
    expect(told).toEqual([100, 2000 - 1000 - 2 - 102]);
  });

  it('are never larger than asked for', () => {
    const sections = fc.array(
      fc.tuple(
        fc.nat(9),
        fc.nat(900).map((count) => 'é'.repeat(count)),
      ),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(sections, fc.integer({ min: 1500, max: 4000 }), (texts, largest) => {
        const text = arrange(
          texts.map(([rank, text], i) => section(`s${i}`, rank, text)),
          largest,
        );
        expect(Buffer.byteLength(text)).toBeLessThanOrEqual(largest);
      }),
    );
  });
});

describe('a text with shorter forms', () => {
  it('is the longest that fits, and the others are not made', () => {
    const made: number[] = [];
    const form = (length: number) => () => {
      made.push(length);
      return 'é'.repeat(length);
    };
    expect(firstFitting(12, form(9), form(6), form(3))).toBe('é'.repeat(6));
    expect(made).toEqual([9, 6]);
    expect(firstFitting(5, form(9), form(3))).toBeUndefined();
  });
});

describe('lines', () => {
  const more = (count: number) => `${count} more`;

  it('are all there if they fit, else as many as do with a word about the others', () => {
    const lines = ['aaaa', 'bbbb', 'cccc'];
    expect(fittingLines(100, lines, 3, more)).toBe('aaaa\nbbbb\ncccc');
    expect(fittingLines(100, lines.slice(0, 2), 3, more)).toBe('aaaa\nbbbb\n1 more');
    expect(fittingLines(13, lines, 3, more)).toBe('aaaa\n2 more');
    expect(fittingLines(9, lines, 3, more)).toBeUndefined();
    expect(fittingLines(0, [], 0, more)).toBe('');
  });

  it('never take more bytes than there are', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(60).map((count) => 'é'.repeat(count))),
        fc.nat(300),
        fc.nat(30),
        (lines, bytes, most) => {
          const text = fittingLines(bytes, lines.slice(0, most), lines.length, more);
          expect(Buffer.byteLength(text ?? '')).toBeLessThanOrEqual(bytes);
        },
      ),
    );
  });
});
