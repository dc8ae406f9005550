import { countStates } from '../report/attention.js';
import { code, inline, markdownTable } from '../report/markdown.js';
import { worstCause } from '../report/merge/merge.js';
import { marks } from '../report/summary/outcome.js';
import { MAX_SUMMARY_BYTES } from '../report/summary.js';
import type { Collected } from '../run/detach/collect.js';
import { exitCodes, type StepRecord, type StudyStatus } from '../study/state.js';
import type { Shown } from './detached-publisher.js';
import { type CollectOutputs, stepCounts } from './runner.js';

/** A study that was collected, and where it is shown. */
export interface ShownStudy {
  readonly collected: Collected;
  /** Undefined if there was no check run to show it in. */
  readonly shown: Shown | undefined;
}

const icons = {
  ...marks,
  RUNNING: '⏳',
  LOST: '❓',
} as const;

/** How a study is, in one word. One that another run collects goes on as far as this one knows. */
function statusOf(collected: Collected): StudyStatus | 'RUNNING' | 'LOST' {
  if (collected.state === 'over') return collected.outcome.results.status;
  return collected.state === 'lost' ? 'LOST' : 'RUNNING';
}

function recordsOf(collected: Collected): readonly StepRecord[] {
  if (collected.state === 'over') return collected.outcome.results.steps.map(({ record }) => record);
  return collected.state === 'runs' ? collected.view.instances.map(({ record }) => record) : [];
}

const exitOf = ({ collected }: ShownStudy) =>
  collected.state === 'over' ? collected.outcome.exitCode : collected.state === 'lost' ? 1 : 0;

/** The exit status: that of the worst study that was reported now; 1 if one is lost, unless another is worse. */
export function collectedExit(studies: readonly ShownStudy[]): number {
  return Math.max(0, ...studies.map(exitOf));
}

/** @param root the directory that has those of the reports */
export function collectedOutputs(studies: readonly ShownStudy[], root: string): CollectOutputs {
  const over = studies.flatMap(({ collected }) => (collected.state === 'over' ? [collected.outcome] : []));
  const worst = over.map(({ results }) => results.status).sort((a, b) => exitCodes[b] - exitCodes[a])[0];
  const goesOn = studies.some(({ collected }) => collected.state === 'runs' || collected.state === 'taken');
  const urls = studies.flatMap(({ shown }) => (shown?.url === undefined ? [] : [shown.url]));
  return {
    status: worst ?? (goesOn ? 'DETACHED' : ''),
    cause: worstCause(over.map(({ results }) => results)),
    'study-path': over.map(({ results }) => results.path).join('\n'),
    'flux-uri': '',
    ...stepCounts(studies.flatMap(({ collected }) => recordsOf(collected))),
    'report-path': over.length === 0 ? '' : root,
    'check-run-url': urls.join('\n'),
    studies: JSON.stringify(
      studies.map(({ collected, shown }) => ({
        path: collected.registration.studyPath,
        status: statusOf(collected),
        cause: collected.state === 'over' ? (collected.outcome.results.blame?.cause ?? null) : null,
        sha: collected.registration.sha,
        report: collected.state === 'over' ? collected.outcome.reportPath : null,
        checkRunUrl: shown?.url ?? null,
      })),
    ),
  };
}

/** A table over all, then the summary of each that is over, as its run would have written it, as far as they fit. */
export function collectedSummary(studies: readonly ShownStudy[]): string {
  if (studies.length === 0) return '## Detached studies\n\nThere is no detached study to collect.\n\n';
  const rows = studies.map(({ collected, shown }) => {
    const { studyPath, sha } = collected.registration;
    const status = statusOf(collected);
    const counts = [...countStates(recordsOf(collected))].map(([state, count]) => `${count} ${state.toLowerCase()}`);
    return [
      code(studyPath),
      `${icons[status]} ${status}`,
      counts.join(', '),
      sha === '' ? '' : code(sha.slice(0, 12)),
      shown?.url === undefined ? '' : `[check run](${shown.url})`,
      inline(noteOf(collected, shown)),
    ];
  });
  const table = markdownTable(['Study', 'Status', 'Steps', 'Commit', 'Shown', ''], rows);
  let text = `## Detached studies\n\n${table}\n\n`;
  for (const { collected } of studies) {
    if (collected.state !== 'over') continue;
    const { summary, results } = collected.outcome;
    const isRoom = Buffer.byteLength(text) + Buffer.byteLength(summary) <= MAX_SUMMARY_BYTES;
    text += isRoom
      ? `${summary}\n\n`
      : `There is no room for the summary of ${code(results.path)}; its reports have it.\n\n`;
  }
  return text;
}

function noteOf(collected: Collected, shown: Shown | undefined): string {
  const why = shown?.why ?? '';
  switch (collected.state) {
    case 'over':
      return why;
    case 'taken':
      return 'another run is collecting it';
    case 'lost':
      return collected.why;
    case 'runs':
      return collected.isRestarted ? 'its conductor was gone; a new one was started' : why || collected.view.why;
  }
}
