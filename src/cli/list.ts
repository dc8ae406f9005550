import { conductedBriefs } from '../run/detach/waiting.js';
import type { BriefView } from '../run/existing/view.js';
import { findStudies } from '../store/look/look.js';
import { defaultRoot, jsonFlag, onHost, pathOn, readExisting, whereItIs } from './existing-study.js';
import type { FlagGroup } from './flags.js';
import { jsonText } from './json-text.js';
import { briefJson } from './study-json.js';
import { listText } from './study-text.js';
import type { Verb } from './verb.js';

/** How far below the root studies are looked for, unless it is told. */
const DEPTH = 4;

const flags: readonly FlagGroup[] = [
  {
    title: 'Flags',
    flags: [
      jsonFlag,
      {
        name: 'depth',
        value: 'N',
        default: String(DEPTH),
        description: 'How many directories below ROOT to look for studies.',
      },
      { name: 'sizes', description: 'Count how much is in each study directory, for 20 seconds at most.' },
    ],
  },
  whereItIs,
];

export const list: Verb = {
  name: 'list',
  group: 'looking after',
  synopsis: 'list [ROOT] [--sizes] [--json] [--host HOST]',
  summary: 'the studies below a directory, the latest first',
  details:
    'ROOT is the current directory by default; with --host, ~/maestro-studies there. Studies, links and hidden directories are not searched.',
  flags,
  async run(args, context, log) {
    const asked = readExisting(args, flags, context);
    const { given } = asked;
    const [root, ...more] = given.positionals;
    if (more.length > 0) given.errors.push(`one directory can be searched, not ${more.length + 1}`);
    const depth = Number(given.text('depth') ?? DEPTH);
    if (!Number.isInteger(depth) || depth < 0) given.errors.push('--depth must be a whole number from 0 up');
    given.refuseErrors();
    return onHost(asked, context, log, async (hosts) => {
      const where = root === undefined ? defaultRoot(hosts, context) : pathOn(root, hosts, context);
      const hasSizes = given.isOn('sizes');
      const { studies, isCut } = await findStudies(hosts.host, where, { depth, hasSizes });
      const views = (await conductedBriefs(hosts.host, studies)).sort((a, b) => age(a) - age(b));
      if (given.isOn('json')) process.stdout.write(jsonText(views.map(briefJson)));
      else if (views.length > 0) for (const line of listText(views, { hasSizes })) log.info(line);
      else log.note(`there is no study in ${where}, nor up to ${depth} directories below it`);
      if (isCut) log.warning(`${where} has too many directories: not all were searched; name one below it`);
      return 0;
    });
  },
};

const age = ({ now, created, changed }: BriefView) => now - (created ?? changed ?? 0);
