import { clip } from '../problem.js';

/** The prefix of YAML's own tags, which `!!` stands for. */
export const CORE = 'tag:yaml.org,2002:';
export const MERGE = `${CORE}merge`;
export const VALUE = `${CORE}value`;
const KINDS = new Map([
  ['seq', 'sequence'],
  ['map', 'mapping'],
  ['set', 'mapping'],
]);
const SCALAR_TAGS = ['str', 'int', 'float', 'bool', 'null', 'timestamp', 'binary'];

/** What kind of node a tag is for, or undefined if the tag is unknown. */
export function kindOf(tag: string): string | undefined {
  const name = tag.startsWith(CORE) ? tag.slice(CORE.length) : '';
  return SCALAR_TAGS.includes(name) ? 'scalar' : KINDS.get(name);
}

/**
 * The full tag of a node, or `!`.
 *
 * @param written the tag as the text has it
 * @param handles the prefixes that `%TAG` directives define
 */
export function fullTag(written: string, handles: ReadonlyMap<string, string>): string {
  if (written.startsWith('!<')) return unescapeTag(written.slice(2, -1));
  if (written === '!') return written;
  const handle = /^!(?:[^!]*!)?/.exec(written)![0];
  const prefix = handles.get(handle) ?? (handle === '!!' ? CORE : handle);
  return prefix + unescapeTag(written.slice(handle.length));
}

/** A tag as a person writes it. */
export function shortTag(tag: string): string {
  return clip(tag.startsWith(CORE) ? `!!${tag.slice(CORE.length)}` : tag);
}

function unescapeTag(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
