import { fenced, folded } from '../markdown.js';
import { jobTimeline, stepGraph } from '../mermaid.js';
import type { StudyResults } from '../results.js';
import { byStep } from './groups.js';

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
