import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** How far a detached study is, by its conductor's own word. */
export interface StudyState {
  /** `runs`, `ended` or `failed`. */
  readonly state: string;
  readonly status?: string;
}

/** The token of the first start of a detached study. */
export const tokenOf = (study: string) => readdirSync(path.join(study, '.conductor/detached'))[0]!;

/**
 * How far a detached study is.
 *
 * @param token of the start that is meant; the first one's unless given
 * @returns undefined before the conductor has said anything
 */
export function stateOf(study: string, token = tokenOf(study)): StudyState | undefined {
  const file = path.join(study, '.conductor/detached', token, 'state.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}
