import { capitalized, counted } from '../util/format.js';
import { groupBy } from '../util/group-by.js';
import { type Blame, blame, causes, isInfrastructure, rankOf } from './cause.js';

/** What the cause of a study depends on, of each of its steps. */
export interface BlamedStep {
  readonly name: string;
  /** Null if the step finished. */
  readonly blame: Blame | null;
  /** `allow-failure` names it, or only such failures kept it from running. */
  readonly tolerated: boolean;
  /** Each job of it that ended by the fault of a node, by the nodes that are known to be lost; none if that is not known. */
  readonly lostNodes: readonly string[];
}

/**
 * Why a study is not FINISHED: what its own steps did wrong before what the site did, and of the site's faults the most
 * frequent. Allowed failures do not count. Null if nothing went wrong.
 *
 * @param hasRegression whether a metric fails the study, which is the code's doing
 */
export function blameOfStudy(steps: readonly BlamedStep[], hasRegression = false): Blame | null {
  if (hasRegression) return blame('code');
  const blames = countingBlames(steps);
  const rank = blames.reduce((least, each) => Math.min(least, rankOf(each)), Number.POSITIVE_INFINITY);
  const first = blames.filter((each) => rankOf(each) === rank);
  const groups = [...groupBy(first, ({ cause }) => cause).values()];
  groups.sort((a, b) => b.length - a.length || causes.indexOf(a[0]!.cause) - causes.indexOf(b[0]!.cause));
  return groups[0]?.[0] ?? null;
}

const countingBlames = (steps: readonly BlamedStep[]) =>
  steps.flatMap(({ blame, tolerated }) => (tolerated ? [] : (blame ?? [])));

/** What the site did, of `count` steps. */
const siteWords: Readonly<Record<string, (count: string) => string>> = {
  node: (count) => `${count} lost with a node`,
  preempted: (count) => `${count} preempted`,
  allocation: (count) => `${count} ended with the allocation`,
  queue: (count) => `${count} not started by the queue`,
  connection: (count) => `contact with ${count} was lost`,
  disk: (count) => `${count} not run because files could not be written`,
  submission: (count) => `${count} not accepted by the scheduler`,
};

/** What the study did, of `count` steps. */
const ownWords: Readonly<Record<string, (count: string) => string>> = {
  code: (count) => `${count} failed`,
  timeout: (count) => `${count} reached the time limit`,
  memory: (count) => `${count} ran out of memory`,
  submission: (count) => `${count} refused because of what the spec asks for`,
  disk: (count) => `${count} not run because the files that the spec names could not be staged`,
  queue: (count) => `${count} not started by the deadline that the spec sets`,
  allocation: (count) => `${count} longer than the conductor's job`,
};

/**
 * The sentence that a summary begins with: what went wrong, and whether it says anything about the code. '' if nothing
 * went wrong, or steps were only cancelled.
 *
 * @param regressions how many metrics fail the study
 */
export function causeLine(steps: readonly BlamedStep[], regressions = 0): string {
  const study = blameOfStudy(steps, regressions > 0);
  if (study === null || rankOf(study) > rankOf(blame('node'))) return '';
  const blamed = steps.filter(({ tolerated, blame }) => !tolerated && blame !== null);
  const own = blamed.filter(({ blame }) => rankOf(blame!) < rankOf({ cause: 'node', isOfSpec: false }));
  const site = blamed.filter(({ blame }) => isInfrastructure(blame!));
  const ofSite = [...nodeWords(site), ...countWords(site, siteWords, (step) => step.lostNodes.length > 0)].join(', ');
  if (own.length === 0 && regressions === 0) return `Nothing here says that the code is wrong: ${ofSite}.`;
  const moved = regressions === 0 ? [] : [`${counted(regressions, 'metric')} failed`];
  const ofOwn = [...moved, ...countWords(own, ownWords)].join(', ');
  const first = `${capitalized(ofOwn)}.`;
  return ofSite === '' ? first : `${first} In addition, because of the infrastructure: ${ofSite}.`;
}

/** `node7 was lost twice, node9 was lost`: the most frequent first, at most three by name. */
function nodeWords(steps: readonly BlamedStep[]): string[] {
  const losses = steps.filter(({ blame }) => blame!.cause === 'node').flatMap(({ lostNodes }) => lostNodes);
  const nodes = [...groupBy(losses, (node) => node)].map(([node, of]) => ({ node, count: of.length }));
  nodes.sort((a, b) => b.count - a.count || (a.node < b.node ? -1 : 1));
  const named = nodes.slice(0, MAX_NAMED).map(({ node, count }) => `${node} was lost${times(count)}`);
  const others = nodes.slice(MAX_NAMED);
  return others.length === 0
    ? named
    : [
        ...named,
        `${others.length} more nodes were lost${times(others.reduce((total, { count }) => total + count, 0))}`,
      ];
}

const MAX_NAMED = 3;
const times = (count: number) => (count === 1 ? '' : count === 2 ? ' twice' : ` ${count} times`);

function countWords(
  steps: readonly BlamedStep[],
  words: Readonly<Record<string, (count: string) => string>>,
  isNamed: (step: BlamedStep) => boolean = () => false,
): string[] {
  const groups = groupBy(
    steps.filter((step) => !(step.blame!.cause === 'node' && isNamed(step))),
    ({ blame }) => blame!.cause,
  );
  const inOrder = [...groups].sort(([a], [b]) => causes.indexOf(a) - causes.indexOf(b));
  return inOrder.map(([cause, { length: count }]) => {
    const text = counted(count, 'step');
    return (words[cause] ?? ((subject: string) => `${subject}: ${cause}`))(text);
  });
}
