/** Who gives allocations. */
export const allocators = ['slurm', 'lsf', 'flux'] as const;

export type Allocator = (typeof allocators)[number];

/** A job in a scheduler's queue: what is needed to ask about it, and to end it. */
export interface QueuedJob {
  readonly kind: Allocator;
  readonly id: string;
  /** No other job has it. */
  readonly jobName: string;
  /** Slurm's, if the job is not in the one that commands there talk to. */
  readonly cluster: string | undefined;
  /** What its scheduler calls itself, as `scheduler` prints it; undefined if that is not known. */
  readonly scheduler?: string | undefined;
  readonly flux: string;
  readonly fluxVersion: string;
}

/** An allocation that there is to give back, as plain data: all that another process needs for it. */
export interface DescribedAllocation extends QueuedJob {
  readonly studyPath: string;
  readonly number: number;
}
