import { followConducted } from '../run/detach/waiting.js';
import { SeenProgress } from '../run/existing/seen-progress.js';
import type { StudyView } from '../run/existing/view.js';
import { isDriven } from '../store/look/driver.js';
import { oneLine } from '../util/log/plain-text.js';
import type { TerminalLog } from '../util/log/terminal-log.js';
import { lookAtOurs, onHost, readExisting, whereItIs } from './existing-study.js';
import type { FlagGroup } from './flags.js';
import { codeOf } from './status.js';
import { driverText, headline, studyText } from './study-text.js';
import type { Verb } from './verb.js';

const flags: readonly FlagGroup[] = [
  {
    title: 'Flags',
    flags: [
      {
        name: 'until-over',
        description:
          'Also wait while nothing drives the study, because it was interrupted or its driver died: for the run that continues it.',
      },
    ],
  },
  whereItIs,
];

/** The exit status of a program that ^C ends, as shells have it. */
const STOPPED = 130;

export const watch: Verb = {
  name: 'watch',
  group: 'looking after',
  synopsis: 'watch DIR [--until-over] [--host HOST]',
  summary: 'follow a study until it ends',
  details: [
    'It shows what the run itself shows, whichever program drives the study, and changes nothing: ^C only stops watching (exit status 130).',
    "The exit status is the study's: 0 finished, 2 a step or a metric failed, 3 cancelled, 4 interrupted, also if its driver dies, because nothing continues by itself.",
  ].join('\n'),
  flags,
  async run(args, context, log) {
    const asked = readExisting(args, flags, context);
    const { given } = asked;
    if (given.positionals.length !== 1) given.errors.push('one study is needed: watch DIR');
    given.refuseErrors();
    return onHost(asked, context, log, async (hosts) => {
      const { path } = await lookAtOurs(given.positionals[0]!, hosts, context);
      const watching = new Watching(log, given.isOn('until-over'));
      for await (const { view } of followConducted(hosts.host, path, context.cancel)) {
        const code = watching.see(view);
        if (code !== undefined) return code;
      }
      watching.end();
      log.note('stopped watching; the study keeps running');
      return STOPPED;
    });
  },
};

/** What has been shown of a study that is watched. */
export class Watching {
  readonly #log: TerminalLog;
  readonly #waits: boolean;
  readonly #progress: SeenProgress;
  #driver: string | undefined;

  /** @param waits whether to go on while nothing drives the study */
  constructor(log: TerminalLog, waits: boolean) {
    this.#log = log;
    this.#waits = waits;
    this.#progress = new SeenProgress(log);
  }

  /** Shows what has changed. @returns the exit status, if that was all */
  see(view: StudyView): number | undefined {
    this.#tellDriver(view);
    this.#progress.see(view.instances);
    if (view.driver !== 'maestro' && view.status === 'RUNNING') return undefined;
    const isInterrupted = view.status === 'INTERRUPTED';
    if (isInterrupted && this.#waits) return undefined;
    this.end();
    for (const line of studyText(view)) this.#log.info(line);
    return codeOf(view.status);
  }

  end(): void {
    this.#progress.end();
  }

  #tellDriver(view: StudyView): void {
    const { driver } = view;
    if (driver === 'maestro') return;
    const isAwaited = view.status === 'RUNNING' && !isDriven(driver);
    const key = `${driver.state} ${driver.holder?.fence} ${isAwaited ? view.why : ''}`;
    if (key === this.#driver) return;
    const isFirst = this.#driver === undefined;
    this.#driver = key;
    if (isFirst && view.status === 'RUNNING') this.#log.info(headline(view));
    else if (isAwaited) this.#log.info(oneLine(view.why));
    if (isAwaited) return;
    if (driver.state === 'driving') this.#log.info(`Driven by ${driverText(driver)}`);
    else if (driver.state === 'silent') this.#log.warning(`the driver is ${driverText(driver)}`);
    else if (this.#waits && view.status === 'INTERRUPTED') {
      this.#log.warning(`nothing drives the study (${driverText(driver)}): waiting for a run that continues it`);
    }
  }
}
