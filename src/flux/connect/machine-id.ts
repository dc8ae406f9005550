import { programs } from '../../generated/programs.js';
import { run } from '../../hosts/commands.js';
import type { Host } from '../../hosts/host.js';
import { nodeCommands } from './relay.js';
import type { BrokerAddress } from './resolve.js';

/** Text for any POSIX shell. */
const script = programs['flux/connect/machine-id.sh'];

/**
 * Distinguishes the machine of a broker from others of the same name, in another cluster or another container: its id, with the
 * process namespace if that is a container's. '' if it cannot be found out.
 *
 * @param environment the host's
 * @throws HostError
 */
export async function readMachineId(
  host: Host,
  address: BrokerAddress,
  environment: Readonly<Record<string, string>>,
): Promise<string> {
  const commands = address.node === undefined ? [script] : nodeCommands(address, script, environment);
  for (const command of commands) {
    const { stdout } = await run(host, command);
    const id = /^machine=(\S+)$/m.exec(stdout.toString())?.[1];
    if (id !== undefined) return id;
  }
  return '';
}
