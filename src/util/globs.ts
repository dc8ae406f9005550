import picomatch from 'picomatch';

/** Whether a name matches any of the globs. None match nothing. A name is no path: `*` matches a `/` too. */
export function matchAny(globs: readonly string[]): (name: string) => boolean {
  if (globs.length === 0) return () => false;
  return picomatch(globs as string[], { dot: true, bash: true });
}

/** Whether a path, relative and with `/`, matches. A directory's has no `/` at its end. */
export type PathMatcher = (path: string, isDirectory: boolean) => boolean;

/**
 * A glob of paths: `*` stays within a name, `**` does not, both match dotfiles and line ends. A `/` at its end makes it one
 * of directories, one at its beginning changes nothing.
 *
 * @param floats whether a glob of one name matches at any depth, as in .gitignore; one that begins with `/` never does
 */
export function pathGlob(glob: string, floats: boolean): PathMatcher {
  const ofDirectories = /[^/]\/+$/.test(glob);
  const bare = glob.replace(/^(?:\.?\/)+/, '').replace(/\/+$/, '');
  // The whole tree: `.` and `/`.
  if (bare === '' || bare === '.') return () => true;
  const isMatch = picomatch(bare, { dot: true, nonegate: true, strictSlashes: true, flags: 's' });
  const ofNames = floats && bare === glob.replace(/\/+$/, '') && !bare.includes('/');
  return (path, isDirectory) =>
    (isDirectory || !ofDirectories) && isMatch(ofNames ? path.slice(path.lastIndexOf('/') + 1) : path);
}

/** Whether any of the globs matches a path; one of one name does at any depth. */
export function excludedBy(globs: readonly string[]): PathMatcher {
  const matchers = globs.map((glob) => pathGlob(glob, true));
  return (path, isDirectory) => matchers.some((matches) => matches(path, isDirectory));
}
