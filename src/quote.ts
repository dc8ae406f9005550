/**
 * The one function that quotes for a shell: POSIX single quotes, which no character but `'` ends.
 *
 * @throws RangeError for a NUL, which no command line can carry
 */
export function quote(word: string): string {
  if (word.includes('\0')) throw new RangeError('a NUL cannot be part of a command');
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** A command line of words, each quoted. */
export function quoteAll(words: readonly string[]): string {
  return words.map(quote).join(' ');
}
