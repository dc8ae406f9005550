import { resource } from '../../scripts/dialect.js';
import { walltimeMinutes } from '../../scripts/lsf.js';
import type { Plan } from '../../scripts/plan.js';
import type { Problem } from '../../spec/problem.js';
import type { Batch } from '../../spec/spec.js';
import type { Site } from '../batch/batch-system.js';
import { optionsOf, whyRefused } from './submit-words.js';

/** A queue, as `bqueues -l` describes it. */
export interface Queue {
  readonly name: string;
  /** `Open:Active` */
  readonly status: string;
  /** The most minutes that a job may run; undefined if there is no such limit. */
  readonly limitMinutes: number | undefined;
}

interface Description {
  readonly version: string;
  readonly cluster: string;
  readonly master: string;
  readonly queues: readonly Queue[];
  /** Where jobs go that ask for no queue. */
  readonly defaultQueues: readonly string[];
}

/** Parses the output of `describe_site`. */
export function parseSite(printed: string): Site {
  const { version, cluster, master, queues, defaultQueues } = describe(printed);
  const shown = queues.map(({ name, status, limitMinutes }) => {
    const about = [
      ...(defaultQueues.includes(name) ? ['default'] : []),
      ...(limitMinutes === undefined ? [] : [`at most ${limitMinutes} min`]),
      ...(status === 'Open:Active' || status === '' ? [] : [status]),
    ];
    return about.length === 0 ? name : `${name} (${about.join(', ')})`;
  });
  return {
    version,
    // The master is another host after a failure.
    installation: cluster,
    introduction: [
      `LSF ${version}, cluster ${cluster}${master === '' ? '' : `, master ${master}`}`,
      ...(shown.length === 0 ? [] : [`queues: ${shown.join(', ')}`]),
    ],
  };
}

/** What of the plan this site would refuse, as far as `describe_site` tells. */
export function checkPlan(plan: Plan, printed: string, isOver: (step: number) => boolean): Problem[] {
  const { batch } = plan.spec;
  return [...checkOptions(batch), ...checkQueue(plan, describe(printed), isOver)];
}

function checkOptions(batch: Batch): Problem[] {
  return optionsOf(batch).flatMap((option) => {
    const why = whyRefused(option);
    if (why === undefined) return [];
    const message = `the option ${option.join(' ')} in 'args' of batch cannot be used: ${why}`;
    return [{ severity: 'error' as const, at: batch.placeOf('args'), message }];
  });
}

function checkQueue({ spec, graph }: Plan, site: Description, isOver: (step: number) => boolean): Problem[] {
  const { batch } = spec;
  const options = new Map(optionsOf(batch).map(([option, value = '']) => [option, value]));
  const asked = options.get('-q') ?? resource(batch.values, 'queue');
  const at = batch.placeOf(options.has('-q') ? 'args' : 'queue');
  // A job may name several queues, and gets the first that takes it.
  const names = asked === '' ? site.defaultQueues : asked.split(/\s+/);
  if (site.queues.length === 0 || names.length === 0) return [];
  const unknown = names.filter((name) => !site.queues.some((queue) => queue.name === name));
  if (unknown.length > 0) {
    const known = site.queues.map(({ name }) => name).join(', ');
    const message = `there is no queue '${unknown[0]}' in the LSF cluster ${site.cluster}`;
    return [{ severity: 'error', at, message, hint: `its queues are ${known}` }];
  }
  const queues = site.queues.filter(({ name }) => names.includes(name));
  const limit = Math.max(...queues.map(({ limitMinutes = Number.POSITIVE_INFINITY }) => limitMinutes));
  // The limit is another one if the run time is given in `args`.
  if (options.has('-W')) return [];
  const tooLong = graph.steps.filter(
    (step) => step.scheduled && !isOver(step.index) && (walltimeMinutes(step) ?? 0) > limit,
  );
  const problems = tooLong.map((step): [string, Problem] => {
    const message = `step '${step.step}': its walltime of ${walltimeMinutes(step)} min is over the limit of the queue '${names.join(' ')}', ${limit} min`;
    return [message, { severity: 'error', at: step.placeOf('', 'walltime'), message }];
  });
  // Instances of a step have the same problem once.
  return [...new Map(problems).values()];
}

function describe(printed: string): Description {
  const sections = new Map<string, string>();
  for (const section of printed.split(/^== /m)) {
    const [, name = '', text = ''] = /^(\w+)\n(.*)$/s.exec(section) ?? [];
    sections.set(name, text);
  }
  const lsid = sections.get('lsid') ?? '';
  return {
    version: /\bLSF\b[^\n,0-9]*([0-9][0-9.]*)/.exec(lsid)?.[1] ?? '',
    cluster: /^My cluster name is (\S+)/m.exec(lsid)?.[1] ?? '',
    master: /^My (?:master|management host) name is (\S+)/m.exec(lsid)?.[1] ?? '',
    queues: parseQueues(sections.get('bqueues') ?? ''),
    defaultQueues:
      /^Default Queues?:\s*(.*)$/m
        .exec(sections.get('bparams') ?? '')?.[1]
        ?.trim()
        .split(/\s+/) ?? [],
  };
}

/** Parses the output of `bqueues -l`. */
export function parseQueues(text: string): Queue[] {
  return text
    .split(/^QUEUE: /m)
    .slice(1)
    .map((about) => ({
      name: /^\S+/.exec(about)?.[0] ?? '',
      status: /\b(?:Open|Closed):\S+/.exec(about)?.[0] ?? '',
      limitMinutes: runLimit(about),
    }));
}

/**
 * The maximum run limit of a queue: below its title in the part `MAXIMUM LIMITS`, or in the whole text if there are no
 * default limits, beside other limits of the same form:
 *
 *      CPULIMIT                RUNLIMIT
 *      20.0 min of hostA       342800.0 min of hostA
 */
function runLimit(about: string): number | undefined {
  const limits = about.includes('DEFAULT LIMITS:') ? (about.split('MAXIMUM LIMITS:')[1] ?? '') : about;
  const [, titles = '', values = ''] = /^(.*\bRUNLIMIT\b.*)\n(.*)$/m.exec(limits) ?? [];
  // Only these two are in minutes.
  const place = [...titles.matchAll(/\b(?:CPULIMIT|RUNLIMIT)\b/g)].findIndex(([title]) => title === 'RUNLIMIT');
  const minutes = [...values.matchAll(/([0-9.]+) min\b/g)][place]?.[1];
  return minutes === undefined ? undefined : Number(minutes);
}
