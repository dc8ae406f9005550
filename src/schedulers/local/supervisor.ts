import { programs } from '../../generated/programs.js';
import { assignments, quote } from '../../util/shell-quote.js';
import { claimsPath, neverBegan, notExecutable, orphaned, ours } from '../claims/launcher.js';
import { lost } from './supervisor-protocol.js';

/**
 * The command that runs all local steps on the host: supervisor.sh with its functions and variables.
 *
 * @param env variables for the environment of every step, besides the host's
 */
export function supervisorText(studyPath: string, env: ReadonlyMap<string, string>): string {
  const exports = [...env].map(([name, value]) => `  export ${name}=${quote(value)}\n`).join('');
  const variables = assignments({
    _maestro_study: studyPath,
    _maestro_claims: claimsPath,
    _maestro_ours: ours,
    _maestro_never_began: neverBegan,
    _maestro_not_executable: notExecutable,
    _maestro_orphaned: orphaned,
    _maestro_lost: lost,
  });
  return [
    // Lines of `setup` may have set `allexport`, and the steps must not inherit these variables.
    `set +a\n${variables}`,
    `_maestro_exports() {\n  :\n${exports}}\n`,
    programs['schedulers/claims/executable.sh'],
    programs['schedulers/local/step-claims.sh'],
    programs['schedulers/local/step-processes.sh'],
    programs['schedulers/local/supervisor.sh'],
  ].join('');
}
