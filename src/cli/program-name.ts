import path from 'node:path';

/** How this program is called: by its name if it was installed by npm, else as a file of the repository. */
export function programName(script: string | undefined): string {
  return path.basename(script ?? '') === 'maestro-on-flux' ? 'maestro-on-flux' : 'node dist/index.js';
}
