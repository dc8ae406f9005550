/** The outputs of a run, with what action.yml says of them. */
export const runOutputs = {
  status:
    'FINISHED, FAILURE, CANCELLED, INTERRUPTED or DRYRUN; DETACHED if the study keeps running on the host; UNREACHABLE if there was no connection to the host, and nothing ran; with `command: merge` NOTRUN if no machine ran the study; with `command: collect` the worst of the studies that were reported, DETACHED if none is over yet, and empty if there are none.',
  cause:
    'Why the study is not FINISHED: code, timeout, memory, node, preempted, allocation, queue, connection, disk, submission, dependency or cancelled; empty if it is. See [causes](docs/results.md#causes).',
  'study-path': 'The study directory; with `command: collect` those of the studies that were reported, one a line.',
  'flux-uri': 'The Flux broker that ran the jobs; empty if none did.',
  'steps-total': 'How many step instances the study has.',
  'steps-finished': 'How many of them finished.',
  'steps-failed': 'How many of them ran and failed.',
  'steps-skipped': 'How many of them did not run: another failed or was cancelled, or the study was cancelled before.',
  'report-path': 'The directory with report.json, junit.xml, report.html, summary.md and what was collected.',
  'check-run-url': 'The page of the check run; empty if there is none.',
} as const;

/** The outputs that `command: collect` has besides. */
export const collectOutputs = {
  studies:
    'Of `command: collect`: a JSON list of the studies, each with `path`, `status` (RUNNING for one that goes on, LOST for one that cannot be looked at), `cause`, `sha`, `report` (its directory of reports) and `checkRunUrl`; null for what there is not.',
} as const;

/** The outputs of `command: comment`. */
export const commentOutputs = {
  run: 'Of `command: comment`: `true` if the comment asks for a run and its author may do that, else `false`.',
  spec: 'The study to run: the path of its spec.',
  parameters: 'The parameters that the comment gives, as the input `parameters` takes them; empty if it gives none.',
  machines:
    'Where to run, a JSON list: those of the input `machines` that the comment chooses; all if it chooses none.',
  sha: 'The commit to check out, and to run the study of.',
  answer: 'The id of the comment that answers; empty if there is none.',
} as const;

export const outputs = { ...runOutputs, ...collectOutputs, ...commentOutputs };
