import { programs } from '../../generated/programs.js';

/** Where the initial program of allocations is, relative to the study directory; the same for all of them. */
export const initialProgramPath = '.conductor/allocation';

/** What a driver of the study changes for as long as it lives, relative to the study directory. */
export const leasePath = '.conductor/lease';

/** The files of an allocation, relative to the study directory. */
export function allocationFiles(number: number) {
  const base = `.conductor/allocation-${number}`;
  return {
    /** The address of its Flux instance, for as long as that lives. */
    uri: `${base}.uri`,
    /** What its job printed. */
    output: `${base}.out`,
    /** Made by whoever wants it to end. */
    end: `${base}.end`,
  } as const;
}

/** The words that start it within the instance. @param flux the path of the command */
export function initialProgramWords(studyPath: string, number: number, nodes: number, flux: string): readonly string[] {
  return [`${studyPath}/${initialProgramPath}`, String(number), String(nodes), flux];
}

/**
 * The first thing that runs in an allocation's Flux instance, which lives as long as this does. It writes down where the
 * instance is, and holds the allocation for whoever drives the study: a driver that is gone must not keep nodes from
 * others. Who drives changes the lease again and again; only that it changes is looked at, so that no clocks of two
 * machines are compared. Jobs that run go on to their end, driver or not: the next driver finds what they did.
 *
 * Environment, for tests: MAESTRO_ALLOCATION_PATIENCE, seconds without a driver; MAESTRO_ALLOCATION_INTERVAL, seconds from
 * look to look.
 */
export const initialProgramText: string = programs['schedulers/allocation/idle-guard.sh'];
