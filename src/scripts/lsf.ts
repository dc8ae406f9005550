import type { Problem } from '../spec/problem.js';
import { pyStr } from '../spec/python.js';
import type { Batch } from '../spec/spec.js';
import type { StepInstance } from '../study/graph.js';
import { type Dialect, firstOf, LaunchError, noWalltime, resource } from './dialect.js';
import { checkDirectives } from './directives.js';
import { checkLsfArgs } from './lsf-args.js';

/** LSF's scripts, to the byte as Maestro 1.1 writes them (`LSFScriptAdapter`), which ignores `batch.shell`. */
export function lsfDialect(batch: Batch): Dialect {
  return {
    extension: '.lsf.sh',
    shellLine: '#!/bin/bash',
    header: (step) => ['#!/bin/bash', ...directives(step, batch).map((line) => `#BSUB ${line}`)].join('\n'),
    launch,
    alwaysLaunches: true,
    check: (step) => [...checkWalltime(step), ...checkLsfArgs(batch), ...checkDirectives(step, 'lsf')],
  };
}

/** As in Maestro, all directives except the reservation are written even if their value is empty. */
function directives(step: StepInstance, batch: Batch): string[] {
  const job = step.jobName.replaceAll(' ', '_');
  const reservation = firstOf(resource(step.run, 'reservation'), resource(batch.values, 'reservation'));
  const text = (key: string) => (batch.values.has(key) ? pyStr(batch.values.get(key) ?? null) : '');
  return [
    `-nnodes ${resource(step.run, 'nodes')}`,
    `-q ${text('queue')}`,
    `-G ${text('bank')}`,
    `-W ${walltime(resource(step.run, 'walltime'))}`,
    `-J ${job}`,
    `-o ${job}.%J.out`,
    ...(reservation === '' ? [] : [`-U ${reservation}`]),
    `-e ${job}.%J.err`,
  ];
}

/** Rounds seconds up to a minute, because LSF only takes hours and minutes; other forms are kept. */
function walltime(text: string): string {
  const parts = text.split(':');
  if (parts.length !== 3) return text;
  const minutes = Number(parts[1]) + Math.ceil(Number(parts[2]) / 60);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(Number(parts[0]) + Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** The minutes of a step's walltime; undefined if it has none, or one that depends on the speed of a host. */
export function walltimeMinutes(step: StepInstance): number | undefined {
  const [, hours, minutes] = /^(?:([0-9]+):)?([0-9]+)$/.exec(walltime(resource(step.run, 'walltime'))) ?? [];
  return minutes === undefined ? undefined : Number(hours ?? 0) * 60 + Number(minutes);
}

function launch(step: StepInstance, procs: string, nodes: string | undefined): string {
  if (nodes === undefined) {
    throw new LaunchError(
      'an LSF step must say on how many nodes it launches',
      'set nodes, and write $(LAUNCHER)[1n, 4p] rather than [4p]',
    );
  }
  if (procs === '') throw new LaunchError('an LSF step must set procs');
  const get = (key: string, otherwise: string) => (step.run.has(key) ? pyStr(step.run.get(key)!) : otherwise);
  const gpus = resource(step.run, 'gpus');
  const bindGpus = resource(step.run, 'bind gpus');
  return [
    `jsrun --nrs ${procs} -b ${get('bind', 'rs')}`,
    ...(gpus === '' ? [] : [`-g ${gpus}`]),
    ...(bindGpus === '' ? [] : [`-B ${bindGpus}`]),
    `-a ${get('tasks per rs', '1')} -r ${get('rs per node', '1')} -c ${firstOf(resource(step.run, 'cpus per rs'), '1')}`,
  ].join(' ');
}

/** `bsub -W` takes minutes, or hours and minutes, and after a `/` the host that the time is normalized to. */
function checkWalltime(step: StepInstance): Problem[] {
  const text = resource(step.run, 'walltime');
  if (text === '' || /^[0-9]+(:[0-9]+)?(\/.+)?$/.test(text) || /^[0-9]+:[0-9]+:[0-9]+(\.[0-9]*)?$/.test(text))
    return [];
  return [noWalltime(step, text, 'write minutes, "HH:MM" or "HH:MM:SS"')];
}
