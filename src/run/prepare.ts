import path from 'node:path';
import type { Host } from '../hosts/host.js';
import type { Metric } from '../metrics/metric.js';
import type { Plan } from '../scripts/plan.js';
import type { Overlays } from '../spec/overlay.js';
import { type Problem, SpecError, sortProblems, warning } from '../spec/problem.js';
import { readSpec } from '../spec/read.js';
import { Source } from '../spec/source.js';
import type { Spec } from '../spec/spec.js';
import type { Places } from '../study/environment.js';
import { type Parameter, toParameter } from '../study/parameters.js';
import type { AnswerStore, GeneratorAnswer } from '../study/pgen/answer.js';
import { type Asked, askGenerator } from '../study/pgen/ask.js';
import type { Pgen } from '../study/pgen/pgen.js';
import { closest } from '../util/closest.js';
import type { Log } from '../util/log/log.js';
import { checkPaths } from './dependencies.js';
import { metricProblems } from './metric-problems.js';
import type { RunOptions } from './options.js';
import { checkDraft, planStudy } from './plan.js';

/** What a study is planned from. */
export interface StudyContext {
  readonly options: RunOptions;
  /** Where the study runs. */
  readonly host: Host;
  /** The machine that this program runs on; the same as `host` unless that is reached by SSH. */
  readonly here: Host;
  readonly log: Log;
  /** The spec's text. */
  readonly text: string;
  readonly overlays: Overlays;
  /** Undefined if the study cannot be resumed from what is kept in it. */
  readonly hostInputs?: HostInputs | undefined;
  /** The parameter generator, which replaces the parameters of the spec; undefined if there is none. */
  readonly pgen: Pgen | undefined;
  /** What is read from the outputs of its steps, and judged. */
  readonly metrics?: readonly Metric[];
  /** The spec's absolute path on this machine. */
  readonly specPath: string;
  /** The directory on this machine that relative paths of the spec start from. */
  readonly workingDirectory: string;
  /** The directory that is copied to the host, which the spec is in; undefined if the host is this machine. */
  readonly stageRoot: string | undefined;
  /** The study, if it was read before: a large one takes a while. */
  readonly read?: ReadStudy | undefined;
  /** What came here of `stageRoot`, if the study was started on another machine, or by a process that is gone. */
  readonly arrived?: Arrived | undefined;
  /** Aborted, with a reason for people, to cancel the study. */
  readonly cancel: AbortSignal;
  /** Aborted when this process gets a SIGHUP, even after another signal. */
  readonly hangup: AbortSignal;
}

/** The inputs that get to the host, as texts by name. */
export interface HostInputs {
  /** They are written into files of the study. */
  readonly plain: Readonly<Record<string, string>>;
  /** They may hold secrets: only a detached conductor has them there, for as long as it needs them. */
  readonly apart: Readonly<Record<string, string>>;
  /** The names of those of `apart` that a resumed study is given again. */
  readonly withheld: readonly string[];
}

/** What a study needs that was checked, and asked, where it was started. */
export interface Arrived {
  /** The copy of `stageRoot`; it need not be there any more once it is staged. */
  readonly tree: string;
  /** What the parameter generator gave. */
  readonly answer: GeneratorAnswer | undefined;
}

/** A spec without errors, and the warnings about it. */
export interface ReadStudy {
  readonly spec: Spec;
  readonly warnings: readonly Problem[];
}

/** What reading a spec needs. */
export type SpecContext = Pick<
  StudyContext,
  'options' | 'text' | 'overlays' | 'specPath' | 'workingDirectory' | 'stageRoot'
>;

/** What planning a study needs: less of the options than running it. */
export interface PlanContext extends Omit<SpecContext, 'options'> {
  readonly options: Pick<RunOptions, 'shownSpec' | 'hashWorkspaces' | 'isDryRun'>;
}

/** @throws SpecError with everything that can be found wrong without expanding the study */
export function readStudy(context: PlanContext): ReadStudy {
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
  context: PlanContext & Pick<StudyContext, 'pgen'>,
  { spec, warnings }: ReadStudy,
  studyPath: string,
  parameters: readonly Parameter[] = spec.parameters.map(toParameter),
): { readonly plan: Plan; readonly warnings: readonly Problem[] } {
  const { plan, problems } = planStudy(spec, parameters, placesIn(context, studyPath), context.options);
  // A generator may use any variable.
  const unused = context.pgen === undefined ? unusedVariables(spec, context.overlays, context.text) : [];
  const all = sortProblems([...warnings, ...problems, ...unused]);
  if (plan === undefined) throw new SpecError(all);
  return { plan, warnings: all };
}

/**
 * Asks the parameter generator, if there is one. It may write to the study directory, as with Maestro.
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
  // It runs on this machine, and reads files of this machine.
  const places = placesIn({ ...context, stageRoot: undefined }, studyPath);
  return pgen && askGenerator({ host: here, pgen, spec, places, cancel, log, answers });
}

/** The directory of a study that is planned only to find its problems. */
export const nowhere = '/study';

/** The copy of the staged directory, relative to the study. */
export const stagePath = '.conductor/stage';

function placesIn({ specPath, workingDirectory, stageRoot }: PlanContext, studyPath: string): Places {
  const specDirectory = path.posix.dirname(specPath);
  if (stageRoot === undefined) return { studyPath, specRoot: specDirectory, workingDirectory };
  const staged = { from: stageRoot, to: `${studyPath}/${stagePath}` };
  const specRoot = path.posix.join(staged.to, path.posix.relative(stageRoot, specDirectory));
  return { studyPath, specRoot, workingDirectory, staged };
}

/**
 * Plans a study once its directory is known. `at` asks the parameter generator, if there is one, unless `answers` has its
 * answer; for that the directory must exist.
 */
export interface Planner {
  readonly spec: Spec;
  /** Whether there must be a directory before anything can be planned. */
  readonly needsDirectory: boolean;
  /** @throws SpecError, PgenError, HostError */
  at(studyPath: string, answers?: AnswerStore): Promise<Planned>;
}

export interface Planned {
  readonly plan: Plan;
  readonly warnings: readonly Problem[];
  /** What the generator gave; undefined if there is none. */
  readonly answer: GeneratorAnswer | undefined;
}

/**
 * Reads a study, and begins to look for the problems that do not depend on its directory.
 *
 * @throws SpecError
 */
export async function planner(context: StudyContext): Promise<Planner> {
  const { read = readStudy(context) } = context;
  // Asked for while the study's place is looked for; where the study was started it was asked before.
  const asking = context.arrived === undefined ? missingPaths(context, read.spec) : Promise.resolve([]);
  asking.catch(() => {});
  return {
    spec: read.spec,
    needsDirectory: context.pgen !== undefined,
    at: async (studyPath, answers) => {
      const missing = await asking;
      const isMissing = missing.some(({ severity }) => severity === 'error');
      // A generator that needs a missing path would fail with a less helpful message.
      if (isMissing && context.pgen !== undefined) throw new SpecError([...read.warnings, ...missing]);
      const asked = await generate(context, read, studyPath, answers);
      const known = { ...read, warnings: [...read.warnings, ...missing] };
      const { plan, warnings } = planAt(context, known, studyPath, asked?.parameters);
      const all = [...warnings, ...(await metricProblems(context.metrics ?? [], plan.graph))];
      if (all.some(({ severity }) => severity === 'error') || isMissing) throw new SpecError(all);
      return { plan: { ...plan, generator: asked?.copy }, warnings: all, answer: asked?.answer };
    },
  };
}

/**
 * The missing paths that the study depends on: errors as in Maestro, also in a dry run. Absolute paths of a dry run with a
 * host are only warnings, because they may exist on the host.
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
