import path from 'node:path';
import { ineffectiveInputs } from '../inputs/ineffective.js';
import { distinctions } from '../inputs/parse.js';
import type { InputName, Inputs } from '../inputs/schema.js';
import { withPlainPaths } from '../inputs/study-key.js';
import { givenReportPlace, placeFor } from '../run/given-files.js';
import type { ProcessContext } from '../run/process-context.js';
import { runStudy } from '../run/run-study.js';
import type { Spec } from '../spec/spec.js';
import { ourHolder } from '../store/lease.js';
import { shortHash } from '../study/directory.js';
import { exitCodes } from '../study/state.js';
import { InputError } from '../util/errors.js';
import type { TerminalLog } from '../util/log/terminal-log.js';
import { quote } from '../util/shell-quote.js';
import { common, directoryOf, type Given, type GivenStudy, open, readGiven, refuseMistakes } from './given-study.js';
import { studyFlags } from './study-flags.js';
import type { Verb } from './verb.js';

export const run: Verb = {
  name: 'run',
  group: 'running',
  synopsis: 'run SPEC [flags]',
  summary: 'run a Maestro study, on this machine or with --host on another',
  details: [
    'SPEC is a file, or - for stdin. Flags are --name VALUE or --name=VALUE, before or after it; @FILE as a value stands for the text of that file. The flags of `maestro run` work too.',
    'Used most: --host (a login node, by SSH), --output-path (the study directory), --parameters (other values), --throttle (most jobs at once), --dry-run, --resume and --report-path.',
    'Exit status: 0 finished (or dry run), 1 cannot start, 2 a step failed, 3 cancelled, 4 interrupted (the same command, with its --output-path, continues it).',
  ].join('\n'),
  flags: studyFlags,
  run: async (args, context, log) => runGiven(await readGiven(args, context, log), context, log),
};

async function runGiven(given: Given, context: ProcessContext, log: TerminalLog): Promise<number> {
  const { inputs, mistakes, study } = given;
  const { workingDirectory } = context;
  const plain = withPlainPaths(inputs, workingDirectory);
  if (inputs.resume === 'always' && inputs['output-path'] === '') {
    mistakes.add('--resume always needs --output-path: without that every run has a directory of its own, by the time');
  }
  for (const name of onGitHubOnly(inputs))
    log.warning(`--${name} has no effect here: only the action on GitHub uses it`);
  // Mistakes are reported before any connection is made.
  const { request, baseline } = await refuseMistakes(given, context, log);
  if (study === undefined) throw new InputError(['there is no study']);
  const wanted = givenReportPlace(study, workingDirectory);
  const hosts = await open(inputs, context, log);
  try {
    const { results, isResumable } = await runStudy({
      ...common(study, context, log, hosts),
      place: (spec) => ({
        path: directoryOf(spec, inputs, context, hosts),
        key: inputs['study-key'] || shortHash([...originOf(study, spec), ...distinctions(plain)].join('\0')),
        // Without an output path every run has a directory of its own, by the time.
        resume: inputs['output-path'] === '' ? 'never' : inputs.resume,
      }),
      reportPlace: (studyPath) => {
        // The study directory is known to be ours by then.
        if (wanted === undefined && !hosts.isElsewhere)
          return { path: `${studyPath}/.conductor/report`, untrusted: [] };
        return wanted ?? placeFor(study, workingDirectory, `${path.basename(studyPath)}.report`);
      },
      request,
      baseline,
      ineffectiveOptions: (plan) => ineffectiveInputs(inputs, plan),
      around: '',
      holder: ourHolder(''),
      // On the command line there is no post step: what is left ends by itself.
      remember: () => {},
    });
    const again = study.isPiped ? 'the same command again with the same study on stdin' : 'the same command again';
    const withPlace = `run ${again}, with --output-path ${quote(results.path)}`;
    if (isResumable) log.info(`To continue it, ${withPlace}`);
    // Without the path the next run begins anew.
    else if (results.status === 'FAILURE' && inputs['output-path'] === '' && inputs.conductor === 'native') {
      log.info(`To run only what has not finished, ${withPlace}`);
    }
    return exitCodes[results.status];
  } finally {
    hosts.close();
  }
}

/** What makes a study another than those from elsewhere: its file. From stdin, where all studies come in one way, its name too. */
function originOf({ specPath, isPiped }: GivenStudy, { name }: Spec): string[] {
  return isPiped ? [specPath, name] : [specPath];
}

/** Inputs that were given and that only the action uses. */
function onGitHubOnly(inputs: Inputs): InputName[] {
  const given: [InputName, boolean][] = [
    ['annotations', inputs.annotations !== 'checks'],
    ['check-name', inputs['check-name'] !== ''],
    ['github-token', inputs['github-token'] !== ''],
    ['summary', !inputs.summary],
    ['allow-fork-pr', inputs['allow-fork-pr']],
  ];
  return given.flatMap(([name, isGiven]) => (isGiven ? [name] : []));
}
