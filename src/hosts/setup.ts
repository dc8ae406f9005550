/**
 * What goes before a command: the user's `setup` lines. What they print goes to stderr, and they cannot read what is meant
 * for the command.
 */
export function setupLines(setup: string): string {
  return setup.trim() === '' ? '' : `{ :\n${setup}\n} </dev/null >&2\n`;
}
