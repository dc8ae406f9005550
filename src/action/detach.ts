import type { GitHubEvent } from '../github/event.js';
import { HostError } from '../hosts/host.js';
import { conductorJobOf } from '../inputs/derive.js';
import { code, inline } from '../report/markdown.js';
import { detachStudy } from '../run/detach/detach-study.js';
import { hasCheckRun, registerAgain } from '../run/detach/registration.js';
import type { OpenedHosts } from '../run/open-hosts.js';
import type { HostInputs } from '../run/prepare.js';
import type { ProcessContext } from '../run/process-context.js';
import { studiesRoot } from '../study/directory.js';
import { systemClock } from '../util/clock.js';
import { InputError } from '../util/errors.js';
import { counted } from '../util/format.js';
import type { ActionsLog } from '../util/log/actions-log.js';
import type { CheckRunObserver } from './check-run-observer.js';
import { historyOf, legOnRunner } from './history.js';
import { type GivenStudy, nameOf, type OnRunner, runContext } from './run-options.js';
import { setOutputs, writeSummary } from './runner.js';
import { startOf, supersede } from './supersede.js';

/** What detaching takes besides what running does. */
export interface Detaching {
  readonly study: GivenStudy;
  readonly on: OnRunner;
  readonly event: GitHubEvent;
  readonly hostInputs: HostInputs;
  readonly token: string;
}

/**
 * Starts a study and leaves it to itself. Returns the exit status of the step.
 *
 * @throws SpecError, HostError, InputError if the study's result would be shown nowhere
 */
export async function detach(
  { study, on, event, hostInputs, token }: Detaching,
  context: ProcessContext,
  hosts: OpenedHosts,
  log: ActionsLog,
  publication: CheckRunObserver,
): Promise<number> {
  const { inputs } = study;
  const { runner } = on;
  const checkRun = await publication.opened();
  if (checkRun === undefined && mustBeShown(event)) throw new InputError([noCheckRun]);
  const { place, holder, host, here, cancel, hangup } = runContext(study, on, context, hosts, log);
  const startedFor = {
    ...startOf(runner, event),
    ...{ checkRun: checkRun ?? null, specPath: publication.specPath },
    history: historyOf(inputs, { runner, event, home: hosts.home }),
    leg: legOnRunner(inputs, runner, event.sha),
  };
  const root = studiesRoot(hosts.home);
  if (inputs.supersede) {
    const isShared = inputs['allow-shared-directory'];
    await supersede({ host, log, cancel, hangup, isShared }, root, runner, event);
  }
  const detached = await detachStudy({
    ...study,
    ...{ host, here, cancel, hangup, log, place, hostInputs, token },
    clock: systemClock,
    ...{ root, startedFor },
    onRegistered: () => publication.leftToCollectors(),
    node: inputs['detach-node'],
    job: conductorJobOf(inputs),
    runAttempt: holder.runAttempt,
  });
  const { studyPath, steps } = detached;
  const where = `${code(inputs.spec)} has ${counted(steps, 'step')}; the study is in ${code(studyPath)} on ${inline(host.name)}.`;
  // If it goes on since an earlier start, those who collect that find the check run by its key, too.
  const isOthers = detached.token !== token && checkRun !== undefined;
  const isFound = !isOthers || (await hasCheckRun(host, root, detached.token, runner.repository));
  const isTaken = await publication.leaveToCollector(where, detached.token);
  if (isTaken && isFound) publication.leftToCollectors();
  if (isOthers) {
    // The check run of the earlier start is not the only one now.
    const shown = { ...startedFor, checkRun: { ...checkRun, token } };
    const registration = {
      version: 1,
      studyPath,
      token: detached.token,
      ...shown,
      started: systemClock.now(),
    } as const;
    try {
      await registerAgain(host, root, registration);
      publication.leftToCollectors();
    } catch (error) {
      if (!(isTaken && isFound && error instanceof HostError)) throw error;
      log.warning(error.message);
    }
  }
  const failures = [
    setOutputs({
      ...{ status: 'DETACHED', cause: '', 'study-path': studyPath, 'flux-uri': '', 'report-path': '' },
      ...{ 'steps-total': String(steps), 'steps-finished': '0', 'steps-failed': '0', 'steps-skipped': '0' },
      'check-run-url': publication.url ?? '',
    }),
    inputs.summary ? await writeSummary(`## ⏳ The study runs detached\n\n${where}\n\n`) : undefined,
  ];
  for (const failure of failures) if (failure !== undefined) log.warning(failure);
  // Also of a study that is over by now: what it came to is for the run that collects it.
  return 0;
}

/** Events whose green job lets a change in: of what was not tested it would say that it passed. */
function mustBeShown({ name }: GitHubEvent): boolean {
  return /^(pull_request|pull_request_target|merge_group)$/.test(name);
}

const noCheckRun =
  `${nameOf('detach')} needs a check run on pull requests and merge groups, and there is none: this job turns green before the study is over, so only the check run can show the result. ` +
  `Give the job the permission \`checks: write\`, leave ${nameOf('annotations')} at \`checks\`, and require the check run, not this job`;
