/** GitHub's limits count the bytes of a text in UTF-8. Lone halves of surrogate pairs count as, and become, U+FFFD. */

/** The beginning of a text, `most` bytes at most, cut between characters. */
export function firstBytes(text: string, most: number): string {
  const bytes = Buffer.from(most < text.length ? text.slice(0, most + 1) : text);
  if (bytes.length <= most && text.length <= most) return bytes.toString();
  let end = Math.min(most, bytes.length);
  while (end > 0 && isInside(bytes[end])) end -= 1;
  return bytes.toString('utf8', 0, end);
}

/** The end of a text, `most` bytes at most, cut between characters. */
export function lastBytes(text: string, most: number): string {
  const bytes = Buffer.from(text.slice(-most - 1));
  if (bytes.length <= most && text.length <= most) return bytes.toString();
  let start = Math.max(0, bytes.length - most);
  while (start < bytes.length && isInside(bytes[start])) start += 1;
  return bytes.toString('utf8', start);
}

/** Text cut at a line's end, with a last line that says so; all of it if it fits. */
export function firstLines(text: string, most: number, note: string): string {
  const whole = firstBytes(text, most);
  if (whole.length === text.length) return whole;
  const cut = firstBytes(text, most - Buffer.byteLength(note) - 1);
  const end = cut.lastIndexOf('\n');
  return `${end === -1 ? cut : cut.slice(0, end)}\n${note}`;
}

/** Text from a line's beginning, after a first line that says so; all of it if it fits. */
export function lastLines(text: string, most: number, note: string): string {
  const whole = lastBytes(text, most);
  if (whole.length === text.length) return whole;
  const cut = lastBytes(text, most - Buffer.byteLength(note) - 1);
  const end = cut.indexOf('\n');
  return `${note}\n${end === -1 || end === cut.length - 1 ? cut : cut.slice(end + 1)}`;
}

/** Whether a byte is not the first of its character. */
function isInside(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
