import { mustRun } from '../../hosts/commands.js';
import type { Host } from '../../hosts/host.js';
import { parseAs } from '../../util/json.js';
import { quote } from '../../util/shell-quote.js';
import { type Order, orderSchema, type Pointer, parcelFiles, parcelPath } from './parcel.js';

/** More than this no order is, with the largest spec and generator. */
const MAX_BYTES = 32 * 1024 * 1024;

/**
 * Reads what a detached start was given.
 *
 * @returns undefined if it is not there, or not what this version writes
 * @throws HostError if the host cannot be asked
 */
export async function readOrder(
  host: Host,
  { studyPath, token }: Pick<Pointer, 'studyPath' | 'token'>,
): Promise<Order | undefined> {
  const file = `${studyPath}/${parcelPath(token)}/${parcelFiles.order}`;
  const purpose = `cannot read ${file} on ${host.name}`;
  const text = await mustRun(host, purpose, `[ ! -f ${quote(file)} ] || head -c ${MAX_BYTES} -- ${quote(file)}`);
  const order = parseAs(orderSchema, text.toString());
  return order?.token === token ? order : undefined;
}
