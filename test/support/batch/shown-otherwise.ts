/** What a batch system cannot do in the time of a test, or on one machine, and what the contract does in its place. */
const shownOtherwise: readonly (readonly [system: string, behaviour: string, how: string])[] = [
  [
    'Slurm',
    'a time limit',
    'the shortest is a minute: an operator moves the end of the job to now, which Slurm looks at every 30 s',
  ],
  ['Slurm', 'a time limit and kill -9', 'NOT in the short form of the crash tests: test:long has it (slowStudy)'],
  ['Slurm', 'a lost answer', 'sbatch is wrapped: it submits the job, and says that its socket timed out'],
  ['Slurm', 'an operator who cancelled', 'WHO it was is not known, for there is no accounting'],
  ['LSF', 'everything', "by the stand-in only, made from IBM's documentation: NOT TESTED with a real LSF"],
  ['LSF', 'a time limit', 'a minute lasts a second'],
  ['LSF', 'a node that fails', "the job is killed, and LSF's reason is TERM_REMOVE_HUNG_JOB"],
  [
    'Flux, simulated and real',
    'a node that fails',
    'its exception is raised by hand, for the instance has one node only',
  ],
  ['Flux, simulated and real', 'a lost answer', 'the line breaks when the answer to the submit comes'],
  [
    'Flux, simulated and real',
    'a cancel by a frozen driver',
    'is stopped by the journal only: unlike for Slurm and LSF, the lease is not asked again while the connection lasts',
  ],
];

/** The table, for people. */
export function shownOtherwiseTable(): string {
  const width = (column: 0 | 1) => Math.max(...shownOtherwise.map((row) => row[column].length));
  const lines = shownOtherwise.map(([system, behaviour, how]) => {
    return `${system.padEnd(width(0))}  ${behaviour.padEnd(width(1))}  ${how}`;
  });
  return ['What the contract of batch systems shows by other means, or not at all:', ...lines].join('\n');
}
