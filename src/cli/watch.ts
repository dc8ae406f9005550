import { sortedBy } from '../report/attention.js';
import { type SeenInstance, type StudyView, viewOf } from '../run/existing/view.js';
import { Progress } from '../run/progress.js';
import { isDriven } from '../store/look/driver.js';
import { followStudy } from '../store/look/follow.js';
import { systemClock } from '../util/clock.js';
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
    'It shows what the run itself shows, whichever program drives the study, and changes nothing: ^C ends the watching only (exit status 130).',
    "The exit status is the study's: 0 finished, 2 a step failed, 3 cancelled, 4 interrupted, which it also is if its driver dies, because it does not go on by itself.",
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
      for await (const sight of followStudy(hosts.host, path, context.cancel)) {
        const code = watching.see(viewOf(sight));
        if (code !== undefined) return code;
      }
      watching.end();
      log.note('the study goes on without being watched');
      return STOPPED;
    });
  },
};

/** What has been shown of a study that is watched. */
export class Watching {
  readonly #log: TerminalLog;
  readonly #waits: boolean;
  #progress: Progress | undefined;
  /** The steps that the progress is about, and what was last seen of each. */
  #names = '';
  #seen: readonly string[] = [];
  #driver: string | undefined;

  /** @param waits whether to go on while nothing drives the study */
  constructor(log: TerminalLog, waits: boolean) {
    this.#log = log;
    this.#waits = waits;
  }

  /** Shows what has changed. @returns the exit status, if that was all */
  see(view: StudyView): number | undefined {
    this.#tellDriver(view);
    this.#tellSteps(view.instances);
    if (view.driver !== 'maestro' && isDriven(view.driver)) return undefined;
    const isInterrupted = view.status === 'INTERRUPTED';
    if (isInterrupted && this.#waits) return undefined;
    this.end();
    for (const line of studyText(view)) this.#log.info(line);
    return codeOf(view.status);
  }

  end(): void {
    this.#progress?.end();
    this.#progress = undefined;
  }

  #tellDriver(view: StudyView): void {
    const { driver } = view;
    if (driver === 'maestro') return;
    const key = `${driver.state} ${driver.holder?.fence}`;
    if (key === this.#driver) return;
    const isFirst = this.#driver === undefined;
    this.#driver = key;
    if (isFirst && isDriven(driver)) this.#log.info(headline(view));
    if (driver.state === 'driving') this.#log.info(`Driven by ${driverText(driver)}`);
    else if (driver.state === 'silent') this.#log.warning(`the driver is ${driverText(driver)}`);
    else if (this.#waits && view.status === 'INTERRUPTED') {
      this.#log.warning(`nothing drives the study (${driverText(driver)}): waiting for a run that continues it`);
    }
  }

  #tellSteps(instances: readonly SeenInstance[]): void {
    if (instances.length === 0) return;
    const names = JSON.stringify(instances.map(({ name }) => name));
    const records = instances.map(({ record }) => record);
    const now = records.map(
      ({ state, reason, ended, jobs }) => `${state} ${ended} ${jobs.length} ${jobs.at(-1)?.id} ${reason}`,
    );
    if (names !== this.#names) {
      // Another plan: a run that continues the study may have a spec that has changed.
      this.end();
      this.#progress = new Progress(this.#log, { steps: instances }, systemClock);
      this.#names = names;
      // What has been before the watching is in its first line.
      this.#seen = now;
    }
    const changed = now.flatMap((each, i) => (each === this.#seen[i] ? [] : [i]));
    this.#seen = now;
    this.#progress ??= new Progress(this.#log, { steps: instances }, systemClock);
    // What was seen at once has happened one after the other.
    const when = (i: number) => records[i]!.ended ?? Number.POSITIVE_INFINITY;
    const inOrder = sortedBy(changed, when);
    if (inOrder.length === 0) this.#progress.onChange(records, []);
    for (const index of inOrder) this.#progress.onChange(records, [index]);
  }
}
