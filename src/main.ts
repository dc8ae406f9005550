// The first of all, so that no signal comes too early.
import './cli/early-signals.js';

import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { abandon, cancel, hangup } from './cli/early-signals.js';
import { commandLine } from './cli/main.js';
import { exactEnvironment } from './hosts/environment.js';
import { Fault } from './run/process-context.js';
import { describeError } from './util/errors.js';
import { inert } from './util/log/plain-text.js';

// Node lets its nursery for new objects grow to tens of megabytes, several times over, before it looks through it. A study
// of 10,000 steps takes 160 MB instead of 270 without that, and no longer.
setFlagsFromString('--semi-space-growth-factor=1');

/**
 * The entry. With arguments it is the command line, without any on a GitHub Actions runner the action. Only here, and
 * in `early-signals` for signals, is it looked at what the process is given.
 */
async function main(): Promise<number> {
  const args = process.argv.slice(2);
  // Whoever reads the log may go away; the study does not stop for that.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  const surroundings = {
    environment: exactEnvironment(process.env, () => readFileSync('/proc/self/environ')),
    workingDirectory: process.cwd(),
    cancel,
    hangup,
  };
  if (args.length > 0 || process.env.GITHUB_ACTIONS !== 'true') return commandLine(args, surroundings);
  // Loaded only where it is needed: GitHub's toolkit takes as long to load as all the rest.
  const { action, isPost, post } = await import(/* webpackMode: "eager" */ './action/main.js');
  return isPost(process.env) ? post(surroundings) : action(surroundings);
}

/** After an error that nothing caught, how long what is to be let go of may take. */
const LET_GO_MS = 60_000;

let isOver = false;
let letGo: NodeJS.Timeout | undefined;

/** @param code what the process ends with, unless something keeps it from that */
function end(code: number): void {
  isOver = true;
  clearTimeout(letGo);
  process.exitCode = code;
}

function complain(error: unknown): void {
  process.stderr.write(`${inert(describeError(error))}\n`);
}

// Should all that is waited for vanish, the process must not end as if all were well.
process.exitCode = 1;

process.on('uncaughtException', (error) => {
  complain(error);
  if (isOver) process.exit();
  // Jobs, an allocation and the lease are let go of by who has them, and results that there are already are told.
  letGo ??= setTimeout(() => process.exit(1), LET_GO_MS);
  abandon(new Fault(describeError(error)));
});

main().then(end, (error) => {
  complain(error);
  end(1);
});
