import { quote } from '../quote.js';
import type { Problem } from '../spec/problem.js';
import { pyStr } from '../spec/python.js';
import type { Batch } from '../spec/spec.js';
import type { StepInstance } from '../study/graph.js';
import { shellLine } from './local.js';
import { type Dialect, firstOf, resource } from './script.js';
import { walltimeSeconds } from './walltime.js';

/**
 * Flux's scripts. The commands are Maestro 1.1's to the byte; the header is ours: directives (Flux RFC 36) with which a
 * person can run the script again by `flux batch`, where Maestro writes comments.
 */
export function fluxDialect(batch: Batch): Dialect {
  return {
    extension: '.flux.sh',
    shellLine: shellLine(batch),
    header: (step) => [shellLine(batch), ...directives(step, batch).map((line) => `#flux: ${line}`)].join('\n'),
    launch: (step, procs, nodes) => launch(step, batch, procs, nodes),
    check,
  };
}

function directives(step: StepInstance, batch: Batch): string[] {
  const get = (key: string) => firstOf(resource(step.run, key), resource(batch.values, key));
  const option = (name: string, value: string) => (value === '' ? [] : [`${name}${quote(value)}`]);
  const nodes = get('nodes');
  const seconds = walltimeSeconds(resource(step.run, 'walltime')) ?? 0;
  const job = step.jobName.replaceAll(' ', '_');
  return [
    ...option('-N', nodes),
    ...option('-n', firstOf(resource(step.run, 'procs'), '1')),
    ...option('-c', resource(step.run, 'cores per task')),
    ...option('-g', gpusPerSlot(resource(step.run, 'gpus'), nodes)),
    ...option('-t', seconds > 0 ? `${seconds}s` : ''),
    ...option('--queue=', resource(batch.values, 'queue')),
    ...option('--bank=', resource(batch.values, 'bank')),
    ...option('--job-name=', job),
    ...option('--output=', `${job}.{{id}}.out`),
    ...option('--error=', `${job}.{{id}}.err`),
    ...(get('exclusive') === '' ? [] : ['--exclusive']),
  ];
}

/** Maestro gives `gpus` for the whole step and asks Flux for as many per slot as make that up over the nodes. */
function gpusPerSlot(gpus: string, nodes: string): string {
  const total = Number(gpus);
  return total > 0 ? String(Math.ceil(total / Math.max(1, Number(nodes) || 1))) : '';
}

function launch(step: StepInstance, batch: Batch, procs: string, nodes: string | undefined): string {
  const gpus = resource(step.run, 'gpus');
  const args = batch.values.get('args');
  const options = args instanceof Map ? [...args].map(([key, value]) => `${pyStr(key)}=${pyStr(value)}`).join(',') : '';
  return [
    `flux run -n ${procs} -N ${firstOf(nodes ?? '', resource(batch.values, 'nodes'), '1')}`,
    `-c ${firstOf(resource(step.run, 'cores per task'), '1')}`,
    ...(gpus === '' ? [] : [`-g ${gpus}`]),
    ...(options === '' ? [] : [`-o ${options}`]),
  ].join(' ');
}

function check(step: StepInstance): Problem[] {
  const text = resource(step.run, 'walltime');
  if (walltimeSeconds(text) !== undefined) return [];
  return [
    {
      severity: 'error',
      at: step.runAt('walltime'),
      message: `step '${step.step}': '${text}' is no walltime`,
      hint: 'write minutes, "MM:SS" or "HH:MM:SS"',
    },
  ];
}
