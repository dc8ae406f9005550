/** What the runner and GitHub put into the environment: none of it is a step's business, and some of it is secret. */
const runnersOwn = /^(INPUT|GITHUB|ACTIONS|RUNNER|STATE)_/;

/** The environment of steps on the command line: the caller's own, as with Maestro, less what an Actions runner adds. */
export function callersEnvironment(own: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(own).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !runnersOwn.test(entry[0]),
    ),
  );
}
