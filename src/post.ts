import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { Allocation } from './broker/allocation/allocation.js';
import { describeError } from './errors.js';
import { ActionsLog } from './github/actions-log.js';
import { maskSecrets, readRunner } from './github/runner.js';
import { savedAllocation } from './github/state.js';
import { loginEnvironment } from './hosts/login-environment.js';
import { directoryPrefix } from './hosts/ssh/openssh-files.js';
import { actionInputs } from './inputs.js';
import { openMachines } from './machines.js';
import type { Surroundings } from './surroundings.js';

/**
 * The action's post step: does what the main step was killed before it could do. It never fails a job: what it cannot do,
 * it tells.
 */
export async function post(surroundings: Surroundings): Promise<number> {
  const { environment } = surroundings;
  const log = new ActionsLog(true);
  try {
    try {
      await giveBack(surroundings, log);
    } finally {
      removeFiles(readRunner(environment).temporary);
    }
  } catch (error) {
    log.warning(describeError(error));
  }
  return 0;
}

async function giveBack(surroundings: Surroundings, log: ActionsLog): Promise<void> {
  const { environment } = surroundings;
  const allocation = savedAllocation(environment);
  if (allocation === undefined) return;
  const inputs = actionInputs(environment);
  maskSecrets(inputs);
  const { temporary } = readRunner(environment);
  const machines = await openMachines(inputs, await loginEnvironment(environment), surroundings, log, temporary);
  try {
    await Allocation.releaseDescribed(machines.host, allocation);
    log.info(`Gave back the allocation ${allocation.id}`);
  } finally {
    machines.close();
  }
}

/** Keys and what else `ssh` needed as files. */
function removeFiles(temporary: string): void {
  for (const name of readdirSync(temporary)) {
    if (name.startsWith(directoryPrefix)) rmSync(path.join(temporary, name), { recursive: true, force: true });
  }
}
