import { expect, it } from 'vitest';
import { parseBell } from '../../../src/schedulers/batch/bells.js';
import { jobFile } from '../../../src/schedulers/batch/job-file.js';
import { completeId } from '../../../src/schedulers/batch/job-id.js';
import { labelOf } from '../../../src/schedulers/batch/labels.js';
import { headerOf } from '../../../src/scripts/render.js';
import { graphOf } from '../../support/graphs.js';
import { slurm, validPlan } from '../../support/plan.js';

const [plain] = graphOf([{ name: 'run_SIZE.10' }]).steps;
const step = { ...plain!, workspace: 'run/SIZE.10' };

it('a label differs by study, step and attempt, and is safe in a file name and on a command line', () => {
  const label = labelOf('/p/study', { step, attempt: 2 });
  expect(label).toMatch(/^run_SIZE-10-[0-9a-f]{12}\.2$/);
  expect(labelOf('/p/study', { step, attempt: 2 })).toBe(label);
  const others = [
    labelOf('/p/other', { step, attempt: 2 }),
    labelOf('/p/study', { step, attempt: 1 }),
    labelOf('/p/study', { step: { ...step, workspace: 'run/SIZE.11' }, attempt: 2 }),
  ];
  expect(new Set([label, ...others]).size).toBe(4);
  const odd = { name: `a b/c;$(x)'ü\n${'z'.repeat(99)}`, workspace: 'w' };
  expect(labelOf('/p', { step: odd, attempt: 1 })).toMatch(/^[A-Za-z0-9_-]{1,53}\.1$/);
});

it('a job file has the directives of the script, and the launcher in place of its commands', () => {
  const { graph, spec, scripts } = validPlan({
    batch: { ...slurm, shell: '/bin/tcsh' },
    steps: [{ name: 'run', cmd: 'echo hi', nodes: 2, procs: 4, walltime: '00:10:00' }],
  });
  const [run] = graph.steps;
  const header = headerOf(run!, spec.batch);
  expect(scripts[0]!.main.text.startsWith(`${header}\n\n`)).toBe(true);
  const job = { step: run!, attempt: 3, script: scripts[0]!.main.path };
  const text = jobFile(
    { jobIdExpression: '"$ID"', nodesExpression: '"$NODES"' },
    { studyPath: "/p/it's", job, label: 'run-1.3', header },
  );
  expect(text.split('\n')).toEqual([
    '#!/bin/bash -p',
    ...header.split('\n').slice(1),
    '',
    'export CONDUCTOR_JOB="$ID" CONDUCTOR_BELL=run-1.3 CONDUCTOR_NODES="$NODES"',
    `exec '/p/it'\\''s/.conductor/run' run 3 '/p/it'\\''s/run/run.slurm.sh'`,
    '',
  ]);
  expect(header).toContain('#SBATCH --nodes=2');
});

it.each<[string, readonly string[], string]>([
  ['7', [], '7'],
  ['7', ['7'], '7'],
  ['7', ['7;east'], '7;east'],
  ['8', ['7;east'], '8;east'],
  ['8', ['7', '8;east'], '8;east'],
])('the job %s among %j is %s', (number, ids, id) => {
  expect(completeId(number, ids)).toBe(id);
});

/** The host's clock is 20.5 at that time. */
const now = 1_000_000;

it.each([
  ['bell run-1.2 start 20.5 7-1 12.5', { type: 'start', label: 'run-1.2', owner: '7-1', at: now - 8000, nodes: '' }],
  [
    'bell run-1.2 start 20.5 7-1 12.5 hosta 16 hostb 16',
    { type: 'start', label: 'run-1.2', owner: '7-1', at: now - 8000, nodes: 'hosta 16 hostb 16' },
  ],
  [
    'bell run-1.2 end 20.5 7 0 13',
    { type: 'end', label: 'run-1.2', owner: '7', exit: { status: 0, at: now - 7500, word: '' } },
  ],
  [
    'bell run-1.2 end 20.5 7 126 13.25 never-began',
    { type: 'end', label: 'run-1.2', owner: '7', exit: { status: 126, at: now - 7250, word: 'never-began' } },
  ],
  // The clock of a node may be a little ahead.
  ['bell run-1.2 start 20.5 7 21', { type: 'start', label: 'run-1.2', owner: '7', at: now, nodes: '' }],
  ['bell run-1.2 other 20.5 7 1', undefined],
  ['something else', undefined],
])('%j is read', (line, bell) => {
  expect(parseBell(line, now)).toEqual(bell);
});
