import { ran, start, type Told } from './results.js';

/** A step that failed, as results have it. */
export const failed = (name: string, told: Partial<Told> = {}): Told => ({
  name,
  line: 7,
  record: ran(1200, { state: 'FAILED', reason: 'exit 3', exitCode: 3 }),
  outputs: { stdout: `${name}/${name}.17.out`, stderr: `${name}/${name}.17.err` },
  ...told,
});

/** Every kind of end that a step may have. */
export const everyEnd: readonly Told[] = [
  { name: 'make', record: ran(1500) },
  { name: 'run_A.1', step: 'run', record: ran(62_000) },
  failed('run_A.2', { step: 'run', says: 'no <input>\n\n& no output' }),
  failed('run_A.3', { step: 'run', record: ran(7, { state: 'TIMEDOUT', reason: 'its walltime (7 s) ran out' }) }),
  failed('run_A.4', { step: 'run', record: ran(7, { state: 'HWFAILURE', reason: 'a node was lost' }) }),
  failed('run_A.5', { step: 'run', record: ran(7, { state: 'FAILED', reason: 'exit 1', tolerated: true }) }),
  { name: 'run_A.6', step: 'run', record: ran(7, { state: 'CANCELLED', reason: 'the workflow was cancelled' }) },
  { name: 'next', record: { state: 'FAILED', reason: 'dependency run_A.2 failed', ended: start } },
];
