import { type InputName, inputNames } from './schema.js';

/** What has to be decided of every input, besides what it may be. */
export type Traits = {
  /**
   * - `flag`: it is a flag of the command line
   * - `argument`: it is given without a name
   * - `ignored`: a flag that has no effect, so that a command can be the same as on GitHub
   * - `none`: only the action has it
   */
  readonly commandLine: 'flag' | 'argument' | 'ignored' | 'none';
} & (
  | {
      /** It is written into files of the study on the host. */
      readonly host: 'plain';
      /**
       * - `kept`: it is that of the run before
       * - `changeable`: it is that of the run before, unless `resume` is given another
       * - `given`: it is what `resume` is given, else its default
       * - `none`: it belongs to the run before alone
       */
      readonly onResume: 'kept' | 'changeable' | 'given' | 'none';
    }
  | {
      /**
       * - `apart`: it may hold secrets, so that only a detached conductor has it there, in a file of its own, for as long as it needs it
       * - `stays`: it belongs to the machine that starts the study, or to the way from there
       * - `secret`: it stays, and must not be shown
       */
      readonly host: 'apart' | 'stays' | 'secret';
      /** `none` also if the study keeps what was made of it. */
      readonly onResume: 'given' | 'none';
    }
);

/** Of every input, so that a new one does not compile before somebody has decided who may read it. */
export const traits: Readonly<Record<InputName, Traits>> = {
  command: { host: 'stays', onResume: 'none', commandLine: 'none' },
  spec: { host: 'stays', onResume: 'none', commandLine: 'argument' },
  parameters: { host: 'apart', onResume: 'none', commandLine: 'flag' },
  variables: { host: 'apart', onResume: 'none', commandLine: 'flag' },
  batch: { host: 'apart', onResume: 'none', commandLine: 'flag' },
  pgen: { host: 'plain', onResume: 'none', commandLine: 'flag' },
  pargs: { host: 'apart', onResume: 'none', commandLine: 'flag' },
  'dry-run': { host: 'stays', onResume: 'none', commandLine: 'flag' },
  'output-path': { host: 'stays', onResume: 'none', commandLine: 'flag' },
  'allow-shared-directory': { host: 'plain', onResume: 'changeable', commandLine: 'flag' },
  'study-key': { host: 'stays', onResume: 'none', commandLine: 'flag' },
  resume: { host: 'plain', onResume: 'none', commandLine: 'flag' },
  'allow-failure': { host: 'plain', onResume: 'kept', commandLine: 'flag' },
  throttle: { host: 'plain', onResume: 'changeable', commandLine: 'flag' },
  'local-jobs': { host: 'plain', onResume: 'changeable', commandLine: 'flag' },
  'submission-attempts': { host: 'plain', onResume: 'changeable', commandLine: 'flag' },
  'restart-limit': { host: 'plain', onResume: 'changeable', commandLine: 'flag' },
  'resubmit-on': { host: 'plain', onResume: 'changeable', commandLine: 'flag' },
  'hash-workspaces': { host: 'plain', onResume: 'kept', commandLine: 'flag' },
  host: { host: 'stays', onResume: 'given', commandLine: 'flag' },
  'ssh-client': { host: 'stays', onResume: 'given', commandLine: 'flag' },
  'ssh-key': { host: 'secret', onResume: 'given', commandLine: 'flag' },
  'ssh-passphrase': { host: 'secret', onResume: 'given', commandLine: 'flag' },
  'ssh-known-hosts': { host: 'stays', onResume: 'given', commandLine: 'flag' },
  'proxy-jump': { host: 'stays', onResume: 'given', commandLine: 'flag' },
  setup: { host: 'apart', onResume: 'given', commandLine: 'flag' },
  env: { host: 'apart', onResume: 'given', commandLine: 'flag' },
  flux: { host: 'plain', onResume: 'changeable', commandLine: 'flag' },
  allocate: { host: 'plain', onResume: 'kept', commandLine: 'flag' },
  conductor: { host: 'plain', onResume: 'kept', commandLine: 'flag' },
  bindings: { host: 'plain', onResume: 'kept', commandLine: 'flag' },
  sleeptime: { host: 'plain', onResume: 'kept', commandLine: 'flag' },
  'maestro-version': { host: 'plain', onResume: 'kept', commandLine: 'flag' },
  detach: { host: 'stays', onResume: 'given', commandLine: 'flag' },
  'detach-args': { host: 'stays', onResume: 'given', commandLine: 'flag' },
  'detach-node': { host: 'stays', onResume: 'given', commandLine: 'flag' },
  supersede: { host: 'stays', onResume: 'none', commandLine: 'none' },
  'study-path': { host: 'stays', onResume: 'none', commandLine: 'none' },
  stage: { host: 'stays', onResume: 'none', commandLine: 'flag' },
  'stage-exclude': { host: 'stays', onResume: 'none', commandLine: 'flag' },
  'timeout-minutes': { host: 'plain', onResume: 'changeable', commandLine: 'flag' },
  'max-wait': { host: 'plain', onResume: 'changeable', commandLine: 'flag' },
  'on-cancel': { host: 'plain', onResume: 'changeable', commandLine: 'flag' },
  'allow-fork-pr': { host: 'plain', onResume: 'kept', commandLine: 'ignored' },
  annotations: { host: 'plain', onResume: 'kept', commandLine: 'ignored' },
  'check-name': { host: 'plain', onResume: 'kept', commandLine: 'ignored' },
  'github-token': { host: 'secret', onResume: 'none', commandLine: 'ignored' },
  baseline: { host: 'plain', onResume: 'none', commandLine: 'flag' },
  history: { host: 'plain', onResume: 'kept', commandLine: 'flag' },
  'slower-than': { host: 'plain', onResume: 'none', commandLine: 'flag' },
  metrics: { host: 'plain', onResume: 'kept', commandLine: 'flag' },
  'on-infrastructure': { host: 'plain', onResume: 'given', commandLine: 'flag' },
  issue: { host: 'stays', onResume: 'none', commandLine: 'none' },
  summary: { host: 'plain', onResume: 'kept', commandLine: 'ignored' },
  'report-path': { host: 'plain', onResume: 'given', commandLine: 'flag' },
  collect: { host: 'plain', onResume: 'changeable', commandLine: 'flag' },
  reports: { host: 'stays', onResume: 'none', commandLine: 'none' },
  expected: { host: 'stays', onResume: 'none', commandLine: 'none' },
  machines: { host: 'stays', onResume: 'none', commandLine: 'none' },
  answer: { host: 'stays', onResume: 'none', commandLine: 'none' },
  sha: { host: 'stays', onResume: 'none', commandLine: 'none' },
  'job-status': { host: 'stays', onResume: 'none', commandLine: 'none' },
};

/** Inputs that must not be shown. */
export const secrets = inputNames.filter((name) => traits[name].host === 'secret');

/** The traits of what may be an input, by a name that was kept or given. */
export function traitsOf(name: string): Traits | undefined {
  return Object.hasOwn(traits, name) ? traits[name as InputName] : undefined;
}
