import { isTrustedEvent } from '../causes/trusted-events.js';
import { historyOptionsOf, legOf } from '../inputs/history.js';
import type { Inputs } from '../inputs/schema.js';
import type { HistoryOptions } from '../run/history-options.js';
import type { OpenedHosts } from '../run/open-hosts.js';
import type { ProcessContext } from '../run/process-context.js';
import { runAround } from './workflow-run.js';

interface HistoryPlace {
  /** Of the machine that the study was started on, as well as its working directory. */
  readonly specPath: string;
  readonly workingDirectory: string;
  readonly environment: ProcessContext['environment'];
  readonly hosts: Pick<OpenedHosts, 'home' | 'isElsewhere'>;
}

const nowhere = { repository: '', workflow: '', branch: '', commit: '', event: '', url: '', attempt: 1 } as const;

/**
 * A history on the command line is that of the spec, wherever it was checked out from. A step of a workflow adds to it only where
 * the action does.
 */
export function historyHere(
  inputs: Inputs,
  { specPath, workingDirectory, environment, hosts }: HistoryPlace,
): HistoryOptions | undefined {
  const { home, isElsewhere } = hosts;
  const around = runAround(environment);
  return historyOptionsOf(inputs, {
    ...{ home, directory: isElsewhere ? home : workingDirectory, server: '' },
    isWritten: around === undefined || isTrustedEvent(around.event),
    run: { ...nowhere, spec: specPath, leg: legOf(inputs, [], { commits: [] }) },
  });
}
