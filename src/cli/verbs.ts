import type { Verb } from './verb.js';

/**
 * All verbs, in the order of `--help`: of each group, that which is used most comes first. The code of one is loaded when it is wanted,
 * so that no verb waits for another's.
 */
const loaders: Readonly<Record<string, () => Promise<Verb>>> = {
  run: async () => (await import(/* webpackMode: "eager" */ './run.js')).run,
  validate: async () => (await import(/* webpackMode: "eager" */ './validate.js')).validate,
  merge: async () => (await import(/* webpackMode: "eager" */ './merge.js')).merge,
  status: async () => (await import(/* webpackMode: "eager" */ './status.js')).status,
  watch: async () => (await import(/* webpackMode: "eager" */ './watch.js')).watch,
  logs: async () => (await import(/* webpackMode: "eager" */ './logs.js')).logs,
  cancel: async () => (await import(/* webpackMode: "eager" */ './cancel.js')).cancel,
  update: async () => (await import(/* webpackMode: "eager" */ './update.js')).update,
  report: async () => (await import(/* webpackMode: "eager" */ './report.js')).report,
  list: async () => (await import(/* webpackMode: "eager" */ './list.js')).list,
  doctor: async () => (await import(/* webpackMode: "eager" */ './doctor/verb.js')).doctor,
  init: async () => (await import(/* webpackMode: "eager" */ './init/verb.js')).init,
};

export const verbNames: readonly string[] = Object.keys(loaders);

/** The verb of that name; undefined if there is none. */
export async function loadVerb(name: string): Promise<Verb | undefined> {
  return Object.hasOwn(loaders, name) ? loaders[name]!() : undefined;
}

/** All verbs, in the order of `--help`. */
export function loadVerbs(): Promise<Verb[]> {
  return Promise.all(Object.values(loaders).map((load) => load()));
}
