import { endConductorJob, jobWords } from '../run/detach/job.js';
import { goesOnByItself } from '../run/detach/unbegun.js';
import { conductedView } from '../run/detach/waiting.js';
import { askToCancel, isRunByMaestro } from '../run/existing/ask-driver.js';
import { cancelUndriven, isCancellable } from '../run/existing/cancel.js';
import { viewOf } from '../run/existing/view.js';
import type { OpenedHosts } from '../run/open-hosts.js';
import type { ProcessContext } from '../run/process-context.js';
import { LeaseHeldError } from '../store/lease.js';
import { isDriven } from '../store/look/driver.js';
import { studiesRoot } from '../study/directory.js';
import { describeError } from '../util/errors.js';
import type { TerminalLog } from '../util/log/terminal-log.js';
import { type GivenExisting, inputFlags, lookAt, onHost, readExisting, whereItIs } from './existing-study.js';
import type { FlagGroup } from './flags.js';
import { driverText } from './study-text.js';
import type { Verb } from './verb.js';

const flags: readonly FlagGroup[] = [
  { title: 'Flags, for a study that nothing drives', flags: inputFlags(['flux', 'allow-shared-directory']) },
  whereItIs,
];

export const cancel: Verb = {
  name: 'cancel',
  group: 'looking after',
  synopsis: 'cancel DIR... [--host HOST]',
  summary: 'cancel a study: its driver does, or this program itself',
  details: [
    'Asks the driver of the study to cancel it, as `maestro cancel` does. If nothing drives it, this program takes it over, and cancels its jobs and local steps itself. A study that is over stays as it is.',
    'Exit status: 0 cancelled, or being cancelled, or over before; 4 if some jobs could not be cancelled; 1 if a directory has no study.',
  ].join('\n'),
  flags,
  async run(args, context, log) {
    const asked = readExisting(args, flags, context);
    const { given } = asked;
    if (given.positionals.length === 0) given.errors.push('no study is given: cancel DIR');
    given.refuseErrors();
    return onHost(asked, context, log, async (hosts) => {
      let worst = 0;
      for (const directory of given.positionals) {
        try {
          worst = Math.max(worst, await cancelOne(directory, { asked, hosts, context, log }));
        } catch (error) {
          if (given.positionals.length === 1) throw error;
          // That one cannot be cancelled is no reason to let the others go on.
          log.complain(describeError(error));
          worst = Math.max(worst, 1);
        }
      }
      return worst;
    });
  },
};

interface Cancelling {
  readonly asked: GivenExisting;
  readonly hosts: OpenedHosts;
  readonly context: ProcessContext;
  readonly log: TerminalLog;
}

async function cancelOne(directory: string, { asked, hosts, context, log }: Cancelling): Promise<number> {
  const sight = await lookAt(directory, hosts, context);
  const { host } = hosts;
  const root = studiesRoot(hosts.home);
  const { view, job } = await conductedView(host, sight);
  const { name, status, driver } = view;
  if (!('state' in sight) || (await isRunByMaestro(host, sight.path))) {
    await askToCancel(host, sight.path, { waits: false });
    log.info(`Study ${name}: Maestro was asked to cancel it, and will at its next look, if it is running`);
    return 0;
  }
  const awaited = job === undefined && !isDriven(sight.driver) ? await goesOnByItself(host, root, sight) : undefined;
  if (!isDriven(sight.driver) && awaited !== 'soon') {
    if (job !== undefined) {
      await endConductorJob(host, job);
      log.info(`Study ${name}: ${jobWords(job)}, which was to drive it, was told to end`);
    }
    if (!isCancellable(sight.state) && job === undefined && awaited === undefined) {
      log.info(`Study ${name} is ${status}: there is nothing to cancel`);
      return 0;
    }
    log.info(`Study ${name}: nothing drives it (${driverText(driver)}), so its jobs are cancelled from here`);
    const isShared = asked.inputs['allow-shared-directory'];
    const flux = asked.given.text('flux');
    try {
      const now = await cancelUndriven({ ...context, host, log, isShared, flux }, sight.path);
      if (now !== 'INTERRUPTED') {
        log.info(`Study ${name} is ${now} ${now === viewOf(sight).status ? 'as before' : 'now'}`);
        return 0;
      }
      log.complain(
        `Study ${name}: some of its jobs could not be cancelled, and may still be running; \`status\` shows which`,
      );
      return 4;
    } catch (error) {
      if (!(error instanceof LeaseHeldError)) throw error;
      // It was only silent, or another run has come meanwhile.
      log.note(error.message);
    }
  }
  const answer = await askToCancel(host, sight.path, { waits: true });
  log.info(
    answer === 'taken'
      ? `Study ${name}: its driver cancels it; \`watch\` shows the end`
      : `Study ${name}: its driver was asked to cancel it, and has not answered yet; if it is gone, run this again`,
  );
  return 0;
}
