import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { root } from './markdown.js';

export interface Tool {
  /** The path of the program; undefined where it is missing. */
  readonly program: string | undefined;
  /** Why tests that need it are skipped, for the name of one that says so. */
  readonly why: string;
}

/** A program that `.ci/run` installs: the variable names it, else it is looked for on PATH. */
export function findTool(name: string, variable: string): Tool {
  const given = process.env[variable];
  const candidates =
    given !== undefined && given !== ''
      ? [given]
      : (process.env.PATH ?? '').split(path.delimiter).map((directory) => path.join(directory, name));
  return {
    program: candidates.find(isExecutable),
    why: `NOT TESTED: ${name} is neither on PATH nor named by ${variable}; .ci/run installs it`,
  };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export const actionlint = findTool('actionlint', 'ACTIONLINT');
export const zizmor = findTool('zizmor', 'ZIZMOR');

/** What actionlint finds in workflows, and shellcheck in their scripts: nothing, or a text for people. */
export function actionlintFindings(files: readonly string[]): string {
  return findingsOf(actionlint.program!, [
    '-no-color',
    '-oneline',
    '-config-file',
    path.join(root, '.github/actionlint.yaml'),
    ...files,
  ]);
}

/**
 * What zizmor finds in workflows, with the rules of this repository's zizmor.yml; those of its audits that need the
 * network are left out.
 */
export function zizmorFindings(files: readonly string[]): string {
  const settings = ['--offline', '--no-progress', '--quiet', '--color', 'never', '--strict-collection'];
  return findingsOf(zizmor.program!, [...settings, '--config', path.join(root, 'zizmor.yml'), ...files]);
}

/** The output of a linter that exits with 0 if, and only if, it has found nothing. */
function findingsOf(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: root, encoding: 'utf8' });
  if (error !== undefined) throw error;
  const printed = `${stdout}${stderr}`.trim();
  if (status === 0) return '';
  return printed === '' ? `${program} exited with ${status}` : printed;
}
