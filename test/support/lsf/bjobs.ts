import type { Call, Reply } from './bsub.js';
import type { Cluster } from './cluster.js';
import type { LsfJob } from './job.js';

/**
 * Lists jobs, in the forms of IBM's "bjobs" (LSF command reference: -o, -json, -p, -noheader) and with the exit statuses
 * of "LSB_BJOBS_CONSISTENT_EXIT_CODE" (LSF configuration reference).
 */
export function bjobs(cluster: Cluster, { words, environment }: Call): Reply {
  const options = new Map<string, string>();
  const ids: number[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (/^\d+$/.test(word)) ids.push(Number(word));
    else options.set(word, ['-o', '-J', '-u'].includes(word) ? words[++i]! : '');
  }
  const isJson = options.has('-json');
  if (isJson && cluster.faults.has('no json')) {
    const usage = 'Usage: bjobs [options] [job_ID | "job_ID[index_list]" ... ]';
    return { stderr: `bjobs: Illegal option: -json\n${usage}`, code: 255 };
  }
  const known = [...cluster.jobs.values()].filter((job) => !job.isForgotten && !cluster.faults.has('hidden'));
  const isShown = (job: LsfJob) =>
    (options.has('-a') || !job.hasEnded) && (!options.has('-J') || job.request.name === options.get('-J'));
  const asked = ids.length === 0 ? known : known.filter(({ id }) => ids.includes(id));
  const jobs = asked.filter(isShown);
  const missing = ids.filter((id) => !known.some((job) => job.id === id));
  const code = missing.length > 0 ? 255 : 0;
  if (isJson) return { stdout: jsonOf(cluster, options.get('-o')!, jobs, missing, environment), code };
  const errors = missing.map((id) => `Job <${id}> is not found`);
  if (jobs.length === 0) {
    const nobody = options.has('-a') ? 'No job found' : 'No unfinished job found';
    return { stderr: errors.length > 0 ? errors.join('\n') : nobody, code };
  }
  return { stdout: textOf(cluster, options, jobs, environment), stderr: errors.join('\n'), code };
}

function textOf(
  cluster: Cluster,
  options: ReadonlyMap<string, string>,
  jobs: readonly LsfJob[],
  environment: Call['environment'],
): string {
  const format = options.get('-o');
  if (format === undefined) {
    const title = 'JOBID   USER    STAT  QUEUE      FROM_HOST   EXEC_HOST   JOB_NAME   SUBMIT_TIME';
    const lines = jobs.flatMap((job) => [
      `${job.id}     user1   ${job.state}  ${job.request.queue}     hosta       hosta       ${job.request.name}`,
      ...(options.has('-p') && job.state.startsWith('P') ? reasonLines(cluster.pendingReasonOf(job)) : []),
    ]);
    return [title, ...lines].join('\n');
  }
  const [, fields = format, delimiter = ' '] = /^(.*) delimiter='(.)'$/.exec(format) ?? [];
  const names = fields.split(' ');
  const row = (job: LsfJob) => names.map((name) => fieldOf(cluster, job, name, environment) || '-').join(delimiter);
  const title = names.map((name) => name.toUpperCase()).join(delimiter);
  return [...(options.has('-noheader') ? [] : [title]), ...jobs.map(row)].join('\n');
}

/** Each reason on a line of its own. */
const reasonLines = (text: string) => text.split(/(?<=;)/).map((reason) => ` ${reason}`);

/** As bjobs writes it, with every slash in a text escaped. */
function jsonOf(
  cluster: Cluster,
  format: string,
  jobs: readonly LsfJob[],
  missing: readonly number[],
  environment: Call['environment'],
): string {
  const record = (entries: readonly (readonly [string, string])[]) =>
    `    {\n${entries.map(([name, value]) => `      "${name}":"${escaped(value)}"`).join(',\n')}\n    }`;
  const records = [
    ...jobs.map((job) =>
      record(format.split(' ').map((name) => [name.toUpperCase(), fieldOf(cluster, job, name, environment)])),
    ),
    ...missing.map((id) =>
      record([
        ['JOBID', String(id)],
        ['ERROR', `Job <${id}> is not found`],
      ]),
    ),
  ];
  return `{\n  "COMMAND":"bjobs",\n  "JOBS":${records.length},\n  "RECORDS":[\n${records.join(',\n')}\n  ]\n}`;
}

const escaped = (text: string) => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('/', '\\/');

function fieldOf(cluster: Cluster, job: LsfJob, name: string, environment: Call['environment']): string {
  const time = (at: Date | null) => (at === null ? '' : shownTime(at, environment, cluster.faults.has('full times')));
  const { limitMinutes } = job.request;
  switch (name) {
    case 'jobid':
      return String(job.id);
    case 'stat':
      return job.state;
    case 'queue':
      return job.request.queue;
    case 'job_name':
      return job.request.name;
    case 'job_description':
      return job.request.description;
    case 'exec_host':
      return job.startedAt === null ? '' : 'hosta';
    case 'exit_code':
      return job.hasEnded && job.exitCode !== 0 ? String(job.exitCode) : '';
    case 'exit_reason':
      return job.exitReason;
    case 'pend_reason':
      return cluster.pendingReasonOf(job);
    case 'start_time':
      return time(job.startedAt);
    case 'finish_time': {
      if (job.finishedAt !== null) return `${time(job.finishedAt)} L`;
      if (job.startedAt === null || limitMinutes === undefined) return '';
      return `${time(new Date(job.startedAt.getTime() + limitMinutes * 60_000))} L`;
    }
    default:
      return '';
  }
}

/** `Nov 24 20:31`, or with seconds and a year, in the time zone of the command. */
export function shownTime(at: Date, environment: Call['environment'], isFull: boolean): string {
  const [, month, day, year, time] = localText(at, environment);
  return isFull ? `${month} ${day} ${time} ${year}` : `${month} ${day} ${time!.slice(0, 5)}`;
}

/** Weekday, month, day, year and time; the day has a blank before it, as in C. */
export function localText(at: Date, { TZ: zone = '' }: Call['environment']): string[] {
  const isUtc = /^UTC0?$/.test(zone);
  const local = isUtc ? at : new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  const [weekday = '', day = '', month = '', year = '', time = ''] = local.toUTCString().split(' ');
  return [weekday.slice(0, 3), month, day.replace(/^0/, ' '), year, time];
}
