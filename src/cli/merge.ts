import path from 'node:path';
import { mergedExitCodes, mergedWarnings } from '../report/merge/merge.js';
import { mergedTitle } from '../report/merge/merged-summary.js';
import { mergedTable } from '../report/merge/merged-table.js';
import { mergeReports, writeMerged } from '../run/merge-reports.js';
import { type FlagGroup, readFlags } from './flags.js';
import type { Verb } from './verb.js';

const flags: readonly FlagGroup[] = [
  {
    title: 'Flags',
    flags: [
      {
        name: 'report-path',
        value: 'DIR',
        default: 'merged-report',
        description: 'Where report.html, summary.md, junit.xml and report.json of all machines are written.',
      },
      {
        name: 'expected',
        value: 'NAME',
        isRepeatable: true,
        description:
          'The name of a machine that should have a report; may be given several times. One that has none is shown as not run, with a warning.',
      },
    ],
  },
];

export const merge: Verb = {
  name: 'merge',
  group: 'running',
  synopsis: 'merge REPORT.json... [--report-path DIR] [--expected NAME ...]',
  summary: 'make one report of the report.json files of several machines',
  details:
    'Each REPORT.json is a path, a glob, or NAME=PATH. Without a NAME it is called by the directories in which the paths differ: a/report.json and b/report.json are a and b. The exit status is that of the machines together: 0 if one finished and none failed, 1 if none was run, 2 if one failed, 3 if one was cancelled, 4 if one was interrupted.',
  flags,
  async run(args, { workingDirectory }, log) {
    const given = readFlags(args, flags);
    if (given.positionals.length === 0) given.errors.push('no report is given: merge a/report.json b/report.json');
    given.refuseErrors();
    const merged = mergeReports({
      reports: given.positionals,
      expected: given.all('expected'),
      directory: workingDirectory,
      called: 'merge',
    });
    const place = {
      path: path.resolve(workingDirectory, given.text('report-path') ?? 'merged-report'),
      untrusted: [workingDirectory],
    };
    const { warnings } = await writeMerged(merged, place, undefined);
    for (const line of mergedTable(merged)) log.info(line);
    for (const warning of [...warnings, ...mergedWarnings(merged)]) log.warning(warning);
    if (warnings.length === 0) log.info(`Reports in ${place.path}`);
    log.info(mergedTitle(merged));
    return mergedExitCodes[merged.status];
  },
};
