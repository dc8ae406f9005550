/**
 * A job's id, FLUID (RFC 19): 64 bits, so no `number` holds it. In an instance that has been up for some six days ids pass
 * 2^53.
 */
export type JobId = bigint;

/** Bitcoin's base58 alphabet. */
const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const limit = 2n ** 64n;

/** F58, the form that people see: `ƒ2DLNrMSKui`. No padding. */
export function encodeJobId(id: JobId): string {
  if (id < 0n || id >= limit) throw new RangeError(`${id} is no job id: it has more than 64 bits`);
  let text = '';
  let rest = id;
  do {
    text = alphabet[Number(rest % 58n)]! + text;
    rest /= 58n;
  } while (rest > 0n);
  return `ƒ${text}`;
}

/**
 * Reads F58 with its `ƒ`, or with the `f` that stands for it where a locale has no `ƒ`.
 *
 * @returns undefined for anything else
 */
export function decodeJobId(text: string): JobId | undefined {
  if (!/^[ƒf][1-9A-HJ-NP-Za-km-z]+$/.test(text)) return undefined;
  let id = 0n;
  for (const character of text.slice(1)) {
    id = id * 58n + BigInt(alphabet.indexOf(character));
    if (id >= limit) return undefined;
  }
  return id;
}

/** An id as JSON brings it (`parseJson`): a number while it is small, a bigint beyond 2^53. */
export function toJobId(value: unknown): JobId | undefined {
  if (typeof value === 'bigint') return value >= 0n && value < limit ? value : undefined;
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? BigInt(value) : undefined;
}
