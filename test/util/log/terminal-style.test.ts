import { describe, expect, it } from 'vitest';
import { colored, hasColors, hasLiveLine, isForPerson } from '../../../src/util/log/terminal-style.js';

const [screen, pipe] = [{ isTTY: true }, { isTTY: false }];

describe('colours', () => {
  it.each<[string, boolean, Record<string, string>, boolean]>([
    ['a terminal', true, { TERM: 'xterm' }, true],
    ['a terminal of no name', true, {}, true],
    ['a pipe', false, { TERM: 'xterm' }, false],
    ['a dumb terminal', true, { TERM: 'dumb' }, false],
    ['a CI service with a terminal', true, { CI: 'true' }, false],
    ['a terminal where CI is false', true, { CI: 'false' }, true],
    ['a terminal with NO_COLOR', true, { NO_COLOR: '1' }, false],
    ['a terminal with an empty NO_COLOR', true, { NO_COLOR: '' }, true],
    ['a pipe with FORCE_COLOR', false, { FORCE_COLOR: '1' }, true],
    ['a CI service with FORCE_COLOR', false, { CI: 'true', FORCE_COLOR: 'true' }, true],
    ['a terminal with FORCE_COLOR=0', true, { FORCE_COLOR: '0' }, false],
    ['a terminal with both', true, { FORCE_COLOR: '1', NO_COLOR: '1' }, true],
  ])('of %s', (_, isTTY, environment, expected) => {
    expect(hasColors({ isTTY }, environment)).toBe(expected);
  });

  it('are on the words that matter', () => {
    const red = (text: string) => `\u001b[31m${text}\u001b[0m`;
    const green = (text: string) => `\u001b[32m${text}\u001b[0m`;
    const yellow = (text: string) => `\u001b[33m${text}\u001b[0m`;
    const dim = (text: string) => `\u001b[2m${text}\u001b[0m`;
    const bold = (text: string) => `\u001b[1m${text}\u001b[0m`;
    for (const [line, expected] of [
      ['[ 3/12] a b FINISHED 0.1s', `${dim('[ 3/12]')} a b ${green('FINISHED')} 0.1s`],
      ['a    FAILED    0.0s  0  exit 3', `a    ${red('FAILED')}    0.0s  0  exit 3`],
      ['STEP  STATE  TIME', bold('STEP  STATE  TIME')],
      ['Study x CANCELLED in 1s: 2 steps', `Study x ${yellow('CANCELLED')} in 1s: 2 steps`],
      ['ok    bash: 5.2', `${green('ok')}    bash: 5.2`],
      ['FAIL  flux: none', `${red('FAIL')}  flux: none`],
      ['note: -y has no effect', `${dim('note:')} -y has no effect`],
      ['warning: odd', `${yellow('warning:')} odd`],
      ['a.yaml:3:5: wrong', `${bold('a.yaml:3:5:')} wrong`],
      ['a.yaml:3:5: warning: odd', `${bold('a.yaml:3:5:')}${yellow(' warning:')} odd`],
      ['a.yaml:3: error: s1 FAILED: exit 3', `${bold('a.yaml:3:')}${red(' error:')} s1 FAILED: exit 3`],
    ]) {
      expect(colored(line!)).toBe(expected);
    }
  });

  it('are not on what steps say, nor on anything else', () => {
    for (const line of ['    [1/2] a FAILED 1s', '    error: x', 'Reports in /a/b', 'FINISHED', 'an okay line', '']) {
      expect(colored(line)).toBe(line);
    }
  });
});

describe('a last line that is kept up to date', () => {
  it('needs both streams on a terminal that understands it, and a person before it', () => {
    expect(hasLiveLine([screen, screen], {})).toBe(true);
    expect(hasLiveLine([screen, screen], { NO_COLOR: '1' })).toBe(true);
    for (const streams of [
      [screen, pipe],
      [pipe, screen],
      [pipe, pipe],
    ])
      expect(hasLiveLine(streams, {})).toBe(false);
    for (const environment of [{ CI: '1' }, { TERM: 'dumb' }]) {
      expect(hasLiveLine([screen, screen], environment)).toBe(false);
    }
    expect(hasLiveLine([pipe, pipe], { FORCE_COLOR: '1' })).toBe(false);
  });
});

describe('a stream', () => {
  it('is read by a person alone if it is a terminal and not in a workflow', () => {
    expect(isForPerson(screen, { TERM: 'dumb' })).toBe(true);
    expect(isForPerson(pipe, {})).toBe(false);
    for (const environment of [{ CI: 'true' }, { GITHUB_ACTIONS: 'true' }]) {
      expect(isForPerson(screen, environment)).toBe(false);
    }
  });
});
