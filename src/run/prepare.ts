import path from 'node:path';
import type { Host } from '../hosts/host.js';
import type { Plan } from '../scripts/plan.js';
import type { Overlays } from '../spec/overlay.js';
import { type Problem, SpecError, sortProblems, warning } from '../spec/problem.js';
import { readSpec } from '../spec/read.js';
import { Source } from '../spec/source.js';
import type { Spec } from '../spec/spec.js';
import type { Places } from '../study/environment.js';
import { type Parameter, toParameter } from '../study/parameters.js';
import type { AnswerStore } from '../study/pgen/answer.js';
import { type Asked, askGenerator } from '../study/pgen/ask.js';
import type { Pgen } from '../study/pgen/pgen.js';
import { closest } from '../util/closest.js';
import type { Log } from '../util/log/log.js';
import { checkPaths } from './dependencies.js';
import type { RunOptions } from './options.js';
import { checkDraft, planStudy } from './plan.js';

/** What a study is made from. */
export interface StudyContext {
  readonly options: RunOptions;
  /** Where the study runs. */
  readonly host: Host;
  /** The machine that this program runs on; the host itself, unless that is reached by SSH. */
  readonly here: Host;
  readonly log: Log;
  /** The spec's text. */
  readonly text: string;
  readonly overlays: Overlays;
  /** What makes the parameters in place of the spec; undefined if nothing does. */
  readonly pgen: Pgen | undefined;
  /** The spec's absolute path on this machine. */
  readonly specPath: string;
  /** What relative paths of the spec start from, on this machine. */
  readonly workingDirectory: string;
  /** The directory that is copied to the host, which the spec is in; undefined if the host is this machine. */
  readonly stageRoot: string | undefined;
  /** Aborted, with a reason for people, to cancel the study. */
  readonly cancel: AbortSignal;
  /** Aborted when this process gets a SIGHUP, even after another signal. */
  readonly hangup: AbortSignal;
}

/** A spec without errors, and the warnings about it. */
export interface ReadStudy {
  readonly spec: Spec;
  readonly warnings: readonly Problem[];
}

/** What a spec is read from. */
export type SpecContext = Pick<
  StudyContext,
  'options' | 'text' | 'overlays' | 'specPath' | 'workingDirectory' | 'stageRoot'
>;

/** @throws SpecError with everything that can be found wrong without expanding the study */
export function readStudy(context: SpecContext): ReadStudy {
  const { options, text, overlays } = context;
  const { spec, draft, problems } = readSpec(new Source(options.shownSpec, text), overlays);
  if (spec !== undefined) return { spec, warnings: problems };
  const more = draft === undefined ? [] : checkDraft(draft, placesIn(context, nowhere), problems);
  throw new SpecError([...problems, ...more]);
}

/**
 * Plans a study in a directory.
 *
 * @param parameters in place of the spec's, if a generator made some
 * @throws SpecError with everything that is wrong with it
 */
export function planAt(
  context: StudyContext,
  { spec, warnings }: ReadStudy,
  studyPath: string,
  parameters: readonly Parameter[] = spec.parameters.map(toParameter),
): { readonly plan: Plan; readonly warnings: readonly Problem[] } {
  const { plan, problems } = planStudy(spec, parameters, placesIn(context, studyPath), context.options);
  // What a generator reads of the variables is not known.
  const unused = context.pgen === undefined ? unusedVariables(spec, context.overlays, context.text) : [];
  const all = sortProblems([...warnings, ...problems, ...unused]);
  if (plan === undefined) throw new SpecError(all);
  return { plan, warnings: all };
}

/**
 * What the parameter generator makes, if there is one. It may write to the study directory, as with Maestro.
 *
 * @param answers of earlier runs of the study; undefined if nothing is kept
 */
export async function generate(
  context: StudyContext,
  { spec }: ReadStudy,
  studyPath: string,
  answers?: AnswerStore,
): Promise<Asked | undefined> {
  const { pgen, here, cancel, log } = context;
  // It runs here, and looks at files here.
  const places = placesIn({ ...context, stageRoot: undefined }, studyPath);
  return pgen && askGenerator({ host: here, pgen, spec, places, cancel, log, answers });
}

/** Where a study is planned only to find what is wrong with it. */
export const nowhere = '/study';

/** Where the copy of the staged directory is, relative to the study. */
export const stagePath = '.conductor/stage';

function placesIn({ specPath, workingDirectory, stageRoot }: SpecContext, studyPath: string): Places {
  const specDirectory = path.posix.dirname(specPath);
  if (stageRoot === undefined) return { studyPath, specRoot: specDirectory, workingDirectory };
  const staged = { from: stageRoot, to: `${studyPath}/${stagePath}` };
  const specRoot = path.posix.join(staged.to, path.posix.relative(stageRoot, specDirectory));
  return { studyPath, specRoot, workingDirectory, staged };
}

/**
 * How a study is planned in a directory, once it is known which: `at` asks the parameter generator, if there is one and `answers`
 * does not have what it gives, for which the directory must be there. Warnings are those of the last plan.
 */
export interface Planner {
  readonly spec: Spec;
  /** Whether there must be a directory before anything can be planned. */
  readonly needsDirectory: boolean;
  /** @throws SpecError, PgenError, HostError */
  at(studyPath: string, answers?: AnswerStore): Promise<{ readonly plan: Plan; readonly warnings: readonly Problem[] }>;
}

/**
 * Reads a study, and looks for what can be found wrong with it wherever it goes.
 *
 * @throws SpecError, HostError
 */
export async function planner(context: StudyContext): Promise<Planner> {
  const read = readStudy(context);
  const missing = await missingPaths(context, read.spec);
  return {
    spec: read.spec,
    needsDirectory: context.pgen !== undefined,
    at: async (studyPath, answers) => {
      const isMissing = missing.some(({ severity }) => severity === 'error');
      // A generator that needs a path which is not there would only fail in its own words.
      if (isMissing && context.pgen !== undefined) throw new SpecError([...read.warnings, ...missing]);
      const asked = await generate(context, read, studyPath, answers);
      const known = { ...read, warnings: [...read.warnings, ...missing] };
      const { plan, warnings } = planAt(context, known, studyPath, asked?.parameters);
      if (isMissing) throw new SpecError(warnings);
      return { plan: { ...plan, generator: asked?.copy }, warnings };
    },
  };
}

/**
 * Paths that the study depends on and that are not there: errors, as in Maestro, in a dry run too. That absolute ones are on
 * the host of a run by SSH, which a dry run does not look at, is a warning.
 */
export async function missingPaths(context: StudyContext, spec: Spec): Promise<Problem[]> {
  const missing = await checkPaths(context.host, context.here, spec, placesIn(context, nowhere));
  if (!context.options.isDryRun || !context.options.hasRemoteHost) return missing;
  const elsewhere = new Set(spec.paths.filter((dependency) => path.isAbsolute(dependency.path)).map(({ at }) => at));
  return missing.map((problem) => (elsewhere.has(problem.at) ? { ...problem, severity: 'warning' } : problem));
}

/** Names in `$(NAME)` and `$(NAME.x)`. */
const tokens = /\$\(([^()\s.]+)(?:\.[^()\s]*)?\)/g;

/**
 * Warnings about variables of the overlay that nothing of the study uses.
 *
 * @param text of the spec
 */
export function unusedVariables(spec: Spec, overlays: Overlays, text: string): Problem[] {
  const { variables, parameters, batch } = overlays;
  if (variables === undefined) return [];
  const texts = [text, variables.text, parameters?.text ?? '', batch?.text ?? ''];
  const used = new Set(texts.flatMap((each) => [...each.matchAll(tokens)].map(([, name]) => name!)));
  const defined = spec.variables.filter(({ at }) => at.file !== variables.file).map(({ name }) => name);
  return spec.variables
    .filter(({ name, at }) => at.file === variables.file && name !== 'OUTPUT_PATH' && !used.has(name))
    .map(({ name, at }) => {
      const guess = name.length > 2 ? closest(name, [...defined, ...used]) : undefined;
      const hint = guess === undefined ? `write $(${name}) where it is wanted` : `did you mean '${guess}'?`;
      return warning(at, `variable '${name}' is not used by the study`, hint);
    });
}
