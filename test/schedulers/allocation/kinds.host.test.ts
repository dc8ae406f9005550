import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import type { Interruption } from '../../../src/causes/interruption.js';
import type { Clock } from '../../../src/util/clock.js';
import { plainHost } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { ask, newStudy, requestOf } from './stand-ins.js';

/** Each look at it comes long after the one before. */
function hurriedClock(): Clock {
  let now = 0;
  const after: Clock['after'] = (_, call) => {
    setImmediate(call);
    return () => {};
  };
  return { now: () => (now += 200_000), random: () => 0.5, after };
}

const unreachable = 'echo "sbatch: error: Unable to contact slurm controller (connect failure)" >&2; exit 1';
const invalid = 'echo "sbatch: error: invalid account" >&2; exit 1';

it.each<[Interruption, string, string]>([
  ['scheduler-lost', 'a scheduler that does not answer for long', unreachable],
  ['allocation-refused', 'a request that it does not take', invalid],
  ['allocation-over', 'an allocation that ends before Flux runs in it', 'echo 17'],
])(
  'an allocation that cannot be had is %s by %s',
  async (kind, _, sbatch) => {
    const bin = temporaryDirectory();
    const commands = { sbatch, squeue: '', sleep: '', scontrol: '' };
    for (const [name, text] of Object.entries(commands)) {
      writeFileSync(path.join(bin, name), `#!/bin/bash\n${text}\n`, { mode: 0o755 });
    }
    const host = plainHost(`export PATH=${bin}:$PATH MAESTRO_ALLOCATION_INTERVAL=0.1`);
    const { allocation } = ask(host, 'flux', newStudy(), requestOf('slurm'), { clock: hurriedClock() });
    await expect(allocation.then((had) => had.uri())).rejects.toMatchObject({ name: 'NoAllocationError', kind });
  },
  30_000,
);
