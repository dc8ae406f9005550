import { run } from '../../hosts/commands.js';
import { HostError } from '../../hosts/host.js';
import { rehearsalOf } from '../../schedulers/batch/submission.js';
import { quote } from '../../util/shell-quote.js';
import { type Checker, type DoctorContext, text } from './context.js';
import { fluxVersionIn } from './flux.js';

/** Whether the commands for an allocation are there, and whether the scheduler would grant it. None is submitted. */
export async function examineAllocator({ host, request, root, log }: DoctorContext, check: Checker): Promise<void> {
  const allocator = { slurm: 'Slurm', lsf: 'LSF', flux: 'Flux' }[request!.with];
  const commands = { slurm: 'sbatch', lsf: 'bsub', flux: 'flux' };
  const command = commands[request!.with];
  const look = async (name: string) => {
    const { code, stdout } = await run(host, `type -P ${name}`);
    if (code !== 0) throw new HostError(`there is no \`${name}\` on PATH on ${host.name}: add it with \`setup\``);
    return text(stdout);
  };
  const flux = await check('flux', () => look('flux'));
  const found = await check(`allocations (${request!.with})`, () => look(command));
  if (flux === undefined || found === undefined) return;
  const rehearsal = rehearsalOf({
    request: request!,
    studyPath: root,
    number: 1,
    jobName: 'maestro-doctor',
    flux,
    fluxVersion: fluxVersionIn(text((await run(host, 'flux version')).stdout)),
  });
  if (rehearsal === undefined) {
    log.info('      the allocation: LSF has no way to ask whether it would grant it');
    return;
  }
  await check('the allocation', async () => {
    const { code, stdout, stderr } = await run(host, `cd -- ${quote(root)} && ${rehearsal.command}`, rehearsal.script);
    const said = (stderr || text(stdout)).trim();
    if (code !== 0) throw new HostError(`${allocator} would not grant it: ${said || `exit ${code}`}`);
    const isSlurms = request!.with === 'slurm' && said !== '';
    return `${allocator} would grant it${isSlurms ? ` (${said.split('\n').at(-1)})` : ''}`;
  });
}
