import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { diffRecord } from '../../../src/store/journal/patch.js';
import type { Endpoint, Entry, JournalState, PlannedStep, StepPatch } from '../../../src/store/journal/records.js';
import { JournalError, replay, serialize } from '../../../src/store/journal/replay.js';
import { newRecord } from '../../../src/study/state.js';
import { stepRecords } from './arbitrary-records.js';

const study: Entry = { type: 'study', version: 1, key: 'k', name: 'demo' };
const holder = { machine: 'login1', pid: 42 };
const open: Entry = { type: 'open', holder };

function planned(name: string, record: StepPatch = {}): PlannedStep {
  return { name, workspace: `${name}.d`, scheduled: true, script: 's', dependencies: 'd', record };
}

const plan = (...names: string[]): Entry => ({ type: 'plan', flux: '', steps: names.map((name) => planned(name)) });
const patch = (index: number, what: StepPatch): Entry => ({ type: 'steps', steps: { [index]: what } });

/** The text of a journal of one driver, whose records are a second apart. */
function journal(entries: readonly Entry[], fence = 1, first = 1): string {
  return entries.map((entry, i) => serialize({ seq: first + i, fence, at: (first + i) * 1000 }, entry)).join('');
}

const stateOf = (...entries: Entry[]): JournalState => replay(journal([study, ...entries]));

const inFlight: StepPatch = { state: 'RUNNING', submitted: 1, jobs: [{ attempt: 1, id: '7', submitted: 1 }] };

describe('a line of a journal', () => {
  it('is one line, its number first, whatever it says', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (reason) => {
        const line = serialize({ seq: 7, fence: 2, at: 5 }, { type: 'cancel', reason });
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(line).toMatch(/^\{"seq":7,"fence":2,"at":5,"type":"cancel"/);
        expect(JSON.parse(line).reason).toBe(reason);
      }),
    );
  });
});

describe('what a journal says', () => {
  const nothing = {
    key: '',
    name: '',
    seq: 0,
    fence: 0,
    isTorn: false,
    plan: undefined,
    records: [],
    former: new Map(),
    obsolete: [],
    isStaged: false,
    cancelReason: undefined,
    limits: {},
    answers: [],
    formerWorkspaces: new Set(),
    allocation: undefined,
    allocations: 0,
    endpoints: [],
    opened: undefined,
    ended: undefined,
  };

  it('is nothing if it is empty', () => expect(replay('')).toEqual(nothing));

  it('is nothing if it does not say whose study it is', () => {
    expect(replay('{"seq":1,"fen')).toEqual({ ...nothing, isTorn: true });
    expect(replay(journal([open]))).toEqual(nothing);
  });

  it('begins with whose study it is; the last word on that counts', () => {
    expect(replay(journal([study], 0))).toEqual({ ...nothing, key: 'k', name: 'demo', seq: 1 });
    expect(stateOf({ type: 'study', version: 1, key: 'other', name: 'new' })).toMatchObject({
      key: 'other',
      name: 'new',
    });
  });

  it('has the steps of the last plan, with all that was told of them since', () => {
    const {
      plan: read,
      records,
      seq,
    } = stateOf(
      plan('old'),
      { type: 'plan', flux: '0.88.0', steps: [planned('a'), planned('b', { state: 'FINISHED', ended: 3 })] },
      patch(0, { state: 'PENDING', submitted: 4, jobs: [{ attempt: 1, submitted: 4 }] }),
      { type: 'steps', steps: { 0: { state: 'RUNNING', jobs: [{ attempt: 1, id: 'ƒ1' }] }, 1: { tolerated: true } } },
    );
    const { record: _, ...a } = planned('a');
    expect(read).toEqual({ flux: '0.88.0', steps: [a, { ...a, name: 'b', workspace: 'b.d' }] });
    expect(records[0]).toMatchObject({
      state: 'RUNNING',
      submitted: 4,
      jobs: [{ attempt: 1, id: 'ƒ1', submitted: 4 }],
    });
    expect(records[1]).toEqual({ ...newRecord(), state: 'FINISHED', ended: 3, tolerated: true });
    expect(seq).toBe(5);
  });

  it('keeps the records that were planned, whatever they were', () => {
    fc.assert(
      fc.property(fc.array(stepRecords(), { maxLength: 4 }), (records) => {
        const steps = records.map((record, i) => planned(`s${i}`, diffRecord(newRecord(), record) ?? {}));
        expect(stateOf({ type: 'plan', flux: '', steps }).records).toEqual(records);
      }),
    );
  });

  it('is that the files are there, until there is another plan', () => {
    expect(stateOf(plan('a')).isStaged).toBe(false);
    expect(stateOf(plan('a'), { type: 'staged' }).isStaged).toBe(true);
    expect(stateOf(plan('a'), { type: 'staged' }, plan('a')).isStaged).toBe(false);
  });

  it('remembers the jobs of workspaces that the plan does not have any more', () => {
    const gone = stateOf(plan('a', 'b'), patch(1, inFlight), plan('a'));
    expect([...gone.former]).toEqual([['b.d', [expect.objectContaining({ attempt: 1, id: '7' })]]]);
    expect([...stateOf(plan('a', 'b'), patch(1, inFlight), plan('a'), plan('b')).former]).toEqual([]);
  });

  it('remembers the jobs that may run and that no step has, until it is noted that they were ended', () => {
    const gone = [plan('a', 'b'), patch(0, inFlight), patch(1, inFlight), plan('a')];
    const theirs = (name: string) =>
      expect.objectContaining({ step: name, workspace: `${name}.d`, attempt: 1, id: '7' });
    expect(stateOf(...gone).obsolete).toEqual([theirs('a'), theirs('b')]);
    expect(stateOf(...gone, plan()).obsolete).toEqual([theirs('a'), theirs('b')]);
    const kept: Entry = { type: 'plan', flux: '', steps: [planned('a', inFlight)] };
    expect(stateOf(...gone, kept).obsolete).toEqual([theirs('b')]);
    const [other, one] = [
      { workspace: 'b.d', attempt: 2 },
      { workspace: 'b.d', attempt: 1 },
    ];
    expect(stateOf(...gone, { type: 'discarded', jobs: [other] }).obsolete).toEqual([theirs('a'), theirs('b')]);
    expect(stateOf(...gone, { type: 'discarded', jobs: [other, one] }).obsolete).toEqual([theirs('a')]);
  });

  it('has no job that is over among those', () => {
    const over = patch(0, { state: 'FINISHED', ended: 3, jobs: [{ attempt: 1, ended: 3, result: 'completed' }] });
    expect(stateOf(plan('a'), patch(0, inFlight), over, plan('b')).obsolete).toEqual([]);
  });

  it('is which workspaces only earlier plans had, whether anything ran in them or not', () => {
    const workspaces = (...entries: readonly Entry[]) =>
      [...stateOf(...entries).formerWorkspaces].map((workspace) => workspace.replace('.d', ''));
    expect(workspaces(plan('a', 'b'), plan('b'))).toEqual(['a']);
    expect(workspaces(plan('a', 'b'), plan('b'), open, plan('c'))).toEqual(['a', 'b']);
    expect(workspaces(plan('a', 'b'), plan('b'), plan('a'))).toEqual(['b']);
  });

  it('is what generators gave, the last of each question, until a version plans that does not know of them', () => {
    const generated = (file: string, value: string): Entry => ({
      type: 'generated',
      question: { file, arguments: 'a', environment: 'e' },
      files: [{ path: 'sizes.py', hash: 'h', isModule: true }],
      parameters: [{ key: 'X', name: 'X', values: [value], labels: [`X.${value}`] }],
    });
    const valuesOf = (...entries: readonly Entry[]) =>
      stateOf(...entries).answers.map(({ question, parameters }) => [question.file, parameters[0]!.values[0]]);
    const current: Entry = { type: 'plan', flux: '', steps: [planned('a')], knowsAnswers: true };
    const earlier: Entry = { type: 'plan', flux: '', steps: [planned('a')] };
    const entries = [generated('f', '1'), current, generated('g', '2'), current, open, generated('f', '3')];
    expect(valuesOf(...entries)).toEqual([
      ['g', '2'],
      ['f', '3'],
    ]);
    expect(valuesOf(...entries, earlier)).toEqual([]);
    expect(valuesOf(...entries, earlier, generated('f', '4'))).toEqual([['f', '4']]);
    expect(stateOf(generated('f', '1')).answers[0]!.at).toBeGreaterThan(0);
  });

  it('is that a study was cancelled, and ended, until the next driver, and that it was given other limits, for good', () => {
    const told: Entry[] = [
      open,
      { type: 'cancel', reason: 'enough' },
      { type: 'limits', throttle: 3 },
      { type: 'limits', throttle: 4, inputs: { throttle: 1, restartLimit: 0 } },
      { type: 'limits', restartLimit: 2 },
      { type: 'end', status: 'CANCELLED' },
    ];
    const limits = {
      throttle: { value: 4, input: 1, at: 5000 },
      restartLimit: { value: 2, input: undefined, at: 6000 },
    };
    expect(stateOf(...told)).toMatchObject({
      cancelReason: 'enough',
      limits,
      opened: { holder, at: 2000 },
      ended: { status: 'CANCELLED', at: 7000 },
    });
    const next = { machine: 'login2', pid: 7, runUrl: 'https://example.org/1' };
    expect(stateOf(...told, { type: 'open', holder: next })).toMatchObject({
      cancelReason: undefined,
      limits,
      opened: { holder: next, at: 8000 },
      ended: undefined,
    });
  });

  it('remembers which jobs the cancellation of an earlier driver left in flight', () => {
    const cancel: Entry = { type: 'cancel', reason: 'enough' };
    const { records } = stateOf(
      plan('a', 'b', 'c'),
      patch(0, inFlight),
      patch(2, { ...inFlight, rerun: 'changed' }),
      cancel,
      open,
    );
    expect(records.map(({ rerun }) => rerun)).toEqual(['cancelled', null, 'changed']);
    expect(stateOf(plan('a'), patch(0, inFlight), open).records[0]!.rerun).toBe(null);
  });

  it('has where jobs were submitted to, in order, and of what there may be more to know later', () => {
    const endpoint = { place: 'ssh://a/run/flux/local', instance: 'a 1.00 x', rank: 0, machine: 'm' };
    const allocation = { kind: 'slurm', id: '7', jobName: 'x', cluster: 'c', flux: 'flux', fluxVersion: '' } as const;
    const other = { ...endpoint, instance: 'b 2.00 y', allocation };
    const entry = (which: Endpoint): Entry => ({ type: 'endpoint', endpoint: which });
    expect(stateOf(entry(endpoint), entry(other)).endpoints).toEqual([endpoint, other]);
    expect(() => stateOf({ type: 'endpoint', endpoint: { place: 'x' } } as unknown as Entry)).toThrow('(endpoint)');
  });

  it('has the allocation that was not given back, and how many there were', () => {
    const job = { kind: 'slurm', id: '9', jobName: 'n', flux: '', fluxVersion: '', studyPath: '/s' } as const;
    const nothing = (number: number): Entry => ({ type: 'allocation', number, allocation: null });
    const described = (number: number) => ({ ...job, cluster: undefined, number });
    const got = (number: number): Entry => ({ type: 'allocation', number, allocation: described(number) });
    expect(stateOf(nothing(1))).toMatchObject({ allocation: undefined, allocations: 1 });
    expect(stateOf(nothing(1), got(1))).toMatchObject({ allocation: described(1), allocations: 1 });
    expect(Object.keys(stateOf(got(1)).allocation!)).toContain('cluster');
    expect(stateOf(got(1), got(4), nothing(4))).toMatchObject({ allocation: undefined, allocations: 4 });
  });

  it('is not changed by records of types that this program does not know, which count all the same', () => {
    const unknown = { type: 'weather', sun: true } as unknown as Entry;
    expect(stateOf(unknown, open)).toEqual({ ...stateOf(open), seq: 3, opened: { holder, at: 3000 } });
  });
});

describe('a journal that several drivers wrote', () => {
  const reasons = (...all: string[]) => all.map((reason): Entry => ({ type: 'cancel', reason }));

  it('is not changed by what a former driver writes after the next', () => {
    const text = journal([study, ...reasons('a')]) + journal(reasons('b'), 2, 3) + journal(reasons('x', 'y'), 1, 3);
    expect(replay(text)).toMatchObject({ cancelReason: 'b', seq: 3, fence: 2 });
  });

  it('goes on from where the next driver had read it', () => {
    const text = journal([study, ...reasons('a', 'x', 'y', 'z')]) + journal([plan('s')], 2, 3);
    expect(replay(text)).toMatchObject({ cancelReason: 'a', seq: 3, plan: { steps: [{ name: 's' }] } });
  });

  it('may repeat records, also after ones that follow them', () => {
    const [a, b, c] = [journal([study]), journal(reasons('b'), 1, 2), journal(reasons('c'), 1, 3)];
    expect(replay(a + b + b + c + b + c)).toEqual(replay(a + b + c));
    expect(replay(a + b + c + b)).toEqual(replay(a + b + c));
    // A block in the middle was lost with an error, so all was written again.
    expect(replay(a + c + b + c)).toEqual(replay(a + b + c));
  });

  it('may lack what a former driver wrote after the next one had read it', () => {
    const text = journal([study]) + journal(reasons('x'), 1, 4) + journal(reasons('b'), 2, 2);
    expect(replay(text)).toMatchObject({ cancelReason: 'b', seq: 2, fence: 2 });
  });

  it('may have lines that nobody can read', () => {
    const text = `\0\0\0\n\n${journal([study])}rubbish\n7\n{"seq":"2","fence":1}\nnull\n${journal(reasons('b'), 1, 2)}\n`;
    expect(replay(text)).toEqual(replay(journal([study, ...reasons('b')])));
  });

  it('may have a record behind the beginning of another on one line', () => {
    const text = `${journal([study])}{"seq":2,"fence":1,"at":3,"ty${journal(reasons('b'), 2, 2)}`;
    expect(replay(text)).toMatchObject({ cancelReason: 'b', seq: 2, fence: 2 });
  });

  it('may be cut anywhere: what is whole counts', () => {
    const lines = [study, open, plan('a', 'ü'), patch(1, inFlight), ...reasons('{"seq":3}\n')].map((entry, i) =>
      journal([entry], 1, i + 1),
    );
    const text = lines.join('');
    for (let end = 0; end <= text.length; end++) {
      const cut = text.slice(0, end);
      const whole = lines.filter(
        (_, i) =>
          lines
            .slice(0, i + 1)
            .join('')
            .trimEnd().length <= end,
      );
      const isTorn = end > 0 && !cut.endsWith('\n');
      expect(replay(cut)).toEqual({ ...replay(whole.join('')), isTorn });
    }
  });

  it('says what the drivers said that had it, whatever was torn, repeated, or written too late', () => {
    const acts = fc.array(
      fc.record({
        kind: fc.constantFrom('write', 'write', 'tear', 'take over', 'late', 'torn late'),
        step: fc.nat({ max: 2 }),
        at: fc.nat(),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(acts, (list) => {
        const truth: Entry[] = [study, plan('a', 'b', 'c')];
        let text = journal(truth);
        let driver = { fence: 1, seq: 2, starts: '' };
        let former = { ...driver };
        const lineOf = (who: typeof driver, entry: Entry) => {
          who.seq += 1;
          return journal([entry], who.fence, who.seq);
        };
        const say = (who: typeof driver, entry: Entry) => {
          text += who.starts + lineOf(who, entry);
          who.starts = '';
        };
        for (const [i, { kind, step, at }] of list.entries()) {
          const entry = patch(step, { reason: `${kind} ${i}` });
          switch (kind) {
            case 'write':
              truth.push(entry);
              say(driver, entry);
              break;
            case 'tear': {
              const line = lineOf(driver, entry);
              text += `${driver.starts}${line.slice(0, at % line.length)}\n${line}`;
              driver.starts = '';
              truth.push(entry);
              break;
            }
            case 'take over': {
              former = driver;
              const { seq, isTorn } = replay(text);
              driver = { fence: former.fence + 1, seq, starts: isTorn ? '\n' : '' };
              // Until the next driver's first record what the former one writes is still taken for true by anyone.
              if (at % 2 === 0) say(former, entry);
              truth.push(open);
              say(driver, open);
              break;
            }
            case 'late':
              if (former.fence < driver.fence) say(former, entry);
              break;
            case 'torn late': {
              if (former.fence === driver.fence) break;
              const line = lineOf(former, entry);
              text += line.slice(0, at % line.length);
            }
          }
        }
        const { key, plan: steps, records } = replay(journal(truth));
        expect(replay(text)).toMatchObject({ key, plan: steps, records, seq: truth.length, fence: driver.fence });
      }),
    );
  });
});

describe('a journal that is damaged', () => {
  const failure = (text: string): string => {
    try {
      replay(text);
    } catch (error) {
      expect(error).toBeInstanceOf(JournalError);
      return (error as Error).message;
    }
    return 'none';
  };
  const hint = '(choose `resume: never` to start over in a new directory; this one stays as it is)';

  it('is one that lacks a record, and says where', () => {
    const entries = [study, open, plan('a'), open];
    const lines = entries.map((entry, i) => journal([entry], 1, i + 1));
    expect(failure([lines[0], lines[1], lines[3]].join(''))).toBe(
      `journal.jsonl:3: the journal is damaged: record 3 is missing before this line ${hint}`,
    );
    expect(failure(lines.slice(1).join(''))).toContain('journal.jsonl:1: the journal is damaged: record 1 is missing');
    expect(failure(lines.slice(0, 3).join(''))).toBe('none');
    expect(failure(lines[0]! + journal([open], 2, 3))).toContain('journal.jsonl:2: the journal is damaged: record 2');
  });

  it.each<[string, unknown, string]>([
    ['patches a step that the plan does not have', patch(1, { reason: 'x' }), ': there is no step 1'],
    ['patches something that is no step', patch('x' as unknown as number, { reason: 'x' }), ': there is no step x'],
    ['leaves out an attempt', patch(0, { jobs: [{ attempt: 2 }] }), ': attempt 2 cannot follow 0 attempts'],
    ['has jobs that are none', { type: 'steps', steps: { 0: { jobs: 7 } } }, ''],
    ['has steps that are none', { type: 'steps', steps: { 0: null } }, ''],
    ['has no steps', { type: 'steps' }, ''],
    ['has a driver without a name', { type: 'open', holder: {} }, ''],
    ['has an unknown end', { type: 'end', status: 'HAPPY' }, ''],
  ])('is one that %s', (_, entry, what) => {
    const { type } = entry as Entry;
    const message = failure(journal([study, plan('a'), entry as Entry]));
    expect(message).toContain(
      `journal.jsonl:3: the journal is damaged: record 3 (${type}) is not as this program writes it${what}`,
    );
    expect(message).toContain(hint);
  });

  it('is not one of a later version, which is told by name', () => {
    expect(failure(journal([{ type: 'study', version: 2, key: 'k', name: 'demo' }]))).toBe(
      'journal.jsonl:1: the journal was written by a later version of this program ' +
        '(use that version, or `resume: never` to start over in a new directory)',
    );
  });
});
