import { cancel } from './cancel.js';
import { doctor } from './doctor/verb.js';
import { init } from './init/verb.js';
import { list } from './list.js';
import { logs } from './logs.js';
import { merge } from './merge.js';
import { report } from './report.js';
import { run } from './run.js';
import { status } from './status.js';
import { update } from './update.js';
import { validate } from './validate.js';
import type { Verb } from './verb.js';
import { watch } from './watch.js';

/** All verbs, in the order of `--help`: of each group, that which is used most comes first. */
export const verbs: readonly Verb[] = [
  run,
  validate,
  merge,
  status,
  watch,
  logs,
  cancel,
  update,
  report,
  list,
  doctor,
  init,
];
