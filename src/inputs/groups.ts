import type { InputName } from './schema.js';

/** Inputs that are listed together, under a heading. */
export interface InputGroup {
  readonly name: 'study' | 'place' | 'scheduler' | 'run' | 'results' | 'commands';
  readonly title: string;
  readonly inputs: readonly InputName[];
}

/** The inputs that say which machine it is, and how commands are run there. */
export const connectionInputs: readonly InputName[] = [
  'host',
  'ssh-client',
  'ssh-key',
  'ssh-passphrase',
  'ssh-known-hosts',
  'proxy-jump',
  'setup',
];

/** Every input, in the order in which help and documentation list them. */
export const inputGroups: readonly InputGroup[] = [
  {
    name: 'study',
    title: 'The study',
    inputs: ['spec', 'parameters', 'variables', 'batch', 'pgen', 'pargs', 'env', 'hash-workspaces'],
  },
  {
    name: 'place',
    title: 'Where it runs',
    inputs: [
      ...connectionInputs,
      'stage',
      'stage-exclude',
      'detach',
      'detach-args',
      'detach-node',
      'supersede',
      'output-path',
      'allow-shared-directory',
    ],
  },
  {
    name: 'scheduler',
    title: 'The scheduler',
    inputs: ['flux', 'allocate', 'throttle', 'local-jobs', 'submission-attempts', 'resubmit-on', 'restart-limit'],
  },
  {
    name: 'run',
    title: 'The run',
    inputs: [
      'dry-run',
      'resume',
      'study-key',
      'timeout-minutes',
      'max-wait',
      'on-cancel',
      'allow-failure',
      'conductor',
      'bindings',
      'sleeptime',
      'maestro-version',
      'allow-fork-pr',
      'sha',
      'job-status',
    ],
  },
  {
    name: 'results',
    title: 'Results',
    inputs: [
      'report-path',
      'collect',
      'history',
      'baseline',
      'slower-than',
      'metrics',
      'on-infrastructure',
      'summary',
      'annotations',
      'check-name',
      'issue',
      'github-token',
    ],
  },
  {
    name: 'commands',
    title: 'Other commands',
    inputs: ['command', 'study-path', 'reports', 'expected', 'machines', 'answer'],
  },
];
