import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '../../../src/hosts/commands.js';
import type { QueueRow } from '../../../src/schedulers/batch/batch-system.js';
import { slurm as system } from '../../../src/schedulers/slurm/slurm.js';
import { quoteAll } from '../../../src/util/shell-quote.js';
import { plainHost } from '../../support/hosts.js';
import type { Slurm } from '../../support/slurm.js';
import { temporaryDirectory } from '../../support/temporary.js';

/** Waits until it is so. */
export async function eventually(what: string, look: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; !(await look()); await sleep(100)) {
    if (Date.now() > end) throw new Error(`it never happens that ${what}`);
  }
}

/** Why a script was not submitted, in parts. */
export function refusalIn(answer: string): [said: string, code: number] {
  const end = answer.indexOf(': ');
  return [answer.slice(end + 2), Number(answer.slice(0, end))];
}

/** The functions of Slurm as a host runs them, with the variables of a user. */
export function site(slurm: Pick<Slurm, 'environment'>, variables: Readonly<Record<string, string>> = {}) {
  const host = plainHost('', { ...slurm.environment, ...variables });
  const directory = temporaryDirectory();
  let files = 0;

  async function call(...words: readonly string[]) {
    const { code, stdout, stderr } = await run(host, `cd ${directory}\n${system.program}\n${quoteAll(words)}`);
    return { code, stdout: stdout.toString(), stderr };
  }

  async function lines(...words: readonly string[]): Promise<string[]> {
    const { code, stdout, stderr } = await call(...words);
    if (code !== 0) throw new Error(`${words[0]} failed: ${stderr}`);
    return stdout.split('\n').filter((line) => line !== '');
  }

  const rows = async (...words: readonly string[]) => (await lines(...words)).map((line) => system.parseRow(line)!);

  return {
    directory,
    call,
    lines,
    rows,
    /** Submits a script, with usual words and some more. @returns the id, or why not */
    async submit(script: string, ...words: readonly string[]): Promise<string> {
      files += 1;
      const file = path.join(directory, `job${files}.sh`);
      writeFileSync(file, `#!/bin/bash -p\n#SBATCH --output="out${files}"\n${script}\n`);
      const { code, stdout, stderr } = await call('submit_job', file, '--export=ALL', '--no-requeue', ...words);
      return code === 0 ? stdout.trimEnd() : `${code}: ${stderr}`;
    },
    async untilRow(id: string, isIt: (row: QueueRow) => boolean): Promise<QueueRow> {
      let row: QueueRow | undefined;
      await eventually(`job ${id} is so`, async () => {
        [row] = await rows('query_jobs', id);
        return row !== undefined && isIt(row);
      });
      return row!;
    },
    /** A file that a job has written, or '' if there is none. */
    output(name: string): string {
      const file = path.join(directory, name);
      return existsSync(file) ? readFileSync(file, 'utf8').trimEnd() : '';
    },
  };
}

export const hasEnded = (row: QueueRow) => system.meaningOf(row).phase === 'ended';
export const is = (state: string) => (row: QueueRow) => row.state === state;
