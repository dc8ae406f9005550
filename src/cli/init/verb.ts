import path from 'node:path';
import type { ProcessContext } from '../../run/process-context.js';
import type { TerminalLog } from '../../util/log/terminal-log.js';
import { packageDirectory } from '../../util/package-directory.js';
import { quote } from '../../util/shell-quote.js';
import { type FlagGroup, readFlags } from '../flags.js';
import type { Verb } from '../verb.js';
import { choose, listOfSites } from './choose.js';
import { nextSteps } from './next-steps.js';
import { personAtTerminal } from './questions.js';
import { kindOf, topOfRepository, writeNewFiles } from './repository-files.js';
import { sampleStudy } from './sample-study.js';
import { triggers } from './sites.js';
import { workflowText } from './workflow.js';

const flags: readonly FlagGroup[] = [
  {
    title: 'What it writes',
    flags: [
      { name: 'site', value: 'NAME', description: 'Where studies run.' },
      { name: 'host', value: 'USER@NAME[:PORT]', description: 'The login node of a site over SSH.' },
      {
        name: 'runner',
        value: 'LABELS',
        description: 'Labels of a self-hosted runner, with commas.',
        default: 'self-hosted',
      },
      { name: 'queue', value: 'NAME', description: 'Queue or partition of the jobs. Default: that of the site.' },
      { name: 'bank', value: 'NAME', description: 'Bank, account or project of the jobs. Default: yours.' },
      {
        name: 'setup',
        value: 'LINE',
        description: 'A shell line before the study, such as `module load flux`.',
        isRepeatable: true,
      },
      {
        name: 'output-path',
        value: 'DIR',
        description: 'Where studies are on the cluster, if compute nodes do not see your home.',
      },
      {
        name: 'trigger',
        value: 'WHEN',
        description: `When it runs, besides by hand: ${triggers.join(', ')}.`,
        default: 'manual',
      },
      {
        name: 'spec',
        value: 'PATH',
        description: 'The study. A sample is written there if there is none.',
        default: 'studies/hello.yaml',
      },
      { name: 'workflow', value: 'PATH', description: 'The workflow.', default: '.github/workflows/study.yml' },
    ],
  },
];

export const init: Verb = {
  name: 'init',
  group: 'setting up',
  synopsis: 'init [--site NAME] [flags]',
  summary: 'write a workflow and a sample study into this repository',
  details: `Asks a few questions on a terminal, or takes the answers from flags. It says what is left to do: which secrets to set, and how. It changes no existing file. The kinds of site:

${listOfSites('  ')}`,
  flags,
  run: initialize,
};

async function initialize(args: readonly string[], context: ProcessContext, log: TerminalLog): Promise<number> {
  const { workingDirectory } = context;
  const given = readFlags(args, flags);
  for (const extra of given.positionals)
    given.errors.push(`'${extra}' stands alone: give it as the value of a flag, such as --spec`);
  const repository = topOfRepository(workingDirectory);
  const top = repository ?? workingDirectory;
  const inRepository = (name: string, byDefault: string) => {
    const text = given.text(name);
    if (text === undefined) return byDefault;
    const relative = path.relative(top, path.resolve(workingDirectory, text));
    if (text === '' || relative === '' || relative.startsWith('..'))
      given.errors.push(`--${name} ${quote(text)} is not a file below ${top}`);
    return relative;
  };
  const spec = inRepository('spec', 'studies/hello.yaml');
  const workflow = inRepository('workflow', '.github/workflows/study.yml');
  if (!/^\.github\/workflows\/[^/]+\.ya?ml$/.test(workflow)) {
    given.errors.push(`--workflow ${quote(workflow)}: GitHub runs only workflows that are .github/workflows/NAME.yml`);
  }
  if (!/^[\w@%+=:,./ -]+$/.test(spec))
    given.errors.push(`--spec ${quote(spec)}: such a name causes trouble in a workflow; use letters, digits, - and _`);
  // Before any question, whose answers would be in vain.
  const kind = await kindOf(path.join(top, spec));
  if (kind !== 'none' && kind !== 'file')
    given.errors.push(`${spec} exists and is not a file: choose another with --spec`);
  if ((await kindOf(path.join(top, workflow))) !== 'none') {
    given.errors.push(
      `${workflow} already exists, and stays as it is: choose another with --workflow .github/workflows/NAME.yml`,
    );
  }

  const person = given.errors.length === 0 ? personAtTerminal(context.cancel) : undefined;
  try {
    const choices = { ...(await choose(given, person)), spec, workflow };
    const files = new Map([[workflow, workflowText(choices, kind === 'file')]]);
    if (kind === 'none') files.set(spec, sampleStudy(choices));
    await writeNewFiles(top, files);
    const isAtTop = top === path.resolve(workingDirectory);
    log.info(
      `Wrote ${[...files.keys()].join(' and ')}${isAtTop ? '' : ` in ${top}`}.${kind === 'file' ? ` The study ${spec} already exists, and stays as it is.` : ''}`,
    );
    if (repository === undefined) {
      log.warning(
        `${top} is not in a git repository, and GitHub runs only workflows of repositories: git init makes one`,
      );
    }
    log.info(
      `\nWhat is left to do, in ${isAtTop ? 'this directory' : quote(top)}:\n\n${nextSteps(choices, programFor(top), kind === 'file')}`,
    );
    return 0;
  } finally {
    person?.close();
  }
}

/** How this program is called from a directory. */
function programFor(directory: string): string {
  const ours = packageDirectory();
  if (ours === undefined) return 'maestro-on-flux';
  const file = path.join(ours, 'dist/index.js');
  const relative = path.relative(directory, file);
  return `node ${quote(relative.startsWith('..') ? file : relative)}`;
}
