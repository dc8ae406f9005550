/** The candidate that the user probably meant; undefined if none is similar enough. */
export function closest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return best;
}

/** The edit distance (insert, delete, replace, swap neighbours), but at most `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwap ? rows[i - 2]![j - 2]! + 1 : limit;
      row.push(Math.min(changed, swapped, rows[i - 1]![j]! + 1, row[j - 1]! + 1));
    }
    rows.push(row);
  }
  return Math.min(limit, rows[a.length]![b.length]!);
}

/** So many candidates are still a hint. */
const MAX_SUGGESTIONS = 5;

/**
 * The candidates that the user may have meant: those that begin with the word, else the closest, else those of which the word is a part
 * between dashes, such as `key` for `ssh-key`.
 */
export function suggestions(word: string, candidates: Iterable<string>): string[] {
  const all = [...candidates];
  const wanted = word.toLowerCase();
  const few = (found: readonly string[]) => (found.length > MAX_SUGGESTIONS ? [] : [...found]);
  const begun = wanted.length < 2 ? [] : few(all.filter((candidate) => candidate.toLowerCase().startsWith(wanted)));
  if (begun.length > 0) return begun;
  const near = closest(word, all);
  return near === undefined ? few(all.filter((candidate) => candidate.split('-').includes(wanted))) : [near];
}
