// Imported first, so that signals are handled before the rest is loaded.
import './cli/early-signals.js';

import { readFileSync } from 'node:fs';
import { abandon, cancel, hangup } from './cli/early-signals.js';
import { commandLine } from './cli/main.js';
import { exactEnvironment } from './hosts/environment.js';
import { Fault } from './run/process-context.js';
import { describeError } from './util/errors.js';
import { inert } from './util/log/plain-text.js';
import { hasUnfinished } from './util/unfinished.js';

/**
 * The entry point: the command line if there are arguments, the action if there are none on a GitHub Actions runner.
 * Only this file and `early-signals` read the arguments, the environment and the signals of the process.
 */
async function main(): Promise<number> {
  const args = process.argv.slice(2);
  // The reader of the log may close the pipe; the study goes on without it.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const surroundings = {
    environment: exactEnvironment(process.env, () => readFileSync('/proc/self/environ')),
    workingDirectory: process.cwd(),
    cancel,
    hangup,
  };
  if (args.length > 0 || process.env.GITHUB_ACTIONS !== 'true') return commandLine(args, surroundings);
  // GitHub's toolkit takes as long to load as all other code, so only the action loads it.
  const { action, isPost, post } = await import(/* webpackMode: "eager" */ './action/main.js');
  return isPost(process.env) ? post(surroundings) : action(surroundings);
}

/** How long releasing jobs, the allocation and the lease may take after an uncaught error. */
const LET_GO_MS = 60_000;

let isOver = false;
let letGo: NodeJS.Timeout | undefined;

/** How long what still writes files may take once all else is over. */
const UNFINISHED_MS = 5_000;

/** Sets the exit code; the process ends by itself when no more events are pending. */
function end(code: number): void {
  isOver = true;
  clearTimeout(letGo);
  process.exitCode = code;
  setTimeout(() => hasUnfinished() && endWithoutThreads(code), UNFINISHED_MS).unref();
}

/**
 * Ends although a thread hangs in the file system, for which `process.exit` would wait. What the program becomes instead gives the
 * exit code; Node has had the means for that since 22.15.
 */
function endWithoutThreads(code: number): void {
  const { execve } = process as { readonly execve?: (file: string, args: readonly string[], env: object) => never };
  execve?.call(process, '/bin/sh', ['sh', '-c', `exit ${code}`], {});
  process.kill(process.pid, 'SIGKILL');
}

function complain(error: unknown): void {
  process.stderr.write(`${inert(describeError(error))}\n`);
}

// If the event loop runs empty before `main` has finished, the process must not exit with success.
process.exitCode = 1;

process.on('uncaughtException', (error) => {
  complain(error);
  if (isOver) process.exit();
  // The run releases jobs, the allocation and the lease, and reports the results so far.
  letGo ??= setTimeout(() => (hasUnfinished() ? endWithoutThreads(1) : process.exit(1)), LET_GO_MS);
  abandon(new Fault(describeError(error)));
});

main().then(end, (error) => {
  complain(error);
  end(1);
});
