// Generated from package.json by tools/name-repository.mjs; edit that.

/** The repository of this program on GitHub. */
export const repository = 'maestro-on-flux/maestro-on-flux';
