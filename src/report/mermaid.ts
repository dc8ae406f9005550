import { shownState } from '../study/state.js';
import { oneLine } from '../util/log/plain-text.js';
import { countStates, type Look, lookOf, looks } from './attention.js';
import { clip, fenced, folded } from './markdown.js';
import { byStep, type StepResult, type StudyResults } from './results.js';

/** Mermaid draws no text of more than 50,000 characters, and no more than 500 edges; a person reads far less. */
export const mermaidLimits = { characters: 45_000, edges: 400 };

/** More instances than this are drawn as one node a step; more nodes than that are not drawn. */
const mostInstances = 40;
const mostNodes = 150;
const mostJobs = 60;
const longestLabel = 60;

/**
 * Text as a label that shows exactly it, whatever it holds. Only what no grammar of Mermaid's and no Markdown in its labels
 * gives a meaning stays as it is; all else is written as Mermaid's entity codes.
 */
export function mermaidText(text: string): string {
  return (
    oneLine(text)
      .trim()
      .replace(/\s+/g, ' ')
      .replace(/[\p{Surrogate}\p{Noncharacter_Code_Point}]/gu, '\ufffd')
      // Even codes of these are taken for a formula, if two stand side by side.
      .replace(/\$(?=\$)/g, '$&\u200b')
      .replace(/[^\p{L}\p{N} ,]/gu, (character, offset: number, whole: string) =>
        isJoining(character, offset, whole) ? character : codeOf(character),
      )
  );
}

const codeOf = (character: string) => `#${character.codePointAt(0)};`;

/** Whether a character of `run_SIZE.10` stands between two of a word, where it means nothing. */
function isJoining(character: string, offset: number, whole: string): boolean {
  if (!/[._-]/.test(character)) return false;
  const around = (whole[offset - 1] ?? ' ') + (whole[offset + 1] ?? ' ');
  return /^[A-Za-z0-9]{2}$/.test(around) && !(character === '.' && /www$/i.test(whole.slice(0, offset)));
}

/** Each says its own colour of text: the same on GitHub's dark page as on the light one. */
const styles: Readonly<Record<Look, string>> = {
  failed: 'fill:#ffcecb,stroke:#cf222e,color:#4c0008,stroke-width:3px',
  tolerated: 'fill:#fff0b3,stroke:#9a6700,color:#3b2300',
  cancelled: 'fill:#e6d9f8,stroke:#8250df,color:#2e1461,stroke-dasharray:4 3',
  running: 'fill:#cfe8ff,stroke:#0969da,color:#032563',
  waiting: 'fill:#eaeef2,stroke:#6e7781,color:#24292f,stroke-dasharray:4 3',
  skipped: 'fill:#d0d7de,stroke:#57606a,color:#24292f',
  finished: 'fill:#c9f2d1,stroke:#1a7f37,color:#05331a',
};

interface Node {
  readonly lines: readonly string[];
  readonly look: Look;
  /** The places of the nodes that it waits for. */
  readonly after: Iterable<number>;
}

/**
 * The step graph as a Mermaid flowchart: a node for each instance, or for each step of a big study.
 *
 * @returns undefined if it is too big to be drawn
 */
export function stepGraph({ steps }: StudyResults): string | undefined {
  const drawn = (nodes: readonly Node[]) => {
    const text = nodes.length > mostNodes ? undefined : flowchart(nodes);
    return text !== undefined && text.length <= mermaidLimits.characters ? text : undefined;
  };
  const whole = steps.length <= mostInstances ? drawn(instanceNodes(steps)) : undefined;
  return whole ?? drawn(stepNodes(steps));
}

function instanceNodes(steps: readonly StepResult[]): Node[] {
  const places = new Map(steps.map(({ step }, i) => [step.name, i]));
  return steps.map(({ step, record, dependsOn }) => ({
    lines: [step.name, shownState(record)],
    look: lookOf(record),
    after: dependsOn.flatMap((name) => places.get(name) ?? []),
  }));
}

function stepNodes(steps: readonly StepResult[]): Node[] {
  const groups = [...byStep(steps)];
  const places = new Map(groups.map(([name], i) => [name, i]));
  const stepOf = new Map(steps.map(({ step }) => [step.name, step.step]));
  return groups.map(([name, group], i) => {
    const found = new Set(group.map(({ record }) => lookOf(record)));
    const counts = [...countStates(group.map(({ record }) => record))];
    const after = new Set(
      group.flatMap(({ dependsOn }) => dependsOn).flatMap((name) => places.get(stepOf.get(name) ?? '') ?? []),
    );
    after.delete(i);
    return {
      lines: [name, counts.map(([state, count]) => `${count} ${state}`).join(', ')],
      look: looks.find((look) => found.has(look))!,
      after,
    };
  });
}

function flowchart(nodes: readonly Node[]): string | undefined {
  const edges = nodes.flatMap(({ after }, i) => [...after].map((from) => `  n${from} --> n${i}`));
  if (edges.length > mermaidLimits.edges) return undefined;
  const used = looks.filter((look) => nodes.some((node) => node.look === look));
  return [
    'flowchart LR',
    ...nodes.map(({ lines }, i) => `  n${i}["${lines.map(label).join('<br/>')}"]`),
    ...edges,
    ...used.flatMap((look) => [
      `  classDef ${look} ${styles[look]}`,
      `  class ${nodes.flatMap((node, i) => (node.look === look ? [`n${i}`] : [])).join(',')} ${look}`,
    ]),
  ].join('\n');
}

/** A label is never empty: the node would be invisible. */
function label(text: string): string {
  return mermaidText(clip(oneLine(text), longestLabel)) || '#63;';
}

/**
 * When jobs ran, as a Mermaid gantt chart: a section for each step of the spec, a bar for each job. Times are shown in the
 * time zone of who looks.
 *
 * @returns undefined if there are too few jobs for a chart, or too many
 */
export function jobTimeline({ steps, started, ended }: StudyResults): string | undefined {
  const bars = steps.flatMap((result) => barsOf(result, ended).filter((bar) => bar.to >= started));
  if (bars.length < 2 || bars.length > mostJobs) return undefined;
  const span = Math.max(...bars.map(({ to }) => to)) - Math.min(...bars.map(({ from }) => from));
  const lines = [...byStep(bars.map(({ result }) => result)).keys()].flatMap((step) => [
    `  section ${label(step)}`,
    ...bars.flatMap((bar, i) =>
      bar.result.step.step === step ? [`  ${barText(bar)} :${bar.tag}j${i}, ${bar.from}, ${bar.to}`] : [],
    ),
  ]);
  const text = ['gantt', '  dateFormat x', `  axisFormat ${axisFormat(span)}`, '  todayMarker off', ...lines].join(
    '\n',
  );
  return text.length <= mermaidLimits.characters ? text : undefined;
}

interface Bar {
  readonly result: StepResult;
  readonly name: string;
  readonly tag: '' | 'done, ' | 'crit, ' | 'active, ';
  readonly from: number;
  readonly to: number;
}

function barsOf(result: StepResult, studyEnd: number): Bar[] {
  const { step, record } = result;
  return record.jobs.flatMap(({ attempt, started, ended, result: how }): Bar[] => {
    if (started === null) return [];
    const tag = ended === null ? 'active, ' : how === 'completed' ? 'done, ' : 'crit, ';
    const name = record.jobs.length === 1 ? step.name : `${step.name}, attempt ${attempt}`;
    return [{ result, name, tag, from: Math.round(started), to: Math.round(Math.max(started, ended ?? studyEnd)) }];
  });
}

/** A line of the chart that began with one of its words (`section`, `title`) would be that. No word begins with a code. */
function barText({ name }: Bar): string {
  return label(name).replace(/^[^#]/u, codeOf);
}

function axisFormat(span: number): string {
  if (span < 10 * 60_000) return '%H:%M:%S';
  return span < 36 * 3_600_000 ? '%H:%M' : '%m-%d %H:%M';
}

/** The step graph; '' for a single step. */
export function graphSection(results: StudyResults): string {
  const count = byStep(results.steps).size;
  if (count < 2) return '';
  const graph = stepGraph(results);
  if (graph === undefined) return `### Step graph\n\nIt is too big to be drawn here: ${count} steps.`;
  return `### Step graph\n\n${fenced('mermaid', graph)}`;
}

/** When the jobs ran; '' if they are too few or too many to be drawn. */
export function timelineSection(results: StudyResults): string {
  const chart = jobTimeline(results);
  return chart === undefined ? '' : `### Timeline\n\n${folded('When the jobs ran', fenced('mermaid', chart))}`;
}
