import { describe, expect, it } from 'vitest';
import type { Annotation } from '../../src/github/annotations.js';
import { linesAt, type SpecAtHead } from '../../src/github/spec-lines.js';

const spec = `description:
  name: hello
  description: A test.

study:
  - name: make
    description: Builds.
    run:
      cmd: make

  - name: run
    description: Runs.
    run:
      cmd: ./run $(OLD)
`;
const moved = `# Somebody's licence.\n\n${spec.replace('  - name: make', '  - name: fetch\n    description: x\n    run: {cmd: x}\n  - name: make')}`;

const about = (line: number, step?: string): Annotation => ({
  level: 'failure',
  line,
  ...(step === undefined ? {} : { step }),
  title: 't',
  message: 'm',
  details: '',
});
const place = (head: SpecAtHead, annotation: Annotation) => linesAt(head, spec)(annotation);
const text = (head: string): SpecAtHead => ({ kind: 'text', text: head });

describe('lines of the spec at the commit that people look at', () => {
  it('are those of the spec that ran, if it is the same', () => {
    expect(place({ kind: 'same' }, about(11, 'run'))).toEqual({ line: 11 });
    expect(place(text(spec), about(11, 'run'))).toEqual({ line: 11 });
  });

  it('are found by the name of the step', () => {
    expect(place(text(moved), about(6, 'make'))).toEqual({ line: 11 });
    expect(place(text(moved), about(11, 'run'))).toEqual({ line: 16 });
  });

  it('are found by the name of the step, whatever its first line is', () => {
    const turned = spec.replace('  - name: run\n    description: Runs.', '\n\n  - description: Runs.\n    name: run');
    expect(place(text(turned), about(11, 'run'))).toEqual({ line: 13 });
    const twice = `${spec}  - name: make\n    description: x\n    run: {cmd: x}\n`;
    expect(place(text(`\n${twice}`), about(6, 'make'))).toEqual({ line: 7 });
  });

  it('are found by what the line says, if it is about no step, and says that once', () => {
    expect(place(text(moved), about(14))).toEqual({ line: 19 });
    expect(place(text(moved), about(8))).toMatchObject({ line: 1 });
    expect(place(text(moved), about(10))).toMatchObject({ line: 1 });
  });

  it('are the first, with a word about it, for what is not there', () => {
    const without = spec.replace('- name: run', '- name: walk');
    expect(place(text(without), about(11, 'run'))).toEqual({
      line: 1,
      note: 'Line 11 of the spec that ran; the spec at this commit does not have it',
    });
    expect(place({ kind: 'unknown' }, about(11, 'run'))).toMatchObject({
      line: 1,
      note: expect.stringMatching('Line 11'),
    });
  });

  it('are none if there is no such file', () => {
    expect(place({ kind: 'absent' }, about(11, 'run'))).toBeUndefined();
  });

  it('are the first for a text that is no spec', () => {
    for (const odd of ['', '{', '- a', 'study: 3', 'study:\n  - name: [run]\n', '\u0000']) {
      expect(place(text(odd), about(11, 'run'))).toMatchObject({ line: 1 });
    }
  });
});
