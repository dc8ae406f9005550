import { countStates, sortedBy } from '../report/attention.js';
import { TOLERATED } from '../report/results.js';
import { runTimeOf } from '../report/run-time.js';
import {
  type BriefView,
  failedInstances,
  type SeenInstance,
  type StudyView,
  stepNameOf,
  unfinished,
  waitingReasons,
} from '../run/existing/view.js';
import { type Driver, isDriven } from '../store/look/driver.js';
import { hasFailed, isOver, isSkipped, lastJob, type StepRecord } from '../study/state.js';
import { counted, shortDuration, sizeText } from '../util/format.js';
import { groupBy } from '../util/group-by.js';
import { oneLine, table } from '../util/log/plain-text.js';

/** How many failures, and how many reasons why jobs wait, `status` tells of. */
const MAX_FAILURES = 20;
const MAX_REASONS = 5;

/** What `status` prints of one study. */
export function studyText(view: StudyView): string[] {
  const { path, instances } = view;
  const failures = failedInstances(instances);
  const more = failures.length - MAX_FAILURES;
  return [
    headline(view),
    ...table([
      ['Directory', oneLine(path)],
      ['Driver', driverText(view.driver)],
      ...waitingText(instances).map((text, i) => [i === 0 ? 'Waits for' : '', text]),
    ]),
    ...(instances.length === 0 ? [] : ['', ...table(stepRows(view))]),
    ...(failures.length === 0
      ? []
      : ['', ...table([['FAILED', 'STATE', 'REASON'], ...failures.slice(0, MAX_FAILURES).map(failureRow)])]),
    ...(more > 0 ? [`and ${more} more (--json has them all)`] : []),
  ];
}

/** `Study sweep RUNNING for 3m 05s: 12 of 90 steps over, 1 failed`. */
export function headline({ name, status, why, begun, ended, now, instances }: StudyView): string {
  const took =
    begun === undefined ? '' : ` ${ended === undefined ? 'for' : 'in'} ${shortDuration((ended ?? now) - begun)}`;
  // Of a study that nothing drives any more, nobody knows when it stopped.
  const time = status === 'RUNNING' || ended !== undefined ? took : '';
  return oneLine(`Study ${name} ${status}${time}: ${countsText(instances)}${why === '' ? '' : ` (${why})`}`);
}

/** `12 of 90 steps over, 1 failed`. */
export function countsText(instances: readonly Pick<SeenInstance, 'record'>[]): string {
  if (instances.length === 0) return 'no steps yet';
  const records = instances.map(({ record }) => record);
  const over = records.filter(isOver).length;
  const counts = [...countStates(records)].map(([state, count]) => `${count} ${state.toLowerCase()}`).join(', ');
  return `${over} of ${counted(records.length, 'step')} over (${counts})`;
}

/** Who drives a study and since when, or why nobody does. */
export function driverText(driver: Driver | 'maestro'): string {
  if (driver === 'maestro') return 'Maestro, by itself: whether it is still running cannot be seen';
  const { state, holder, quietSeconds } = driver;
  if (holder === undefined) return state === 'none' ? 'none yet' : 'a run that has not said which it is';
  const { pid, machine, since, runUrl } = holder;
  const who = `process ${pid} on ${machine}${runUrl === undefined ? '' : ` (${runUrl})`}`;
  const when = timeText(Date.parse(since));
  const silence = quietSeconds === undefined ? '' : ` for ${shortDuration(quietSeconds * 1000)}`;
  return oneLine(
    {
      driving: `${who} since ${when}`,
      silent: `${who} since ${when}, not heard from${silence}: it may be gone`,
      gone: `none: ${who}, since ${when}, is gone and has not said so`,
      none: `none; the last was ${who}, since ${when}`,
    }[state],
  );
}

/** `2026-01-31 23:59 UTC`. */
function timeText(at: number): string {
  return Number.isNaN(at)
    ? 'a time that is not known'
    : `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

function waitingText(instances: readonly SeenInstance[]): string[] {
  const reasons = waitingReasons(instances);
  const more = reasons.length - MAX_REASONS;
  const texts = reasons.slice(0, MAX_REASONS).map(([reason, count]) => {
    return oneLine(`${counted(count, 'job')} in the queue${reason === '' ? '' : `: ${reason}`}`);
  });
  return more > 0 ? [...texts, `and ${more} other reasons`] : texts;
}

/** A line for each step of the spec, in the order of their first instances. */
function stepRows({ instances, now }: StudyView): string[][] {
  return [
    ['STEP', 'INSTANCES', 'FINISHED', 'RUNNING', 'QUEUED', 'WAITING', 'FAILED', 'SKIPPED', 'CANCELLED', 'TIME'],
    ...[...groupBy(instances, stepNameOf)].map(([step, group]) => {
      const records = group.map(({ record }) => record);
      const kinds = records.map(kindOf);
      const count = (kind: Kind) => String(kinds.filter((each) => each === kind).length);
      return [
        oneLine(step),
        String(group.length),
        ...(['finished', 'running', 'queued', 'waiting', 'failed', 'skipped', 'cancelled'] as const).map(count),
        timesText(records, now),
      ];
    }),
  ];
}

type Kind = 'finished' | 'running' | 'queued' | 'waiting' | 'failed' | 'skipped' | 'cancelled';

function kindOf(record: StepRecord): Kind {
  if (isSkipped(record)) return 'skipped';
  if (hasFailed(record)) return 'failed';
  switch (record.state) {
    case 'FINISHED':
      return 'finished';
    case 'CANCELLED':
      return 'cancelled';
    case 'RUNNING':
    case 'FINISHING':
      return 'running';
    case 'QUEUED':
    case 'PENDING':
      return 'queued';
    default:
      return 'waiting';
  }
}

/** How long the last jobs of the instances have run: `12s`, or of several `12s-3m 05s`. */
function timesText(records: readonly StepRecord[], now: number): string {
  const times = records.flatMap((record) => runTimeOf(lastJob(record), now) ?? []);
  const [least, ...others] = sortedBy(times, (time) => time).map(shortDuration);
  const most = others.at(-1) ?? least;
  return least === undefined ? '' : most === least ? least : `${least}-${most}`;
}

function failureRow({ name, record }: SeenInstance): string[] {
  return [oneLine(name), record.state, oneLine(`${record.reason}${record.tolerated ? TOLERATED : ''}`)];
}

/** A line for each of several studies. @param hasSizes whether their sizes were asked for */
export function listText(views: readonly BriefView[], { hasSizes }: { readonly hasSizes: boolean }): string[] {
  return table([
    ['NAME', 'STATE', 'AGE', 'STEPS', 'DRIVER', ...(hasSizes ? ['SIZE'] : []), 'DIRECTORY'],
    ...views.map((view) => {
      const { path, name, status, driver, created, changed, now, bytes } = view;
      const begun = created ?? changed;
      return [
        oneLine(name),
        status,
        begun === undefined ? '-' : shortDuration(now - begun),
        progressText(view),
        driver === 'maestro' ? 'Maestro' : shortDriver(driver),
        ...(hasSizes ? [bytes === undefined ? '-' : sizeText(bytes)] : []),
        oneLine(path),
      ];
    }),
  ]);
}

/** `12/90`: how many of the steps are over. */
function progressText({ steps, counts }: BriefView): string {
  const over = [...counts].reduce((sum, [state, count]) => (unfinished.has(state) ? sum : sum + count), 0);
  return steps === 0 ? '-' : `${over}/${steps}`;
}

function shortDriver(driver: Driver): string {
  const { holder, state } = driver;
  if (!isDriven(driver)) return state === 'gone' ? 'gone' : '-';
  return holder === undefined ? '?' : oneLine(`${holder.pid}@${holder.machine}${state === 'silent' ? '?' : ''}`);
}
