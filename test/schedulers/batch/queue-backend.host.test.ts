import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BatchSystem } from '../../../src/schedulers/batch/batch-system.js';
import { describeSite } from '../../../src/schedulers/batch/queue-backend.js';
import { lsf } from '../../../src/schedulers/lsf/lsf.js';
import { slurm } from '../../../src/schedulers/slurm/slurm.js';
import { quote } from '../../../src/util/shell-quote.js';
import { plainHost } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';

/** What a user is told of a batch system of which there are these commands, all of which fail. */
async function told(system: BatchSystem, commands: readonly string[]): Promise<string> {
  const directory = temporaryDirectory();
  for (const name of commands) {
    writeFileSync(path.join(directory, name), '#!/bin/bash\necho "it is away" >&2\nexit 1\n', { mode: 0o755 });
  }
  const host = plainHost(`PATH=${quote(directory)}:/usr/lib/nothing`);
  const failure = await describeSite({ host }, system).catch((error: unknown) => error);
  return (failure as Error).message;
}

describe('a batch system that cannot be used', () => {
  it.each([
    [slurm, ['squeue', 'scancel', 'scontrol'], 'sbatch'],
    [lsf, ['bsub', 'bjobs', 'lsid'], 'bkill'],
  ] as const)('is told with the command that is not on PATH: $name', async (system, commands, missing) => {
    expect(await told(system, commands)).toBe(
      `${system.name} cannot be used on this machine: there is no \`${missing}\` on PATH (add it with \`setup\`: \`module load ${system.type}\`)`,
    );
  });

  it('is told in its own words, and that its commands may need more than PATH', async () => {
    expect(await told(slurm, ['sbatch', 'squeue', 'scancel', 'scontrol'])).toBe(
      'Slurm cannot be used on this machine: it is away (see whether its commands work in a shell there; what they need in their environment can be set with `setup`)',
    );
  });
});
