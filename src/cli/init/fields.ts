import { HostError } from '../../hosts/host.js';
import { parseDestination } from '../../hosts/ssh/destination.js';
import { suggestions } from '../../util/closest.js';
import { type Choices, type Site, sites, type Trigger, triggers } from './sites.js';

/** An answer that cannot be used, with why, in words that fit behind the name of a flag and behind a question. */
export class WrongAnswer extends Error {}

/** Reads the name of a site. @throws WrongAnswer */
export function readSite(text: string): Site {
  const site = sites.find(({ name }) => name === text);
  if (site !== undefined) return site;
  throw new WrongAnswer(
    `there is no kind of site '${text}'${guess(
      text,
      sites.map(({ name }) => name),
    )}`,
  );
}

/** @throws WrongAnswer */
export function readTrigger(text: string): Trigger {
  const trigger = triggers.find((name) => name === text);
  if (trigger !== undefined) return trigger;
  throw new WrongAnswer(`there is no trigger '${text}'${guess(text, triggers)}`);
}

function guess(text: string, names: readonly string[]): string {
  const near = suggestions(text, names);
  return near.length > 0 ? `; did you mean ${near.join(' or ')}?` : `: use ${names.join(', ')}`;
}

/** Reads `user@name[:port]`. @throws WrongAnswer */
export function readHost(text: string): NonNullable<Choices['host']> {
  try {
    const { user, name, port } = parseDestination(text, 'host');
    if (user !== undefined) return { user, name, port };
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    throw new WrongAnswer(error.message.replace(/^input 'host': /, ''));
  }
  throw new WrongAnswer(`it does not say who logs in: me@${text}`);
}

/** Reads the labels of a runner, with commas between them. @throws WrongAnswer */
export function readLabels(text: string): string[] {
  const labels = text.split(',').map((label) => label.trim());
  const wrong = labels.find((label) => !/^[A-Za-z0-9][\w.-]*$/.test(label));
  if (wrong !== undefined)
    throw new WrongAnswer(`'${wrong}' is not a label: letters, digits, - and _, with commas between labels`);
  return labels.includes('self-hosted') ? labels : ['self-hosted', ...labels];
}

/** Reads the name of a queue, partition or account; '' for the default. @throws WrongAnswer */
export function readName(text: string): string {
  if (!/^[\w.:@+-]*$/.test(text)) throw new WrongAnswer(`'${text}' has characters that such a name cannot have`);
  return text;
}

/** Reads shell lines. @throws WrongAnswer */
export function readSetup(text: string): string {
  if (/[\0-\x08\x0b-\x1f\x7f]/.test(text)) throw new WrongAnswer('it has control characters');
  return text;
}

/** Reads a directory of the cluster. @throws WrongAnswer */
export function readOutputPath(text: string): string {
  if (text !== '' && !/^(\/|~\/)[^\0-\x1f\x7f]*$/.test(text)) {
    throw new WrongAnswer(`'${text}' is not a directory of the cluster: it must begin with / or ~/`);
  }
  return text;
}
