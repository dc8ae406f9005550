import type { Choices } from './sites.js';
import { scalar } from './workflow.js';

/** A small study for the kind of site: two greetings, each a job if there is what runs jobs, and a list of them. */
export function sampleStudy(choices: Choices): string {
  const { jobs } = choices.site;
  const isLocal = jobs === 'local';
  const steps = {
    local:
      'Each combination of the parameters is a step of its own. Without nodes and procs it runs where the conductor does.',
    other: 'Each combination of the parameters is a job of its own, for its nodes and procs.',
  };
  return `# A study to begin with, in Maestro's language: https://maestrowf.readthedocs.io/
description:
  name: hello
  description: Greets two people, and lists the greetings.

env:
  variables:
    OUTPUT_PATH: ./study_output
${batchBlock(choices)}
study:
  - name: greet
    description: ${isLocal ? steps.local : steps.other}
    run:
      cmd: |
        echo "Hello, $(NAME)!" > greeting.txt
        ${isLocal ? '' : '$(LAUNCHER) '}uname -n >> greeting.txt
${isLocal ? '' : '      nodes: 1\n      procs: 1\n      walltime: "00:05:00"\n'}
  - name: list
    description: Waits for all greetings${isLocal ? '' : '; without nodes and procs it runs where the conductor does, not as a job'}.
    run:
      cmd: cat $(greet.workspace)/*/greeting.txt
      depends: [greet_*]

global.parameters:
  NAME:
    values: [Ada, Grace]
    label: NAME.%%
`;
}

function batchBlock({ site, host, queue, bank }: Choices): string {
  const { jobs } = site;
  if (jobs === 'local') return '';
  if (jobs === 'allocation') return '\nbatch:\n  type: flux\n';
  const optional = (key: string, value: string) => (value === '' ? '' : `  ${key}: ${scalar(value)}\n`);
  if (jobs === 'flux') return `\nbatch:\n  type: flux\n${optional('bank', bank)}${optional('queue', queue)}`;
  const machine = (host?.name ?? 'cluster').split('.')[0]!;
  return `
batch:
  type: ${jobs}
  # The machine's name; Maestro wants one, and does not use it.
  host: ${scalar(machine)}
  # "" stands for your default.
  bank: ${scalar(bank)}
  queue: ${scalar(queue)}
`;
}
