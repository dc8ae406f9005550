import { programs } from '../../generated/programs.js';
import { assignments, quote } from '../../util/shell-quote.js';
import { claimsPath, couldNotClaim, launcherPath, neverBegan, ours } from '../claims/launcher.js';
import { lost } from './supervisor-protocol.js';

/**
 * The command on the host that runs all local steps: the text of supervisor.sh with what it needs.
 *
 * @param env what every step finds in its environment besides the host's
 */
export function supervisorText(studyPath: string, env: ReadonlyMap<string, string>): string {
  const exports = [...env].map(([name, value]) => `  export ${name}=${quote(value)}\n`).join('');
  const variables = assignments({
    _maestro_study: studyPath,
    _maestro_launcher: launcherPath,
    _maestro_claims: claimsPath,
    _maestro_ours: ours,
    _maestro_could_not_claim: couldNotClaim,
    _maestro_never_began: neverBegan,
    _maestro_lost: lost,
  });
  return [
    // Lines of `setup` may have set it, and none of these variables is for the steps.
    `set +a\n${variables}`,
    `_maestro_exports() {\n  :\n${exports}}\n`,
    programs['schedulers/local/step-processes.sh'],
    programs['schedulers/local/supervisor.sh'],
  ].join('');
}
