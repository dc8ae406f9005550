import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ActionsLog, type Placing } from '../../../src/util/log/actions-log.js';
import { inert } from '../../../src/util/log/plain-text.js';
import { commandsIn } from '../../support/bundle.js';
import { hostileText } from '../../support/hostile.js';

const at = { file: 'specs/study.yaml', line: 3, column: 5 };

/** What the runner would read while `say` speaks. */
function logged(say: (log: ActionsLog) => void, placing: Placing = 'commands'): string {
  written = '';
  say(new ActionsLog(placing));
  return written;
}

let written = '';

beforeEach(() => {
  // The toolkit writes to the process's own stdout, and nowhere else.
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe('what is wrong on a line of the spec', () => {
  const problem = { severity: 'error', at, message: 'wrong' } as const;

  it('is an annotation of the file as it is in the repository, which need not be the workspace', () => {
    const text = logged((log) => {
      log.placeSpec(at.file, 'study.yaml');
      log.problem(problem);
      log.error('failed', { at, title: 'a' });
      log.problem({ ...problem, at: { ...at, file: "input 'batch'" } });
    });
    expect(commandsIn(text).map(({ properties, message }) => [properties.file, properties.line, message])).toEqual([
      ['study.yaml', '3', 'wrong'],
      ['study.yaml', '3', 'failed'],
      [undefined, undefined, "input 'batch', line 3, column 5: wrong"],
    ]);
  });

  it('is an annotation of no file if the spec is not in the repository, and says where it is', () => {
    for (const placing of ['commands', 'kept'] as const) {
      const text = logged((log) => {
        log.placeSpec(at.file, undefined);
        log.problem(problem);
        log.error('failed', { at, title: 'a' });
        log.annotateKept();
      }, placing);
      expect(commandsIn(text)).toEqual([
        { name: 'error', properties: {}, message: 'specs/study.yaml:3: wrong' },
        { name: 'error', properties: { title: 'a' }, message: 'specs/study.yaml:3: failed' },
      ]);
    }
  });
});

describe('the log of a job', () => {
  it('has a group for each phase, one at a time', () => {
    expect(
      logged((log) => {
        log.phase('Read');
        log.info('one');
        log.phase('Run');
        log.info('two');
        log.endPhase();
        log.endPhase();
        log.info('three');
      }),
    ).toBe('::group::Read\none\n::endgroup::\n::group::Run\ntwo\n::endgroup::\nthree\n');
  });

  it('puts a problem on its place in the spec, with what to do about it', () => {
    const text = logged((log) => {
      log.problem({ severity: 'error', at, message: 'wrong', hint: 'mend it' });
      log.problem({ severity: 'warning', at, message: 'odd: 100%, a,b' });
    });
    const properties = { file: 'specs/study.yaml', line: '3', col: '5' };
    expect(commandsIn(text)).toEqual([
      { name: 'error', properties, message: 'wrong (mend it)' },
      { name: 'warning', properties, message: 'odd: 100%, a,b' },
    ]);
  });

  it('puts a failure on its line, with a title', () => {
    const text = logged((log) => {
      log.error('no input\nsee a.log', { at, title: 's1 FAILED: exit 3, at once' });
      log.warning('careful');
      log.error('lost');
    });
    expect(commandsIn(text)).toEqual([
      {
        name: 'error',
        properties: { file: 'specs/study.yaml', line: '3', title: 's1 FAILED: exit 3, at once' },
        message: 'no input\nsee a.log',
      },
      { name: 'warning', properties: {}, message: 'careful' },
      { name: 'error', properties: {}, message: 'lost' },
    ]);
  });

  it('shows nine annotations of a kind, as GitHub shows ten and the last is for the outcome, and the others as lines', () => {
    const text = logged((log) => {
      for (let i = 1; i <= 12; i++) log.error(`e${i}`, { at, title: 'title' });
      for (let i = 1; i <= 11; i++) log.problem({ severity: 'warning', at, message: `w${i}` });
      log.error('the study failed');
    });
    const shown = commandsIn(text).map(({ message }) => message);
    expect(shown.filter((message) => message.startsWith('e'))).toHaveLength(9);
    expect(shown.filter((message) => message.startsWith('w'))).toHaveLength(9);
    expect(text).toContain('specs/study.yaml:3: error: title: e10\n');
    expect(text).toContain('specs/study.yaml:3: warning: w10\n');
    // That the study failed is said whatever came before.
    expect(shown.at(-1)).toBe('the study failed');
  });

  it('puts nothing on the lines of the spec if that is not wanted', () => {
    const text = logged((log) => {
      log.problem({ severity: 'error', at, message: 'wrong' });
      log.error('lost', { at, title: 's1 FAILED' });
    }, 'lines');
    expect(commandsIn(text)).toEqual([]);
    expect(text).toBe('specs/study.yaml:3: error: wrong\nspecs/study.yaml:3: error: s1 FAILED: lost\n');
  });

  it('cuts what is too long for an annotation', () => {
    const [command] = commandsIn(logged((log) => log.error('m'.repeat(100_000), { at, title: 't'.repeat(1000) })));
    expect(command!.message.length).toBeLessThanOrEqual(4096);
    expect(command!.properties.title!.length).toBeLessThanOrEqual(255);
  });

  for (const annotate of [true, false]) {
    it(`obeys nothing that it is told (${annotate ? 'with' : 'without'} annotations)`, () => {
      fc.assert(
        fc.property(hostileText, (text) => {
          const place = { at, title: text };
          const all = logged(
            (log) => {
              log.phase(text);
              log.info(text);
              log.endPhase();
              log.problem({ severity: 'error', at, message: text, hint: text });
              for (let i = 0; i < 10; i++) log.error(text, place);
              log.warning(text, place);
            },
            annotate ? 'commands' : 'lines',
          );
          const names = commandsIn(all).map(({ name }) => name);
          const annotations = annotate ? [...Array(9).fill('error'), 'warning'] : [];
          expect(names).toEqual(['group', 'endgroup', ...annotations]);
        }),
      );
    });
  }
});

describe('inert text', () => {
  it('reads as before, but is no command', () => {
    expect(inert('::error::x')).toBe(':\u200b:error::x');
    expect(inert('a\n  ::set-env name=a::x')).toBe('a\n  :\u200b:set-env name=a::x');
    expect(inert('x ##[error]y')).toBe('x ##\u200b[error]y');
    expect(inert('a::b # c [d]')).toBe('a::b # c [d]');
  });

  it('has no command whatever it was made of', () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        expect(commandsIn(inert(text))).toEqual([]);
      }),
    );
  });
});

describe('what is wrong on lines of the spec, and is kept', () => {
  const say = (log: ActionsLog) => {
    log.error('exit 3', { at, title: 'run FAILED' });
    log.warning('it never does that', { at, title: 'odd' });
    log.problem({ severity: 'warning', at, message: 'a key twice' });
  };

  it('is lines of the log, until it is known that nobody else shows it', () => {
    const kept = logged(say, 'kept');
    expect(commandsIn(kept)).toEqual([]);
    expect(kept).toContain('specs/study.yaml:3: error: run FAILED: exit 3');
    const annotated = logged((log) => {
      say(log);
      log.annotateKept();
      // Once.
      log.annotateKept();
    }, 'kept');
    expect(commandsIn(annotated).map(({ name }) => name)).toEqual(['error', 'warning', 'warning']);
  });

  it('is no more than GitHub shows then, either', () => {
    const annotated = logged((log) => {
      for (let i = 0; i < 20; i++) log.error(`exit ${i}`, { at, title: `run${i}` });
      log.annotateKept();
    }, 'kept');
    expect(commandsIn(annotated)).toHaveLength(9);
  });

  it('does not keep what is about no line', () => {
    expect(commandsIn(logged((log) => log.warning('the line is bad'), 'kept'))).toHaveLength(1);
  });
});
