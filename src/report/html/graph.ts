import { hasFailed, type StepRecord, shownState } from '../../study/state.js';
import { countStates } from '../attention.js';
import { byStep, type StepResult, type StudyResults } from '../results.js';
import { counted, type Html, html, nothing } from './html.js';
import { type Layout, layered } from './layers.js';
import { toneOf } from './states.js';

/** More instances than this, or edges between them, are shown as one node a step of the spec. */
const most = { instances: 40, edges: 120 };
/** More steps than this make a picture that helps nobody. */
const mostNodes = 300;
const mostEdges = 2000;

const width = 176;
const height = 46;
const between = 48;

/** What a node stands for: one instance, or all of a step of the spec. */
interface Node {
  readonly name: string;
  readonly step: string;
  readonly results: readonly StepResult[];
}

/** The section with the step graph. */
export function graphSection({ steps }: StudyResults): Html {
  if (steps.length === 0) return nothing;
  const edgeCount = steps.reduce((sum, { step }) => sum + step.dependsOn.length, 0);
  const isWhole = steps.length <= most.instances && edgeCount <= most.edges;
  const nodes: Node[] = isWhole
    ? steps.map((result) => ({ name: result.step.name, step: result.step.step, results: [result] }))
    : [...byStep(steps)].map(([name, results]) => ({ name, step: name, results }));
  const edges = edgesOf(steps, nodes);
  const note = isWhole ? '' : ' One node for each step of the spec; each stands for all of its instances.';
  return html`<section aria-labelledby="graph">
<h2 id="graph">Step graph</h2>
${
  nodes.length > mostNodes || edges.length > mostEdges
    ? html`<p>${counted(nodes.length)} steps with ${counted(edges.length)} dependencies between them are too many for a picture.</p>`
    : html`<p class="note">What comes first is on the left.${note}<span class="script-only"> A node shows its step in the table below.</span></p>
<div class="scroll" role="region" aria-label="Step graph, as a picture" tabindex="0">${svg(nodes, layered(nodes.length, edges, { height, gap: 16 }))}</div>`
}
</section>`;
}

/** Between the nodes, each once. */
function edgesOf(steps: readonly StepResult[], nodes: readonly Node[]): [number, number][] {
  const nodeOf = new Array<number>(steps.length);
  for (const [node, { results }] of nodes.entries()) for (const { step } of results) nodeOf[step.index] = node;
  const edges = new Map<number, [number, number]>();
  for (const { step } of steps) {
    for (const dependency of step.dependsOn) {
      const [from, to] = [nodeOf[dependency]!, nodeOf[step.index]!];
      if (from !== to) edges.set(from * nodes.length + to, [from, to]);
    }
  }
  return [...edges.values()];
}

function svg(nodes: readonly Node[], layout: Layout): Html {
  const left = (layer: number) => 1 + layer * (width + between);
  const whole = left(layout.layers - 1) + width + 1;
  const high = layout.height + 2;
  return html`<svg class="graph" width="${whole}" height="${high}" viewBox="0 0 ${whole} ${high}" role="group" aria-label="${nodes.length} nodes">
<g class="edges" aria-hidden="true">${layout.edges.map((points) => {
    const [first, ...others] = points;
    let path = `M${left(first!.layer) + width} ${fixed(first!.y + 1)}`;
    for (const [i, point] of others.entries()) {
      const y = fixed(point.y + 1);
      const before = fixed(points[i]!.y + 1);
      const x = left(point.layer);
      path += `C${x - between / 2} ${before} ${x - between / 2} ${y} ${x} ${y}`;
      if (i < others.length - 1) path += `H${x + width}`;
    }
    return html`<path d="${path}"/>`;
  })}</g>
${layout.nodes.map(({ layer, y }, i) => nodeSvg(nodes[i]!, left(layer), 1 + y - height / 2))}
</svg>`;
}

const fixed = (value: number) => Math.round(value * 10) / 10;

function nodeSvg({ name, step, results }: Node, x: number, y: number): Html {
  const counts = [...countStates(results.map(({ record }) => record))];
  const states = counts
    .map(([state, count]) => (results.length === 1 ? state : `${counted(count)} ${state}`))
    .join(', ');
  const told = results.length === 1 ? counts[0]![0].toLowerCase() : summed(results);
  let from = 1;
  const bars = counts.map(([state, count]) => {
    const wide = ((width - 2) * count) / results.length;
    const bar = html`<rect class="fill-${toneOf(state)}" x="${from}" y="${height - 5}" width="${wide}" height="4"/>`;
    from += wide;
    return bar;
  });
  // An svg in the svg: what is too wide for the node is cut off at its edge.
  return html`<a class="node" href="#steps" data-step="${step}" data-name="${name === step ? '' : name}"><title>${name}: ${states}</title><svg x="${x}" y="${y}" width="${width}" height="${height}" aria-hidden="true">
<rect class="box" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}"/>${bars}
<text class="title" x="10" y="18">${shortened(name, 25)}</text><text class="small" x="10" y="33">${shortened(told, 32)}</text></svg></a>
`;
}

/** What matters most of several instances, in few words. */
function summed(results: readonly StepResult[]): string {
  const of = (count: number, what: string) =>
    count === results.length ? `${counted(count)} ${what}` : `${counted(count)} of ${counted(results.length)} ${what}`;
  const count = (is: (record: StepRecord) => boolean) => results.filter(({ record }) => is(record)).length;
  const failed = count(hasFailed);
  if (failed > 0) return of(failed, 'failed');
  for (const state of ['CANCELLED', 'SKIPPED'] as const) {
    const found = count((record) => shownState(record) === state);
    if (found > 0) return of(found, state.toLowerCase());
  }
  return of(
    count(({ state }) => state === 'FINISHED'),
    'finished',
  );
}

/** Cut in the middle: instances of a step differ at the end. */
function shortened(text: string, most: number): string {
  const characters = [...text];
  if (characters.length <= most) return text;
  const end = Math.floor((most - 1) / 2);
  return `${characters.slice(0, most - 1 - end).join('')}…${characters.slice(-end).join('')}`;
}
