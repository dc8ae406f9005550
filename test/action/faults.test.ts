import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Job } from '../support/bundle.js';
import { chain } from '../support/reported.js';
import { counted, Reruns, statesOf } from '../support/reruns.js';

/** Has a stray error thrown in the job's own process, where nobody catches it, once a file is there. */
function faultOnce(job: Job, file: string): Job {
  const code =
    "import{existsSync}from'node:fs';" +
    `const t=setInterval(()=>{if(!existsSync(${JSON.stringify(file)}))return;clearInterval(t);throw new Error('stray')},20);t.unref()`;
  job.environment.NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(code)}`;
  return job;
}

const isReleased = (text: string) => JSON.parse(text).released === true;

describe('an error that nothing caught', () => {
  it('leaves the study to be continued, with its lease released and its outputs set', async () => {
    const reruns = new Reruns((own) => [{ name: 'a', cmd: own.gate() }, counted('b', { depends: ['a'] })]);
    const first = faultOnce(reruns.job(), path.join(reruns.home, 'now'));
    const { ended } = await reruns.startUntilUp(first, 'a');
    writeFileSync(path.join(reruns.home, 'now'), '');
    expect(await ended).toMatchObject({ code: 4, stderr: 'internal error, please report it: stray\n' });
    expect([first.outputs.status, first.report.status]).toEqual(['INTERRUPTED', 'INTERRUPTED']);
    expect(isReleased(reruns.read('.conductor/lease'))).toBe(true);
    // Nothing was cancelled by anybody.
    expect(first.state.maestro_cancelled ?? '').toBe('');
    expect(await first.post()).toMatchObject({ code: 0 });
    reruns.open();
    const second = reruns.job({ attempt: 2 });
    expect(await second.run()).toMatchObject({ code: 0, stderr: '' });
    expect([statesOf(second), reruns.ran]).toEqual([
      ['a FINISHED', 'b FINISHED'],
      ['a 1', 'b 1'],
    ]);
  });

  it('after the end of a study does not change how that ended', async () => {
    const job = new Job().study(chain('true')).with({ collect: '**' });
    job.with({ 'report-path': 'reports' });
    faultOnce(job, path.join(job.workspace, 'reports'));
    const ended = await job.run();
    expect(ended.stderr).toBe('internal error, please report it: stray\n');
    expect([ended.code, job.outputs.status, job.report.status]).toEqual([0, 'FINISHED', 'FINISHED']);
    expect(isReleased(job.read('.conductor/lease'))).toBe(true);
  });
});
