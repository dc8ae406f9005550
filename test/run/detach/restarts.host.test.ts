import { mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Blame } from '../../../src/causes/cause.js';
import { type Interruption, interruptions } from '../../../src/causes/interruption.js';
import { collectStudies, unpublished } from '../../../src/run/detach/collect.js';
import { registrationSchema, writeRegistration } from '../../../src/run/detach/registration.js';
import { goesOnByItself } from '../../../src/run/detach/unbegun.js';
import type { Entry } from '../../../src/store/journal/records.js';
import { lookAtStudy, type StudySight } from '../../../src/store/look/look.js';
import { beginning, journalOf, leaseOf, writeStudy } from '../../support/existing.js';
import { plainHost } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { isAlive, until } from '../../support/wait.js';

const token = 'a'.repeat(32);
const allocation = { kind: 'slurm', id: '7', jobName: 'nodes', cluster: undefined, flux: '', fluxVersion: '' } as const;

/** Bash of a conductor that drives the study, and what it does then. */
const driving = (then = '') =>
  `seq=$(wc -l < journal.jsonl) fence=$((seq + 1))\n: > fences/$fence\n` +
  `printf '{"seq":%d,"fence":%d,"at":${beginning},"type":"open","holder":{"machine":"login7","pid":4711}}\\n' $fence $fence >> journal.jsonl\n${then}`;
const says = (state: object) => `echo '${JSON.stringify(state)}' > "$start/state.json"\n`;
const fails = says({ state: 'failed', reasons: ['no queue has 512 nodes'] });

const runs: Entry = { type: 'steps', steps: { 0: { state: 'RUNNING' } } };

/** A study of two steps that was detached, whose conductor is gone, and which collectors may start again. */
class Left {
  readonly root = temporaryDirectory();
  readonly path = path.join(this.root, 'study');
  readonly warnings: string[] = [];
  /** What it was blamed on when it was reported. */
  blame: Blame | null | undefined;

  /** @param conductor bash of one that is started again */
  constructor(conductor: string, ...journal: readonly Entry[]) {
    writeStudy(this.path, journalOf([{ name: 'run' }, { name: 'then' }], ...journal), leaseOf());
    this.start(token, 100);
    // It was left long ago, and begun after that.
    for (const file of ['lease', 'journal.jsonl']) utimesSync(path.join(this.path, '.conductor', file), 101, 101);
    this.conductor = conductor;
  }

  /** Leaves a start. @param at when, in seconds; the journal was written last at 101 */
  start(named: string, at: number): void {
    const start = path.join(this.path, '.conductor/detached', named);
    mkdirSync(start, { recursive: true });
    for (const file of ['order.json', 'secrets.json']) writeFileSync(path.join(start, file), '{}');
    utimesSync(path.join(start, 'order.json'), at, at);
  }

  set conductor(text: string) {
    writeFileSync(
      path.join(this.root, 'node'),
      `#!/bin/bash\nif [ "$1" = -p ]; then echo 22.0.0; exit; fi\ncd "$3/.conductor"; echo >> conducted; start=detached/$4\n${text}`,
      { mode: 0o755 },
    );
  }

  /** How often its conductor was started again. */
  get restarts(): number {
    try {
      return readFileSync(path.join(this.path, '.conductor/conducted'), 'utf8').length;
    } catch {
      return 0;
    }
  }

  /** Waits until the conductor that was started last is gone. */
  async conductorsEnd(): Promise<void> {
    const started = readFileSync(path.join(this.path, '.conductor/detached', token, 'started'), 'utf8');
    const pid = Number(started.trim().split(' ').at(-1));
    await until('the conductor is gone', () => !isAlive(pid));
  }

  /** Its last conductor has said nothing of a failure. */
  forgetFailure(): void {
    rmSync(path.join(this.path, '.conductor/detached', token, 'state.json'));
  }

  async sight(): Promise<StudySight> {
    return (await lookAtStudy(plainHost(), this.path)) as StudySight;
  }

  async collect() {
    const host = plainHost();
    const none = () => {};
    const log = {
      ...{ phase: none, endPhase: none, info: none, live: none, problem: none, error: none },
      warning: (line: string) => void this.warnings.push(line),
    };
    const about = { repository: '', sha: '', checkRun: null, runUrl: '' };
    const registration = registrationSchema.parse({ ...about, version: 1, token, studyPath: this.path, started: 1 });
    await writeRegistration(host, this.root, registration);
    utimesSync(path.join(this.root, `.conductor/detached/${token}.json`), 100, 100);
    const [collected] = await collectStudies({
      ...{ host, root: this.root, log, isWanted: () => true, node: path.join(this.root, 'node') },
      ...{ baseline: undefined, publisher: unpublished },
      reportPlace: () => ({ path: path.join(this.root, 'report'), untrusted: [] }),
      report: { path: '', collect: [], slowerThan: 0, onInfrastructure: 'fail' } as never,
    });
    if (collected?.state === 'over') {
      this.blame = collected.outcome.results.blame;
      return `over ${collected.outcome.results.status}`;
    }
    if (collected?.state === 'lost') return `lost: ${collected.why}`;
    return collected?.state === 'runs' && collected.isRestarted ? 'restarted' : collected?.state;
  }
}

describe('a detached study whose conductor is gone', () => {
  const limits: readonly [Interruption, string, ...Entry[]][] = [
    ['time-over', 'its `timeout-minutes`, or the time of the job that drove it, was up'],
    ['waited-too-long', 'nothing began to run within `max-wait`'],
    ['allocation-refused', 'its allocation was refused'],
    [
      'allocation-over',
      'the allocation or Flux instance of its jobs ended',
      { type: 'allocation', number: 1, allocation: { ...allocation, studyPath: '/p', number: 1 } },
    ],
  ];
  it.each(limits)(
    'is reported, and not begun anew, if it ended by a limit of its own: %s',
    async (kind, why, ...more) => {
      const study = new Left(fails, ...more, runs, { type: 'end', status: 'INTERRUPTED', interruption: kind });
      expect(await study.collect()).toBe('over INTERRUPTED');
      expect(study.restarts).toBe(0);
      expect(study.blame).toEqual(interruptions[kind]);
      expect(study.warnings.join('\n')).toContain(
        `will not be continued automatically: ${why}; \`resume ${study.path}\` continues it`,
      );
    },
  );

  it.each(['allocation-over', 'left', 'scheduler-lost'] as const)(
    'goes on if it was left for another reason: %s',
    async (kind) => {
      const study = new Left(driving(says({ state: 'runs', words: 'its steps have begun' })), {
        ...{ type: 'end', status: 'INTERRUPTED', interruption: kind },
      });
      expect(await study.collect()).toBe('restarted');
    },
  );

  it('is reported with the words of its conductor once three in a row have failed', async () => {
    const study = new Left(driving(fails));
    for (let i = 0; i < 3; i++) expect(await study.collect()).toBe('lost: no queue has 512 nodes');
    expect(await study.collect()).toBe('over INTERRUPTED');
    expect(study.restarts).toBe(3);
    expect(study.warnings.join('\n')).toContain('its conductor failed 3 times: no queue has 512 nodes');
    // Nobody begins that start again.
    expect(readdirSync(path.join(study.path, '.conductor/detached', token))).not.toContain('secrets.json');
    expect(await goesOnByItself(plainHost(), study.root, await study.sight())).toBeUndefined();
  });

  it('is blamed on its conductors then, whatever the journal said before, and whatever happened to its steps', async () => {
    const ended = { type: 'end', status: 'INTERRUPTED', interruption: 'scheduler-lost' } as const;
    const lost: Entry = { type: 'steps', steps: { 0: { state: 'HWFAILURE', ended: 7 } } };
    for (const journal of [[runs, ended], [runs], [lost, ended]]) {
      const study = new Left(fails, ...journal);
      for (let i = 0; i < 3; i++) expect(await study.collect()).toMatch('lost');
      expect(await study.collect()).toBe('over INTERRUPTED');
      expect(study.blame).toEqual({ cause: 'submission', isOfSpec: true });
    }
  });

  it('is reported as well if they say at first that they wait for an allocation, or never come to drive it', async () => {
    const waits = says({ state: 'runs', words: 'it waits for its allocation' });
    for (const conductor of [driving(`${waits}sleep 0.5\n${fails}`), waits]) {
      const study = new Left(conductor);
      for (let i = 0; i < 3; i++) {
        expect(await study.collect()).toBe('restarted');
        await study.conductorsEnd();
      }
      expect(await study.collect()).toBe('over INTERRUPTED');
      expect(study.restarts).toBe(3);
    }
  });

  it('goes on with its last start if that never began, whatever the journal said before, also if another one is being left', async () => {
    const study = new Left(driving(says({ state: 'runs', words: 'its steps have begun' })), {
      ...{ type: 'end', status: 'FAILURE' },
    });
    study.start(token, 200);
    // Not registered: its files are still being sent, or whoever sent them is gone.
    study.start('b'.repeat(32), 300);
    expect(await study.collect()).toBe('restarted');
  });

  it('goes on as often as it must if they are killed', async () => {
    const study = new Left(driving(says({ state: 'runs', words: 'its steps have begun' })));
    for (let i = 0; i < 5; i++) {
      expect(await study.collect()).toBe('restarted');
      await study.conductorsEnd();
    }
  });

  it('goes on if steps came to their ends between the failures', async () => {
    const study = new Left(driving(fails));
    for (let i = 0; i < 3; i++) expect(await study.collect()).toMatch('lost');
    study.conductor = driving(
      `printf '{"seq":%d,"fence":%d,"at":${beginning},"type":"steps","steps":{"0":{"state":"FINISHED","ended":7}}}\\n' $((fence + 1)) $fence >> journal.jsonl\n${fails}`,
    );
    // Nobody has seen that one fail.
    study.forgetFailure();
    expect(await study.collect()).toMatch('lost');
    study.conductor = driving(fails);
    for (let i = 0; i < 2; i++) expect(await study.collect()).toMatch('lost');
    expect(await study.collect()).toBe('over INTERRUPTED');
  });

  it('is reported at once if another one comes to the end as it is started', async () => {
    const end = `printf '{"seq":%d,"fence":%d,"at":${beginning},"type":"end","status":"FINISHED"}\\n' $((fence + 1)) $fence >> journal.jsonl\n`;
    const study = new Left(driving(`${end}${says({ state: 'ended', status: 'FINISHED' })}`));
    expect(await study.collect()).toBe('over FINISHED');
  });
});
