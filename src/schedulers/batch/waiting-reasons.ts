/** Why a waiting job may never start, and what to do about it. */
export interface Doubt {
  readonly reason: string;
  readonly hint: string;
}

/** How hints name the settings of a job, which are in the spec or in an input. */
export interface Settings {
  /** Its time limit: `walltime`. */
  readonly time: string;
  readonly shorter: string;
  /** How many nodes, tasks and GPUs it asks for. */
  readonly size: string;
  /** The same, with arbitrary options. */
  readonly needs: string;
  readonly smaller: string;
  readonly bank: string;
  readonly queue: string;
  /** All that decides whether it may run in a queue at all. */
  readonly access: string;
}

/** How hints name the settings of a step. */
export const stepSettings: Settings = {
  time: '`walltime` of the step',
  shorter: 'a shorter `walltime` of the step',
  size: '`nodes`, `procs` or `gpus` of the step',
  needs: '`nodes`, `procs` or `gpus` of the step, or `args` of batch',
  smaller: 'fewer `nodes`',
  bank: '`bank` of batch',
  queue: '`queue` of batch',
  access: '`bank`, `queue`, `qos` and `args` of batch',
};

/** Reasons of Slurm, LSF and Flux that do not go away by waiting, each with a hint. */
const doubts: readonly (readonly [reason: RegExp, hint: (settings: Settings) => string])[] = [
  // Slurm.
  [
    /^(PartitionTimeLimit|.*MaxWall\w*|TimeLimit|DeadLine)$/,
    ({ time, queue }) => `it asks for more time than it may have there: ${time}, or another ${queue}`,
  ],
  [
    /^(PartitionNodeLimit|PartitionConfig|.*Max(Node|Cpu|CPU|TRES|GRES|BB|License|Mem|Jobs?)\w*PerJob\w*|MaxMemPerLimit)$/i,
    ({ size, queue }) => `it asks for more than one job may have there: ${size}, or another ${queue}`,
  ],
  [/^BadConstraints$/, ({ needs }) => `no node has what it asks for: ${needs}`],
  [/^QOSMin\w*$/, ({ size }) => `it asks for less than its QOS demands: ${size}`],
  [
    /^(Assoc|QOS|Max)\w*((Grp|Max)\w*)?(Minutes|RunMin)\w*$|^(QOS|Association)(TimeLimit|UsageThreshold)$/i,
    ({ bank }) => `the hours of the account may be used up: set another ${bank}, or ask for more hours`,
  ],
  [
    /^(Assoc|QOS)\w*(Grp|Max)\w*$|^Max\w*Per(Account|User)$|^(QOS|Association)(Job|Resource)Limit$|^AccountingPolicy$/,
    () =>
      'it waits until others of the account or the user have ended, and for ever if it alone asks for more than the limit: see the limits of `bank` and `queue`',
  ],
  [
    /^(Invalid\w*|AccountNotAllowed|QOSNotAllowed|Partition\w*NotAllowed)$|can't use this partition|not permitted to use/,
    ({ access }) => `see ${access}`,
  ],
  [/^JobHeldAdmin$/, () => 'an administrator holds it, and can release it'],
  [
    /^(JobHeld\w*|JobHoldMaxRequeue|Held.*|.*requeued (in )?held.*)$/i,
    () => 'it is held: release it with `scontrol release`',
  ],
  [/^DependencyNeverSatisfied$/, () => 'a job that it depends on has failed, so that it can only be cancelled'],
  [/^(PartitionDown|PartitionInactive|JobArrayTaskLimit)$/, ({ queue }) => `another ${queue} may be open`],
  [/^Reservation(Deleted|Invalid)$/, () => 'its reservation is gone: another `reservation`, or none'],
  [/^BurstBufferOperation$/, () => 'its burst buffer failed: see `scontrol show job`, and `args`'],
  [
    /^ReqNodeNotAvail|^Nodes required for job are DOWN, DRAINED or reserved/,
    ({ shorter }) =>
      `nodes that it needs are down, drained or reserved, perhaps for maintenance that comes before it could end: ${shorter} may let it start`,
  ],
  // LSF.
  [/suspended (by|while)/i, () => 'it is suspended: resume it with `bresume`'],
  [
    /inactivated|queue is closed|not (an )?(eligible|enough) hosts?/i,
    ({ smaller }) => `another \`queue\`, or ${smaller}`,
  ],
  [
    /not enough (per-user )?job slots|no longer satisfies queue/i,
    ({ size, queue }) => `it asks for more than one job may have there: ${size}, or another ${queue}`,
  ],
  [/run window is closed|termination deadline/i, ({ shorter }) => `${shorter} may let it start`],
  [/Dependency condition invalid/i, () => 'a job that it depends on has failed, so that it can only be cancelled'],
  [/first exe\w+ host .*not eligible|bad host name|not used by the queue/i, ({ access }) => `see ${access}`],
  [/pre-exec command exited/i, () => 'the command that the site runs before a job fails: ask its administrators'],
  [
    /no such user account|no permission to run|determine user account|submitted by root/i,
    ({ access }) => `see ${access}`,
  ],
  // Flux.
  [/unsatisfiable/i, ({ size }) => `no node has what it asks for: ${size}`],
];

/** Reasons of Slurm that go away when other jobs end, such as those of the same study: limits of how many run at once. */
const passing = /^(Assoc|QOS)?(Grp|Max)(Submit)?Jobs?(Per|Limit)\w*$|^(QOS|Association)JobLimit$/;

/** Why a job that waits for this reason may never start; undefined if it only waits for its turn. */
export function doubtAbout(reason: string, settings: Settings): Doubt | undefined {
  if (passing.test(reason)) return undefined;
  const hint = doubts.find(([words]) => words.test(reason))?.[1];
  return hint === undefined ? undefined : { reason, hint: hint(settings) };
}
