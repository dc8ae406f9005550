import { it } from 'vitest';
import { spawn } from 'node:child_process';
import { Site, Checkout } from '../support/site.js';
import { yamlOf } from '../support/plan.js';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnSync } from 'node:child_process';
it('x', async () => {
  const site = await Site.start();
  try {
    const id = await site.allocate();
    const setup = `${site.setup}\nexport FLUX_SSH=/bin/false\nuname() { echo login1; }\nhostname() { echo login1; }`;
    const c = new Checkout(site, {...site.inputs(), setup}).write('study.yaml', yamlOf({batch: {type:'flux'}, steps: [{name:'run', procs:1, nested:false, cmd:'echo hi'}]}));
    const {process: p, ended} = c.start(['run','study.yaml'], {flux: `slurm:${id}`});
    await sleep(8000);
    console.log(spawnSync('bash', ['-c', 'ps -ef --forest | grep -v "\\[" | tail -60'], {encoding:'utf8'}).stdout);
    console.log(await site.slurm.command('squeue','-s'));
    console.log(site.slurm.log.slice(-1500));
    p.kill('SIGINT'); await sleep(1000); p.kill('SIGKILL');
    console.log(await ended);
  } finally { await site.stop(); }
}, 60000);
