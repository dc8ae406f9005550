import { doctor } from './doctor/verb.js';
import { init } from './init/verb.js';
import { list } from './list.js';
import { merge } from './merge.js';
import { run } from './run.js';
import { status } from './status.js';
import { validate } from './validate.js';
import type { Verb } from './verb.js';

/** All verbs, in the order of `--help`: of each group, that which is used most comes first. */
export const verbs: readonly Verb[] = [run, validate, merge, status, list, doctor, init];
