import { mustRun, run } from '../../hosts/commands.js';
import { type Host, HostError } from '../../hosts/host.js';
import { runOptionsOf } from '../../inputs/derive.js';
import type { Plan } from '../../scripts/plan.js';
import { describeError } from '../../util/errors.js';
import { quote } from '../../util/shell-quote.js';
import { examineAllocator } from './allocation.js';
import { examineBatch, examineBatchSystems } from './batch.js';
import { type Checker, type DoctorContext, indented, text } from './context.js';
import { examineFlux } from './flux.js';
import { examineMaestro } from './maestro.js';

/**
 * Checks everything that a run needs, and prints what it finds and what is wrong.
 *
 * @returns the exit status: 1 if something is wrong
 */
export async function examine(context: DoctorContext): Promise<number> {
  const { host, spec, log, root } = context;
  let isWell = true;
  const check: Checker = async (name, look) => {
    try {
      const found = await look();
      log.info(`ok    ${name}: ${found}`);
      return found;
    } catch (error) {
      isWell = false;
      log.info(`FAIL  ${name}: ${indented(describeError(error))}`);
      return undefined;
    }
  };
  let plan: Plan | undefined;
  const { study } = context;
  if (study !== undefined) {
    await check('study', async () => {
      const checked = await study();
      plan = checked.plan;
      return checked.summary;
    });
  }
  await check('bash', async () => text(await mustRun(host, 'it cannot be used', 'echo "$BASH_VERSION"')));
  await check('tar', () => version(host, 'tar', 'files travel as its archives'));
  if (spec !== undefined && spec.git.length > 0) {
    await check('git', () => version(host, 'git', 'the study clones repositories'));
  }
  await check('studies', () => writable(host, root));
  const type = spec?.batch.type ?? 'flux';
  if (context.request !== undefined) await examineAllocator(context, check);
  else if (type === 'slurm' || type === 'lsf') await examineBatch(context, check, plan);
  else if (type === 'flux') {
    const isForAny = spec === undefined && context.inputs.flux === 'auto';
    if (!isForAny) await examineFlux(context, check);
    else if (!(await examineBatchSystems(context, check)) && !(await examineFlux(context, check))) {
      log.info('      Slurm and LSF were not found either: only studies whose steps are all local can run here');
    }
  } else log.info(`      flux: the batch type of ${context.inputs.spec} is ${type}, so it was not looked for`);
  const { maestro: options } = runOptionsOf(context.inputs);
  if (options !== undefined) await examineMaestro(context, check, { options, plan });
  return isWell ? 0 : 1;
}

async function version(host: Host, command: string, purpose: string): Promise<string> {
  const { code, stdout } = await run(host, `${command} --version`);
  if (code !== 0) throw new HostError(`there is no ${command} on ${host.name}, and ${purpose}: install it`);
  return text(stdout).split('\n')[0]!;
}

async function writable(host: Host, root: string): Promise<string> {
  const directory = quote(root);
  await mustRun(
    host,
    `${root} cannot be written to (choose another place with output-path)`,
    `mkdir -p -- ${directory} && file=$(mktemp -- ${directory}/.doctor-XXXXXX) && rm -f -- "$file"`,
  );
  return `they go to ${root}, which can be written to`;
}
