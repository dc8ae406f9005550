import type { StepInstance } from '../study/graph.js';
import { type Dialect, LaunchError, resource } from './dialect.js';

/** Matches `$(LAUNCHER)[2n, 4p]`; not greedy, because a line may have several. */
const bracketed = /\$\(LAUNCHER\)\[([^\n]*?)\]/g;

/**
 * Replaces every `$(LAUNCHER)` by the command that starts the parallel program (Maestro 1.1,
 * `_substitute_parallel_command`). If any token has brackets, only tokens with brackets are replaced, as in Maestro;
 * otherwise each token gets all of the step's resources.
 *
 * @throws LaunchError for brackets that Maestro rejects or that ask for more than the step has
 */
export function substituteLauncher(text: string, step: StepInstance, dialect: Dialect): string {
  const brackets = [...text.matchAll(bracketed)];
  if (brackets.length === 0) {
    if (!text.includes('$(LAUNCHER)') && dialect.alwaysLaunches !== true) return text;
    const command = dialect.launch(step, resource(step.run, 'procs'), resource(step.run, 'nodes') || undefined);
    return text.replaceAll('$(LAUNCHER)', () => command);
  }
  const requests = brackets.map((match) => parseBracket(match[0], match[1]!));
  checkTotals(requests, step);
  let next = 0;
  return text.replace(bracketed, () => {
    const { procs, nodes } = requests[next++]!;
    return dialect.launch(step, procs, nodes);
  });
}

interface Request {
  readonly token: string;
  /** As written, with the blanks of the legacy form. */
  readonly procs: string;
  readonly nodes: string | undefined;
}

function parseBracket(token: string, inside: string): Request {
  const example = 'write it as $(LAUNCHER)[2n, 4p] or $(LAUNCHER)[4p]';
  if (/[0-9]+,\s*[0-9]+/.test(inside)) {
    const [nodes, procs] = inside.split(',') as [string, string];
    if (![nodes, procs].every(isNumber)) throw new LaunchError(`${token} mixes two ways of asking`, example, token);
    return { token, procs, nodes };
  }
  const letters = (letter: string) => inside.split(letter).length - 1;
  if (letters('p') > 1 || letters('n') > 1) {
    throw new LaunchError(`${token} gives nodes or procs more than once`, example, token);
  }
  const procs = /([0-9]+)p/.exec(inside)?.[1];
  if (procs === undefined) {
    const what = letters('p') === 0 ? 'does not say how many procs' : 'has no number of procs';
    throw new LaunchError(`${token} ${what}`, example, token);
  }
  return { token, procs, nodes: /([0-9]+)n/.exec(inside)?.[1] };
}

const isNumber = (text: string) => /^\s*[0-9]+\s*$/.test(text);

/**
 * Checks each request, and the sum of a script's requests, against the step's resources; Maestro also adds up launches
 * that run in turn.
 */
function checkTotals(requests: readonly Request[], step: StepInstance): void {
  for (const what of ['nodes', 'procs'] as const) {
    const asked = requests.filter((request) => request[what] !== undefined);
    const [first] = asked;
    if (first === undefined) continue;
    const own = resource(step.run, what);
    if (own !== '' && !isNumber(own)) {
      throw new LaunchError(
        `${first.token} cannot be checked: the step's ${what} are '${own}', which is no number`,
        undefined,
        first.token,
      );
    }
    const most = Number(own);
    const over = asked.find((request) => Number(request[what]) > most);
    if (over !== undefined) {
      const has = own === '' ? `does not set ${what}` : `has ${most}`;
      throw new LaunchError(
        `${over.token} asks for ${Number(over[what])} ${what}, but the step ${has}`,
        undefined,
        over.token,
      );
    }
    const total = asked.reduce((sum, request) => sum + Number(request[what]), 0);
    if (total > most) {
      throw new LaunchError(
        `its $(LAUNCHER)s ask for ${total} ${what} together, but the step has ${most}`,
        'Maestro counts all launches of a step, even those that run in turn',
      );
    }
  }
}
