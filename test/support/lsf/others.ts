import { localText } from './bjobs.js';
import type { Call, Reply } from './bsub.js';
import type { Cluster } from './cluster.js';
import type { LsfJob } from './job.js';

const out = (stdout: string): Reply => ({ stdout, code: 0 });

/** IBM's "Viewing LSF cluster information" (Administering). */
export function lsid(): Reply {
  return out(
    [
      'IBM Spectrum LSF Standard 10.1.0.0, May 26 2016',
      'Copyright International Business Machines Corp. 1992, 2016.',
      'US Government Users Restricted Rights - Use, duplication or disclosure restricted by GSA ADP Schedule Contract with IBM Corp.',
      '',
      'My cluster name is lsf10',
      'My master name is hosta.company.com',
    ].join('\n'),
  );
}

/** IBM's "bparams" (LSF command reference). */
export function bparams(cluster: Cluster): Reply {
  const [first] = cluster.options.queues;
  return out(
    `Default Queues:  ${first!.name}\nMBD_SLEEP_TIME used for calculations:  10 seconds\nJob Checking Interval:  7 seconds`,
  );
}

/** IBM's "Viewing available queues and queue status" and "Viewing detailed queue information" (Administering). */
export function bqueues(cluster: Cluster, { words }: Call): Reply {
  const names = words.filter((word) => !word.startsWith('-'));
  const queues = cluster.options.queues.filter(({ name }) => names.length === 0 || names.includes(name));
  if (queues.length === 0) return { stderr: `${names[0]}: No such queue`, code: 255 };
  const status = (isOpen = true) => (isOpen ? 'Open:Active' : 'Closed:Active');
  if (!words.includes('-l')) {
    const rows = queues.map(
      ({ name, isOpen }) => `${name}   30  ${status(isOpen)}   -    -    -    -     0     0     0     0`,
    );
    return out(['QUEUE_NAME      PRIO STATUS          MAX JL/U JL/P JL/H NJOBS  PEND   RUN  SUSP', ...rows].join('\n'));
  }
  const details = queues.map(({ name, isOpen, limitMinutes }) =>
    [
      `QUEUE: ${name}`,
      '  -- No description provided.',
      '',
      'PARAMETERS/STATISTICS',
      'PRIO NICE STATUS          MAX JL/U JL/P JL/H NJOBS  PEND   RUN SSUSP USUSP  RSV PJOBS',
      ` 30    0  ${status(isOpen)}       -    -    -    -     0     0     0     0     0    0     0`,
      'Interval for a host to accept two jobs is 0 seconds',
      ...(limitMinutes === undefined
        ? []
        : ['', 'MAXIMUM LIMITS:', ' RUNLIMIT', ` ${limitMinutes.toFixed(1)} min of hosta`]),
      '',
      'SCHEDULING PARAMETERS',
      '           r15s   r1m  r15m   ut      pg    io   ls    it    tmp    swp    mem',
      ' loadSched   -     -     -     -       -     -    -     -     -      -      -',
      ' loadStop    -     -     -     -       -     -    -     -     -      -      -',
      '',
      'USERS: all',
      'HOSTS:  all',
      '',
    ].join('\n'),
  );
  return out(details.join('------------------------------------------------------------------------------\n\n'));
}

/** IBM's "bkill", "bstop", "bresume" and "brequeue" (LSF command reference). */
export function control(cluster: Cluster, { name, words }: Call): Reply {
  const lines: string[] = [];
  const errors: string[] = [];
  for (const word of words.filter((word) => /^\d+$/.test(word))) {
    const job = cluster.jobs.get(Number(word));
    if (job === undefined || job.isForgotten) errors.push(`Job <${word}>: No matching job found`);
    else if (job.hasEnded) errors.push(`Job <${word}>: Job has already finished`);
    else lines.push(`Job <${word}> is being ${act(job, name)}`);
  }
  cluster.schedule();
  return { stdout: lines.join('\n'), stderr: errors.join('\n'), code: errors.length > 0 ? 255 : 0 };
}

function act(job: LsfJob, name: string): string {
  switch (name) {
    case 'bstop':
      job.stop();
      return 'stopped';
    case 'bresume':
      job.resume();
      return 'resumed';
    case 'brequeue':
      job.requeue();
      return 'requeued';
    default:
      job.kill('TERM_OWNER: job killed by owner');
      return 'terminated';
  }
}

/** IBM's "bhist" (LSF command reference): lines are broken at 80 characters, and the rest of them is indented. */
export function bhist(cluster: Cluster, { words, environment }: Call): Reply {
  const last = words.lastIndexOf('-n') + 1;
  const ids = words.filter((word, index) => /^\d+$/.test(word) && index !== last).map(Number);
  const jobs = [...cluster.jobs.values()].filter(({ id }) => ids.includes(id));
  if (jobs.length === 0) return { stderr: 'No matching job found', code: 255 };
  const texts = jobs.map((job) =>
    [
      '',
      ...broken(
        `Job <${job.id}>, Job Name <${job.request.name}>, User <user1>, Project <default>, Command <#!/bin/bash>`,
      ),
      ...job.events.flatMap(([at, text]) => {
        const [weekday, month, day, , time] = localText(at, environment);
        return broken(`${weekday} ${month} ${day} ${time}: ${text}`);
      }),
      '',
      'Summary of time in seconds spent in various states by  Thu Mar 13 20:18:33',
      '  PEND     PSUSP    RUN      USUSP    SSUSP    UNKWN    TOTAL',
      '  2        0        65       0        0        0        67',
    ].join('\n'),
  );
  return out(texts.join('\n------------------------------------------------------------------------------\n'));
}

function broken(line: string): string[] {
  const indent = ' '.repeat(21);
  const lines = [line.slice(0, 80)];
  for (let from = 80; from < line.length; from += 59) lines.push(indent + line.slice(from, from + 59));
  return lines;
}
