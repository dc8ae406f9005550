import { HostError } from '../hosts/host.js';
import { IncompleteDestination, parseDestination, parseJumps } from '../hosts/ssh/destination.js';
import type { InputName, Inputs } from './schema.js';

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
  ...needing('pgen', 'pargs'),
  ...needing('baseline', 'slower-than'),
];

/** The texts that were given: '' for an input that comes from a variable of GitHub that is not set. */
export interface Given {
  readonly texts: ReadonlyMap<string, string>;
  readonly defaultOf: (name: InputName) => string | undefined;
}

/** The contradictions between inputs, whose names are in backquotes. */
export function contradictions(inputs: Inputs, given: Given): string[] {
  const errors = requirements.filter((requirement) => isUnmet(requirement, inputs, given)).map(unmet(given));
  if (inputs.allocate !== '' && inputs.flux !== 'auto') {
    errors.push(
      `\`allocate\` starts a Flux instance to run on, and \`flux\` names another, ${inputs.flux}: give one of them`,
    );
  }
  if (inputs.conductor === 'maestro') {
    for (const [name, why] of notWithMaestro) {
      if (isSet(name, given)) errors.push(`\`${name}\` cannot be used with \`conductor\` maestro: ${why}`);
    }
    if (inputs.resume === 'always')
      errors.push('`resume` always cannot be used with `conductor` maestro: it continues no study');
  }
  const kind = /^([a-z]+:)(\/\/)?$/.exec(inputs.flux)?.[0];
  if (kind !== undefined) errors.push(`\`flux\`: nothing follows ${kind}${unset}`);
  return [...errors, ...wrongMachines(inputs)];
}

/** What upstream Maestro cannot do. */
const notWithMaestro: readonly (readonly [InputName, string])[] = [
  ['allow-failure', 'in Maestro every failure counts'],
  ['parameters', 'it reads the spec as it is; `pgen` can give other parameters'],
  ['variables', 'it reads the spec as it is'],
  ['batch', 'it reads the spec as it is'],
];

const unset = '; is it taken from a variable that is not set?';

const isSet = (name: InputName, { texts, defaultOf }: Given) => {
  const text = texts.get(name)?.trim() ?? '';
  return text !== '' && text !== defaultOf(name);
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
