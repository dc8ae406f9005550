import path from 'node:path';
import { reportOptionsOf } from '../inputs/derive.js';
import { reportExisting } from '../run/existing/report.js';
import { viewOf } from '../run/existing/view.js';
import { placeFor, readBaseline } from '../run/given-files.js';
import { exitCodes } from '../study/state.js';
import { inputFlags, lookAtOurs, onHost, readExisting, whereItIs } from './existing-study.js';
import type { FlagGroup } from './flags.js';
import { codeOf } from './status.js';
import type { Verb } from './verb.js';

const flags: readonly FlagGroup[] = [
  { title: 'Flags', flags: inputFlags(['report-path', 'collect', 'baseline', 'slower-than']) },
  whereItIs,
];

export const report: Verb = {
  name: 'report',
  group: 'looking after',
  synopsis: 'report DIR [--report-path DIR]',
  summary: 'make the reports of a study as it stands',
  details: [
    'The reports are those of `run`: report.html, summary.md, junit.xml, report.json and the logs of failed steps. They go to .conductor/report in the study, from another machine to NAME.report here, or to --report-path.',
    'They are made from what is kept in the study, not from a spec here. The exit status is as for status.',
  ].join('\n'),
  flags,
  async run(args, context, log) {
    const asked = readExisting(args, flags, context);
    const { given, inputs } = asked;
    const { workingDirectory } = context;
    if (given.positionals.length !== 1) given.errors.push('one study is needed: report DIR');
    given.refuseErrors();
    const baseline = readBaseline(inputs.baseline, workingDirectory, (line) => log.warning(line));
    return onHost(asked, context, log, async (hosts) => {
      const { host, isElsewhere } = hosts;
      const sight = await lookAtOurs(given.positionals[0]!, hosts, context);
      // What is here may be a checkout that others have prepared.
      const here = (to: string) => placeFor(to, { workingDirectory });
      const reportPath = inputs['report-path'];
      const { results } = await reportExisting(
        {
          ...{ host, log, baseline },
          // Whatever is to blame, the exit status is as of `status`.
          options: { ...reportOptionsOf(inputs), onInfrastructure: 'fail' },
          reportPlace: (studyPath) => {
            if (reportPath !== '') return here(reportPath);
            if (isElsewhere) return here(`${path.posix.basename(studyPath)}.report`);
            return { path: `${studyPath}/.conductor/report`, untrusted: [studyPath] };
          },
        },
        sight,
      );
      // What its metrics make of it is seen only now.
      return results.status === 'FAILURE' ? exitCodes.FAILURE : codeOf(viewOf(sight).status);
    });
  },
};
