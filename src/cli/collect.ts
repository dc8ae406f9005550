import path from 'node:path';
import { reportOptionsOf } from '../inputs/derive.js';
import { type Collected, collectStudies, isOfWorkflow, unpublished } from '../run/detach/collect.js';
import { placeFor } from '../run/given-files.js';
import { studiesRoot } from '../study/directory.js';
import { oneLine } from '../util/log/plain-text.js';
import type { TerminalLog } from '../util/log/terminal-log.js';
import { inputFlags, onHost, pathOn, readExisting, whereItIs } from './existing-study.js';
import type { Flag, FlagGroup } from './flags.js';
import type { Verb } from './verb.js';

const detachNode: Flag = {
  name: 'detach-node',
  value: 'PATH',
  description: 'The Node there, for a new conductor. Default: node on PATH after setup.',
};

const flags: readonly FlagGroup[] = [
  {
    title: 'Flags',
    flags: [...inputFlags(['report-path', 'collect', 'slower-than', 'on-infrastructure']), detachNode],
  },
  whereItIs,
];

export const collect: Verb = {
  name: 'collect',
  group: 'looking after',
  synopsis: 'collect [DIR...] [--report-path DIR] [--host HOST]',
  summary: 'report detached studies that are over, once',
  details: [
    'Looks at the studies that `run --detach` left on the machine. Those that are over are reported, as `run` does at its end, each into NAME.report here or in --report-path; those still running get one line; those whose conductor is gone get a new one. With DIR, only these.',
    'Exit status: that of the worst study reported now: 0 finished, 2 a step or a metric failed, 3 cancelled, 4 interrupted; 1 if one cannot be looked at or continued. With --on-infrastructure neutral, 0 for one that a workflow started and that failed only because of the infrastructure.',
  ].join('\n'),
  flags,
  async run(args, context, log) {
    const asked = readExisting(args, flags, context);
    const { given, inputs } = asked;
    given.refuseErrors();
    const { workingDirectory } = context;
    return onHost(asked, context, log, async (hosts) => {
      const only = given.positionals.map((name) => pathOn(name, hosts, context));
      const collected = await collectStudies({
        ...{ host: hosts.host, log },
        root: studiesRoot(hosts.home),
        // Those of workflows are for their own workflows to collect.
        isWanted: ({ repository, studyPath }) => (only.length === 0 ? repository === '' : only.includes(studyPath)),
        node: given.text('detach-node') ?? '',
        report: reportOptionsOf(inputs),
        reportPlace: (studyPath) => {
          const name = `${path.posix.basename(studyPath)}.report`;
          const to = inputs['report-path'] === '' ? name : path.join(inputs['report-path'], name);
          return placeFor(to, { workingDirectory });
        },
        baseline: undefined,
        publisher: unpublished,
      });
      if (collected.length === 0) log.info('There is no detached study to collect');
      return Math.max(0, ...collected.map((each) => tell(each, log)));
    });
  },
};

/** @returns the exit status that it calls for */
function tell(collected: Collected, log: TerminalLog): number {
  const { studyPath, repository } = collected.registration;
  switch (collected.state) {
    case 'over':
      if (isOfWorkflow(collected.registration)) {
        log.info(
          `${studyPath} was started by a workflow of ${oneLine(repository)}: it stays to be collected there, where its check run is completed`,
        );
      }
      return collected.outcome.exitCode;
    case 'runs': {
      const how = collected.isRestarted ? ', with a new conductor' : '';
      const why = collected.isRestarted || collected.view.why === '' ? '' : `: ${oneLine(collected.view.why)}`;
      log.info(`${studyPath} is still running${how}${why}; \`watch\` shows it`);
      return 0;
    }
    case 'taken':
      log.info(`${studyPath} is being collected by another process`);
      return 0;
    case 'lost':
      log.complain(`${studyPath} cannot be collected: ${collected.why}`);
      return 1;
  }
}
