import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readHistory } from '../../src/history/record.js';
import { readHistoryFiles, writeHistoryFile } from '../../src/run/figures/history-files.js';
import { recordOf } from '../../src/run/figures/record.js';
import { chanceOf } from '../support/crash/chance.js';
import { NightlyStudy, type Printed } from '../support/figures.js';
import { plainHost } from '../support/hosts.js';
import { ran } from '../support/results.js';

const time = "time: {pattern: 'time = (\\S+)', unit: s, better: lower, reference: {SIZE=10: 3}}";

/** What was found, by instance. */
const valuesOf = (results: Awaited<ReturnType<NightlyStudy['judge']>>) =>
  Object.fromEntries(
    results.metrics!.map(({ step, verdict: { value, verdict, reason } }) => [step.name, [value, verdict, reason]]),
  );

describe('the metrics of a study', () => {
  it('are read from the outputs of what FINISHED, and a regression fails a study that FINISHED', async () => {
    const study = new NightlyStudy();
    const results = study.results([
      { size: 10, says: 'begin\ntime = 2 s\ntime = 3.3 s\nend\n' },
      { size: 20, says: 'time = 7 s\n' },
    ]);
    const judged = await study.judge(results, time);
    expect(judged).toMatchObject({ status: 'FAILURE', blame: { cause: 'code', isOfSpec: true } });
    expect(valuesOf(judged)).toEqual({
      'run_SIZE.10': [3.3, 'worse', '10 % above the reference 3 (at most 3.15)'],
      'run_SIZE.20': [7, 'recorded', ''],
    });
    expect(judged.metrics![0]!.verdict).toMatchObject({ line: 'time = 3.3 s', severity: 'failure', reference: 3 });
    expect(judged.steps.map(({ record }) => record.state)).toEqual(['FINISHED', 'FINISHED']);
  });

  it('leave a study FINISHED that only warns, or has its value', async () => {
    const study = new NightlyStudy();
    const warned = time.replace('}}', '}, on-regression: warn}');
    expect(await study.judge(study.results([{ size: 10, says: 'time = 3.3' }]), warned)).toMatchObject({
      status: 'FINISHED',
      metrics: [{ verdict: { severity: 'warning' } }],
    });
    expect((await study.judge(study.results([{ size: 10, says: 'time = 3' }]), time)).status).toBe('FINISHED');
  });

  it('are none of steps that have not FINISHED, and of a study that was cancelled', async () => {
    const study = new NightlyStudy();
    const failed = { size: 20, says: 'time = 9', record: { state: 'FAILED' as const } };
    const results = { ...study.results([{ size: 10, says: 'time = 3' }, failed]), status: 'FAILURE' as const };
    expect(Object.keys(valuesOf(await study.judge(results, time)))).toEqual(['run_SIZE.10']);
    expect(await study.judge({ ...results, status: 'CANCELLED' }, time)).toMatchObject({ status: 'CANCELLED' });
  });

  it('that the host cannot give are not read, which is one warning and fails nothing', async () => {
    const study = new NightlyStudy();
    const results = study.results([
      { size: 10, says: 'time = 3' },
      { size: 20, says: 'time = 7' },
    ]);
    const host = plainHost('shopt() { [ "$2" != globstar ] || exit 3; builtin shopt "$@"; }');
    const judged = await study.judge(results, `${time}\nmore: {pattern: '(x)', optional: true}`, { host });
    expect(judged).toMatchObject({ status: 'FINISHED' });
    expect(judged.blame ?? null).toBe(null);
    const why = 'cannot read the outputs of steps on this machine: exit 3';
    expect(judged.metrics!.map(({ verdict }) => [verdict.verdict, verdict.severity, verdict.reason])).toEqual([
      ...Array(2).fill(['unread', 'warning', why]),
      ...Array(2).fill(['unread', 'none', why]),
    ]);
    expect(study.warnings).toEqual([`no metric was read, so regressions may go unnoticed: ${why}`]);
  });

  it.each(['host-lost', 'time-over', 'left'] as const)(
    'are not read of a study that was stopped, which has little time or no host left: %s',
    async (interruptionKind) => {
      const study = new NightlyStudy();
      const results = study.results([{ size: 10, says: 'time = 3.3' }]);
      const stopped = { ...results, status: 'INTERRUPTED', interruption: 'why', interruptionKind } as const;
      expect(await study.judge(stopped, time)).toMatchObject({ status: 'INTERRUPTED', metrics: [] });
      expect((await study.judge({ ...results, status: 'INTERRUPTED' }, time)).metrics).toHaveLength(1);
    },
  );

  it.each<[string, readonly string[]]>([
    ['100', ['97', '98', '99', '100']],
    ['f7', ['ƒ2', 'ƒ7']],
  ])('are those of the last attempt, whatever its name: %s', async (last, ids) => {
    const study = new NightlyStudy();
    const [job] = ran(1000).jobs!;
    const jobs = ids.map((id, i) => ({ ...job!, id, attempt: i + 1 }));
    const directory = 'run/SIZE.10';
    const outputs = { stdout: `${directory}/run.${last}.out`, stderr: `${directory}/run.${last}.err` };
    const results = study.results([{ size: 10, says: 'time = 5', outputs, record: { ...ran(1000), jobs } }]);
    for (const id of ids.slice(0, -1)) study.write(`${directory}/run.${id.replace('ƒ', 'f')}.out`, 'time = 1');
    study.write(`${directory}/other.out`, 'time = 4');
    for (const id of Array(5).keys()) study.write(`${directory}/run.${id}.dat`, '');
    const metrics =
      "mean: {file: '*.out', pattern: 'time = (.*)', take: mean}\nlast: {file: '*', pattern: 'time = (.*)'}";
    const judged = await study.judge(results, metrics);
    expect(judged.metrics!.map(({ verdict }) => verdict.value)).toEqual([4.5, 5]);
  });

  it('may be in files of the workspace: of several that match, as if they were one', async () => {
    const study = new NightlyStudy();
    const results = study.results([{ size: 10, says: '' }]);
    study.write('run/SIZE.10/rank0.log', 'ready\nloss 5\nloss 4\n');
    study.write('run/SIZE.10/rank1.log', 'loss 3\nloss 6\n');
    const metrics = ['first', 'last', 'min', 'max', 'mean', 'count']
      .map((take) => `${take}: {file: 'rank*.log', pattern: 'loss (\\d+)', take: ${take}}\n`)
      .join('');
    const judged = await study.judge(results, `${metrics}none: {file: '*.dat', pattern: (x), optional: true}`);
    const values = judged.metrics!.map(({ metric, verdict }) => [metric.name, verdict.value, verdict.line]);
    expect(values).toEqual([
      ['first', 5, 'loss 5'],
      ['last', 6, 'loss 6'],
      ['min', 3, 'loss 3'],
      ['max', 6, 'loss 6'],
      ['mean', 4.5, 'loss 6'],
      ['count', 4, 'loss 6'],
      ['none', null, ''],
    ]);
    expect(judged).toMatchObject({ status: 'FINISHED' });
    expect(judged.metrics!.at(-1)!.verdict).toMatchObject({ verdict: 'missing', reason: "no file matches '*.dat'" });
  });

  it.each<[string, (study: NightlyStudy) => void, string, string, string]>([
    ['the pattern matches nothing', () => {}, "m: {pattern: '(x)'}", 'missing', 'the pattern matches nothing'],
    ['there is no file', () => {}, "m: {file: 'gone', pattern: '(x)'}", 'missing', "no file matches 'gone'"],
    [
      'too many files match',
      (study) => {
        for (let i = 0; i < 9; i++) study.write(`run/SIZE.10/${i}.log`, '1');
      },
      "m: {file: '*.log', pattern: '(1)'}",
      'unreadable',
      "more than 8 files match '*.log'",
    ],
  ])('fail it where %s', async (_, prepare, metrics, verdict, reason) => {
    const study = new NightlyStudy();
    const results = study.results([{ size: 10, says: 'nothing' }]);
    prepare(study);
    const judged = await study.judge(results, metrics);
    expect(judged.status).toBe('FAILURE');
    expect(judged.metrics![0]!.verdict).toMatchObject({ verdict, reason, severity: 'failure' });
  });

  it('fail it where there is no output any more', async () => {
    const study = new NightlyStudy();
    const results = study.results([{ size: 10, says: '', outputs: { stdout: 'gone', stderr: 'gone' } }]);
    const judged = await study.judge({ ...results, path: `${study.path}/gone` }, time);
    expect(valuesOf(judged)).toEqual({ 'run_SIZE.10': [null, 'missing', 'its stdout is not there'] });
  });
});

describe('a history', () => {
  const metrics = "time: {pattern: 'time = (\\S+)', unit: s, better: lower}";
  const says = (value: number) => `time = ${value}\n`;

  it('is what runs have left, one file each; the first has none to compare with', async () => {
    const study = new NightlyStudy();
    const first = await study.judge(study.results([{ size: 10, says: says(3) }], 0), metrics, { night: 0 });
    expect(first.history).toMatchObject({ branch: 'main', runs: 0, changes: [{ change: null }], slower: [] });
    expect(first.metrics![0]!.verdict.verdict).toBe('recorded');
    const second = await study.judge(study.results([{ size: 10, says: says(3.1) }], 1), metrics, { night: 1 });
    expect(second.history).toMatchObject({ runs: 1 });
    expect(second.history!.values).toEqual({
      time: { 'run_SIZE.10': [{ commit: 'a'.repeat(39) + '0', ended: first.ended, value: 3 }] },
    });
    const [directory] = readdirSync(study.root);
    expect(readdirSync(path.join(study.root, directory!))).toHaveLength(2);
    expect(study.warnings).toEqual([]);
  });

  it('says whether the run before was bad, of which nothing is known at first', async () => {
    const study = new NightlyStudy();
    const night = async (i: number, status: 'FINISHED' | 'INTERRUPTED') => {
      const results = { ...study.results([{ size: 10, says: says(3) }], i), status };
      return (await study.judge(results, metrics, { night: i })).history;
    };
    expect(await night(0, 'INTERRUPTED')).not.toHaveProperty('wasBad');
    // What did not come to its end is nothing to compare with.
    expect(await night(1, 'FINISHED')).toMatchObject({ wasBad: true, runs: 0 });
    expect(await night(2, 'FINISHED')).toMatchObject({ wasBad: false, runs: 1 });
  });

  it('of a branch is read by a pull request, which adds nothing to it', async () => {
    const study = new NightlyStudy();
    await study.judge(study.results([{ size: 10, says: says(3) }], 0), metrics, { night: 0 });
    const pull = { night: 1, isWritten: false, run: { event: 'pull_request' } };
    expect((await study.judge(study.results([{ size: 10, says: says(3) }], 1), metrics, pull)).history!.runs).toBe(1);
    expect((await study.judge(study.results([{ size: 10, says: says(3) }], 2), metrics, pull)).history!.runs).toBe(1);
  });

  it('is one of each branch, and has neither what came later nor the same run twice', async () => {
    const study = new NightlyStudy();
    const night = (i: number) => study.results([{ size: 10, says: says(3) }], i);
    await study.judge(night(5), metrics, { night: 5 });
    expect((await study.judge(night(4), metrics, { night: 4 })).history!.runs).toBe(0);
    // Reported again, as by a second collector.
    await study.judge(night(5), metrics, { night: 5 });
    const [directory] = readdirSync(study.root);
    expect(readdirSync(path.join(study.root, directory!))).toHaveLength(2);
    expect((await study.judge(night(6), metrics, { night: 6, run: { branch: 'other' } })).history!.runs).toBe(0);
    expect((await study.judge(night(7), metrics, { night: 7 })).history!.runs).toBe(2);
  });

  it('has one record of a run, however often that is run again, and it is not compared with itself', async () => {
    const study = new NightlyStudy();
    for (let i = 0; i < 6; i++) {
      await study.judge(study.results([{ size: 10, says: says(3 + (i % 2) / 100) }], i), metrics, { night: i });
    }
    for (let attempt = 1; attempt <= 4; attempt++) {
      const results = study.results([{ size: 10, says: says(3.3) }], 6 + attempt / 100);
      const judged = await study.judge(results, metrics, { night: 6, run: { attempt } });
      expect([judged.metrics![0]!.verdict.verdict, judged.history]).toMatchObject([
        'worse',
        { runs: 6, wasBad: false },
      ]);
    }
    const next = await study.judge(study.results([{ size: 10, says: says(3) }], 7), metrics, { night: 7 });
    expect(next.history!.runs).toBe(7);
  });

  it('says which instances newly fail, are fixed, and run longer than usual', async () => {
    const study = new NightlyStudy();
    const failed = { record: { ...study.results([{ size: 1, says: '' }]).steps[0]!.record, state: 'FAILED' as const } };
    const blamed = (results: ReturnType<NightlyStudy['results']>) => ({
      ...results,
      steps: results.steps.map((step) =>
        step.record.state === 'FAILED' ? { ...step, blame: { cause: 'code' as const, isOfSpec: true } } : step,
      ),
    });
    const night = (i: number, instances: readonly Partial<Printed>[]) =>
      study.judge(
        blamed(
          study.results(
            instances.map((instance, size) => ({ size, says: '', ...instance })),
            i,
          ),
        ),
        "none: {pattern: '(x)', optional: true}",
        { night: i },
      );
    for (let i = 0; i < 6; i++) await night(i, [{}, failed, { time: 60_000 + i }]);
    const { history } = await night(6, [failed, {}, { time: 90_000 }]);
    expect(history!.changes.map(({ name, change }) => [name, change])).toEqual([
      ['run_SIZE.0', 'newly-failing'],
      ['run_SIZE.1', 'fixed'],
      ['run_SIZE.2', null],
    ]);
    expect(history!.changes[0]!.lastPassed!.run.commit).toMatch(/5$/);
    expect(history!.slower).toEqual([{ name: 'run_SIZE.2', time: 90_000, usual: 60_002.5 }]);
  });

  it('shows a regression of 8 % in one instance of 90 after 14 nights with 1 % of noise, and nothing else', async () => {
    const study = new NightlyStudy();
    const chance = chanceOf(8);
    const normal = () => Math.sqrt(-2 * Math.log(1 - chance())) * Math.cos(2 * Math.PI * chance());
    const night = (i: number, slow = 1) =>
      study.judge(
        study.results(
          Array.from({ length: 90 }, (_, size) => ({
            size,
            says: says((1 + size) * (1 + 0.01 * normal()) * (size === 41 ? slow : 1)),
          })),
          i,
        ),
        metrics,
        { night: i },
      );
    for (let i = 0; i < 14; i++) expect((await night(i)).status).toBe('FINISHED');
    const judged = await night(14, 1.08);
    const moved = judged.metrics!.filter(({ verdict }) => verdict.verdict !== 'ok').map(({ step }) => step.name);
    expect(moved).toEqual(['run_SIZE.41']);
    expect(judged.status).toBe('FAILURE');
    expect(judged.metrics![41]!.verdict.reason).toMatch(/^\d\.\d+ % above the median \S+ of 14 runs$/);
  });

  it('leaves out what is torn, foreign or cannot be read, and says so', async () => {
    const study = new NightlyStudy();
    const night = (i: number) => study.judge(study.results([{ size: 10, says: says(3) }], i), metrics, { night: i });
    for (let i = 0; i < 3; i++) await night(i);
    const directory = path.join(study.root, readdirSync(study.root)[0]!);
    const [first, second] = readdirSync(directory).sort();
    writeFileSync(path.join(directory, first!), readFileSync(path.join(directory, first!), 'utf8').slice(0, -30));
    writeFileSync(path.join(directory, second!), '{"some": "thing"}\n');
    writeFileSync(path.join(directory, 'notes.json'), 'not ours');
    expect((await night(4)).history!.runs).toBe(1);
    expect(study.warnings).toEqual([
      `some files of the history in ${directory} on this machine were ignored: ${first} is cut off, ${second} is not a record of a study, notes.json does not have the name of a record`,
    ]);
  });

  it('that cannot be read or written is a warning, and the results are as without one', async () => {
    const study = new NightlyStudy();
    mkdirSync(path.dirname(study.root), { recursive: true });
    writeFileSync(study.root, 'a file');
    const judged = await study.judge(study.results([{ size: 10, says: says(3) }]), metrics);
    expect(judged.history).toMatchObject({ runs: 0 });
    expect(study.warnings).toHaveLength(1);
    expect(study.warnings[0]).toMatch(
      /^this run was not added to the history: cannot add to the history in .*: mkdir: /,
    );
  });

  it('loses no record of two hundred writers at once', async () => {
    const study = new NightlyStudy();
    const directory = path.join(study.root, 'one');
    const results = study.results([{ size: 10, says: '' }]);
    const records = Array.from({ length: 200 }, (_, i) => recordOf(results, { ...study.run, url: `run ${i}` })!);
    await Promise.all(records.map((record) => writeHistoryFile(plainHost(), directory, record, [])));
    expect(readdirSync(directory).sort()).toEqual(records.map(({ name }) => name).sort());
    for (const { name, text } of records) expect(readFileSync(path.join(directory, name), 'utf8')).toBe(text);
    const { files } = await readHistoryFiles(plainHost(), directory);
    const read = readHistory(files);
    expect(read.skipped).toEqual([]);
    expect(read.records).toHaveLength(60);
  });

  it('has 400 records at most, and nothing that a killed writer has left', async () => {
    const study = new NightlyStudy();
    const directory = path.join(study.root, 'one');
    mkdirSync(directory, { recursive: true });
    const names = Array.from({ length: 402 }, (_, i) => `20260101T00000${String(i).padStart(4, '0')}Z-a.json`);
    for (const name of names) writeFileSync(path.join(directory, name), '{}\n');
    writeFileSync(path.join(directory, `${names[0]}.abc.17`), 'half');
    const { toRemove } = await readHistoryFiles(plainHost(), directory);
    expect(toRemove).toEqual(names.slice(0, 2));
    const longAgo = new Date(Date.now() - 2 * 86_400_000);
    utimesSync(path.join(directory, `${names[0]}.abc.17`), longAgo, longAgo);
    await writeHistoryFile(plainHost(), directory, { name: '20270101T000000000Z-b.json', text: '{}\n' }, toRemove);
    expect(readdirSync(directory)).toHaveLength(401);
    expect(readdirSync(directory).filter((name) => !name.endsWith('.json'))).toEqual([]);
  });
});
