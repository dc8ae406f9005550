import { inputGroups } from '../inputs/groups.js';
import { choicesOf, defaultOf, descriptionOf, isTruth } from '../inputs/parse.js';
import { type InputName, repeatable } from '../inputs/schema.js';
import { traits } from '../inputs/traits.js';
import type { Flag, FlagGroup } from './flags.js';
import { maestroFlags } from './maestro-flags.js';

/** What a value is called in help. */
const valueNames: Partial<Record<InputName, string>> = {
  parameters: 'YAML',
  variables: 'YAML',
  batch: 'YAML',
  allocate: 'YAML',
  pgen: 'FILE',
  baseline: 'FILE',
  metrics: 'FILE',
  history: 'auto|none|DIR',
  pargs: 'KEY:VALUE',
  env: 'NAME=VALUE',
  'output-path': 'DIR',
  'report-path': 'DIR',
  'detach-args': 'ARGS',
  'detach-node': 'PATH',
  stage: 'DIR',
  'stage-exclude': 'GLOB',
  collect: 'GLOB',
  'allow-failure': 'GLOB',
  throttle: 'N',
  'local-jobs': 'N',
  'submission-attempts': 'N',
  'resubmit-on': 'CAUSES',
  'restart-limit': 'N',
  sleeptime: 'N',
  'timeout-minutes': 'N',
  'max-wait': 'TIME',
  'slower-than': 'PERCENT',
  host: '[USER@]NAME[:PORT]',
  'proxy-jump': 'HOSTS',
  'ssh-key': '@FILE',
  'ssh-passphrase': '@FILE',
  'ssh-known-hosts': '@FILE',
  setup: 'LINES',
  flux: 'WHICH',
  'study-key': 'KEY',
  'maestro-version': 'VERSION',
};

/** What Maestro calls an input, where that is another name than ours. */
const ofMaestro: Partial<Record<InputName, Pick<Flag, 'short' | 'aliases'>>> = {
  'output-path': { short: 'o', aliases: ['out'] },
  'submission-attempts': { short: 'a', aliases: ['attempts'] },
  'restart-limit': { short: 'r', aliases: ['rlimit'] },
  throttle: { short: 't' },
  sleeptime: { short: 's' },
  'dry-run': { short: 'd', aliases: ['dry'] },
  pgen: { short: 'p' },
  'hash-workspaces': { aliases: ['hashws'] },
};

/** The flags of verbs about a study, as help lists them. */
export const studyFlags: readonly FlagGroup[] = [
  ...inputGroups
    .map(({ title, inputs }) => ({
      title,
      flags: inputs.filter((name) => traits[name].commandLine === 'flag').map(flagOf),
    }))
    .filter(({ flags }) => flags.length > 0),
  { title: "Maestro's, so that its command lines work", flags: maestroFlags },
];

/** The flags of verbs about a study that help only mentions. */
export const flagsOfTheAction: readonly Flag[] = inputGroups
  .flatMap(({ inputs }) => inputs)
  .filter((name) => traits[name].commandLine === 'ignored')
  .map(flagOf);

function flagOf(name: InputName): Flag {
  const byDefault = defaultOf(name);
  const choices = choicesOf(name)?.join('|');
  return {
    name,
    description: descriptionOf(name),
    ...(isTruth(name) ? { words: choicesOf(name) ?? [] } : { value: choices ?? valueNames[name] ?? 'TEXT' }),
    // That a flag is off until it is given goes without saying.
    ...(byDefault === undefined || byDefault === '' || byDefault === 'false' ? {} : { default: byDefault }),
    ...ofMaestro[name],
    isRepeatable: repeatable.has(name),
  };
}
