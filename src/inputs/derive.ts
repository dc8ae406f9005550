import path from 'node:path';
import type { MaestroOptions } from '../conductor/maestro/options.js';
import type { Policy } from '../conductor/policy.js';
import type { JobRequest } from '../run/detach/job.js';
import type { HostOptions } from '../run/open-hosts.js';
import type { RunOptions } from '../run/options.js';
import { type AllocationRequest, readAllocationRequest } from '../schedulers/allocation/request.js';
import type { Overlays } from '../spec/overlay.js';
import { SpecError } from '../spec/problem.js';
import { Source } from '../spec/source.js';
import type { Pgen } from '../study/pgen/pgen.js';
import { matchAny } from '../util/globs.js';
import type { InputName, Inputs } from './schema.js';

/** The options of a run, which know nothing of how inputs are named. */
export function runOptionsOf(inputs: Inputs): RunOptions {
  return {
    shownSpec: inputs.spec,
    isDryRun: inputs['dry-run'],
    hasRemoteHost: inputs.host !== '',
    allowsSharedDirectory: inputs['allow-shared-directory'],
    hashWorkspaces: inputs['hash-workspaces'],
    fluxTarget: inputs.flux,
    stepEnvironment: inputs.env,
    ignoresJobsElsewhere: inputs.resume === 'always',
    policy: policyOf(inputs),
    ...(inputs.conductor === 'native' ? {} : { maestro: maestroOf(inputs) }),
    stop: { onCancel: inputs['on-cancel'], timeoutMinutes: inputs['timeout-minutes'] },
    stage: { excluded: inputs['stage-exclude'], secrets: inputs['ssh-key'] === '' ? [] : [inputs['ssh-key']] },
    report: reportOptionsOf(inputs),
  };
}

/** What the inputs say of the reports. */
export function reportOptionsOf(inputs: Inputs): RunOptions['report'] {
  return {
    path: inputs['report-path'],
    collect: inputs.collect,
    slowerThan: inputs['slower-than'],
    onInfrastructure: inputs['on-infrastructure'],
  };
}

function maestroOf(inputs: Inputs): MaestroOptions {
  return { bindings: inputs.bindings, sleepSeconds: inputs.sleeptime, version: inputs['maestro-version'] };
}

function policyOf(inputs: Inputs): Policy {
  const allowed = matchAny(inputs['allow-failure']);
  return {
    throttle: inputs.throttle,
    localJobs: inputs['local-jobs'],
    submissionAttempts: inputs['submission-attempts'],
    restartLimit: inputs['restart-limit'],
    resubmitOn: inputs['resubmit-on'],
    maxWaitMs: inputs['max-wait'] * 1000,
    allowsFailure: ({ name, step }) => allowed(name) || allowed(step),
  };
}

/** Whether what is beside the spec is copied: to another machine, or out of the reach of what cleans the checkout. */
export function isStaged(inputs: Inputs): boolean {
  return isElsewhere(inputs) || inputs.detach !== 'false';
}

/** Whether a study runs on another machine. A dry run stages everything on this one. */
export function isElsewhere(inputs: Inputs): boolean {
  return inputs.host !== '' && !inputs['dry-run'];
}

/** The machine that the inputs want to run on, and how it is set up. */
export function hostOptionsOf(inputs: Inputs): HostOptions {
  const { setup } = inputs;
  if (!isElsewhere(inputs)) return { setup, ssh: undefined };
  return {
    setup,
    ssh: {
      host: inputs.host,
      proxyJump: inputs['proxy-jump'],
      client: inputs['ssh-client'],
      key: inputs['ssh-key'],
      passphrase: inputs['ssh-passphrase'],
      knownHosts: inputs['ssh-known-hosts'],
    },
  };
}

/** How the conductor of a detached study is asked for as a job; undefined if it is to be none. */
export function conductorJobOf(inputs: Inputs): JobRequest | undefined {
  if (inputs.detach !== 'job') return undefined;
  // Mistakes in it were told before.
  const { request } = readAllocationRequest(new Source('allocate', inputs.allocate));
  return { ...(request && { with: request.with }), args: inputs['detach-args'] };
}

/**
 * The allocation that the inputs want, if they want one.
 *
 * @param nameOf what messages call an input
 * @throws SpecError
 */
export function requestOf(inputs: Inputs, nameOf: (input: InputName) => string): AllocationRequest | undefined {
  if (inputs.allocate === '') return undefined;
  const { request, problems } = readAllocationRequest(new Source(nameOf('allocate'), inputs.allocate));
  if (request === undefined) throw new SpecError(problems);
  return { ...request, maxWait: request.maxWait ?? inputs['max-wait'] };
}

/** The overlays in the inputs; `nameOf` is what messages about them begin with. */
export function overlaysOf(inputs: Inputs, nameOf: (name: string) => string): Overlays {
  const source = (name: 'parameters' | 'variables' | 'batch') =>
    inputs[name] === '' ? {} : { [name]: new Source(nameOf(name), inputs[name]) };
  return { ...source('parameters'), ...source('variables'), ...source('batch') };
}

/** The parameter generator that the inputs name, if any; its path is taken from `directory`. */
export function pgenOf(inputs: Inputs, directory: string): Pgen | undefined {
  if (inputs.pgen === '') return undefined;
  return { file: path.resolve(directory, inputs.pgen), shown: inputs.pgen, kwargs: inputs.pargs };
}
