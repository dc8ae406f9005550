import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TerminalLog, type TextStream } from '../../../src/util/log/terminal-log.js';
import { hostileText } from '../../support/hostile.js';

class Captured implements TextStream {
  text = '';
  readonly isTTY: boolean;
  readonly columns: number;
  constructor(isTTY = false, columns = 80) {
    this.isTTY = isTTY;
    this.columns = columns;
  }
  write(text: string): void {
    this.text += text;
  }
}

const at = { file: 'study.yaml', line: 3, column: 5 };

describe('the log of a pipe', () => {
  function pipe() {
    const [out, err] = [new Captured(), new Captured()];
    return { out, err, log: new TerminalLog(out, err) };
  }

  it('has results on stdout and what is wrong on stderr', () => {
    const { out, err, log } = pipe();
    log.phase('Run');
    log.info('ran');
    log.problem({ severity: 'warning', at, message: 'odd', hint: 'mend it' });
    log.problem({ severity: 'error', at, message: 'wrong' });
    log.error('lost');
    log.warning('careful');
    log.error('no input\nsee a.log', { at, title: 's1 FAILED: exit 3' });
    log.endPhase();
    expect(out.text).toBe('ran\n');
    expect(err.text).toBe(
      'study.yaml:3:5: warning: odd (mend it)\n' +
        'study.yaml:3:5: wrong\n' +
        'error: lost\n' +
        'warning: careful\n' +
        'study.yaml:3: error: s1 FAILED: exit 3\n    no input\n    see a.log\n',
    );
  });

  it('has no live line', () => {
    const { out, err, log } = pipe();
    log.live(() => 'alive');
    log.info('ran');
    log.live(undefined);
    expect([out.text, err.text]).toEqual(['ran\n', '']);
  });

  it('has no control characters, whatever is said', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const { out, err, log } = pipe();
        log.info(text);
        log.error(text, { at: { ...at, file: text }, title: text });
        log.warning(text);
        log.problem({ severity: 'error', at, message: text, hint: text });
        expect(out.text + err.text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029]/);
      }),
    );
  });
});

describe('the log of a terminal', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const erase = '\r\u001b[K';

  function terminal(columns = 80) {
    const [out, err] = [new Captured(true, columns), new Captured(true, columns)];
    return { out, err, log: new TerminalLog(out, err) };
  }

  it('has a last line that is kept up to date, and is gone at the end', () => {
    const { err, log } = terminal();
    let count = 0;
    log.live(() => `${++count} done`);
    vi.advanceTimersByTime(600);
    expect(err.text.endsWith(`${erase}2 done`)).toBe(true);
    log.live(undefined);
    expect(err.text.endsWith(erase)).toBe(true);
    const before = err.text;
    vi.advanceTimersByTime(1000);
    expect(err.text).toBe(before);
  });

  it('is not drawn by every event', () => {
    const { err, log } = terminal();
    for (let i = 0; i < 1000; i++) log.live(() => `${i}`);
    vi.advanceTimersByTime(300);
    expect(err.text.split(erase).length).toBeLessThan(5);
    log.live(undefined);
  });

  it('makes room for other lines, and comes back below them', () => {
    const { out, err, log } = terminal();
    log.live(() => 'alive');
    vi.advanceTimersByTime(300);
    err.text = '';
    log.info('ran');
    expect(out.text).toBe('ran\n');
    expect(err.text).toBe(`${erase}${erase}alive`);
    log.live(undefined);
  });

  it('is cut to the width of the terminal, and is one line', () => {
    const { err, log } = terminal(10);
    log.live(() => 'a line that\nis too long');
    vi.advanceTimersByTime(300);
    expect(err.text).toBe(`${erase}a line th`);
    log.live(undefined);
  });
});
