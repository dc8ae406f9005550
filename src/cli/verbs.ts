import type { Verb } from './verb.js';

/**
 * All verbs, in the order of `--help`: of each group, that which is used most comes first. The code of one is loaded when it is wanted,
 * so that no verb waits for another's.
 */
const loaders: Readonly<Record<string, () => Promise<Verb>>> = {
  run: async () => (await import(/* webpackMode: "eager" */ './run.js')).run,
  validate: async () => (await import(/* webpackMode: "eager" */ './validate.js')).validate,
  resume: async () => (await import(/* webpackMode: "eager" */ './resume.js')).resume,
  merge: async () => (await import(/* webpackMode: "eager" */ './merge.js')).merge,
  status: async () => (await import(/* webpackMode: "eager" */ './status.js')).status,
  watch: async () => (await import(/* webpackMode: "eager" */ './watch.js')).watch,
  logs: async () => (await import(/* webpackMode: "eager" */ './logs.js')).logs,
  cancel: async () => (await import(/* webpackMode: "eager" */ './cancel.js')).cancel,
  update: async () => (await import(/* webpackMode: "eager" */ './update.js')).update,
  report: async () => (await import(/* webpackMode: "eager" */ './report.js')).report,
  collect: async () => (await import(/* webpackMode: "eager" */ './collect.js')).collect,
  list: async () => (await import(/* webpackMode: "eager" */ './list.js')).list,
  doctor: async () => (await import(/* webpackMode: "eager" */ './doctor/verb.js')).doctor,
  init: async () => (await import(/* webpackMode: "eager" */ './init/verb.js')).init,
};

/** What only this program calls: no help shows it. */
const internal: typeof loaders = {
  conduct: async () => (await import(/* webpackMode: "eager" */ './conduct.js')).conduct,
};

export const verbNames: readonly string[] = Object.keys(loaders);

/** The verb of that name; undefined if there is none. */
export async function loadVerb(name: string): Promise<Verb | undefined> {
  const all = { ...loaders, ...internal };
  return Object.hasOwn(all, name) ? all[name]!() : undefined;
}

/** All verbs, in the order of `--help`. */
export function loadVerbs(): Promise<Verb[]> {
  return Promise.all(Object.values(loaders).map((load) => load()));
}
