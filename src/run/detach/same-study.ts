import { digestsOf } from '../../conductor/resume.js';
import { asPrepared } from '../../schedulers/create-backend.js';
import type { JournalState } from '../../store/journal/records.js';
import type { AnswerStore } from '../../study/pgen/answer.js';
import { InputError } from '../../util/errors.js';
import { someOf } from '../../util/format.js';
import { oneLine } from '../../util/log/plain-text.js';
import type { Planned, Planner } from '../prepare.js';
import type { StartRequest } from './start-request.js';

/** A study that a detached conductor drives. */
export interface DrivenStudy {
  readonly studyPath: string;
  /** What its journal says: it has a plan, unless its conductor waits in a queue. */
  readonly state: JournalState;
  /** What it was started with; undefined if that cannot be read. */
  readonly request: StartRequest | undefined;
}

/**
 * Plans a study as one that is driven already, and makes sure that it is the same.
 *
 * @param wanted the commit that the results are to be about, '' if there is none, and the text of the spec
 * @throws InputError that says what differs; SpecError, PgenError, HostError
 */
export async function planAsDriven(
  planning: Planner,
  { studyPath, state, request }: DrivenStudy,
  { commit, text }: { readonly commit: string; readonly text: string },
): Promise<Planned> {
  const refuse = (what: string) => {
    const driven = `the study ${studyPath} is driven by a detached conductor`;
    throw new InputError([`${driven}, and ${what}: wait until it is over, or cancel it`]);
  };
  const theirs = request?.sha ?? '';
  if (commit !== '' && theirs !== '' && theirs !== commit) {
    refuse(`was started for the commit ${oneLine(theirs)}, not for ${commit}`);
  }
  if (state.plan === undefined && request?.text !== text) refuse('was started with another spec');
  const answers: AnswerStore = { known: state.answers, takesLast: false, keep: async () => {} };
  const planned = await planning.at(studyPath, answers);
  const changed = changedSteps(state, planned);
  if (changed.length > 0) refuse(`its plan differs from this one in ${someOf(changed.map(oneLine), 5)}`);
  return planned;
}

/** The names of the steps that one of two plans does not have, or has otherwise. */
function changedSteps({ plan: known }: JournalState, { plan }: Planned): string[] {
  if (known === undefined) return [];
  const { graph, scripts } = asPrepared(plan, known.flux);
  const digests = digestsOf(graph, scripts);
  const theirs = new Map(known.steps.map((step) => [step.name, step]));
  const changed = graph.steps.flatMap(({ name, workspace }, i) => {
    const step = theirs.get(name);
    theirs.delete(name);
    const { script, dependencies } = digests[i]!;
    const isSame = step?.workspace === workspace && step.script === script && step.dependencies === dependencies;
    return isSame ? [] : [name];
  });
  return [...changed, ...theirs.keys()];
}
