import { lsfArgWords } from '../../scripts/lsf-args.js';
import type { Outputs } from '../../scripts/outputs.js';
import type { Batch } from '../../spec/spec.js';
import type { StepInstance } from '../../study/graph.js';
import { quote } from '../../util/shell-quote.js';

/** The longest job description that LSF takes, in characters. */
const MAX_DESCRIPTION_LENGTH = 4094;

/**
 * The words for `bsub`, which win over the directives of the file. LSF does not run a job a second time after a failure of
 * its host, unless `args` wants it (`r`): what runs again is another attempt. The description begins with the label, by
 * which the job is found.
 */
export function submitWords(batch: Batch, label: string, shown: string): readonly string[] {
  const args = lsfArgWords(batch);
  const isRerunSet = args.includes('-r') || args.includes('-rn');
  const description = `${label} ${shown.replaceAll(/[\s|]+/g, ' ')}`.slice(0, MAX_DESCRIPTION_LENGTH);
  return [...(isRerunSet ? [] : ['-rn']), ...args, '-Jd', description];
}

/** LSF joins the requirements of several options by AND. */
export function excludeWords(nodes: readonly string[]): readonly string[] {
  return ['-R', `select[${nodes.map((node) => `hname!='${node}'`).join(' && ')}]`];
}

/** Whether a directive that needs a value has none, as Maestro writes it: it would take the next option as its value. */
export function isEmptyDirective(directive: string): boolean {
  return /^-(nnodes|q|G|W|J|U)\s*$/.test(directive);
}

/**
 * The files of the directives `-o` and `-e` (`src/scripts/lsf.ts`), in which LSF replaces `%J`. A `/` in a name would be a
 * directory.
 */
export function outputsOf(step: StepInstance, id: string): Outputs {
  const base = outputBase(step);
  return { stdout: `${base}.${id}.out`, stderr: `${base}.${id}.err` };
}

/**
 * Unless the site has set LSB_STDOUT_DIRECT, LSF copies the output of a job to its files only when the job has ended. It
 * appends its report to them. What a directive among the commands of the step sends elsewhere is left to LSF.
 */
export function redirections(step: StepInstance, studyPath: string, directives: readonly string[]): string {
  const base = quote(`${studyPath}/${outputBase(step)}.`);
  const isOwn = (option: RegExp) => directives.filter((line) => option.test(line)).length > 1;
  const stdout = isOwn(/\s-oo?\s/) ? '' : ` >> ${base}"$LSB_JOBID.out"`;
  const stderr = isOwn(/\s-eo?\s/) ? '' : ` 2>> ${base}"$LSB_JOBID.err"`;
  return stdout + stderr;
}

function outputBase({ workspace, jobName }: StepInstance): string {
  return `${workspace}/${jobName.replaceAll(' ', '_').replaceAll('/', '')}`;
}
