import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HostError } from '../../../src/hosts/host.js';
import { LocalHost } from '../../../src/hosts/local-host.js';
import { Questions } from '../../../src/schedulers/batch/questions.js';
import { systemClock } from '../../../src/util/clock.js';
import { quote } from '../../../src/util/shell-quote.js';
import { plainEnvironment } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';

/** A batch system that says what is in a file `queue` and notes what it is asked. A file `broken` fails it, `deadly` kills the shell. */
function questions(most = 1000) {
  const directory = temporaryDirectory();
  const program = `cd -- ${quote(directory)}
    query_jobs() {
      echo "$*" >> asked
      if [ -e broken ]; then cat broken >&2; return 3; fi
      if [ -e deadly ]; then kill -KILL $$; fi
      cat queue
    }`;
  writeFileSync(path.join(directory, 'queue'), '');
  const made = new Questions({
    host: new LocalHost(plainEnvironment),
    system: { program },
    clock: systemClock,
    most,
  });
  onTestFinished(() => made.close());
  return {
    shell: made,
    write: (name: string, text: string) => writeFileSync(path.join(directory, name), text),
    remove: (name: string) => rmSync(path.join(directory, name)),
    asked: () => readFileSync(path.join(directory, 'asked'), 'utf8').trim().split('\n'),
  };
}

describe('a shell that asks about the queue', () => {
  it('gives what the queue says, again and again, whether that is the same or not', async () => {
    const { shell, write, asked } = questions();
    expect(await shell.ask(['1', '2'])).toEqual({ code: 0, text: '' });
    write('queue', '1|PENDING\n2|RUNNING\n');
    for (let i = 0; i < 2; i++) expect(await shell.ask(['1', '2'])).toEqual({ code: 0, text: '1|PENDING\n2|RUNNING' });
    write('queue', '2|RUNNING\n');
    expect(await shell.ask(['2;far'])).toEqual({ code: 0, text: '2|RUNNING' });
    expect(asked()).toEqual(['1 2', '1 2', '1 2', '2;far']);
  });

  it('asks about many jobs with several commands, and answers questions in their order', async () => {
    const { shell, write, asked } = questions(2);
    write('queue', 'row\n');
    const answers = await Promise.all([shell.ask(['1', '2', '3']), shell.ask(['4'])]);
    expect(answers.map(({ text }) => text)).toEqual(['row\nrow', 'row']);
    expect(asked()).toEqual(['1 2', '3', '4']);
  });

  it('says why the queue cannot be asked, and what it says after that', async () => {
    const { shell, write, remove } = questions();
    write('queue', 'row\n');
    expect(await shell.ask(['1'])).toEqual({ code: 0, text: 'row' });
    write('broken', 'no controller\n');
    expect(await shell.ask(['1'])).toEqual({ code: 3, text: 'no controller' });
    remove('broken');
    expect(await shell.ask(['1'])).toEqual({ code: 0, text: 'row' });
  });

  it('that is killed fails what it was asked, and another one answers the next question', async () => {
    const { shell, write, remove } = questions();
    write('queue', 'row\n');
    expect(await shell.ask(['1'])).toEqual({ code: 0, text: 'row' });
    write('deadly', '');
    await expect(shell.ask(['1'])).rejects.toThrow(HostError);
    remove('deadly');
    expect(await shell.ask(['1'])).toEqual({ code: 0, text: 'row' });
  });
});
