import { batchArgs } from '../../scripts/batch-args.js';
import { resource } from '../../scripts/dialect.js';
import type { Outputs } from '../../scripts/outputs.js';
import { slurmArgWords, slurmExport } from '../../scripts/slurm-args.js';
import type { Batch } from '../../spec/spec.js';
import type { StepInstance } from '../../study/graph.js';

/**
 * The words for `sbatch`. Those on its command line win over variables of the environment (`SBATCH_...`), and these
 * over the directives of the file.
 */
export function submitWords(step: StepInstance, batch: Batch, label: string, shown: string): readonly string[] {
  const args = slurmArgWords(batch);
  const name = nameOf(step);
  const files = fileNames(step);
  const reservation = resource(batch.values, 'reservation');
  return [
    `--export=${slurmExport(batch)}`,
    `--comment=maestro ${label} ${shown}`,
    // A job that is requeued would run an attempt again that has been claimed.
    ...(args.includes('--requeue') ? [] : ['--no-requeue']),
    ...(isPlain(name) ? [] : [`--job-name=${name}`, `--output=${files.stdout}`, `--error=${files.stderr}`]),
    // As in Maestro, that of the batch block wins over that of a step.
    ...(reservation === '' ? [] : [`--reservation=${reservation}`]),
    ...args,
  ];
}

/** Of several options sbatch takes the last, so that it has the nodes that the study itself excludes, too. */
export function excludeWords(nodes: readonly string[], batch: Batch, header: string): readonly string[] {
  const ofArgs = batchArgs(batch).flatMap(({ name, value }) =>
    (name === 'exclude' || name === 'x') && value !== null ? [value] : [],
  );
  // What is on the command line has won over directives before.
  const own = ofArgs.at(-1) ?? excludedBy(header.split('\n').flatMap(wordsOfDirective));
  // It is a file of names, to which none can be added here.
  if (own?.includes('/')) return [];
  return [`--exclude=${[...(own === undefined ? [] : [own]), ...nodes].join(',')}`];
}

/** The nodes that options of sbatch exclude; undefined if none does. */
function excludedBy(words: readonly string[]): string | undefined {
  const lists = words.flatMap((word, i) => {
    if (word === '-x' || word === '--exclude') return words.slice(i + 1, i + 2);
    return /^(?:-x|--exclude=)(.*)$/s.exec(word)?.slice(1) ?? [];
  });
  return lists.at(-1);
}

/** The words of a line `#SBATCH`, as sbatch splits it: with quotes and backslashes, up to a `#`. */
function wordsOfDirective(line: string): string[] {
  const [, text = ''] = /^#SBATCH\s(.*)$/.exec(line) ?? [];
  const words = text.match(/#.*|(?:[^\s#"'\\]|\\.|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')+/g) ?? [];
  return words.filter((word) => !word.startsWith('#')).map((word) => word.replaceAll(/\\(.)|["']/g, '$1'));
}

/** Whether a directive says what `submitWords` says too, or better. */
export function replacesDirective(directive: string): boolean {
  if (directive.startsWith('--comment ')) return true;
  const [, name] =
    /^--job-name="(.*)"$/.exec(directive) ?? /^--(?:output|error)="(.*)\.(?:out|err)"$/.exec(directive) ?? [];
  return name !== undefined && !isPlain(name);
}

/** The output files, relative to the study directory. */
export function outputsOf(step: StepInstance): Outputs {
  const { stdout, stderr } = fileNames(step);
  return { stdout: `${step.workspace}/${stdout}`, stderr: `${step.workspace}/${stderr}` };
}

/** The name as it is in the header. */
function nameOf(step: StepInstance): string {
  return step.jobName.replaceAll(' ', '_');
}

function fileNames(step: StepInstance): Outputs {
  const name = nameOf(step).replaceAll(special, '');
  return { stdout: `${name}.out`, stderr: `${name}.err` };
}

/**
 * Characters of a name that make another file of it, because they begin a directory (`/`) or what Slurm replaces (`%`),
 * and those that directives cannot have between double quotes.
 */
const special = /[/%"\\]/g;

function isPlain(name: string): boolean {
  return name.search(special) === -1;
}
