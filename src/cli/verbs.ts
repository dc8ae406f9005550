import { doctor } from './doctor/verb.js';
import { init } from './init/verb.js';
import { merge } from './merge.js';
import { run } from './run.js';
import { validate } from './validate.js';
import type { Verb } from './verb.js';

/** All verbs, in the order of `--help`. */
export const verbs: readonly Verb[] = [run, validate, doctor, merge, init];
