import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { plainEnvironment } from '../hosts.js';
import { temporaryDirectory } from '../temporary.js';
import { isAlive, until } from '../wait.js';
import { KillingWriter, type KillPoint } from './killing-writer.js';

const line = (seq: number) => `{"seq":${seq},"text":{"of":"a record"}}\n`;

/** Somebody to kill, and the journal's writer. */
function writer(point: KillPoint | undefined) {
  const directory = temporaryDirectory();
  const journal = path.join(directory, 'journal');
  const dd = new KillingWriter(directory, journal);
  const victim = spawn('sleep', ['100']);
  onTestFinished(() => void victim.kill());
  if (point !== undefined) dd.arm(victim.pid!, point);
  const env = { ...plainEnvironment, PATH: `${dd.bin}:${plainEnvironment.PATH}` };
  const command = (text: string) =>
    `dd bs=${text.length} count=1 iflag=fullblock status=none conv=notrunc,fdatasync >> "$0"`;
  return {
    victim: victim.pid!,
    /** Writes records as they come from one append. */
    append: (...records: readonly number[]) => {
      const text = records.map(line).join('');
      return spawnSync('bash', ['-c', command(text), journal], { input: text, env }).status;
    },
    appendLater: async (record: number) => {
      const child = spawn('bash', ['-c', command(line(record)), journal], { env });
      child.stdin.end(line(record));
      const [code] = await once(child, 'close');
      return code;
    },
    file: journal,
    get journal() {
      return existsSync(journal) ? readFileSync(journal, 'utf8') : '';
    },
  };
}

it('a dd that kills writes as the real one does where nobody is to be killed', () => {
  const calm = writer(undefined);
  expect([calm.append(1), calm.journal, isAlive(calm.victim)]).toEqual([0, line(1), true]);
  const early = writer({ moment: 'before', record: 4 });
  expect([early.append(1), early.append(2, 3), isAlive(early.victim)]).toEqual([0, 0, true]);
  expect(early.journal).toBe(line(1) + line(2) + line(3));
});

it.each([
  ['before', line(1)],
  ['within', `${line(1)}${line(2).slice(0, line(2).length / 2)}`],
  ['after', line(1) + line(2)],
] as const)('a dd that kills does so %s a record is written', async (moment, left) => {
  const study = writer({ moment, record: 2 });
  expect(study.append(1)).toBe(0);
  expect(isAlive(study.victim)).toBe(true);
  expect(study.append(2)).toBe(1);
  await until('it is killed', () => !isAlive(study.victim));
  expect(study.journal).toBe(left);
});

it('a dd that kills does so once', () => {
  const study = writer({ moment: 'before', record: 1 });
  expect([study.append(1), study.append(1), study.journal]).toEqual([1, 0, line(1)]);
});

it('a dd that kills writes late, once somebody else has written', async () => {
  const study = writer({ moment: 'late', record: 2 });
  expect(study.append(1)).toBe(0);
  const late = study.appendLater(2);
  await until('it is killed', () => !isAlive(study.victim));
  expect(study.journal).toBe(line(1));
  appendFileSync(study.file, line(3));
  expect(await late).toBe(1);
  expect(study.journal).toBe(line(1) + line(3) + line(2));
});

/** Writes records as a conductor does that writes its journal itself, each with an append of its own. */
const program = `
  const { open } = require('node:fs/promises');
  const [journal, ...lines] = process.argv.slice(1);
  const append = async (line) => {
    const handle = await open(journal, 'a');
    await handle.write(Buffer.from(line), 0);
    await handle.datasync();
    await handle.close();
  };
  process.stdin.once('data', async () => {
    for (const line of lines) await append(line);
    process.exit();
  });`;

it.each([
  [undefined, 0, line(1) + line(2) + line(3)],
  ['before', null, line(1)],
  ['within', null, `${line(1)}${line(2).slice(0, line(2).length / 2)}`],
  ['after', null, line(1) + line(2)],
  ['late', null, line(1)],
] as const)('a conductor that writes by itself is killed %s a record is written', async (moment, status, left) => {
  const directory = temporaryDirectory();
  const journal = path.join(directory, 'journal');
  const killing = new KillingWriter(directory, journal);
  const child = spawn(process.execPath, [...killing.nodeArgs, '-e', program, journal, line(1), line(2), line(3)], {
    env: { ...plainEnvironment, ...killing.environment },
  });
  if (moment !== undefined) killing.arm(child.pid!, { moment, record: 2 });
  child.stdin.write('go\n');
  const [code] = await once(child, 'close');
  expect([code, killing.hasFired]).toEqual([status, moment !== undefined]);
  expect(readFileSync(journal, 'utf8')).toBe(left);
  if (moment !== 'late') return;
  appendFileSync(journal, line(3));
  await until('it is written late', () => readFileSync(journal, 'utf8') === line(1) + line(3) + line(2));
});
