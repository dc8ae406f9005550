import path from 'node:path';
import { conductorJobOf } from '../inputs/derive.js';
import { ineffectiveInputs } from '../inputs/ineffective.js';
import { distinctions } from '../inputs/parse.js';
import { type InputName, type Inputs, inputNames, inputsSchema } from '../inputs/schema.js';
import { withPlainPaths } from '../inputs/study-key.js';
import { traits } from '../inputs/traits.js';
import { detachStudy, newToken } from '../run/detach/detach-study.js';
import { markReported, startedByHand } from '../run/detach/registration.js';
import { givenReportPlace, placeFor } from '../run/given-files.js';
import type { OpenedHosts } from '../run/open-hosts.js';
import type { StudyContext } from '../run/prepare.js';
import type { ProcessContext } from '../run/process-context.js';
import { runStudy } from '../run/run-study.js';
import type { Spec } from '../spec/spec.js';
import type { WantedPlace } from '../store/directory.js';
import { ourHolder } from '../store/lease.js';
import { shortHash, studiesRoot } from '../study/directory.js';
import { systemClock } from '../util/clock.js';
import { InputError } from '../util/errors.js';
import type { TerminalLog } from '../util/log/terminal-log.js';
import { quote } from '../util/shell-quote.js';
import { common, directoryOf, type Given, type GivenStudy, open, readGiven, refuseMistakes } from './given-study.js';
import { historyHere } from './history.js';
import { studyFlags } from './study-flags.js';
import type { Verb } from './verb.js';
import { runAround } from './workflow-run.js';

export const run: Verb = {
  name: 'run',
  group: 'running',
  synopsis: 'run SPEC [flags]',
  summary: 'run a Maestro study, on this machine or with --host on another',
  details: [
    'SPEC is a file, or - for stdin. Flags are --name VALUE or --name=VALUE, before or after it; @FILE as a value stands for the text of that file. The flags of `maestro run` work too.',
    'Used most: --host (a login node, by SSH), --output-path (the study directory), --parameters (other values), --throttle (most jobs at once), --dry-run, --resume and --report-path.',
    'Exit status: 0 finished (or dry run), 1 cannot start, 2 a step or a metric failed, 3 cancelled, 4 interrupted (the same command, with its --output-path, continues it).',
  ].join('\n'),
  flags: studyFlags,
  run: async (args, context, log) => runGiven(await readGiven(args, context, log), context, log),
};

async function runGiven(given: Given, context: ProcessContext, log: TerminalLog): Promise<number> {
  const { inputs, mistakes, study } = given;
  const { workingDirectory } = context;
  if (inputs.resume === 'always' && inputs['output-path'] === '') {
    mistakes.add(
      '--resume always needs --output-path: without that, every run has its own directory, named by the time',
    );
  }
  for (const name of onGitHubOnly(inputs))
    log.warning(`--${name} has no effect here: only the action on GitHub uses it`);
  // Mistakes are reported before any connection is made.
  const ready = await refuseMistakes(given, context, log);
  if (study === undefined) throw new InputError(['there is no study']);
  const wanted = givenReportPlace(study, workingDirectory);
  const hosts = await open(inputs, context, log);
  try {
    if (inputs.detach !== 'false') {
      return await detach(given, { ...study, metrics: ready.metrics }, context, log, hosts);
    }
    const { results, isResumable, followed, exitCode } = await runStudy({
      ...common(study, context, log, hosts),
      place: (spec) => placeOf(spec, { inputs, study, context, hosts }),
      reportPlace: (studyPath) => {
        // The study directory is known to be ours by then.
        if (wanted === undefined && !hosts.isElsewhere)
          return { path: `${studyPath}/.conductor/report`, untrusted: [] };
        return wanted ?? placeFor(`${path.basename(studyPath)}.report`, { workingDirectory, specPath: study.specPath });
      },
      ...ready,
      history: historyHere(inputs, { ...context, specPath: study.specPath, hosts }),
      ineffectiveOptions: (plan) => ineffectiveInputs(inputs, plan),
      around: '',
      holder: ourHolder(''),
      run: runAround(context.environment),
      // On the command line there is no post step: what is left ends by itself.
      remember: () => {},
    });
    if (followed !== undefined) {
      // What a workflow has started is for that to report.
      await markReported(hosts.host, studiesRoot(hosts.home), followed, ({ repository }) => repository === '');
    }
    const again = study.isPiped ? 'the same command again with the same study on stdin' : 'the same command again';
    const withPlace = `run ${again}, with --output-path ${quote(results.path)}`;
    // Of a study that only its metrics fail nothing is left to run.
    const hasMore = results.steps.some(({ record }) => record.state !== 'FINISHED');
    if (isResumable) log.info(`To continue it, ${withPlace}`);
    // Without the path the next run begins anew.
    else if (results.status === 'FAILURE' && hasMore && inputs['output-path'] === '' && inputs.conductor === 'native') {
      log.info(`To run only what has not finished, ${withPlace}`);
    }
    return exitCode;
  } finally {
    hosts.close();
  }
}

interface Placing {
  readonly inputs: Inputs;
  readonly study: GivenStudy;
  readonly context: ProcessContext;
  readonly hosts: OpenedHosts;
}

function placeOf(spec: Spec, { inputs, study, context, hosts }: Placing): WantedPlace {
  const plain = withPlainPaths(inputs, context.workingDirectory);
  return {
    path: directoryOf(spec, inputs, context, hosts),
    key: inputs['study-key'] || shortHash([...originOf(study, spec), ...distinctions(plain)].join('\0')),
    // Without an output path every run has a directory of its own, by the time.
    resume: inputs['output-path'] === '' ? 'never' : inputs.resume,
  };
}

/** Starts the study and leaves it. @returns the exit status */
async function detach(
  { inputs }: Given,
  study: GivenStudy & Pick<StudyContext, 'metrics'>,
  context: ProcessContext,
  log: TerminalLog,
  hosts: OpenedHosts,
): Promise<number> {
  const { studyPath, exitCode } = await detachStudy({
    ...common(study, context, log, hosts),
    clock: systemClock,
    place: (spec) => placeOf(spec, { inputs, study, context, hosts }),
    root: studiesRoot(hosts.home),
    node: inputs['detach-node'],
    job: conductorJobOf(inputs),
    token: newToken(),
    startedFor: {
      ...startedByHand,
      history: historyHere(inputs, { ...context, specPath: study.specPath, hosts }),
    },
    runAttempt: undefined,
  });
  log.info(`Study directory: ${studyPath}`);
  return exitCode;
}

/** What makes a study another than those from elsewhere: its file. From stdin, where all studies come in one way, its name too. */
function originOf({ specPath, isPiped }: GivenStudy, { name }: Spec): string[] {
  return isPiped ? [specPath, name] : [specPath];
}

/** Inputs that were given and that only the action uses. */
function onGitHubOnly(inputs: Inputs): InputName[] {
  const defaults = inputsSchema.parse({});
  return inputNames.filter((name) => traits[name].commandLine === 'ignored' && inputs[name] !== defaults[name]);
}
