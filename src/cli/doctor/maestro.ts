import { type FoundMaestro, findMaestro, foreseePreparation } from '../../conductor/maestro/find-maestro.js';
import type { MaestroOptions } from '../../conductor/maestro/options.js';
import type { Plan } from '../../scripts/plan.js';
import type { Checker, DoctorContext } from './context.js';

/** Whether the host's own Maestro can run the study, and where its Python gets the bindings of Flux from. */
export async function examineMaestro(
  { host, spec, root, log }: DoctorContext,
  check: Checker,
  { options, plan }: { options: MaestroOptions; plan: Plan | undefined },
): Promise<void> {
  const hasJobs = plan === undefined || plan.graph.steps.some(({ scheduled }) => scheduled);
  const needsFlux = spec?.batch.type === 'flux' && hasJobs;
  let found: FoundMaestro | undefined;
  await check('maestro', async () => {
    found = await findMaestro(host, needsFlux);
    // Without it, whether that is wrong depends on the bindings, which are looked at next.
    return introduce(found);
  });
  if (found === undefined) return;
  const seen = found;
  const name = needsFlux ? 'maestro with Flux' : 'maestro to use';
  await check(name, () => foreseePreparation({ host, options, needsFlux, root }, seen));
  if (spec === undefined) log.info('      the bindings of Flux for it: give a study of Flux to have them checked');
}

function introduce({ maestro, version, python, bindings, python3 }: FoundMaestro): string {
  const parts =
    maestro === ''
      ? ['there is none on PATH', python3 === '' ? 'and no python3' : `python3 is ${python3}`]
      : [
          `${version || 'of no known version'} (${maestro})`,
          python === '' ? 'its Python is not known' : `its Python is ${python}`,
          ...(bindings === '' ? [] : [`with bindings of Flux (${bindings})`]),
        ];
  return parts.join(', ');
}
