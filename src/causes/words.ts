import { type Blame, blame } from './cause.js';

/** A table of what others say, and what it means: the first row whose pattern is found counts. */
export type WordTable = readonly (readonly [pattern: RegExp, meaning: Blame])[];

export function meaningIn(table: WordTable, said: string): Blame | undefined {
  return table.find(([pattern]) => pattern.test(said))?.[1];
}

/**
 * What Slurm, Flux, the kernel and run-time libraries write to a step's stderr when it had too little memory. A step can
 * write this itself; nothing is gained by it, because `memory` is the study's own cause as `code` is.
 */
const ofMemory: readonly RegExp[] = [
  // slurmstepd and srun.
  /\boom[_-]kill event|Out[- ]Of[- ]Memory handler|Exceeded (job|step) memory limit|task \d+: Out Of Memory/i,
  // The job shell of Flux, and the kernel.
  /Memory cgroup out of memory: killed/i,
  // C++, Python, and the Fortran compilers.
  /\bstd::bad_alloc\b|^(numpy\S*\.)?_?\w*MemoryError\b|insufficient virtual memory|Error allocating \d+ bytes/m,
  /Allocation would exceed memory limit|Cannot allocate memory/i,
  // GPUs.
  /CUDA(_ERROR)?[_ ]OUT[_ ]OF[_ ]MEMORY|hipErrorOutOfMemory|cudaErrorMemoryAllocation/i,
];

/** Why a script failed that ran: `memory` if the end of its stderr says so, else `code`. */
export function blameOfScript(stderrTail = ''): Blame {
  return blame(ofMemory.some((pattern) => pattern.test(stderrTail)) ? 'memory' : 'code');
}

/** Of a script that could not be started, by what was said of it: files that could not be read or written. */
export const ofStart: WordTable = [
  [/No space left|quota exceeded|Read-only file system|Input\/output error|Stale (NFS )?file handle/i, blame('disk')],
  [/could not be claimed|study directory cannot be written/i, blame('disk')],
];

/** Why a script was not started although its job ran. */
export function blameOfStart(said: string): Blame {
  return meaningIn(ofStart, said) ?? blame('node');
}
