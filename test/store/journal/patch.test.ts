import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyPatch, cloneRecord, diffRecord, isWorthNoting } from '../../../src/store/journal/patch.js';
import { type JobRecord, newRecord } from '../../../src/study/state.js';
import { stepRecords, successions } from './arbitrary-records.js';

const job = (attempt: number, fields: Partial<JobRecord> = {}): JobRecord => ({
  attempt,
  script: 'main',
  id: '',
  place: '',
  isDoubtful: false,
  submitted: 1,
  started: null,
  ended: null,
  result: null,
  ...fields,
});

describe('a patch', () => {
  it('is not there if nothing changed', () => {
    fc.assert(
      fc.property(stepRecords(), (record) => {
        expect(diffRecord(record, cloneRecord(record))).toBeUndefined();
      }),
    );
  });

  it('makes of the record before, by way of JSON, the one after', () => {
    fc.assert(
      fc.property(successions, ([before, after]) => {
        const patch = diffRecord(before, after);
        const copy = structuredClone(before);
        if (patch !== undefined) applyPatch(copy, JSON.parse(JSON.stringify(patch)));
        expect(copy).toEqual(after);
      }),
    );
  });

  it('has only the fields that changed, and a job only if it is new or changed', () => {
    const before = { ...newRecord(), jobs: [job(1, { ended: 5, result: 'failed' }), job(2, { id: '7' })] };
    const after = { ...cloneRecord(before), state: 'RUNNING' as const, started: 9 };
    after.jobs[1]!.started = 9;
    after.jobs.push(job(3));
    expect(diffRecord(before, after)).toEqual({
      state: 'RUNNING',
      started: 9,
      jobs: [{ attempt: 2, started: 9 }, job(3)],
    });
  });

  it('changes the record that is given, and shares nothing with it', () => {
    const record = newRecord();
    const patch = { state: 'PENDING' as const, jobs: [job(1)] };
    expect(applyPatch(record, patch)).toBe(record);
    record.jobs[0]!.id = '8';
    expect(patch.jobs[0]!.id).toBe('');
  });

  it('has what is to blame for a job, and its nodes, which journals of earlier versions lack', () => {
    const more = { blame: { cause: 'node', isOfSpec: false }, nodes: ['n1'], excluded: ['n2'] } as const;
    const [before, after] = [
      { ...newRecord(), jobs: [job(1)] },
      { ...newRecord(), countedFrom: 2, jobs: [job(1, more)] },
    ];
    const patch = diffRecord(before, after)!;
    expect(patch).toEqual({ countedFrom: 2, jobs: [{ attempt: 1, ...more }] });
    const read = applyPatch({ ...newRecord(), jobs: [job(1)] }, JSON.parse(JSON.stringify(patch)));
    expect(read).toEqual(after);
    expect(diffRecord(after, cloneRecord(after))).toBeUndefined();
  });

  it('leaves out what this program does not know', () => {
    const patch = JSON.parse(
      '{"state":"PENDING","mood":"good","__proto__":{"reason":"x"},"jobs":[{"attempt":1,"x":1}]}',
    );
    const record = applyPatch(newRecord(), patch);
    expect(record).toEqual({ ...newRecord(), state: 'PENDING', jobs: [job(1, { submitted: 0 })] });
  });

  it.each([0, -1, 2, 1.5, '1'])('is refused if it names attempt %j of a step without attempts', (attempt) => {
    expect(() => applyPatch(newRecord(), { jobs: [{ attempt: attempt as number }] })).toThrow(
      new RangeError(`attempt ${attempt} cannot follow 0 attempts`),
    );
  });

  it('is worth noting unless all it says is that a job is queued or finishing', () => {
    expect(isWorthNoting({ state: 'QUEUED' })).toBe(false);
    expect(isWorthNoting({ state: 'FINISHING' })).toBe(false);
    expect(isWorthNoting({ state: 'RUNNING' })).toBe(true);
    expect(isWorthNoting({ state: 'QUEUED', reason: '' })).toBe(true);
    expect(isWorthNoting({ state: 'QUEUED', jobs: [{ attempt: 1, id: '7' }] })).toBe(true);
    expect(isWorthNoting({ reason: 'because' })).toBe(true);
  });
});

describe('a copy of a record', () => {
  it('says the same and shares nothing', () => {
    const record = { ...newRecord(), jobs: [job(1)] };
    const copy = cloneRecord(record);
    expect(copy).toEqual(record);
    copy.jobs[0]!.ended = 3;
    copy.jobs.push(job(2));
    expect(record.jobs).toEqual([job(1)]);
  });
});
