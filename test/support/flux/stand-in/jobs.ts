import { FluxError } from '../../../../src/flux/errors.js';
import { decodeJobId, encodeJobId } from '../../../../src/flux/job-id.js';
import { Failure, type Run, socketOf, withPythonHandle } from './command.js';
import { type Facts, readFacts } from './facts.js';

/** `flux jobs [-a] [-n] [-o FORMAT]`: the latest first. */
export const jobs: Run = async (words, environment) => {
  const all = words.some((word) => /^-[ano]*a/.test(word));
  const isBare = words.some((word) => /^-[ano]*n/.test(word) || word === '--no-header');
  const format = formatOf(words);
  const facts = await withPythonHandle(environment, 'flux-jobs', () => readFacts(socketOf(environment)));
  if (facts === undefined) throw new Failure('flux-jobs: ERROR: the stand-in has not started this broker');
  const wanted = facts.jobs.filter(({ state }) => all || state !== 'INACTIVE').reverse();
  const lines = wanted.map((job) =>
    format.replaceAll(/\{([a-z_0-9.]*)[^}]*\}/g, (_, field: string) => fieldOf(job, field)),
  );
  if (!isBare) lines.unshift(format.replaceAll(/[{}]/g, '').toUpperCase());
  process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  return 0;
};

function formatOf(words: readonly string[]): string {
  const at = words.findIndex((word) => /^-[an]*o/.test(word));
  if (at >= 0) return words[at]!.replace(/^-[an]*o/, '') || (words[at + 1] ?? '');
  const long = words.find((word) => word.startsWith('--format='));
  return long?.slice('--format='.length) ?? '{id} {name} {status} {ntasks}';
}

function fieldOf(job: Facts['jobs'][number], field: string): string {
  switch (field) {
    case 'id':
    case 'id.f58':
      return job.id;
    case 'id.dec':
      return String(decodeJobId(job.id));
    case 'state':
      return job.state;
    case 'status':
      return job.result ?? job.state;
    case 'result':
      return job.result ?? '';
    case 'name':
      return job.name;
    case 'ntasks':
      return String(job.ntasks);
    default:
      throw new Failure(`flux-jobs: ERROR: Error in user format: Unknown format field: ${field}`);
  }
}

/** `flux cancel [-m NOTE] ID...` */
export const cancel: Run = (words, environment) =>
  withPythonHandle(environment, 'flux-cancel', async (handle) => {
    const [note, ids] = words[0] === '-m' ? [words[1] ?? '', words.slice(2)] : ['', words];
    let code = 0;
    for (const word of ids) {
      const id = decodeJobId(word);
      if (id === undefined) throw new Failure(`flux-cancel: error: argument JOBID: invalid JobID value: '${word}'`, 2);
      try {
        await handle.rpc('job-manager.raise', { id, type: 'cancel', severity: 0, note });
      } catch (error) {
        if (!(error instanceof FluxError)) throw error;
        process.stderr.write(`flux-cancel: ERROR: ${encodeJobId(id)}: ${error.message}\n`);
        code = 1;
      }
    }
    return code;
  });
