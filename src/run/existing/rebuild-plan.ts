import { digestsOf } from '../../conductor/resume.js';
import { mustRun } from '../../hosts/commands.js';
import type { Host } from '../../hosts/host.js';
import type { Plan } from '../../scripts/plan.js';
import { SpecError } from '../../spec/problem.js';
import type { JournalState } from '../../store/journal/records.js';
import { makeParameter } from '../../study/parameters.js';
import { quote } from '../../util/shell-quote.js';
import { planAt, readStudy } from '../prepare.js';
import { type KeptInputs, keptPath, overlaysIn, parseKept } from './kept-inputs.js';
import { knownPlan } from './known-plan.js';

const nowhere = { file: '', line: 1, column: 1 } as const;

/** A plan that was made again for a study, and the path of its spec as it was given. */
export interface RebuiltPlan {
  readonly plan: Plan;
  readonly shownSpec: string;
  /** What is missing in it, and why; undefined if it is the plan of the study. */
  readonly lacks: string | undefined;
}

/** What is kept in a study that it can be planned again from. */
export interface KeptFiles {
  readonly inputs: KeptInputs | undefined;
  /** The copies of specs at the top of the study, by their names. */
  readonly specs: ReadonlyMap<string, string>;
}

/** Reads what is kept, with one command. @throws HostError */
export async function readKeptFiles(host: Host, studyPath: string): Promise<KeptFiles> {
  const command =
    `cd -- ${quote(studyPath)} || exit\nshopt -s nullglob\n` +
    // A spec is a few kilobytes; what is larger by far is none.
    `for file in ${keptPath} *.yaml *.yml *.YAML *.YML *.json; do\n` +
    '  [ -f "$file" ] && [ -r "$file" ] || continue\n' +
    `  printf '%s\\0' "$file"; head -c 4000000 -- "$file" | tr -d '\\0'; printf '\\0'\ndone`;
  const fields = (await mustRun(host, `cannot read what is kept in ${studyPath}`, command)).toString().split('\0');
  const files = new Map<string, string>();
  for (let i = 0; i + 1 < fields.length; i += 2) files.set(fields[i]!, fields[i + 1]!);
  const kept = files.get(keptPath);
  files.delete(keptPath);
  return { inputs: kept === undefined ? undefined : parseKept(kept), specs: files };
}

/**
 * Makes the plan of a study again, from the copy of its spec and what is kept of its inputs. It is taken only if it has the steps that the
 * journal has, with the same dependencies; the answer of a parameter generator is that of the journal. Otherwise, and of a study of a
 * release that kept nothing, the plan has only what the journal knows.
 */
export function rebuildPlan(state: JournalState, studyPath: string, { inputs, specs }: KeptFiles): RebuiltPlan {
  for (const { file, ...candidate } of candidates(inputs, specs, studyPath)) {
    const text = specs.get(file);
    const plan = text === undefined ? undefined : tryPlan(state, studyPath, { ...candidate, text });
    if (plan !== undefined) return { plan, shownSpec: candidate.shownSpec, lacks: undefined };
  }
  const why =
    specs.size === 0
      ? 'there is no copy of its spec'
      : inputs === undefined
        ? 'its inputs were not kept, or cannot be read'
        : 'the copy of its spec is not the one that was run';
  return {
    plan: knownPlan(state, studyPath, new Map()),
    shownSpec: inputs?.spec.shown ?? [...specs.keys()][0] ?? '',
    lacks: `parameters, dependencies, descriptions and lines of the spec are missing from the reports: ${why}`,
  };
}

type Candidate = Pick<KeptInputs, 'specPath' | 'workingDirectory' | 'stageRoot' | 'hashWorkspaces'> & {
  readonly file: string;
  readonly shownSpec: string;
  readonly overlays: ReturnType<typeof overlaysIn>;
};

function candidates(inputs: KeptInputs | undefined, specs: KeptFiles['specs'], studyPath: string): Candidate[] {
  if (inputs !== undefined) {
    return [{ ...inputs, file: inputs.spec.file, shownSpec: inputs.spec.shown, overlays: overlaysIn(inputs) }];
  }
  // Of a study that was run without overlays, the spec is enough.
  return [...specs.keys()].flatMap((file) =>
    [false, true].map((hashWorkspaces) => {
      const place = { specPath: `${studyPath}/${file}`, workingDirectory: studyPath, stageRoot: undefined };
      return { ...place, file, shownSpec: file, hashWorkspaces, overlays: {} };
    }),
  );
}

function tryPlan(
  state: JournalState,
  studyPath: string,
  { hashWorkspaces, shownSpec, ...given }: Omit<Candidate, 'file'> & { readonly text: string },
): Plan | undefined {
  const context = {
    ...given,
    stageRoot: given.stageRoot,
    // A dry run takes what the site might refuse for a warning.
    options: { shownSpec, hashWorkspaces, isDryRun: true },
    pgen: undefined,
  };
  const answer = state.answers.at(-1);
  const parameters = answer?.parameters.map((parameter) => makeParameter({ ...parameter, at: nowhere }));
  try {
    const { plan } = planAt(context, readStudy(context), studyPath, parameters);
    return isPlanOf(state, plan) ? plan : undefined;
  } catch (error) {
    if (error instanceof SpecError) return undefined;
    throw error;
  }
}

function isPlanOf({ plan: known }: JournalState, { graph, scripts }: Plan): boolean {
  const digests = digestsOf(graph, scripts);
  return (
    known?.steps.length === graph.steps.length &&
    graph.steps.every(({ name, workspace, scheduled }, i) => {
      const step = known.steps[i]!;
      const isSame = step.name === name && step.workspace === workspace && step.scheduled === scheduled;
      return isSame && step.dependencies === digests[i]!.dependencies;
    })
  );
}
