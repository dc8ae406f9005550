import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../support/markdown.js';

/** All text of the sources, with each run of white space as one space, and strings that are added up as one. */
const sources = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => /\.(ts|sh|py)$/.test(file) && !file.startsWith('generated'))
  .map((file) => readFileSync(path.join(root, 'src', file), 'utf8'))
  .join('\n')
  .replaceAll(/[`'"]\s*\+\s*[`'"]/g, '')
  .replaceAll(/\s+/g, ' ');

/** What a page writes for what differs from one message to the next. */
const variable =
  /\.\.\.|'\w+'|\b[A-Z]\b|\bLINE\b|\(REASON\)|FILE|COLUMN|Slurm|LSF|sbatch|bsub|slurm:|process|a walltime|key of user|another Flux broker|partition|its shell/;

/** Messages that the program passes on. */
const ofOthers = new Set(['unsatisfiable request']);

const quoted = readFileSync(path.join(root, 'docs/troubleshooting.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| It says') && !line.startsWith('| ---'))
  .flatMap((line) => [...line.split(' | ')[0]!.matchAll(/`([^`]+)`/g)].map(([, message]) => message!))
  .filter((message) => !ofOthers.has(message));

/** The parts of a message that are the same in all. */
const partsOf = (message: string) =>
  message
    .split(variable)
    .map((part) => part.replaceAll(/^[\s,:;()]+|[\s,:;()]+$/g, ''))
    .filter((part) => /\w{2}.*\w{2}/.test(part));

describe('the messages that the page on trouble explains', () => {
  it.each(quoted)('are printed by the program: %s', (message) => {
    for (const part of partsOf(message)) expect(sources.includes(part), `no source has "${part}"`).toBe(true);
  });

  it('are looked for by their words', () => {
    expect(quoted.length).toBeGreaterThan(40);
    expect(partsOf('Slurm cannot be asked about the jobs, and is asked again')).toEqual([
      'cannot be asked about the jobs, and is asked again',
    ]);
  });
});
