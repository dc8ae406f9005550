import picomatch from 'picomatch';

/** Whether a name matches any of the globs. None match nothing. */
export function matchAny(globs: readonly string[]): (name: string) => boolean {
  if (globs.length === 0) return () => false;
  return picomatch(globs as string[], { dot: true });
}
