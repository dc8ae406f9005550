import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Host } from '../../src/hosts/host.js';
import { runOptionsOf } from '../../src/inputs/derive.js';
import { parseInputs } from '../../src/inputs/parse.js';
import { runStudy } from '../../src/run/run-study.js';
import { ourHolder } from '../../src/store/lease.js';
import type { Log } from '../../src/util/log/log.js';
import { plainHost } from './hosts.js';
import { yamlOf } from './plan.js';
import { temporaryDirectory } from './temporary.js';

const silent: Log = { phase() {}, endPhase() {}, info() {}, live() {}, problem() {}, error() {}, warning() {} };

export interface FarStudyOptions {
  readonly host: Host;
  readonly studyPath: string;
  readonly steps: NonNullable<Parameters<typeof yamlOf>[0]['steps']>;
  /** Whether a directory is copied to the host. */
  readonly isStaged?: boolean;
}

/** Runs a study on a host, all of it but the connection. Returns its results. */
export async function runFarStudy({ host, studyPath, steps, isStaged = false }: FarStudyOptions) {
  const root = temporaryDirectory();
  mkdirSync(path.join(root, 'input'));
  writeFileSync(path.join(root, 'input/data'), 'data');
  const never = new AbortController().signal;
  const inputs = parseInputs(new Map([['spec', 'study.yaml']]), (name) => name);
  const { results } = await runStudy({
    options: runOptionsOf(inputs),
    host,
    here: plainHost(),
    log: silent,
    text: yamlOf({ steps }),
    overlays: {},
    pgen: undefined,
    specPath: path.join(root, 'study.yaml'),
    workingDirectory: root,
    stageRoot: isStaged ? root : undefined,
    cancel: never,
    hangup: never,
    place: () => ({ path: studyPath, key: 'key', resume: 'auto' }),
    request: undefined,
    around: '',
    holder: ourHolder(),
    remember: () => {},
    ineffectiveOptions: () => [],
    reportPlace: () => ({ path: path.join(root, 'report'), untrusted: [root] }),
    baseline: undefined,
  });
  return results;
}

/** Steps that run one after the other. */
export function chainOf(count: number, cmd: (index: number) => string) {
  const names = Array.from({ length: count }, (_, i) => `s${i}`);
  return names.map((name, i) => ({ name, cmd: cmd(i), depends: names.slice(Math.max(0, i - 1), i) }));
}
