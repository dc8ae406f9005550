import picomatch from 'picomatch';

/** Whether a name matches any of the globs. None match nothing. A name is no path: `*` matches a `/` too. */
export function matchAny(globs: readonly string[]): (name: string) => boolean {
  if (globs.length === 0) return () => false;
  return picomatch(globs as string[], { dot: true, bash: true });
}
