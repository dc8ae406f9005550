import { run } from '../../hosts/commands.js';
import { FluxInstance } from '../../schedulers/flux/instance.js';
import type { Spec } from '../../spec/spec.js';
import { BackendError } from '../../util/errors.js';
import { type Checker, type DoctorContext, PROBE_TIMEOUT_MS, text } from './context.js';

/** Whether there is a Flux instance, and runs jobs. @returns whether it was found */
export async function examineFlux(
  { host, inputs, spec, clock, root, cancel, log }: DoctorContext,
  check: Checker,
): Promise<boolean> {
  let flux: FluxInstance | undefined;
  const { stdout } = await run(host, 'type -P flux && flux version');
  const [path = '', ...versions] = text(stdout).split('\n');
  const version = fluxVersionIn(versions.join('\n'));
  // The next check shows whether it is needed.
  log.info(path === '' ? '      flux: there is no such command on PATH' : `ok    flux: ${path}, version ${version}`);
  await check('broker', async () => {
    flux = await FluxInstance.find({
      host,
      clock,
      env: inputs.env,
      cancel,
      wanted: inputs.flux,
      batch: spec?.batch,
      log: (line) => log.info(line),
    });
    const lines: string[] = [];
    const tell = (line: string) => lines.push(line);
    flux.introduce({ info: tell, warning: tell });
    return lines.join('; ');
  });
  if (flux === undefined) return false;
  const opened = flux;
  await check('a job', () => probe(opened, spec, root, cancel));
  opened.close();
  return true;
}

/** Whether jobs run, and see the directory that studies are made in. */
async function probe(flux: FluxInstance, spec: Spec | undefined, root: string, cancel: AbortSignal): Promise<string> {
  const job = await flux.probe({
    command: ['test', '-w', root],
    batch: spec?.batch,
    timeoutMs: PROBE_TIMEOUT_MS,
    cancel,
  });
  if (job === undefined)
    return `it was still waiting in the queue when it was cancelled (after ${PROBE_TIMEOUT_MS / 1000} s at most)`;
  if (job.exception !== null) throw new BackendError(`it failed: ${job.exception.note}`, 'jobs of a study would too');
  if (job.waitStatus === 0) return `it ran, and can write to ${root}`;
  throw new BackendError(
    `it ran, but cannot write to ${root}`,
    'studies must be in a directory that compute nodes share: choose another with `output-path`',
  );
}

/** In what `flux version` prints. */
export function fluxVersionIn(printed: string): string {
  return /^commands:\s*(\S+)/m.exec(printed)?.[1] ?? 'unknown';
}
