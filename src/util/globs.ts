import picomatch from 'picomatch';

/**
 * Matches a name against any of the globs; without globs nothing matches. Names are not paths, so `*` also matches `/`.
 */
export function matchAny(globs: readonly string[]): (name: string) => boolean {
  if (globs.length === 0) return () => false;
  return picomatch(globs as string[], { dot: true, bash: true });
}

/** Whether a relative path matches; the path of a directory has no `/` at its end. */
export type PathMatcher = (path: string, isDirectory: boolean) => boolean;

/**
 * A glob for paths: `*` matches within one name, `**` across names; both match dotfiles and newlines. With a `/` at the
 * end it only matches directories; a `/` at the beginning has no effect.
 *
 * @param floats whether a glob of one name matches at any depth, as in .gitignore, unless it begins with `/`
 */
export function pathGlob(glob: string, floats: boolean): PathMatcher {
  const ofDirectories = /[^/]\/+$/.test(glob);
  const bare = glob.replace(/^(?:\.?\/)+/, '').replace(/\/+$/, '');
  // `.` and `/` match the whole tree.
  if (bare === '' || bare === '.') return () => true;
  const isMatch = picomatch(bare, { dot: true, nonegate: true, strictSlashes: true, flags: 's' });
  const ofNames = floats && bare === glob.replace(/\/+$/, '') && !bare.includes('/');
  return (path, isDirectory) =>
    (isDirectory || !ofDirectories) && isMatch(ofNames ? path.slice(path.lastIndexOf('/') + 1) : path);
}

/** Matches a path against any of the globs; a glob of one name matches at any depth. */
export function excludedBy(globs: readonly string[]): PathMatcher {
  const matchers = globs.map((glob) => pathGlob(glob, true));
  return (path, isDirectory) => matchers.some((matches) => matches(path, isDirectory));
}
