import { describe, expect, it } from 'vitest';
import { KeptLog } from '../../../src/util/log/kept-log.js';
import { TerminalLog } from '../../../src/util/log/terminal-log.js';

const at = { file: 'study.yaml', line: 3, column: 5 };

describe('the log that a study keeps', () => {
  it('has all that is said, each with its time, and passes it on', () => {
    let shown = '';
    const stream = { write: (text: string) => (shown += text) };
    let now = Date.UTC(2026, 0, 31, 23, 59, 59, 7);
    const log = new KeptLog(new TerminalLog(stream, stream), () => now++);
    log.phase('Run');
    log.info('ran \u001b[31mred');
    log.problem({ severity: 'warning', at, message: 'odd' });
    log.error('no input\nsee a.log', { at, title: 's1 FAILED: exit 3' });
    log.warning('careful');
    log.endPhase();
    expect(log.text).toBe(
      '2026-01-31T23:59:59.007Z -- Run\n' +
        '2026-01-31T23:59:59.008Z ran red\n' +
        '2026-01-31T23:59:59.009Z study.yaml:3:5: warning: odd\n' +
        '2026-01-31T23:59:59.010Z error: s1 FAILED: exit 3\n' +
        '2026-01-31T23:59:59.011Z warning: careful\n',
    );
    expect(shown).toBe(
      'ran red\nstudy.yaml:3:5: warning: odd\n' +
        'study.yaml:3: error: s1 FAILED: exit 3\n    no input\n    see a.log\nwarning: careful\n',
    );
  });
});
