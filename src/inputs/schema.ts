import * as z from 'zod';
import { assignments, choice, list, pairs, percent, resubmitOn, text, time, truth, whole, words } from './kinds.js';
import { namedObjects, names } from './named-places.js';

/**
 * Every input of the action and flag of the command line: the only definition. `action.yml`, the README's table
 * and docs/reference.md are generated from it. An input is text; what its schema makes of the text is what the program sees.
 */

export const inputsSchema = z.object({
  command: choice('run', 'collect', 'merge', 'comment')
    .prefault('run')
    .describe(
      'What to do: `run` a study, `collect` studies that were detached ([Detached studies](docs/detached.md)), `merge` the reports of several runs into one, with one check run, or read a `comment` that asks for a run ([Comments](docs/comments.md)).',
    ),
  spec: text('path')
    .prefault('')
    .describe(
      'The study: a YAML file, relative to the workspace. Required to run one. See [Studies](docs/studies.md).',
    ),
  parameters: text('YAML mapping')
    .prefault('')
    .describe(
      'Laid over `global.parameters` of the spec: a list of values, or `values` and `label`, for each key. See [overlays](docs/studies.md#one-spec-several-machines).',
    ),
  variables: text('YAML mapping').prefault('').describe('Laid over `env.variables` of the spec.'),
  batch: text('YAML mapping')
    .prefault('')
    .describe('Laid over the `batch` block of the spec, so that one spec serves several machines.'),
  pgen: text('path')
    .prefault('')
    .describe(
      'A Maestro parameter generator: a Python file, run by `python3` on this machine. See [parameter generators](docs/studies.md#parameter-generators).',
    ),
  pargs: pairs().prefault('').describe('`KEY:VALUE` lines: the arguments of the parameter generator.'),
  'dry-run': truth()
    .prefault('false')
    .describe(
      'Write all scripts of the study on this machine, but run nothing and contact nothing. See [checking a study](docs/studies.md#checking-a-study).',
    ),
  'output-path': text('path')
    .prefault('')
    .describe(
      "The study directory. Default: a directory below the spec's OUTPUT_PATH. See [the study directory](docs/study-directory.md#where-it-is).",
    ),
  'allow-shared-directory': truth()
    .prefault('false')
    .describe(
      'Accept a study directory that others of a group may write to, such as project space. They can then run commands as you. See [who may write there](docs/study-directory.md#who-may-write-there).',
    ),
  'study-key': text()
    .regex(/^[-_.A-Za-z0-9]*$/, { error: 'must be letters, digits, `-`, `_` and `.` only' })
    .prefault('')
    .describe(
      'Two runs with the same key are the same study, and the second continues the first. Default: a hash of the inputs, and on GitHub of run, job and step. See [the study key](docs/resuming.md#which-study-the-study-key).',
    ),
  resume: choice('auto', 'always', 'never')
    .prefault('auto')
    .describe(
      'If the study directory has a study: `auto` continues it if the study key is the same, `always` in any case, `never` starts over beside it. See [Resuming](docs/resuming.md).',
    ),
  'allow-failure': list()
    .prefault('')
    .describe(
      'Steps whose failure warns but does not fail the study: globs of names of steps or instances, one a line. See [failed or skipped](docs/results.md#failed-or-skipped).',
    ),
  throttle: whole(0).prefault('0').describe('At most this many scheduled jobs in flight. 0: no limit.'),
  'local-jobs': whole(1)
    .prefault('4')
    .describe('At most this many unscheduled steps at once. See [local steps](docs/steps.md#local-steps).'),
  'submission-attempts': whole(1)
    .prefault('1')
    .describe("How often a job is submitted, or a local step run, before the step fails (Maestro's `--attempts`)."),
  'restart-limit': whole(0)
    .prefault('1')
    .describe("How often a step that timed out and has a `restart` is restarted (Maestro's `--rlimit`). 0: no limit."),
  'resubmit-on': resubmitOn()
    .prefault('node, preempted: 3')
    .describe(
      'The causes after which a job is resubmitted automatically, and how often for each. Lost nodes are avoided. `none`: never. See [jobs that are lost](docs/steps.md#jobs-that-are-lost).',
    ),
  'hash-workspaces': truth()
    .prefault('false')
    .describe("Name workspaces, scripts and jobs by the MD5 of their combination (Maestro's `--hashws`)."),
  host: text()
    .trim()
    .prefault('')
    .describe(
      'The machine to run on, by SSH: `[user@]name[:port]`, a login node. Empty: this machine. See [Running on a cluster](docs/cluster.md).',
    ),
  'ssh-client': choice('ssh2', 'openssh')
    .prefault('ssh2')
    .describe(
      "`ssh2` is built in. `openssh` is this machine's `ssh` with its configuration. See [which client](docs/cluster.md#which-client).",
    ),
  'ssh-key': text()
    .prefault('')
    .describe(
      'The text of the private key to log in with. Without it: an agent (SSH_AUTH_SOCK), or the key files of `~/.ssh`. See [the key](docs/cluster.md#the-key).',
    ),
  'ssh-passphrase': text().prefault('').describe('The passphrase of the key.'),
  'ssh-known-hosts': text('lines')
    .prefault('')
    .describe(
      "Lines of known_hosts: the host keys that are trusted. Without it, this machine's own known_hosts counts. See [host keys](docs/cluster.md#host-keys).",
    ),
  'proxy-jump': text()
    .trim()
    .prefault('')
    .describe(
      'Machines to go through to the host, written as `host` is, separated by commas. See [jump hosts](docs/cluster.md#jump-hosts).',
    ),
  setup: text('shell lines')
    .prefault('')
    .describe(
      'Shell lines that are run once on the host. Commands and steps get the environment that they leave: `module load slurm`. See [environment](docs/steps.md#environment).',
    ),
  env: assignments().prefault('').describe('`NAME=VALUE` lines for the environment of every step.'),
  flux: text()
    .prefault('auto')
    .describe(
      'The Flux broker that runs the jobs of a study of type flux: `auto`, `system`, a Flux job id, `pid:N`, `slurm:ID`, `lsf:ID`, `file:PATH` or a URI. See [which broker](docs/flux.md#which-broker).',
    ),
  allocate: text('YAML mapping')
    .prefault('')
    .describe(
      'Get an allocation for a study of type flux, start Flux in it, run the jobs there, give it back: `{with: slurm, nodes: 4, time: 60}`. See [Allocations](docs/allocations.md).',
    ),
  conductor: choice('native', 'maestro')
    .prefault('native')
    .describe(
      "What drives the study: `native` is this program's own conductor, `maestro` the host's own `maestro run`. See [With the host's own Maestro](docs/maestro.md).",
    ),
  bindings: choice('auto', 'pip', 'system', 'none')
    .prefault('auto')
    .describe(
      "Where the host's Maestro gets the Python bindings of Flux from. See [bindings of Flux](docs/maestro.md#bindings-of-flux).",
    ),
  sleeptime: whole(1)
    .prefault('5')
    .describe(
      "Seconds between two looks of the host's Maestro at its jobs. See [what it costs](docs/maestro.md#what-it-costs).",
    ),
  'maestro-version': text()
    .regex(/^([0-9]+(\.[0-9]+)*)?$/, { error: 'must be a version, such as 1.2.1' })
    .prefault('')
    .describe(
      'The version of Maestro that `bindings: pip` installs. Default: the newest 1.x. See [bindings of Flux](docs/maestro.md#bindings-of-flux).',
    ),
  detach: choice('false', 'true', 'job')
    .prefault('false')
    .describe(
      "Start the study and exit. With `true`, its conductor keeps running in the background on the host; with `job`, it runs as a job of the host's batch system. See [Detached studies](docs/detached.md).",
    ),
  'detach-args': words()
    .prefault('')
    .describe(
      "With `detach: job`: arguments of `sbatch`, `bsub` or `flux submit` for the conductor's job, such as `--partition=pdebug --time=1-00:00:00`. See [as a job](docs/detached.md#as-a-job-of-the-batch-system).",
    ),
  'detach-node': text('path')
    .prefault('')
    .describe(
      'The Node on the host, 20 or newer, for a [detached study](docs/detached.md). Default: `node` on PATH after `setup`.',
    ),
  supersede: truth()
    .prefault('false')
    .describe(
      'On a pull request, cancel the detached studies that earlier runs of the same workflow, job and step have started for it. See [superseding](docs/detached.md#a-newer-commit-of-a-pull-request).',
    ),
  'study-path': text('path')
    .prefault('')
    .describe(
      'Collect only the study in this directory on the host. Default: every study that this repository has detached. See [collecting](docs/detached.md#collecting).',
    ),
  stage: text('path')
    .prefault('')
    .describe(
      "The directory to copy to the host; it contains the spec. Default: the spec's own. See [what is copied](docs/cluster.md#what-is-copied-to-the-cluster).",
    ),
  'stage-exclude': list().prefault('').describe('What is not copied: globs relative to `stage`, one a line.'),
  'timeout-minutes': whole(0)
    .prefault('0')
    .describe(
      'Stop driving the study after this many minutes. Jobs go on, the status is INTERRUPTED, and the next run continues. 0: no limit. See [time limits](docs/resuming.md#time-limits).',
    ),
  'max-wait': time()
    .prefault('')
    .describe(
      'How long the first job, or the allocation, may wait in the queue: minutes, or a number with s, m, h or d. After that, queued jobs are cancelled and the study is INTERRUPTED; the next run starts counting again. 0: no limit. See [time limits](docs/resuming.md#time-limits).',
    ),
  'on-cancel': choice('cancel', 'leave')
    .prefault('cancel')
    .describe(
      'When the workflow is cancelled: `cancel` ends running jobs, `leave` leaves them running, to be resumed. See [cancelling](docs/resuming.md#cancelling).',
    ),
  'allow-fork-pr': truth()
    .prefault('false')
    .describe(
      "Run a fork's pull request: its author's shell text runs on your machines. See [forks](docs/security.md#pull-requests-of-forks).",
    ),
  annotations: choice('checks', 'commands', 'none')
    .prefault('checks')
    .describe(
      'Failures on the lines of the spec: by a check run (`checks`, which needs the permission `checks: write`), by workflow commands (`commands`), or not (`none`). See [the check run](docs/results.md#the-check-run).',
    ),
  'check-name': text()
    .prefault('')
    .describe(
      'The name of the check run. Default: `maestro: `, the spec and the job. Two check runs with one name hide each other.',
    ),
  'github-token': text()
    .prefault('')
    .describe("The token for the check run, and for finding out whether a comment is on a fork's pull request."),
  baseline: text('path')
    .prefault('')
    .describe(
      'What to compare the results with: the report.json of an earlier run, or `auto` for the runs in `history` (the default if there is a history). See [comparing](docs/results.md#comparing-with-an-earlier-run).',
    ),
  history: text('auto, none, directory')
    .trim()
    .prefault('none')
    .describe(
      'Where the host keeps the results and metrics of earlier runs: `auto` (below `~/maestro-studies`), a directory of yours, or `none`. Runs on a branch are added to it; a pull request is compared with its base branch. See [history](docs/nightly.md#history).',
    ),
  'slower-than': percent()
    .prefault('25 %')
    .describe(
      'A step is slower if its run time has grown by more than this, and by at least 10 s. Needs `baseline` or `history`.',
    ),
  metrics: text('YAML mapping, path')
    .prefault('')
    .describe(
      'Numbers to read from the outputs of steps, and their expected values: a mapping, or the path of a YAML file that contains one. See [metrics](docs/nightly.md#metrics).',
    ),
  'on-infrastructure': choice('fail', 'neutral')
    .prefault('fail')
    .describe(
      'How to report a study that failed only because of the infrastructure: `fail`, or `neutral` (a neutral check run, exit status 0 and a warning). `neutral` applies only to the events schedule, push, workflow_dispatch and repository_dispatch. See [neutral](docs/results.md#neutral).',
    ),
  issue: text()
    .trim()
    .max(256, { error: 'must be a title of at most 256 characters' })
    .prefault('')
    .describe(
      'The title of an issue to maintain for this study and branch: opened when the study fails, closed when it passes. Needs the permission `issues: write`. Not for pull requests. See [the issue](docs/results.md#the-issue).',
    ),
  summary: truth().prefault('true').describe('Write the job summary.'),
  'report-path': text('path')
    .prefault('')
    .describe(
      'The directory on this machine for the reports and what is collected. Default: on GitHub a temporary one, else `.conductor/report` in the study, or with `host` one in the current directory. See [files](docs/results.md#files).',
    ),
  collect: list()
    .prefault('')
    .describe(
      'Files of the study to bring to `report-path`: globs relative to the study, one a line, such as `post/*/plots`.',
    ),
  reports: list()
    .prefault('')
    .describe(
      'The report.json files to merge, one a line: paths or globs, relative to the workspace (`reports/*/report.json`), or `NAME=PATH`. Without a name each is called by the directories in which the paths differ.',
    ),
  expected: names()
    .prefault('')
    .describe(
      'The names of the reports that there should be: lines, or a JSON list of names or of objects with a `name`. Those that are missing are shown as not run, with a warning.',
    ),
  machines: namedObjects()
    .prefault('')
    .describe(
      'The places that `machine=` in a comment chooses from: lines of names, or a JSON list of names or of objects with a `name`, such as a matrix takes.',
    ),
  answer: text('id')
    .regex(/^[0-9]*$/, { error: 'must be the id of a comment: the output `answer`' })
    .prefault('')
    .describe('The answer to put the result into: the output `answer`. `reports` has the report.json files.'),
  sha: text('commit')
    .regex(/^([0-9a-f]{40}|[0-9a-f]{64}|)$/, { error: "must be all of a commit's id" })
    .prefault('')
    .describe(
      'The commit to put the check run on, which must be the one that is checked out. Default: the commit of the event; for a comment, the head of its pull request. See [Comments](docs/comments.md).',
    ),
  'job-status': text().prefault('').describe('Do not set it: it tells the post step whether the job was cancelled.'),
});

export type Inputs = z.output<typeof inputsSchema>;
export type InputName = keyof Inputs;

export const inputNames = Object.keys(inputsSchema.shape) as InputName[];

export type Command = Inputs['command'];

/** Flags that may be given several times, a line each: `--pargs A:1 --pargs B:2`, as with Maestro. */
export const repeatable: ReadonlySet<string> = new Set<InputName>([
  'pargs',
  'env',
  'allow-failure',
  'setup',
  'stage-exclude',
  'collect',
  'ssh-known-hosts',
]);

/** Defaults of the action that differ from those of the command line. */
export const actionDefaults: Partial<Record<InputName, string>> = {
  'github-token': '${{ github.token }}',
  history: 'auto',
  // GitHub evaluates it again for the post step, which a main step that was killed at once has told nothing.
  'job-status': '${{ job.status }}',
};
