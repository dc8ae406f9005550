import * as z from 'zod';

/**
 * Every input of the action and flag of the command line: the only definition. `action.yml` and the README's table are
 * generated from it. An input is text; what its schema makes of the text is what the program sees.
 */

const text = () => z.string();
const truth = () => z.stringbool({ truthy: ['true'], falsy: ['false'], error: 'must be true or false' });
const whole = (minimum: number) => {
  const error = `must be a whole number from ${minimum} up`;
  const isWhole = (value: string) =>
    /^[0-9]+$/.test(value) && Number(value) >= minimum && Number.isSafeInteger(Number(value));
  return z
    .string()
    .refine(isWhole, { error, params: { showsValue: true } })
    .transform(Number);
};
const percent = () =>
  z
    .string()
    .refine((value) => /^[0-9]+(\.[0-9]+)?\s*%?$/.test(value), {
      error: 'must be a percentage, such as 25 %',
      params: { showsValue: true },
    })
    .transform((value) => Number.parseFloat(value));
const choice = <const T extends string>(...words: [T, ...T[]]) =>
  z.enum(words, { error: `must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}` });

const linesOf = (value: string) => value.split(/\r?\n/).filter((line) => line.trim() !== '');

const list = () => z.string().transform((value) => linesOf(value).map((line) => line.trim()));

/** Lines of `KEY:VALUE`, split at the first colon (Maestro's `--pargs`). */
const pairs = () =>
  z.string().transform((value, context) => {
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
  });

const assignments = () =>
  z.string().transform((value, context) => {
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
  });

/** Names: lines, or a JSON list of them or of objects that have one, as a matrix is given. */
const names = () =>
  z.string().transform((value, context) => {
    if (!value.trimStart().startsWith('[')) return linesOf(value).map((line) => line.trim());
    const named = z.union([z.string(), z.object({ name: z.string() }).transform(({ name }) => name)]);
    const result = z.array(named).safeParse(parsedJson(value));
    if (result.success) return result.data;
    context.addIssue({
      code: 'custom',
      message: 'must be lines of names, or a JSON list of names or of {"name": ...}',
    });
    return z.NEVER;
  });

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export const inputsSchema = z.object({
  command: choice('run', 'merge')
    .prefault('run')
    .describe('What to do: `run` a study, or `merge` the reports of several runs into one, with one check run.'),
  spec: text()
    .prefault('')
    .describe('The study specification, relative to the workspace. Required, unless `command` is another than `run`.'),
  parameters: text()
    .prefault('')
    .describe('A YAML mapping laid over `global.parameters`: a list of values, or `values` and `label`, for each key.'),
  variables: text().prefault('').describe('A YAML mapping laid over `env.variables`.'),
  batch: text()
    .prefault('')
    .describe('A YAML mapping laid over the `batch` block, so that one spec serves several machines.'),
  pgen: text()
    .prefault('')
    .describe(
      'A Maestro parameter generator: a Python file, run by `python3` on this machine in a process of its own.',
    ),
  pargs: pairs().prefault('').describe('KEY:VALUE lines, the arguments of the parameter generator.'),
  'dry-run': truth()
    .prefault('false')
    .describe('Stage everything on this machine and write all scripts, but run no step and contact nothing.'),
  'output-path': text()
    .prefault('')
    .describe(
      "The study directory. Default: below the spec's OUTPUT_PATH (see [Where a study is](#where-a-study-is)).",
    ),
  'allow-shared-directory': truth()
    .prefault('false')
    .describe(
      'Allow a study directory, or one on the way to it, that others of a group may write, or that belongs to one of them: project space. Whoever may write there can run commands as you.',
    ),
  'study-key': text()
    .regex(/^[-_.A-Za-z0-9]*$/, { error: 'must be letters, digits, `-`, `_` and `.` only' })
    .prefault('')
    .describe(
      'What makes two runs the same study, so that the second continues the first. Default: on GitHub the run id (a re-run has the same) and a hash of the ids of the job and the step, the path of the spec, the overlays, the generator, `setup`, `env`, host and target; on the command line the hash without those ids. Legs of a matrix that differ in none of that need one each. Give one if `env` has something that changes with every attempt, such as a token.',
    ),
  resume: choice('auto', 'always', 'never')
    .prefault('auto')
    .describe(
      'What to do if the study directory has a study: `auto` continues it if its study key is this one, `always` in any case, `never` starts over in a new directory beside it. See [Resuming](#resuming).',
    ),
  'allow-failure': list()
    .prefault('')
    .describe(
      "Globs of steps whose failure warns but does not fail the study, one a line. They match a step's name or an instance's; one that matches none is warned of.",
    ),
  throttle: whole(0).prefault('0').describe('Most scheduled jobs in flight; 0: no limit.'),
  'local-jobs': whole(1).prefault('4').describe('Most unscheduled (local) steps at once.'),
  'submission-attempts': whole(1)
    .prefault('1')
    .describe("How often a job is submitted, or a local step run, before the step fails (Maestro's `--attempts`)."),
  'restart-limit': whole(0)
    .prefault('1')
    .describe("Restarts of a step that timed out and has a `restart` (Maestro's `--rlimit`); 0: no limit."),
  'hash-workspaces': truth()
    .prefault('false')
    .describe("Name workspaces, scripts and jobs by the MD5 of their combination (Maestro's `--hashws`)."),
  host: text()
    .trim()
    .prefault('')
    .describe(
      'The machine to run on, by SSH: `[user@]name[:port]`, a login node. Empty: this machine. See [Reaching a cluster](#reaching-a-cluster).',
    ),
  'ssh-client': choice('ssh2', 'openssh')
    .prefault('ssh2')
    .describe(
      "`ssh2`, which is built in, or `openssh`, this machine's `ssh` with its configuration: certificates, Kerberos, a connection that a person has authenticated.",
    ),
  'ssh-key': text()
    .prefault('')
    .describe(
      'The text of the private key to log in with. Without it an agent (SSH_AUTH_SOCK) or the key files of ~/.ssh.',
    ),
  'ssh-passphrase': text().prefault('').describe('The passphrase of the key.'),
  'ssh-known-hosts': text()
    .prefault('')
    .describe(
      "Lines of known_hosts: the host keys that are trusted. Required with `host`, unless this machine's own known_hosts has it.",
    ),
  'proxy-jump': text()
    .trim()
    .prefault('')
    .describe('Machines to go through to the host, as `host` is written, with commas between them.'),
  setup: text()
    .prefault('')
    .describe(
      'Shell lines that are run once on the host, for the environment of all commands and steps (`module load slurm`).',
    ),
  env: assignments().prefault('').describe('KEY=VALUE lines for the environment of every step.'),
  flux: text()
    .prefault('auto')
    .describe(
      'Which Flux broker runs the jobs of a study whose `batch.type` is flux: `auto` (the one that the spec names, else the instance around us, else the system instance), `system`, a Flux job id or path, `pid:N`, `slurm:ID`, `lsf:ID`, `file:PATH` with the address in it, `local://...` or `ssh://...`.',
    ),
  allocate: text()
    .prefault('')
    .describe(
      'A YAML mapping: for a study whose `batch.type` is flux, get an allocation, start Flux in it, run the jobs there, give it back. `{with: slurm, nodes: 4, time: 60}`; see [Allocations](#allocations).',
    ),
  conductor: choice('native', 'maestro')
    .prefault('native')
    .describe(
      "What drives the study: `native`, this program's own conductor, or `maestro`, the host's own `maestro run`. See [With the host's own Maestro](#with-the-hosts-own-maestro).",
    ),
  bindings: choice('auto', 'pip', 'system', 'none')
    .prefault('auto')
    .describe(
      "Where the host's Maestro gets the Python bindings of Flux from: `auto` (what works), `pip` (an environment made for it below the studies), `system` (those of the host's Flux) or `none`.",
    ),
  sleeptime: whole(1).prefault('5').describe("Seconds between two looks of the host's Maestro at its jobs."),
  'maestro-version': text()
    .regex(/^([0-9]+(\.[0-9]+)*)?$/, { error: 'must be a version, such as 1.2.1' })
    .prefault('')
    .describe('The version of Maestro that `bindings: pip` installs. Default: the newest 1.x.'),
  stage: text()
    .prefault('')
    .describe(
      "The directory that is copied to the host, which the spec must be in. Default: the spec's own. `.git`, earlier studies and reports stay here.",
    ),
  'stage-exclude': list().prefault('').describe('Globs of what is not copied, relative to `stage`, one a line.'),
  'timeout-minutes': whole(0)
    .prefault('0')
    .describe(
      'Stop driving the study after so many minutes: jobs are left running, the status is INTERRUPTED, and the next run continues. 0: no limit.',
    ),
  'on-cancel': choice('cancel', 'leave')
    .prefault('cancel')
    .describe(
      'What becomes of running jobs when the workflow is cancelled: `cancel` ends them, `leave` leaves them running, to be resumed.',
    ),
  'allow-fork-pr': truth()
    .prefault('false')
    .describe(
      'Run a pull request of a fork: its spec is shell text that runs on your cluster, its generator Python that runs here. See [Permissions and security](#permissions-and-security).',
    ),
  annotations: choice('checks', 'commands', 'none')
    .prefault('checks')
    .describe(
      'How failures are put on the lines of the spec: `checks` (a check run; it takes the permission `checks: write`, and workflow commands are used without it), `commands` (workflow commands) or `none`.',
    ),
  'check-name': text()
    .prefault('')
    .describe(
      'What the check run is called. Default: `maestro: `, the spec and the job, with the id of the step if it has one, a hash of the overlays and the like if there are any, and `dry run` of one: two with one name hide each other.',
    ),
  'github-token': text()
    .prefault('')
    .describe('The token for the check run, and for finding out whether a comment is on a pull request of a fork.'),
  baseline: text()
    .prefault('')
    .describe(
      'The report.json of an earlier run, a file on this machine: what newly fails, is fixed, and takes longer is told. One that is not there is told, and no more.',
    ),
  'slower-than': percent()
    .prefault('25 %')
    .describe('By how much the run time of a step must have grown, and at least by 10 s, to be called slower.'),
  summary: truth().prefault('true').describe('Write the job summary.'),
  'report-path': text()
    .prefault('')
    .describe(
      "A directory on this machine for report.json, junit.xml, report.html, summary.md and what is collected. Default: on GitHub one in the runner's temporary directory, else `.conductor/report` in the study, or with `host` one beside you.",
    ),
  collect: list()
    .prefault('')
    .describe(
      "Globs of the study's files to bring to `report-path`, relative to the study, one a line: `post/*/plots`. The logs of failed steps come with them.",
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
  'job-status': text()
    .prefault('')
    .describe('How the job goes. Not to be set: by it the post step knows that the job was cancelled.'),
});

export type Inputs = z.output<typeof inputsSchema>;
export type InputName = keyof Inputs;

export const inputNames = Object.keys(inputsSchema.shape) as InputName[];

export type Command = Inputs['command'];

/** Inputs that are no flags: the command line has verbs, with arguments of their own. */
export const actionOnly: ReadonlySet<string> = new Set<InputName>(['command', 'reports', 'expected']);

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

/** The action's outputs, with what action.yml says of them. */
export const outputs = {
  status: 'FINISHED, FAILURE, CANCELLED, INTERRUPTED or DRYRUN.',
  'study-path': 'The study directory.',
  'flux-uri': 'The Flux broker that ran the jobs; empty if none did.',
  'steps-total': 'How many step instances the study has.',
  'steps-finished': 'How many of them finished.',
  'steps-failed': 'How many of them ran and failed.',
  'steps-skipped': 'How many of them did not run: another failed or was cancelled, or the study was cancelled before.',
  'report-path': 'The directory with report.json, junit.xml, report.html, summary.md and what was collected.',
  'check-run-url': 'The page of the check run; empty if there is none.',
} as const;
