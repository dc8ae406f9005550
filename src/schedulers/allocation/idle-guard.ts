import { programs } from '../../generated/programs.js';

/** The initial program of all allocations of a study, relative to the study directory. */
export const initialProgramPath = '.conductor/allocation';

/** The files of an allocation, relative to the study directory. */
export function allocationFiles(number: number) {
  const base = `.conductor/allocation-${number}`;
  return {
    /** The URI of its Flux instance; removed when the instance ends. */
    uri: `${base}.uri`,
    /** The output of its job. */
    output: `${base}.out`,
    /** Its existence tells the initial program to end. */
    end: `${base}.end`,
  } as const;
}

/** The command line of the initial program. @param flux the path of the `flux` command */
export function initialProgramWords(studyPath: string, number: number, nodes: number, flux: string): readonly string[] {
  return [`${studyPath}/${initialProgramPath}`, String(number), String(nodes), flux];
}

/**
 * The initial program of an allocation's Flux instance, which ends with it. It writes down the address of the instance,
 * and ends the allocation if no driver is left, so that a dead driver does not keep nodes from other users. A driver
 * keeps changing the lease; the program only checks that it changes, so that clocks of two machines are never compared.
 * Jobs are not stopped: they run to their end, and the next driver reads their results.
 *
 * Environment, for tests: MAESTRO_ALLOCATION_PATIENCE, seconds without a driver before the end;
 * MAESTRO_ALLOCATION_INTERVAL, seconds between checks.
 */
export const initialProgramText: string = programs['schedulers/allocation/idle-guard.sh'];
