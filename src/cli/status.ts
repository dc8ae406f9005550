import { conductedBriefs, conductedView } from '../run/detach/waiting.js';
import type { BriefView, SeenStatus } from '../run/existing/view.js';
import type { OpenedHosts } from '../run/open-hosts.js';
import { lookAtStudies } from '../store/look/look.js';
import { exitCodes } from '../study/state.js';
import { describeError } from '../util/errors.js';
import { type GivenExisting, jsonFlag, lookAt, onHost, pathOn, readExisting, whereItIs } from './existing-study.js';
import type { FlagGroup } from './flags.js';
import { jsonText } from './json-text.js';
import { briefJson, studyJson } from './study-json.js';
import { listText, studyText } from './study-text.js';
import type { Verb } from './verb.js';

const flags: readonly FlagGroup[] = [{ title: 'Flags', flags: [jsonFlag] }, whereItIs];

export const status: Verb = {
  name: 'status',
  group: 'looking after',
  synopsis: 'status DIR... [--json] [--host HOST]',
  summary: 'what a study is doing: its steps, failures, driver, queue',
  details: [
    'DIR is the directory of a study, running or over; nothing in it is changed. Several get one line each. With --host it is on that machine, where a relative path starts at home.',
    'Exit status: 0 running or finished, 2 a step or a metric failed, 3 cancelled, 4 interrupted, 1 if a directory has no study; for several the highest, but 1 counts most.',
  ].join('\n'),
  flags,
  async run(args, context, log) {
    const asked = readExisting(args, flags, context);
    const { given } = asked;
    if (given.positionals.length === 0)
      given.errors.push('no study is given: status DIR (`list` shows those there are)');
    given.refuseErrors();
    return onHost(asked, context, log, async (hosts) => {
      if (given.positionals.length > 1) return severalStudies(asked, hosts);
      const { view } = await conductedView(hosts.host, await lookAt(given.positionals[0]!, hosts, context));
      if (given.isOn('json')) process.stdout.write(jsonText(studyJson(view, hosts.host.name)));
      else for (const line of studyText(view)) log.info(line);
      return codeOf(view.status);
    });

    async function severalStudies({ given }: GivenExisting, hosts: OpenedHosts): Promise<number> {
      const paths = new Map(given.positionals.map((name) => [pathOn(name, hosts, context), name]));
      const { studies, others } = await lookAtStudies(hosts.host, [...paths.keys()]);
      const views = await conductedBriefs(hosts.host, studies);
      showList(views);
      for (const other of others) {
        // Why it is none takes a closer look.
        await lookAt(paths.get(other)!, hosts, context).catch((error) => log.complain(describeError(error)));
      }
      return others.length > 0 ? 1 : Math.max(...views.map(({ status }) => codeOf(status)));
    }

    function showList(views: readonly BriefView[]): void {
      if (given.isOn('json')) process.stdout.write(jsonText(views.map(briefJson)));
      else if (views.length > 0) for (const line of listText(views, { hasSizes: false })) log.info(line);
    }
  },
};

/** The exit status that tells how a study is. */
export function codeOf(status: SeenStatus): number {
  return status === 'RUNNING' ? 0 : exitCodes[status];
}
