/** Names and paths as Maestro makes them (Maestro 1.1, `make_safe_path`, `get_param_string`). */

/** A path component with everything but `-_.() a-zA-Z0-9` dropped and blanks made underscores. */
export function safeName(name: string): string {
  return name.replace(/[^-_.() a-zA-Z0-9]/g, '').replaceAll(' ', '_');
}

/** Python's order of text: by code point, where JavaScript's default goes by UTF-16 unit. */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    if (a[i] === b[i]) continue;
    // The first differing unit may be the second half of a pair whose first halves are equal: the order is the same.
    return a.codePointAt(i)! - b.codePointAt(i)!;
  }
  return a.length - b.length;
}

/** Longest name that file systems take for one path component, in bytes (NAME_MAX). */
export const longestName = 255;

export function byteLength(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}
