import type { GivenFlags } from '../flags.js';
import {
  readHost,
  readLabels,
  readName,
  readOutputPath,
  readSetup,
  readSite,
  readTrigger,
  WrongAnswer,
} from './fields.js';
import type { Person } from './questions.js';
import { type Choices, type Site, sites, triggers } from './sites.js';

export type Answers = Omit<Choices, 'spec' | 'workflow'>;

/**
 * What was chosen: by flags, and by a person for what these leave open.
 *
 * @throws InputError with a line for every flag that cannot be used, or is missing and there is nobody to ask
 */
export async function choose(flags: GivenFlags, person: Person | undefined): Promise<Answers> {
  const given = {
    site: checked(flags, 'site', readSite),
    trigger: checked(flags, 'trigger', readTrigger),
    host: checked(flags, 'host', readHost),
    runner: checked(flags, 'runner', readLabels),
    queue: checked(flags, 'queue', readName),
    bank: checked(flags, 'bank', readName),
    setup: flags
      .all('setup')
      .map((line) => attempt(flags, 'setup', () => readSetup(line)) ?? '')
      .join('\n'),
    'output-path': checked(flags, 'output-path', readOutputPath),
  };
  if (given.site !== undefined) refuseUseless(flags, given.site);
  if (person === undefined && flags.text('site') === undefined) {
    flags.errors.push(`--site is needed, as there is no terminal to ask on:\n${listOfSites('  ')}`);
  }
  if (person === undefined && given.site?.runner === 'ssh' && flags.text('host') === undefined) {
    flags.errors.push(`--site ${given.site.name} needs --host me@login.example.org`);
  }
  flags.refuseErrors();

  // A person who has named the site by a flag knows the flags: only what is missing is asked for.
  const isAsked = given.site === undefined && person !== undefined;
  const site = given.site ?? (await askForSite(person!));
  // Flags that the answer makes useless.
  refuseUseless(flags, site);
  flags.refuseErrors();
  const host =
    site.runner !== 'ssh'
      ? undefined
      : (given.host ?? (await person!.ask('Who logs in, and where? (me@login.example.org) ', readHost)));
  const ask = async <T>(value: T | undefined, question: string, read: (text: string) => T, otherwise: string) =>
    value ?? (isAsked ? await person.ask(question, (text) => read(text === '' ? otherwise : text)) : read(otherwise));
  const asksForJobs = site.jobs !== 'local';
  return {
    site,
    host,
    labels:
      site.runner === 'self-hosted'
        ? await ask(given.runner, 'Labels of the runner? [self-hosted] ', readLabels, 'self-hosted')
        : [],
    queue: asksForJobs ? await ask(given.queue, 'Queue or partition? [the default one] ', readName, '') : '',
    bank: asksForJobs ? await ask(given.bank, 'Bank, account or project? [the default one] ', readName, '') : '',
    trigger: await ask(
      given.trigger,
      `When does it run? (${triggers.join(', ')}; from the Actions tab in any case) [manual] `,
      readTrigger,
      'manual',
    ),
    setup: given.setup,
    outputPath: given['output-path'] ?? '',
  };
}

function checked<T>(flags: GivenFlags, name: string, read: (text: string) => T): T | undefined {
  const text = flags.text(name);
  return text === undefined ? undefined : attempt(flags, name, () => read(text));
}

function attempt<T>(flags: GivenFlags, name: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof WrongAnswer)) throw error;
    flags.errors.push(`--${name}: ${error.message}`);
    return undefined;
  }
}

/** A flag without effect is an error: who gave it expects one. */
function refuseUseless(flags: GivenFlags, site: Site): void {
  const useless = [
    ...(site.runner === 'ssh' ? [] : ['host']),
    ...(site.runner === 'self-hosted' ? [] : ['runner']),
    ...(site.jobs === 'local' ? ['queue', 'bank'] : []),
    ...(site.runner === 'github' ? ['output-path'] : []),
  ];
  for (const name of useless) {
    if (flags.text(name) !== undefined)
      flags.errors.push(`--${name} is of no use with --site ${site.name}: ${site.title}`);
  }
}

async function askForSite(person: Person): Promise<Site> {
  person.tell(`Where do studies run?\n${listOfSites('  ', true)}\n`);
  return person.ask('Number or name: ', (text) => {
    const byNumber = /^[0-9]+$/.test(text) ? sites[Number(text) - 1] : undefined;
    if (byNumber === undefined && /^[0-9]*$/.test(text))
      throw new WrongAnswer(`a number from 1 to ${sites.length}, or a name`);
    return byNumber ?? readSite(text);
  });
}

export function listOfSites(indent: string, numbered = false): string {
  const width = Math.max(...sites.map(({ name }) => name.length));
  return sites
    .map(
      ({ name, title }, i) =>
        `${indent}${numbered ? `${String(i + 1).padStart(2)}  ` : ''}${name.padEnd(width)}  ${title}`,
    )
    .join('\n');
}
