import { programs } from '../../generated/programs.js';
import { causeOf, collectText } from '../../hosts/commands.js';
import { type Host, HostError, type HostProcess } from '../../hosts/host.js';
import { type JobRecord, openJob } from '../../study/state.js';
import { suggestions } from '../../util/closest.js';
import { matchAny } from '../../util/globs.js';
import { assignments, quoteAll } from '../../util/shell-quote.js';
import { outputCandidates } from './known-instance.js';
import { type SeenInstance, stepNameOf } from './view.js';

/** The exit status of the program that prints an output if there is none. */
const NO_FILE = 66;

/** What a name or a glob stands for: one instance, several to choose from, or none, with names that may be meant. */
export interface Found {
  readonly instances: readonly SeenInstance[];
  readonly near: readonly string[];
}

/** Finds instances by name, workspace, the name of their step, or a glob of any of these; the first that fits counts. */
export function findInstances(all: readonly SeenInstance[], wanted: string): Found {
  const plain = wanted.replace(/^\.\//, '').replace(/\/+$/, '');
  const isWanted = matchAny([plain]);
  for (const fits of [
    ({ name, workspace }: SeenInstance) => name === plain || workspace === plain,
    (instance: SeenInstance) => stepNameOf(instance) === plain,
    ({ name, workspace }: SeenInstance) => isWanted(name) || isWanted(workspace),
  ]) {
    const instances = all.filter(fits);
    if (instances.length > 0) return { instances, near: [] };
  }
  return { instances: [], near: suggestions(plain, new Set(all.flatMap((each) => [each.name, stepNameOf(each)]))) };
}

/** The job of an attempt, by default of the newest that was submitted; undefined if there is none. */
export function jobOf({ record }: SeenInstance, attempt?: number): JobRecord | undefined {
  if (attempt !== undefined) return record.jobs.find((job) => job.attempt === attempt);
  // A job that has no id yet has written nothing, and the one before may have.
  return record.jobs.findLast(({ id }) => id !== '') ?? openJob(record);
}

export interface OutputRequest {
  readonly studyPath: string;
  readonly instance: SeenInstance;
  readonly job: JobRecord;
  readonly stream: 'stdout' | 'stderr';
  /** Whether to wait for the file, and for what is appended, until the input of the process ends. */
  readonly follows: boolean;
}

/** Starts printing an output on the host. */
export function startOutput(host: Host, { studyPath, instance, job, stream, follows }: OutputRequest): HostProcess {
  const files = outputCandidates(instance, job).map((outputs) => `${studyPath}/${outputs[stream]}`);
  return host.spawn(
    `${assignments({ follows: follows ? 'yes' : 'no' })}set -- ${quoteAll(files)}\n${programs['store/look/output.sh']}`,
  );
}

/**
 * Passes on what a process prints, as it comes.
 *
 * @returns false if there is no such file
 * @throws HostError
 */
export async function passOn(
  process: HostProcess,
  what: string,
  write: (chunk: Buffer) => Promise<void>,
): Promise<boolean> {
  const errors = collectText(process.stderr, 65_536);
  process.exit.catch((error) => process.stdout.destroy(error));
  for await (const chunk of process.stdout) await write(chunk);
  const { code } = await process.exit;
  if (code === NO_FILE) return false;
  if (code !== 0) throw new HostError(`cannot read ${what}: ${causeOf(code, errors())}`);
  return true;
}
