import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Host } from '../../src/hosts/host.js';
import { chainOf, runFarStudy } from '../support/far-study.js';
import { plainHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';
import { isAlive } from '../support/wait.js';

/** This machine as if it were another one, with the process ids of all commands there. */
function farHost(pids: string): Host {
  const host = plainHost(`echo $$ >> ${pids}`);
  return { name: 'far', spawn: (command, options) => host.spawn(command, options) };
}

/** A step that writes down that it ran, and whether the journal says so by then. */
const script = (index: number) =>
  [
    'echo ran >> ran',
    `grep -q '"type":"steps","steps":{.*"${index}":{"state":"PENDING"' ../.conductor/journal.jsonl || echo early >> ran`,
  ].join('\n');

it('each step runs once, and after the record of its start, whatever is killed on the host', {
  timeout: 120_000,
}, async () => {
  const count = 12;
  const studyPath = path.join(temporaryDirectory(), 'study');
  const pids = path.join(temporaryDirectory(), 'pids');
  const ended = runFarStudy({ host: farHost(pids), studyPath, steps: chainOf(count, script) });
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  ended.then(over, over);
  let kills = 0;
  for (let i = 0; !isOver; i++) {
    await sleep(150);
    // Once the first step is there: in turns what writes the journal and what runs the steps.
    if (!existsSync(path.join(studyPath, 's0/ran'))) continue;
    const alive = readFileSync(pids, 'utf8').trim().split('\n').map(Number).filter(isAlive);
    const victim = alive[i % Math.max(1, alive.length)];
    if (victim === undefined || isOver || kills === 8) continue;
    process.kill(victim, 'SIGKILL');
    kills += 1;
  }
  const { status } = await ended;
  expect(kills).toBeGreaterThan(0);
  expect(status).toBe('FINISHED');
  const ran = Array.from({ length: count }, (_, i) => readFileSync(path.join(studyPath, `s${i}/ran`), 'utf8'));
  expect(ran).toEqual(Array.from({ length: count }, () => 'ran\n'));
});
