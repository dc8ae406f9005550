import { countStates } from '../report/attention.js';
import {
  type BriefView,
  failedInstances,
  type SeenInstance,
  type StudyView,
  stepNameOf,
  waitingReasons,
} from '../run/existing/view.js';
import type { Driver } from '../store/look/driver.js';
import { lastJob } from '../study/state.js';
import { isoTime } from '../util/format.js';
import { groupBy } from '../util/group-by.js';

/** What `status --json` and `watch --json` print of one study. docs/looking-after.md describes its members. */
export function studyJson(view: StudyView, host: string): unknown {
  const { path, name, status, why, driver, begun, ended, instances } = view;
  return {
    ...{ path, host, name, status, why },
    begun: time(begun),
    ended: time(ended),
    driver: driverJson(driver),
    steps: {
      total: instances.length,
      states: Object.fromEntries(countStates(instances.map(({ record }) => record))),
    },
    waiting: waitingReasons(instances).map(([reason, jobs]) => ({ reason, jobs })),
    failures: failedInstances(instances).map(({ name }) => name),
    byStep: [...groupBy(instances, stepNameOf)].map(([step, group]) => ({
      step,
      instances: group.length,
      states: Object.fromEntries(countStates(group.map(({ record }) => record))),
    })),
    instances: instances.map(instanceJson),
  };
}

function instanceJson(instance: SeenInstance): unknown {
  const { name, workspace, record } = instance;
  const { state, reason, exitCode, signal, restarts, tolerated, submitted, started, ended } = record;
  const job = lastJob(record);
  return {
    ...{ name, step: stepNameOf(instance), workspace, state, reason, exitCode, signal, restarts, tolerated },
    jobId: job === undefined || job.id === '' ? null : job.id,
    attempt: job?.attempt ?? null,
    submitted: isoTime(submitted),
    started: isoTime(started),
    ended: isoTime(ended),
  };
}

/** A line of `list --json`, and of `status --json` with several directories. */
export function briefJson({ path, name, status, driver, created, changed, steps, counts, bytes }: BriefView): unknown {
  return {
    ...{ path, name, status },
    created: time(created),
    changed: time(changed),
    driver: driverJson(driver),
    steps: { total: steps, states: Object.fromEntries(counts) },
    bytes: bytes ?? null,
  };
}

function driverJson(driver: Driver | 'maestro'): unknown {
  if (driver === 'maestro') return { state: 'maestro' };
  const { state, holder, quietSeconds } = driver;
  return {
    state,
    machine: holder?.machine ?? null,
    pid: holder?.pid ?? null,
    since: holder?.since ?? null,
    runUrl: holder?.runUrl ?? null,
    quietSeconds: quietSeconds ?? null,
  };
}

const time = (at: number | undefined) => isoTime(at ?? null);
