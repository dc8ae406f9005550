import path from 'node:path';
import type { Runner } from '../github/runner-facts.js';
import { loginEnvironment } from '../hosts/login-environment.js';
import { hostOptionsOf, reportOptionsOf } from '../inputs/derive.js';
import type { Inputs } from '../inputs/schema.js';
import { type Collected, collectStudies } from '../run/detach/collect.js';
import type { Registration } from '../run/detach/registration.js';
import { placeFor, readBaseline } from '../run/given-files.js';
import { partsOf } from '../run/mistakes.js';
import { openHosts } from '../run/open-hosts.js';
import { isCancelled, type ProcessContext } from '../run/process-context.js';
import { shortHash, studiesRoot } from '../study/directory.js';
import { exitCodes } from '../study/state.js';
import { counted } from '../util/format.js';
import { ActionsLog } from '../util/log/actions-log.js';
import { oneLine } from '../util/log/plain-text.js';
import { collectedExit, collectedOutputs, collectedSummary, type ShownStudy } from './collected-text.js';
import { DetachedPublisher } from './detached-publisher.js';
import { cannotRun, setOutputs, writeSummary } from './runner.js';

const TITLE = 'The detached studies cannot be collected';

/** `command: collect`: reports the detached studies of this repository that are over. Returns the exit status. */
export async function collectCommand(inputs: Inputs, runner: Runner, context: ProcessContext): Promise<number> {
  // Its own commit is another than that of the studies: what is wrong with them is on none of its lines.
  const log = new ActionsLog('lines');
  try {
    const studies = await collectAll(inputs, runner, context, log);
    for (const study of studies) tell(study.collected, log);
    if (studies.length === 0) log.info('There is no detached study to collect');
    const root = reportRoot(inputs, runner).path;
    const failures = [
      setOutputs(collectedOutputs(studies, root)),
      inputs.summary ? await writeSummary(collectedSummary(studies)) : undefined,
    ];
    for (const failure of failures) if (failure !== undefined) log.warning(failure);
    return collectedExit(studies);
  } catch (error) {
    log.endPhase();
    const { lines } = partsOf(error);
    log.error(lines.join('\n'));
    if (inputs.summary) await writeSummary(cannotRun(lines, TITLE));
    return isCancelled(context.cancel) ? exitCodes.CANCELLED : 1;
  }
}

async function collectAll(
  inputs: Inputs,
  runner: Runner,
  context: ProcessContext,
  log: ActionsLog,
): Promise<ShownStudy[]> {
  const baseline = readBaseline(inputs.baseline, runner.workspace, (line) => log.warning(line));
  const publisher = new DetachedPublisher(inputs, runner, log);
  const environment = await loginEnvironment(context.environment);
  const { temporary } = runner;
  const hosts = await openHosts(hostOptionsOf(inputs), { environment, process: context, log, temporary });
  try {
    const collected = await collectStudies({
      ...{ host: hosts.host, log, baseline, publisher, server: runner.serverUrl },
      root: studiesRoot(hosts.home),
      isWanted: wanted(inputs, runner, hosts.home),
      node: inputs['detach-node'],
      report: reportOptionsOf(inputs),
      reportPlace: (studyPath) => {
        const { path: root, untrusted } = reportRoot(inputs, runner);
        return { path: path.join(root, reportName(studyPath)), untrusted };
      },
    });
    return collected.map((each) => ({ collected: each, shown: publisher.shownOf(each.registration) }));
  } finally {
    hosts.close();
  }
}

/** Those of this repository; with `study-path` only the one that it names, from wherever in the home directory. */
function wanted(inputs: Inputs, { repository }: Runner, home: string): (registration: Registration) => boolean {
  const given = inputs['study-path'];
  const isOurs = (registration: Registration) => registration.repository.toLowerCase() === repository.toLowerCase();
  if (given === '') return isOurs;
  const only = path.posix.resolve(home, given.replace(/^~\//, ''));
  // One that was started by hand belongs to no other repository.
  return (registration) => registration.studyPath === only && (isOurs(registration) || registration.repository === '');
}

/** Every study has its own directory in it. */
function reportRoot(inputs: Inputs, runner: Runner) {
  const given = inputs['report-path'];
  if (given === '') return { path: path.join(runner.temporary, 'maestro-report', 'collected'), untrusted: [] };
  return placeFor(given, { workingDirectory: runner.workspace });
}

/** Two studies may be called the same, in different places. */
function reportName(studyPath: string): string {
  return `${path.posix.basename(studyPath)}-${shortHash(studyPath).slice(0, 6)}`;
}

function tell(collected: Collected, log: ActionsLog): void {
  const studyPath = oneLine(collected.registration.studyPath);
  switch (collected.state) {
    case 'over': {
      const { exitCode, results } = collected.outcome;
      if (exitCode !== 0) log.error(`${studyPath} is ${results.status}`);
      break;
    }
    case 'runs': {
      const over = collected.view.instances.filter(({ record }) => record.ended !== null).length;
      const how = collected.isRestarted ? ', with a new conductor' : '';
      const steps = `${over} of ${counted(collected.view.instances.length, 'step')} over`;
      const why = collected.isRestarted || collected.view.why === '' ? '' : `; ${oneLine(collected.view.why)}`;
      log.info(`${studyPath} is running${how}: ${steps}${why}`);
      break;
    }
    case 'taken':
      log.info(`${studyPath} is being collected by another run`);
      break;
    case 'lost':
      log.error(`${studyPath} cannot be collected: ${collected.why}`);
  }
}
