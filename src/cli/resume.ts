import path from 'node:path';
import { conductorJobOf, overlaysOf, requestOf, runOptionsOf } from '../inputs/derive.js';
import { inputsForHost, inputsForResume } from '../inputs/for-host.js';
import { connectionInputs } from '../inputs/groups.js';
import { ineffectiveInputs } from '../inputs/ineffective.js';
import { readableMetrics } from '../inputs/metrics.js';
import { type Inputs, inputNames } from '../inputs/schema.js';
import { traits } from '../inputs/traits.js';
import { detachStudy, newToken } from '../run/detach/detach-study.js';
import { jobWords } from '../run/detach/job.js';
import { startedByHand } from '../run/detach/registration.js';
import { conductedView } from '../run/detach/waiting.js';
import { type KeptInputs, overlaysIn } from '../run/existing/kept-inputs.js';
import { readKeptFiles } from '../run/existing/rebuild-plan.js';
import { placeFor } from '../run/given-files.js';
import type { OpenedHosts } from '../run/open-hosts.js';
import type { HostInputs, StudyContext } from '../run/prepare.js';
import type { ProcessContext } from '../run/process-context.js';
import { runStudy } from '../run/run-study.js';
import { ourHolder } from '../store/lease.js';
import type { StudySight } from '../store/look/look.js';
import { studiesRoot } from '../study/directory.js';
import { systemClock } from '../util/clock.js';
import { InputError } from '../util/errors.js';
import { inSeries } from '../util/format.js';
import type { TerminalLog } from '../util/log/terminal-log.js';
import { inputsOf } from './arguments.js';
import { inputFlags, lookAtOurs, onHost, readExisting, whereItIs } from './existing-study.js';
import type { FlagGroup } from './flags.js';
import { common, filesHere } from './given-study.js';
import { historyHere } from './history.js';
import { optionOf } from './naming.js';
import type { Verb } from './verb.js';
import { runAround } from './workflow-run.js';

/** The inputs that may be given anew; those of the connection have a heading of their own. */
const changeable = inputNames.filter((name) => {
  const { onResume } = traits[name];
  return (onResume === 'changeable' || onResume === 'given') && !connectionInputs.includes(name);
});

const flags: readonly FlagGroup[] = [
  { title: 'Flags, in place of what the study was run with', flags: inputFlags(changeable) },
  whereItIs,
];

export const resume: Verb = {
  name: 'resume',
  group: 'running',
  synopsis: 'resume DIR [--detach] [--host HOST]',
  summary: 'continue a study with the spec and inputs kept in it',
  details: [
    'Finished steps stay as they are, running ones are taken over, and those that failed, were cancelled or never began are run. The spec, the overlays and the inputs are those of the last run. Inputs that may hold secrets are not kept: give --env and --setup again if the study was run with them.',
    'Exit status: as for run.',
  ].join('\n'),
  flags,
  async run(args, context, log) {
    const asked = readExisting(args, flags, context);
    const { given } = asked;
    if (given.positionals.length !== 1) given.errors.push('one study is needed: resume DIR');
    given.refuseErrors();
    return onHost(asked, context, log, async (hosts) => {
      const sight = await lookAtOurs(given.positionals[0]!, hosts, context);
      const { job } = await conductedView(hosts.host, sight);
      if (job !== undefined) {
        throw new InputError([`the study runs detached: its conductor is ${jobWords(job)}; \`watch\` follows it`]);
      }
      const texts = new Map(
        inputFlags([...changeable, 'setup', 'host']).flatMap(({ name }) => {
          const values = given.all(name);
          return values.length > 0 ? [[name, values] as const] : [];
        }),
      );
      return go(await keptStudy(sight, { texts, hosts, context }), { sight, hosts, context, log });
    });
  },
};

interface Asked {
  /** The flags that were given, by the names of their inputs. */
  readonly texts: ReadonlyMap<string, readonly string[]>;
  readonly hosts: OpenedHosts;
  readonly context: ProcessContext;
}

interface KeptStudy {
  readonly inputs: Inputs;
  readonly study: Omit<StudyContext, 'host' | 'here' | 'log' | 'cancel' | 'hangup'> & {
    readonly hostInputs: HostInputs;
  };
}

/** @throws InputError that says what is missing to go on with it */
async function keptStudy(
  { path: studyPath, state }: StudySight,
  { texts: given, hosts, context }: Asked,
): Promise<KeptStudy> {
  const { inputs: kept, specs } = await readKeptFiles(hosts.host, studyPath);
  const text = kept && specs.get(kept.spec.file);
  const lacks = lackOf(kept, { hasSpec: text !== undefined, given });
  if (kept === undefined || text === undefined || lacks !== undefined) {
    throw new InputError([`the study cannot be continued with what is kept in it: ${lacks}`]);
  }
  if (kept.stageRoot !== undefined && !state.isStaged) {
    throw new InputError([
      `the study cannot be continued from here: not all of ${kept.stageRoot} was copied; run it again where it was started`,
    ]);
  }
  const { read } = filesHere(context);
  const before = inputsForResume(kept.inputs!).map(([name, value]) => [name, [value]] as const);
  const { inputs, texts, errors: wrong } = inputsOf(new Map([...before, ...given]), { read, needsSpec: false });
  const errors = [...wrong];
  if (inputs.conductor === 'maestro') {
    errors.push("a study of the host's own Maestro cannot be resumed: Maestro continues no study");
  }
  if (errors.length > 0) throw new InputError(errors);
  const overlays = { ...overlaysIn(kept), ...overlaysOf(inputs, optionOf) };
  const overlayTexts = Object.entries(overlays).map(([name, source]) => [name, source.text] as const);
  const answer = state.answers.at(-1);
  const generator = kept.generator ?? 'the generator';
  return {
    inputs,
    study: {
      options: { ...runOptionsOf(inputs), shownSpec: kept.spec.shown },
      text,
      // A detached conductor knows only what it is sent.
      hostInputs: inputsForHost(new Map([...texts, ...overlayTexts])),
      overlays,
      // It is not asked again.
      pgen: answer && { file: `${studyPath}/${path.basename(generator)}`, shown: generator, kwargs: inputs.pargs },
      specPath: kept.specPath,
      workingDirectory: kept.workingDirectory,
      stageRoot: kept.stageRoot,
      arrived: { tree: '', answer },
    },
  };
}

function lackOf(
  kept: KeptInputs | undefined,
  { hasSpec, given }: { readonly hasSpec: boolean; readonly given: Asked['texts'] },
): string | undefined {
  if (kept?.inputs === undefined) {
    return 'its inputs are missing, or cannot be read; an earlier version did not keep them. `run` with --output-path continues it';
  }
  if (!hasSpec) return `its copy of the spec, ${kept.spec.file}, is gone`;
  const withheld = (kept.withheld ?? []).filter((name) => !given.has(name)).map((name) => `--${name}`);
  if (withheld.length === 0) return undefined;
  return `it was run with ${inSeries(withheld)}, which may hold secrets and ${withheld.length === 1 ? 'is' : 'are'} not kept: give ${withheld.length === 1 ? 'it' : 'them'} again ('' for none)`;
}

interface Going {
  readonly sight: StudySight;
  readonly hosts: OpenedHosts;
  readonly context: ProcessContext;
  readonly log: TerminalLog;
}

async function go({ inputs, study }: KeptStudy, { sight, hosts, context, log }: Going): Promise<number> {
  const { path: studyPath, state } = sight;
  const place = () => ({ path: studyPath, key: state.key, resume: 'always' as const });
  const { environment } = context;
  const { metrics } = await readableMetrics(inputs, { nameOf: optionOf, directory: context.workingDirectory });
  const own = { ...study, ...common(study, context, log, hosts), metrics };
  const { specPath, workingDirectory: startedIn } = study;
  // One that the action has started is of a branch, which only the action knows.
  const isOfAction = state.opened?.holder.runUrl !== undefined;
  const history = isOfAction
    ? undefined
    : historyHere(inputs, { specPath, workingDirectory: startedIn, environment, hosts });
  if (inputs.detach !== 'false') {
    const { exitCode } = await detachStudy({
      ...own,
      ...{ place, clock: systemClock, token: newToken(), runAttempt: undefined },
      root: studiesRoot(hosts.home),
      node: inputs['detach-node'],
      job: conductorJobOf(inputs),
      startedFor: { ...startedByHand, history },
    });
    return exitCode;
  }
  const { workingDirectory } = context;
  const { exitCode } = await runStudy({
    ...own,
    place,
    reportPlace: () => {
      const name = inputs['report-path'] || `${path.posix.basename(studyPath)}.report`;
      if (inputs['report-path'] === '' && !hosts.isElsewhere) {
        return { path: `${studyPath}/.conductor/report`, untrusted: [] };
      }
      return placeFor(name, { workingDirectory });
    },
    request: requestOf(inputs, optionOf),
    baseline: undefined,
    history,
    ineffectiveOptions: (plan) => ineffectiveInputs(inputs, plan),
    around: '',
    holder: ourHolder(''),
    run: runAround(environment),
    remember: () => {},
  });
  return exitCode;
}
