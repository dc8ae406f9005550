import path from 'node:path';
import { SetupError } from '../../hosts/setup.js';
import { isElsewhere, requestOf } from '../../inputs/derive.js';
import type { OpenedHosts } from '../../run/open-hosts.js';
import { readStudy, type SpecContext } from '../../run/prepare.js';
import type { ProcessContext } from '../../run/process-context.js';
import { formatProblem, SpecError } from '../../spec/problem.js';
import type { Spec } from '../../spec/spec.js';
import { systemClock } from '../../util/clock.js';
import { describeError } from '../../util/errors.js';
import { counted } from '../../util/format.js';
import type { TerminalLog } from '../../util/log/terminal-log.js';
import { common, directoryOf, type Given, open, openHere, readGiven, refuseMistakes, rootOf } from '../given-study.js';
import { inOptions, optionOf } from '../naming.js';
import { studyFlags } from '../study-flags.js';
import { checkWhole } from '../validate.js';
import type { Verb } from '../verb.js';
import { examine } from './doctor.js';

export const doctor: Verb = {
  name: 'doctor',
  group: 'setting up',
  synopsis: 'doctor [SPEC] [flags]',
  summary: 'check what a run needs: tools, the batch system, a test job',
  details: 'With a study, it checks what that needs. It takes the flags of run, so that a command line works for both.',
  flags: studyFlags,
  run: async (args, context, log) => examineGiven(await readGiven(args, context, log, false), context, log),
};

/** With or without a study: what it needs is looked for if there is one. */
async function examineGiven(given: Given, context: ProcessContext, log: TerminalLog): Promise<number> {
  const { workingDirectory, cancel } = context;
  const { inputs, study: named, mistakes } = given;
  const request = mistakes.attempt(() => requestOf(inputs, optionOf));
  // What is only wrong with the study is one of the things that are looked at.
  if (!mistakes.isEmpty) await refuseMistakes(given, context, log);
  const spec = named && tryReadStudy(named);
  const study =
    named &&
    (async () => {
      const here = await openHere(inputs, context, log);
      const { plan, warnings } = await checkWhole(common({ ...named, stageRoot: undefined }, context, log, here));
      const summary = [counted(plan.graph.steps.length, 'step'), ...warnings.map(formatProblem)].join('; ');
      return { summary, plan };
    });
  let hosts: OpenedHosts;
  try {
    hosts = await open(inputs, context, log);
  } catch (error) {
    const isOfSetup = error instanceof SetupError;
    if (isOfSetup && isElsewhere(inputs)) log.info(`ok    connection: ${inputs.host} lets us in`);
    log.info(`FAIL  ${isOfSetup ? 'setup' : 'connection'}: ${inOptions(describeError(error))}`);
    return 1;
  }
  if (hosts.isElsewhere) log.info(`ok    connection: ${hosts.host.name} lets us in, and its login shell runs bash`);
  if (inputs.setup.trim() !== '') log.info('ok    setup: its lines succeed, and every command is found');
  try {
    const root =
      spec === undefined
        ? hosts.isElsewhere
          ? rootOf(context, hosts)
          : workingDirectory
        : path.dirname(directoryOf(spec, inputs, context, hosts));
    return await examine({ inputs, host: hosts.host, clock: systemClock, log, spec, study, request, root, cancel });
  } finally {
    hosts.close();
  }
}

/** The study, if its text is one: the check of the study reports what is wrong with it. */
function tryReadStudy(study: SpecContext): Spec | undefined {
  try {
    return readStudy(study).spec;
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    return undefined;
  }
}
