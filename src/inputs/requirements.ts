import { HostError } from '../hosts/host.js';
import { IncompleteDestination, parseDestination, parseJumps } from '../hosts/ssh/destination.js';
import { connectionInputs } from './groups.js';
import { actionDefaults, type Command, type InputName, type Inputs } from './schema.js';

/** An input that has a meaning only together with another one. */
export interface Requirement {
  readonly input: InputName;
  readonly needs: InputName;
  /** An exception in which it has a meaning alone. */
  readonly unless?: (inputs: Inputs) => boolean;
}

const needing = (needs: InputName, ...inputs: readonly InputName[]): Requirement[] =>
  inputs.map((input) => ({ input, needs }));

/** Both the errors and the documentation are made from these. */
export const requirements: readonly Requirement[] = [
  ...needing(
    'host',
    'ssh-client',
    'ssh-key',
    'ssh-passphrase',
    'ssh-known-hosts',
    'proxy-jump',
    'stage',
    'stage-exclude',
  ),
  // The client openssh also uses the passphrase for a key of its own configuration.
  { input: 'ssh-passphrase', needs: 'ssh-key', unless: (inputs) => inputs['ssh-client'] === 'openssh' },
  ...needing('conductor', 'bindings', 'sleeptime', 'maestro-version'),
  ...needing('detach', 'detach-args', 'detach-node', 'supersede'),
  ...needing('pgen', 'pargs'),
  // A detached study knows its history since its start.
  {
    input: 'slower-than',
    needs: 'baseline',
    unless: ({ history, command }) => history !== 'none' || command === 'collect',
  },
];

/** The inputs that commands other than `run` take alone, and those that they share with it. */
const otherCommands: Readonly<
  Record<Exclude<Command, 'run'>, { readonly own: readonly InputName[]; readonly shared: readonly InputName[] }>
> = {
  collect: {
    own: ['study-path'],
    shared: [
      ...connectionInputs,
      ...(['detach-node', 'report-path', 'collect', 'baseline', 'slower-than', 'on-infrastructure'] as const),
      ...(['annotations', 'issue', 'github-token', 'summary'] as const),
    ],
  },
  merge: {
    own: ['reports', 'expected'],
    shared: ['annotations', 'check-name', 'github-token', 'summary', 'report-path'],
  },
  comment: {
    own: ['machines', 'answer', 'reports', 'expected'],
    shared: ['spec', 'github-token', 'summary'],
  },
};

/** The commands that alone take an input; none for those that `run` takes. */
export function commandsOf(name: InputName): Command[] {
  return (Object.keys(otherCommands) as (keyof typeof otherCommands)[]).filter((command) =>
    otherCommands[command].own.includes(name),
  );
}

function takes(command: Command, name: InputName): boolean {
  if (name === 'command' || name === 'job-status') return true;
  if (command === 'run') return commandsOf(name).length === 0;
  const { own, shared } = otherCommands[command];
  return own.includes(name) || shared.includes(name);
}

/** What is wrong between the command and other inputs. */
function wrongForCommand({ command }: Inputs, given: Given): string[] {
  return [...given.texts.keys()].flatMap((key) => {
    const name = key as InputName;
    if (takes(command, name) || !isSet(name, given)) return [];
    const only = commandsOf(name).join(' and ');
    return [`\`${name}\` has no meaning with \`command\` ${command}${only === '' ? '' : `, only with ${only}`}`];
  });
}

/** The texts that were given: '' for an input that comes from a variable of GitHub that is not set. */
export interface Given {
  readonly texts: ReadonlyMap<string, string>;
  readonly defaultOf: (name: InputName) => string | undefined;
}

/** The contradictions between inputs, whose names are in backquotes. */
export function contradictions(inputs: Inputs, given: Given): string[] {
  const wrong = wrongForCommand(inputs, given);
  const isCollect = inputs.command === 'collect';
  const unmetOnes = requirements
    // A conductor that is started again needs a Node too.
    .filter((requirement) => !(isCollect && requirement.needs === 'detach'))
    .filter((requirement) => isUnmet(requirement, inputs, given))
    .map(unmet(given));
  if (isCollect) return [...wrong, ...unmetOnes, ...unprovenIssue(inputs), ...wrongMachines(inputs)];
  // What else these inputs lack is of no interest.
  if (inputs.command !== 'run') return [...wrong, ...missingReports(inputs), ...wrongForComments(inputs)];
  const errors = unmetOnes;
  if (inputs.allocate !== '' && inputs.flux !== 'auto') {
    errors.push(
      `\`allocate\` starts a Flux instance to run on, and \`flux\` names another, ${inputs.flux}: give one of them`,
    );
  }
  if (inputs.baseline === 'auto' && inputs.history === 'none') {
    errors.push('`baseline` auto stands for the runs in `history`, which is none: give that auto, or a directory');
  }
  if (inputs.conductor === 'maestro') {
    for (const [name, why] of notWithMaestro) {
      if (isSet(name, given)) errors.push(`\`${name}\` cannot be used with \`conductor\` maestro: ${why}`);
    }
    if (inputs.resume === 'always')
      errors.push('`resume` always cannot be used with `conductor` maestro: it continues no study');
  }
  if (inputs.detach !== 'false') {
    for (const [name, why] of notDetached) {
      const isHistory = name === 'baseline' && inputs.baseline === 'auto';
      if (isSet(name, given) && !isHistory) errors.push(`\`${name}\` cannot be used with \`detach\`: ${why}`);
    }
  }
  const kind = /^([a-z]+:)(\/\/)?$/.exec(inputs.flux)?.[0];
  if (kind !== undefined) errors.push(`\`flux\`: nothing follows ${kind}${unset}`);
  return [...wrong, ...errors, ...wrongMachines(inputs)];
}

/** Only by its check run does GitHub say which run has started a detached study. */
function unprovenIssue({ issue, annotations }: Inputs): string[] {
  if (issue === '' || annotations === 'checks') return [];
  return [`\`issue\` with \`command\` collect needs \`annotations\` checks, not ${annotations}`];
}

function missingReports({ command, reports }: Inputs): string[] {
  if (command !== 'merge' || reports.length > 0) return [];
  return ['`reports` is required with `command` merge: the report.json files, a path or glob a line'];
}

function wrongForComments(inputs: Inputs): string[] {
  if (inputs.command !== 'comment') return [];
  const { answer, machines } = inputs;
  return [
    ...(answer !== '' && machines.length > 0
      ? ['`machines` is of no use with `answer`: the comment was read before']
      : []),
  ];
}

/** What upstream Maestro cannot do. */
const notWithMaestro: readonly (readonly [InputName, string])[] = [
  ['allow-failure', 'in Maestro every failure counts'],
  ['resubmit-on', 'it submits each job as often as `submission-attempts` says'],
  ['max-wait', 'it waits for jobs as long as they take'],
  ['parameters', 'it reads the spec as it is; `pgen` can give other parameters'],
  ['variables', 'it reads the spec as it is'],
  ['batch', 'it reads the spec as it is'],
];

/** What a study cannot have that is left to itself. */
const notDetached: readonly (readonly [InputName, string])[] = [
  ['dry-run', 'it runs nothing'],
  ['conductor', "the host's own Maestro needs this program beside it"],
  ['report-path', 'the reports are made when the study is collected'],
  ['baseline', 'the reports are made when the study is collected'],
  ['issue', 'it is kept by the run that collects the study: give it to `command` collect'],
];

const unset = '; is it taken from a variable that is not set?';

const isSet = (name: InputName, { texts, defaultOf }: Given) => {
  const text = texts.get(name)?.trim() ?? '';
  // GitHub gives the action's defaults for what nobody gave.
  return text !== '' && text !== defaultOf(name) && text !== actionDefaults[name];
};

function isUnmet({ input, needs, unless }: Requirement, inputs: Inputs, given: Given): boolean {
  return isSet(input, given) && !isSet(needs, given) && unless?.(inputs) !== true;
}

function unmet({ texts }: Given): (requirement: Requirement) => string {
  return ({ input, needs }) =>
    `\`${input}\` is of no use without \`${needs}\`${texts.has(needs) ? `, which is empty${unset}` : ''}`;
}

/** Names of machines that lack a part: errors even if nothing is connected to. */
function wrongMachines(inputs: Inputs): string[] {
  const reads = [
    () => inputs.host !== '' && parseDestination(inputs.host, 'host'),
    () => parseJumps(inputs['proxy-jump'], 'proxy-jump'),
  ];
  return reads.flatMap((read) => {
    try {
      read();
      return [];
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      return !(error instanceof IncompleteDestination) ? [] : [error.message.replace(/^input '([a-z-]+)'/, '`$1`')];
    }
  });
}
