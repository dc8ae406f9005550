/** Makes foreign texts safe to show: no control character moves the cursor, sets a colour or hides text. */

/** Every character that is not shown as it is; `printable` is called for each cell of each report, and most texts have none. */
const unprintable = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Removes ANSI escape sequences, and makes every other control character but tab and newline visible. */
export function printable(text: string): string {
  if (text.search(unprintable) === -1) return text;
  return text
    .replace(/\u001b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\-_])/g, '')
    .replaceAll('\r\n', '\n')
    .replace(unprintable, (character) => {
      const code = character.codePointAt(0)!;
      return code < 32 ? String.fromCodePoint(0x2400 + code) : '\ufffd';
    });
}

/**
 * Disarms workflow commands: inserts a zero-width character into lines that begin with `::` or contain `##[`.
 */
export function inert(text: string): string {
  return printable(text)
    .replace(/^(\s*):(?=:)/gm, '$1:\u200b')
    .replaceAll('##[', '##\u200b[');
}

/** Joins the lines of a text. */
export function oneLine(text: string): string {
  const shown = printable(text);
  return shown.includes('\n') ? shown.replace(/\s*\n\s*/g, ' ') : shown;
}

/**
 * The last lines of an output, decoded as UTF-8, without a first line or character that was cut.
 *
 * @param bytes the last bytes of the file
 * @param most how many lines to keep
 * @param isCut whether the file has more before `bytes`, so that the first line may not be whole
 */
export function tailText(bytes: Uint8Array, most: number, isCut = false): string {
  const whole = new TextDecoder('utf-8', { fatal: false }).decode(bytes);
  const text = printable(isCut ? whole.slice(whole.indexOf('\n') + 1) : whole).replace(/\n+$/, '');
  return text.split('\n').slice(-most).join('\n');
}

/** Formats rows as aligned columns with two blanks between them; the last column is not padded. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}
