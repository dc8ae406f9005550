import type { Problem } from '../spec/problem.js';
import type { Batch } from '../spec/spec.js';
import type { StepGraph, StepInstance } from '../study/graph.js';
import { safeName } from '../study/names.js';
import { type Dialect, LaunchError, type Script } from './dialect.js';
import { directivesIn } from './directives.js';
import { fluxDialect } from './flux.js';
import { substituteLauncher } from './launcher-token.js';
import { localDialect } from './local.js';
import { lsfDialect } from './lsf.js';
import { slurmDialect } from './slurm.js';

/** The scripts of one instance. */
export interface StepScripts {
  readonly main: Script;
  /** The script for a restart after a timeout; null if the step has no `restart`. */
  readonly restart: Script | null;
}

const dialects = { local: localDialect, slurm: slurmDialect, lsf: lsfDialect, flux: fluxDialect };

/**
 * Renders every script of the study as Maestro 1.1 does. This happens before anything runs, so that all problems are
 * known at once. A problem is reported once for each step, not for each instance.
 */
export function renderScripts(
  graph: StepGraph,
  batch: Batch,
): { scripts: readonly StepScripts[]; problems: readonly Problem[] } {
  const dialect = dialects[batch.type](batch);
  const problems = new Map<string, Problem>();
  const report = (problem: Problem) => {
    const key = `${problem.at.line}:${problem.at.column} ${problem.message}`;
    if (!problems.has(key)) problems.set(key, problem);
  };
  const scripts = graph.steps.map((step) => renderStep(step, dialect, report));
  return { scripts, problems: [...problems.values()] };
}

/**
 * The shell line and the directives of a scheduled step's script.
 *
 * @param commands of the script, which may have directives too
 */
export function headerOf(step: StepInstance, batch: Batch, commands = ''): string {
  const header = dialects[batch.type](batch).header(step);
  if (batch.type !== 'slurm' && batch.type !== 'lsf') return header;
  return [header, ...directivesIn(commands, batch.type)].join('\n');
}

function renderStep(step: StepInstance, dialect: Dialect, report: (problem: Problem) => void): StepScripts {
  if (step.scheduled) for (const problem of dialect.check(step)) report(problem);
  const header = step.scheduled ? dialect.header(step) : dialect.shellLine;
  const body = (key: 'cmd' | 'restart') => {
    const text = step.run.get(key) as string;
    try {
      return step.scheduled ? substituteLauncher(text, step, dialect) : text;
    } catch (error) {
      if (!(error instanceof LaunchError)) throw error;
      report(launchProblem(step, key, error));
      return text;
    }
  };
  const script = (path: string, text: string): Script => ({
    path: `${step.workspace}/${path}`,
    text: `${header}\n\n${text}\n`,
  });
  const hasRestart = step.run.get('restart') !== '';
  return {
    main: script(safeName(`${step.jobName}${dialect.extension}`), body('cmd')),
    // Maestro does not make the name of the restart script safe, so only `/` is dropped, which no file name can have.
    restart: hasRestart
      ? script(`${step.jobName.replaceAll('/', '')}.restart${dialect.extension}`, body('restart'))
      : null,
  };
}

function launchProblem(step: StepInstance, key: string, error: LaunchError): Problem {
  return {
    severity: 'error',
    at: step.placeOf(error.token, key),
    message: `step '${step.step}': ${error.message}`,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}
