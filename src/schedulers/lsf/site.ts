import { firstOf, resource } from '../../scripts/dialect.js';
import { walltimeMinutes } from '../../scripts/lsf.js';
import type { Plan } from '../../scripts/plan.js';
import { type Problem, problemOf, withoutRepetitions } from '../../spec/problem.js';
import type { Site } from '../batch/batch-system.js';

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
export function checkPlan({ spec, graph }: Plan, printed: string, isOver: (step: number) => boolean): Problem[] {
  const { batch } = spec;
  const site = describe(printed);
  const steps = graph.steps.filter(({ scheduled, index }) => scheduled && !isOver(index));
  const asked = resource(batch.values, 'queue');
  // A job may name several queues, and gets the first that takes it.
  const names = asked === '' ? site.defaultQueues : asked.split(/\s+/);
  if (steps.length === 0 || site.queues.length === 0 || names.length === 0) return [];
  const unknown = names.find((name) => !site.queues.some((queue) => queue.name === name));
  if (unknown !== undefined) {
    const message = `there is no queue '${unknown}' in the LSF cluster ${site.cluster}`;
    const hint = `its queues are ${site.queues.map(({ name }) => name).join(', ')}`;
    return [problemOf('error', batch.placeOf('queue'), message, hint)];
  }
  const queues = site.queues.filter(({ name }) => names.includes(name));
  const limit = Math.max(...queues.map(({ limitMinutes = Number.POSITIVE_INFINITY }) => limitMinutes));
  const of = `the limit of the queue '${names.join(' ')}', ${limit} min`;
  return withoutRepetitions(
    steps.flatMap((step) => {
      const minutes = walltimeMinutes(step) ?? 0;
      if (minutes <= limit) return [];
      const message = `step '${step.step}': its walltime of ${minutes} min is over ${of}`;
      return [problemOf('error', step.placeOf('', 'walltime'), message)];
    }),
  );
}

function describe(printed: string): Description {
  const sections = new Map<string, string>();
  for (const section of printed.split(/^== /m)) {
    const [, name = '', text = ''] = /^(\w+)\n(.*)$/s.exec(section) ?? [];
    sections.set(name, text);
  }
  const lsid = sections.get('lsid') ?? '';
  const ofUser = sections.get('LSB_DEFAULTQUEUE')?.trim() ?? '';
  const ofSite = /^Default Queues?:\s*(.*)$/m.exec(sections.get('bparams') ?? '')?.[1]?.trim() ?? '';
  const defaultQueues = firstOf(ofUser, ofSite);
  return {
    version: /\bLSF\b[^\n,0-9]*([0-9][0-9.]*)/.exec(lsid)?.[1] ?? '',
    cluster: /^My cluster name is (\S+)/m.exec(lsid)?.[1] ?? '',
    master: /^My (?:master|management host) name is (\S+)/m.exec(lsid)?.[1] ?? '',
    queues: parseQueues(sections.get('bqueues') ?? ''),
    defaultQueues: defaultQueues === '' ? [] : defaultQueues.split(/\s+/),
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
