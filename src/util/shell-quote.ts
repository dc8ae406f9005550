/**
 * Quotes a word for a POSIX shell with single quotes, in which only `'` is special.
 *
 * @throws RangeError for a NUL, which no command line can carry
 */
export function quote(word: string): string {
  if (word.includes('\0')) throw new RangeError('a NUL cannot be part of a command');
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Quotes a word for bash in which lone surrogates stand for bytes that are not UTF-8. */
export function quoteBytes(word: string): string {
  const pieces = word.split(/(\p{Surrogate}+)/u);
  if (pieces.length === 1) return quote(word);
  return pieces.map((piece, i) => (i % 2 === 0 ? piece && quote(piece) : escaped(piece))).join('');
}

function escaped(surrogates: string): string {
  const bytes = [...surrogates].map((character) => `\\x${(character.charCodeAt(0) - 0xdc00).toString(16)}`);
  return `$'${bytes.join('')}'`;
}

/** A command line of words, each quoted. */
export function quoteAll(words: readonly string[]): string {
  return words.map(quote).join(' ');
}

/**
 * Lines that assign shell variables, which are sent to a host before a program to pass its parameters.
 *
 * @throws RangeError for a NUL
 */
export function assignments(variables: Readonly<Record<string, string | number>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `${name}=${quote(String(value))}\n`)
    .join('');
}
