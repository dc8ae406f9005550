import * as z from 'zod';

/**
 * Every input of the action and flag of the command line: the only definition. `action.yml`, the README's table
 * and docs/reference.md are generated from it. An input is text; what its schema makes of the text is what the program sees.
 */

/** An input of text. @param kind what reference and help call such a value */
const text = (kind = 'text') => z.string().meta({ kind });
const truth = () =>
  z.stringbool({ truthy: ['true'], falsy: ['false'], error: 'must be true or false' }).meta({ kind: 'true, false' });
const whole = (minimum: number) => {
  const error = `must be a whole number from ${minimum} up`;
  const isWhole = (value: string) =>
    /^[0-9]+$/.test(value) && Number(value) >= minimum && Number.isSafeInteger(Number(value));
  return z
    .string()
    .refine(isWhole, { error, params: { showsValue: true } })
    .transform(Number)
    .meta({ kind: 'whole number' });
};
const percent = () =>
  z
    .string()
    .refine((value) => /^[0-9]+(\.[0-9]+)?\s*%?$/.test(value), {
      error: 'must be a percentage, such as 25 %',
      params: { showsValue: true },
    })
    .transform((value) => Number.parseFloat(value))
    .meta({ kind: 'percentage' });
const choice = <const T extends string>(...words: [T, ...T[]]) =>
  z
    .enum(words, { error: `must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}` })
    .meta({ kind: words.join(', ') });

const linesOf = (value: string) => value.split(/\r?\n/).filter((line) => line.trim() !== '');

const list = () =>
  z
    .string()
    .transform((value) => linesOf(value).map((line) => line.trim()))
    .meta({ kind: 'globs' });

/** Lines of `KEY:VALUE`, split at the first colon (Maestro's `--pargs`). */
const pairs = () =>
  z
    .string()
    .transform((value, context) => {
      const lines = linesOf(value);
      const bad = lines.findIndex((line) => !line.includes(':'));
      if (bad !== -1) {
        // The line may be a secret, so it is not shown.
        context.addIssue({ code: 'custom', message: `must be lines of KEY:VALUE, but line ${bad + 1} has no colon` });
        return z.NEVER;
      }
      const split = (line: string): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).trim(), line.slice(colon + 1).trim()];
      };
      return new Map(lines.map(split)) as ReadonlyMap<string, string>;
    })
    .meta({ kind: 'KEY:VALUE lines' });

const assignments = () =>
  z
    .string()
    .transform((value, context) => {
      const result = new Map<string, string>();
      for (const line of linesOf(value)) {
        const match = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line);
        if (match === null) {
          // The value may be a secret, so only the text before `=` is shown.
          const shown = line.includes('=') ? `${line.slice(0, line.indexOf('=')).trim()}=...` : 'a line without `=`';
          context.addIssue({ code: 'custom', message: `must be lines of NAME=VALUE, but has ${shown}` });
          return z.NEVER;
        }
        result.set(match[1]!, match[2]!);
      }
      return result as ReadonlyMap<string, string>;
    })
    .meta({ kind: 'NAME=VALUE lines' });

/** Names: lines, or a JSON list of them or of objects that have one, as a matrix is given. */
const names = () => namedObjects().transform((places) => places.map(({ name }) => name));

/** The same, each with its object as it was given. */
const namedObjects = () =>
  z.string().transform((value, context) => {
    if (!value.trimStart().startsWith('[')) {
      return linesOf(value).map((line): NamedPlace => ({ name: line.trim(), value: line.trim() }));
    }
    const named = z.union([
      z.string().transform((name): NamedPlace => ({ name, value: name })),
      z.looseObject({ name: z.string() }).transform((object): NamedPlace => ({ name: object.name, value: object })),
    ]);
    const result = z.array(named).safeParse(parsedJson(value));
    if (result.success) return result.data;
    context.addIssue({ code: 'custom', message: badNames });
    return z.NEVER;
  });

/** A place to run, as a matrix has it: its name alone, or an object with that. */
export interface NamedPlace {
  readonly name: string;
  readonly value: unknown;
}

const badNames = 'must be lines of names, or a JSON list of names or of {"name": ...}';

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const inputsSchema = z.object({
  command: choice('run', 'merge', 'comment')
    .prefault('run')
    .describe(
      'What to do: `run` a study, `merge` the reports of several runs into one, with one check run, or read a `comment` that asks for a run ([Comments](docs/comments.md)).',
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
      'The report.json of an earlier run, to tell what newly fails, is fixed, or takes longer. See [comparing](docs/results.md#comparing-with-an-earlier-run).',
    ),
  'slower-than': percent()
    .prefault('25 %')
    .describe('A step is slower if its run time has grown by more than this, and by at least 10 s.'),
  summary: truth().prefault('true').describe('Write the job summary.'),
  'report-path': text('path')
    .prefault('')
    .describe(
      'The directory on this machine for the reports and what is collected. Default: on GitHub a temporary one, else `.conductor/report` in the study, or one beside you with `host`. See [files](docs/results.md#files).',
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
      'The commit that the check run is put on, which must be the one that is checked out. Default: that of the event; of a comment, the head of its pull request.',
    ),
  'job-status': text().prefault('').describe('Do not set it: it tells the post step whether the job was cancelled.'),
});

export type Inputs = z.output<typeof inputsSchema>;
export type InputName = keyof Inputs;

export const inputNames = Object.keys(inputsSchema.shape) as InputName[];

export type Command = Inputs['command'];

/** Inputs that are no flags: the command line has verbs, with arguments of their own. */
export const actionOnly: ReadonlySet<string> = new Set<InputName>([
  'command',
  'reports',
  'expected',
  'machines',
  'answer',
  'sha',
]);

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

/** Inputs that must not be shown. */
export const secrets: readonly InputName[] = ['ssh-key', 'ssh-passphrase', 'github-token'];

/** Defaults of the action that differ from those of the command line. */
export const actionDefaults: Partial<Record<InputName, string>> = {
  'github-token': '${{ github.token }}',
  // GitHub evaluates it again for the post step, which a main step that was killed at once has told nothing.
  'job-status': '${{ job.status }}',
};

/** The outputs of a run, with what action.yml says of them. */
export const runOutputs = {
  status:
    'FINISHED, FAILURE, CANCELLED, INTERRUPTED or DRYRUN; UNREACHABLE if there was no connection to the host, and nothing ran; with `command: merge` NOTRUN if no machine ran the study.',
  'study-path': 'The study directory.',
  'flux-uri': 'The Flux broker that ran the jobs; empty if none did.',
  'steps-total': 'How many step instances the study has.',
  'steps-finished': 'How many of them finished.',
  'steps-failed': 'How many of them ran and failed.',
  'steps-skipped': 'How many of them did not run: another failed or was cancelled, or the study was cancelled before.',
  'report-path': 'The directory with report.json, junit.xml, report.html, summary.md and what was collected.',
  'check-run-url': 'The page of the check run; empty if there is none.',
} as const;

/** The outputs of `command: comment`. */
export const commentOutputs = {
  run: 'Of `command: comment`: `true` if the comment asks for a run and its author may do that, else `false`.',
  spec: 'The study to run: the path of its spec.',
  parameters: 'The parameters that the comment gives, as the input `parameters` takes them; empty if it gives none.',
  machines:
    'Where to run, a JSON list: those of the input `machines` that the comment chooses; all if it chooses none.',
  sha: 'The commit to check out, and to run the study of.',
  answer: 'The id of the comment that answers; empty if there is none.',
} as const;

export const outputs = { ...runOutputs, ...commentOutputs };
