import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { quote } from '../../../src/util/shell-quote.js';
import { plainEnvironment } from '../hosts.js';
import { pathOf } from '../slurm/daemons.js';
import { Slurm } from '../slurm.js';
import type { BatchSite } from './site.js';

const cores = 4;

/** A real Slurm, whose `sbatch` can lose its answer. */
export async function startSlurmSite(): Promise<BatchSite> {
  const slurm = await Slurm.start({ cpus: cores });
  const directory = mkdtempSync(path.join(tmpdir(), 'maestro-sbatch-'));
  const losing = path.join(directory, 'losing');
  // As when slurmctld has the job, and the line breaks before it has said so.
  const wrapper = `#!/bin/bash
said=$(${quote(pathOf('sbatch')!)} "$@") || exit
if rm ${quote(losing)} 2> /dev/null; then
  echo 'sbatch: error: Batch job submission failed: Socket timed out on send/recv operation' >&2
  exit 1
fi
printf '%s\\n' "$said"
`;
  writeFileSync(path.join(directory, 'sbatch'), wrapper, { mode: 0o755 });
  const command = (...words: [string, ...string[]]) => slurm.command(...words).then(() => {});
  return {
    batch: { type: 'slurm', host: 'here', bank: 'guests', queue: 'pbatch' },
    job: { nodes: 1, procs: 1 },
    whole: { nodes: 1, procs: 1, exclusive: true },
    environment: { ...slurm.environment, PATH: `${directory}:${plainEnvironment.PATH}` },
    fluxTarget: '',
    cancel: (id) => command('scancel', id),
    failNode: async () => {
      const [node] = slurm.nodes;
      await slurm.failNode(node!);
      await slurm.resumeNode(node!);
    },
    expire: (id) => command('scontrol', 'update', `jobid=${id}`, 'EndTime=now'),
    loseNextAnswer: async () => {
      writeFileSync(losing, '');
      return { options: {}, wasLost: async () => !existsSync(losing) };
    },
    activeJobs: async () => (await slurm.queue()).map((line) => line.split(' ')[0]!),
    stop: async () => {
      await slurm.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
