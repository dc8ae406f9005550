import type { Pgen } from '../../study/pgen/pgen.js';
import type { Policy } from '../policy.js';

export interface MaestroRunOptions {
  readonly studyPath: string;
  /** The spec's path on the host. */
  readonly specPath: string;
  readonly policy: Pick<Policy, 'throttle' | 'submissionAttempts' | 'restartLimit'>;
  readonly hashWorkspaces: boolean;
  readonly isDryRun: boolean;
  readonly sleepSeconds: number;
  /** The parameter generator, with its path on the host. */
  readonly pgen: Pick<Pgen, 'file' | 'kwargs'> | undefined;
}

/** The words of `maestro run` (Maestro 1.1, 1.2). */
export function maestroWords(options: MaestroRunOptions): string[] {
  const { studyPath, specPath, policy, hashWorkspaces, isDryRun, sleepSeconds, pgen } = options;
  return [
    ...['maestro', 'run', '-fg', '-y'],
    ...['-o', studyPath, '-s', String(sleepSeconds), '-t', String(policy.throttle)],
    ...['-a', String(policy.submissionAttempts), '-r', String(policy.restartLimit)],
    ...(hashWorkspaces ? ['--hashws'] : []),
    ...(isDryRun ? ['--dry'] : []),
    ...(pgen === undefined ? [] : ['-p', pgen.file, ...pargsOf(pgen.kwargs)]),
    specPath,
  ];
}

function pargsOf(kwargs: ReadonlyMap<string, string>): string[] {
  return [...kwargs].flatMap(([key, value]) => ['--pargs', `${key}:${value}`]);
}
