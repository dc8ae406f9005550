import { type Problem, problemOf, warning } from '../spec/problem.js';
import { type PyValue, pyStr } from '../spec/python.js';
import type { Batch } from '../spec/spec.js';
import type { StepInstance } from '../study/graph.js';
import { quote } from '../util/shell-quote.js';
import { type Dialect, firstOf, noWalltime, ownExclusive, resource } from './dialect.js';
import { fluxOptions, splitAllocationArgs, takeExclusive } from './flux-options.js';
import { fluxResources, usualNodes } from './flux-resources.js';
import { shellLine } from './local.js';
import { walltimeSeconds } from './walltime.js';

/**
 * Flux's scripts. The commands are those of Maestro 1.1 to the byte, with the additions of 1.2. The header differs:
 * Maestro 1.1 writes comments, this writes directives (Flux RFC 36), so that a user can run the script again with `flux
 * batch`.
 */
export function fluxDialect(batch: Batch): Dialect {
  return {
    extension: '.flux.sh',
    shellLine: shellLine(batch),
    header: (step) => [shellLine(batch), ...directives(step, batch).map((line) => `#flux: ${line}`)].join('\n'),
    launch: (step, procs, nodes) => launch(step, batch, procs, nodes),
    check: (step) => [...checkWalltime(step), ...checkArgs(batch)],
  };
}

function directives(step: StepInstance, batch: Batch): string[] {
  const option = (name: string, value: string) => (value === '' ? [] : [`${name}${quote(value)}`]);
  const { nodes, procs, coresPerTask, gpus } = fluxResources(step, batch);
  const seconds = walltimeSeconds(resource(step.run, 'walltime')) ?? 0;
  const job = step.jobName.replaceAll(' ', '_');
  const { used } = splitAllocationArgs(argsOf(batch, 'allocation_args'));
  const { others } = takeExclusive(used);
  const exclusive = isExclusive(step, batch, 'allocation');
  // With whole nodes there are no slots (Maestro 1.2).
  const slots = exclusive
    ? []
    : [...option('-n', procs), ...option('-c', coresPerTask), ...option('-g', gpusPerSlot(gpus, nodes))];
  return [
    ...option('-N', nodes),
    ...slots,
    ...option('-t', seconds > 0 ? `${seconds}s` : ''),
    ...option('--queue=', resource(batch.values, 'queue')),
    ...option('--bank=', resource(batch.values, 'bank')),
    ...option('--job-name=', job),
    ...option('--output=', `${job}.{{id}}.out`),
    ...option('--error=', `${job}.{{id}}.err`),
    ...(exclusive ? ['--exclusive'] : []),
    ...fluxOptions(others).map(quoteOption),
  ];
}

/** Quotes the value of an option, because Flux splits directives like a shell. */
function quoteOption(option: string): string {
  const at = option.startsWith('--') ? option.indexOf('=') : option.indexOf(' ');
  return at === -1 ? option : `${option.slice(0, at + 1)}${quote(option.slice(at + 1))}`;
}

/** GPUs per slot: in Maestro `gpus` is for the whole step, while Flux takes a number per slot. */
export function gpusPerSlot(gpus: string, nodes: string): string {
  const total = Number(gpus);
  return total > 0 ? String(Math.ceil(total / Math.max(1, Number(nodes) || 1))) : '';
}

/** `flux run` was added in Flux 0.48 and `flux mini` removed in 0.60; `batch.version` gives the version of Flux. */
function runCommand(batch: Batch): string {
  return lacksFluxRun(resource(batch.values, 'version')) ? 'flux mini run' : 'flux run';
}

/** Whether a version of Flux has `flux mini run` instead of `flux run`. */
export function lacksFluxRun(version: string): boolean {
  const [, major, minor] = /^([0-9]+)\.([0-9]+)/.exec(version) ?? [];
  return major === '0' && Number(minor) < 48;
}

function launch(step: StepInstance, batch: Batch, procs: string, nodes: string | undefined): string {
  const { others } = takeExclusive(argsOf(batch, 'launcher_args'));
  const exclusive = isExclusive(step, batch, 'launcher');
  const { gpus, coresPerTask } = fluxResources(step, batch);
  const shellOptions = [...argsOf(batch, 'args')].map(([key, value]) => `${pyStr(key)}=${pyStr(value)}`).join(',');
  return [
    `${runCommand(batch)} -n ${procs} -N ${firstOf(nodes ?? '', usualNodes(batch, procs), '1')}`,
    ...(exclusive ? [] : [`-c ${firstOf(coresPerTask, '1')}`]),
    ...(gpus === '' || exclusive ? [] : [`-g ${gpus}`]),
    ...(exclusive ? ['--exclusive'] : []),
    ...(shellOptions === '' ? [] : [`-o ${shellOptions}`]),
    ...fluxOptions(others),
  ].join(' ');
}

/** A mapping of the batch block; empty if there is none. */
export function argsOf(batch: Batch, key: string): ReadonlyMap<PyValue, PyValue> {
  const value = batch.values.get(key);
  return value instanceof Map ? value : new Map();
}

/** Whether nodes are exclusive: by the step's own `exclusive`, or else by a flag in the batch block (Maestro 1.2). */
export function isExclusive(step: StepInstance, batch: Batch, of: 'allocation' | 'launcher'): boolean {
  return ownExclusive(step, of) ?? takeExclusive(argsOf(batch, `${of}_args`)).exclusive;
}

function checkWalltime(step: StepInstance): Problem[] {
  const text = resource(step.run, 'walltime');
  if (walltimeSeconds(text) !== undefined) return [];
  return [noWalltime(step, text, 'write minutes, "MM:SS" or "HH:MM:SS"')];
}

function checkArgs(batch: Batch): Problem[] {
  const given = batch.values.get('allocation_args') ?? null;
  if (given !== null && !(given instanceof Map)) return [noMapping(batch, 'allocation_args')];
  const { used, dropped } = splitAllocationArgs(argsOf(batch, 'allocation_args'));
  const { others } = takeExclusive(used);
  return [
    ...[...others]
      .filter(([, value]) => !(value instanceof Map))
      .map(([key]) => noMapping(batch, `allocation_args.${pyStr(key)}`)),
    ...[...argsOf(batch, 'args')]
      .filter(([, value]) => value instanceof Map)
      .map(([key]) =>
        problemOf(
          'error',
          batch.placeOf('args'),
          `batch.args.${pyStr(key)} must be a value, not a mapping`,
          'batch.launcher_args takes mappings',
        ),
      ),
    ...dropped.map((key) =>
      warning(
        batch.placeOf('allocation_args'),
        `'${key}' of batch.allocation_args is ignored, as Maestro does`,
        'it takes o, S (or setopt, setattr), conf and exclusive',
      ),
    ),
  ];
}

function noMapping(batch: Batch, what: string): Problem {
  return problemOf(
    'error',
    batch.placeOf('allocation_args'),
    `batch.${what} must be a mapping of names and values`,
    'write it as {name: value}',
  );
}
