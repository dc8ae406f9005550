import { jobWords } from '../run/detach/job.js';
import { isToBegin } from '../run/detach/unbegun.js';
import { conductedView } from '../run/detach/waiting.js';
import { askToUpdate, isRunByMaestro } from '../run/existing/ask-driver.js';
import { updateUndriven } from '../run/existing/update.js';
import { LeaseHeldError } from '../store/lease.js';
import { isDriven } from '../store/look/driver.js';
import type { Limits } from '../store/update-lock.js';
import { studiesRoot } from '../study/directory.js';
import { inSeries } from '../util/format.js';
import { inputFlags, lookAt, onHost, readExisting, whereItIs } from './existing-study.js';
import type { FlagGroup, GivenFlags } from './flags.js';
import type { Verb } from './verb.js';

const flags: readonly FlagGroup[] = [
  {
    title: 'Flags',
    flags: [
      {
        name: 'throttle',
        short: 't',
        value: 'N',
        description: 'Most scheduled jobs at once from now on; 0: no limit.',
      },
      {
        name: 'restart-limit',
        short: 'r',
        aliases: ['rlimit'],
        value: 'N',
        description: 'Restarts after a timeout from now on; 0: no limit.',
      },
      { name: 'sleep', value: 'N', description: "Maestro's; no effect: ends of jobs are seen at once." },
      ...inputFlags(['allow-shared-directory']),
    ],
  },
  whereItIs,
];

export const update: Verb = {
  name: 'update',
  group: 'looking after',
  synopsis: 'update DIR [--throttle N] [--restart-limit N]',
  summary: 'change the throttle or the restart limit of a study',
  details:
    'Tells the driver of the study. If nothing drives it, the change is recorded in the study. Either way, the runs that continue the study use it too, and say so.',
  flags,
  async run(args, context, log) {
    const asked = readExisting(args, flags, context);
    const { given } = asked;
    if (given.positionals.length !== 1) given.errors.push('one study is needed: update DIR --throttle N');
    const limits = limitsIn(given);
    const hasSleep = given.text('sleep') !== undefined;
    if (Object.keys(limits).length === 0 && !hasSleep && given.errors.length === 0) {
      given.errors.push('there is nothing to change: give --throttle N or --restart-limit N');
    }
    given.refuseErrors();
    if (hasSleep) log.note('--sleep has no effect: ends of jobs are seen at once');
    if (Object.keys(limits).length === 0) return 0;
    return onHost(asked, context, log, async (hosts) => {
      const { host } = hosts;
      const sight = await lookAt(given.positionals[0]!, hosts, context);
      const { view, job } = await conductedView(host, sight);
      const { name, status } = view;
      const what = textOf(limits);
      if (!('state' in sight) || (await isRunByMaestro(host, sight.path))) {
        await askToUpdate(host, sight.path, limits, { waits: false });
        log.info(`Study ${name}: Maestro was told, and uses it from its next look on, if it is running: ${what}`);
        return 0;
      }
      if (!isDriven(sight.driver)) {
        if (job !== undefined || (await isToBegin(host, studiesRoot(hosts.home), sight.path))) {
          // Taking the study from what is to conduct it would leave that with nothing to do.
          await askToUpdate(host, sight.path, limits, { waits: false });
          const conductor = job === undefined ? 'its conductor' : `its conductor, ${jobWords(job)},`;
          log.info(`Study ${name}: nothing drives it yet; ${conductor} has ${what} once it begins`);
          return 0;
        }
        if (status === 'FINISHED' || status === 'DRYRUN') {
          log.complain(`Study ${name} is ${status}: there is nothing to limit`);
          return 1;
        }
        try {
          const isShared = asked.inputs['allow-shared-directory'];
          await updateUndriven({ ...context, host, log, isShared }, sight.path, limits);
          log.info(`Study ${name}: nothing drives it; the run that continues it has ${what}`);
          return 0;
        } catch (error) {
          if (!(error instanceof LeaseHeldError)) throw error;
          log.note(error.message);
        }
      }
      const answer = await askToUpdate(host, sight.path, limits, { waits: true });
      log.info(
        answer === 'taken'
          ? `Study ${name} now has ${what}`
          : `Study ${name}: its driver was told, and has not answered yet: ${what}`,
      );
      return 0;
    });
  },
};

function limitsIn(given: GivenFlags): Limits {
  const numberOf = (flag: string): number | undefined => {
    const text = given.text(flag);
    if (text === undefined) return undefined;
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(number)) return number;
    given.errors.push(`--${flag} must be a whole number from 0 up, not '${text}'`);
    return undefined;
  };
  const [throttle, restartLimit] = [numberOf('throttle'), numberOf('restart-limit')];
  return { ...(throttle !== undefined && { throttle }), ...(restartLimit !== undefined && { restartLimit }) };
}

function textOf({ throttle, restartLimit }: Limits): string {
  return inSeries([
    ...(throttle === undefined ? [] : [`throttle ${throttle}`]),
    ...(restartLimit === undefined ? [] : [`restart limit ${restartLimit}`]),
  ]);
}
