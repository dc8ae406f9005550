import { randomBytes } from 'node:crypto';
import { systemClock } from '../util/clock.js';
import type { Environment } from './environment.js';
import { HostError } from './host.js';
import { LocalHost } from './local-host.js';
import { awaitReport } from './run-setup.js';
import { type SetupMarks, setupCommand } from './setup.js';

/** Milliseconds until bash must have come to `setup`; BASH_ENV may name a file that takes its time. */
const BEGIN_TIMEOUT_MS = 60_000;

/** What bash makes for itself in its environment; steps have the caller's. */
const bashsOwn = ['_', 'SHLVL', 'PWD', 'OLDPWD'];

/**
 * This machine, once the lines of `setup` have been run.
 *
 * @returns the machine, and what `setup` printed to stderr
 * @throws SetupError, HostError
 */
export async function openLocalHost(
  environment: Environment,
  setup: string,
  cancel: AbortSignal,
): Promise<{ readonly host: LocalHost; readonly said: string }> {
  if (setup.trim() === '') return { host: new LocalHost(environment), said: '' };
  const chance = randomBytes(8).toString('hex');
  const marks: SetupMarks = { begin: ['maestro-', `begin-${chance}`], end: ['maestro-', `end-${chance}`] };
  const process = new LocalHost(environment).spawn(setupCommand(setup, marks, false), { isForSteps: true });
  try {
    const shell = await awaitReport(
      { ...process, exit: process.exit.then(({ code }) => code) },
      {
        setup,
        marks,
        clock: systemClock,
        beginTimeMs: BEGIN_TIMEOUT_MS,
        cancel,
        notBegun: (code, noise) =>
          new HostError(
            `cannot run setup: bash ${code === undefined ? `did not start within ${BEGIN_TIMEOUT_MS / 1000} s` : `ended before it (exit ${code})`}${noise && `: ${noise}`}`,
          ),
      },
    );
    const own = Object.entries(environment).filter(([name]) => bashsOwn.includes(name));
    const users = Object.entries(shell.environment).filter(([name]) => !bashsOwn.includes(name));
    const prelude = { every: shell.umask, steps: shell.limits };
    return { host: new LocalHost(Object.fromEntries([...users, ...own]), prelude), said: shell.said };
  } finally {
    process.leave();
    // What `setup` left running may have them open.
    for (const stream of [process.stdout, process.stderr]) stream.destroy();
  }
}
