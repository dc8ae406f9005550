import path from 'node:path';

/** The directories that the artifacts of legs are downloaded to begin with this. */
const ARTIFACT_PREFIX = 'study-report-';

/**
 * What the legs of reports are called whose names nobody gave: by the expected name that ends a part of the path, by what follows
 * `study-report-` in it, or by the parts in which the paths differ, without what these begin with alike.
 *
 * @param files paths of reports, spelled alike
 * @param expected the names of the legs that there should be
 * @returns a name for each file; undefined where the path says nothing
 */
export function namesOf(files: readonly string[], expected: readonly string[]): (string | undefined)[] {
  const longestFirst = [...expected].sort((a, b) => b.length - a.length);
  const parts = files.map(partsOf);
  const differing = differingNames(parts);
  return parts.map((names, i) => {
    const innermost = [...names].reverse();
    for (const part of innermost) {
      const found = longestFirst.find((name) => part === name || part.endsWith(`-${name}`));
      if (found !== undefined) return found;
    }
    if (files.length === 1 && expected.length === 1) return expected[0];
    const artifact = innermost.find((part) => part.startsWith(ARTIFACT_PREFIX) && part !== ARTIFACT_PREFIX);
    return artifact?.slice(ARTIFACT_PREFIX.length) ?? differing[i];
  });
}

/** The directories of a report, and its own name unless that is the usual one. */
function partsOf(file: string): string[] {
  const { dir, name } = path.parse(file);
  const directories = dir.split('/').filter((part) => part !== '' && part !== '.');
  return name === 'report' ? directories : [...directories, name];
}

function differingNames(all: readonly (readonly string[])[]): (string | undefined)[] {
  const first = all[0] ?? [];
  // A single path differs from none in nothing, but its last part is the most particular one.
  if (all.length === 1) return [first.at(-1)];
  const begin = first.findIndex((part, i) => all.some((parts) => parts[i] !== part));
  if (begin === -1 && all.every((parts) => parts.length === first.length)) return all.map(() => undefined);
  const from = begin === -1 ? first.length : begin;
  const longest = Math.max(...all.map((parts) => parts.length));
  let tail = 0;
  const isAlikeFromEnd = () => {
    const part = first.at(-1 - tail);
    return part !== undefined && all.every((parts) => parts.length - tail - 1 > from && parts.at(-1 - tail) === part);
  };
  while (tail < longest && isAlikeFromEnd()) tail += 1;
  const names = all.map((parts) => parts.slice(from, parts.length - tail).join('/'));
  const prefix = commonPrefix(names);
  return names.map((name) => name.slice(prefix.length) || undefined);
}

/** What names begin with alike, up to a dash or the like. */
function commonPrefix(names: readonly string[]): string {
  let prefix = names[0] ?? '';
  for (const name of names) while (!name.startsWith(prefix)) prefix = prefix.slice(0, -1);
  const end = Math.max(...['-', '_', '.', '/'].map((separator) => prefix.lastIndexOf(separator)));
  return prefix.slice(0, end + 1);
}
