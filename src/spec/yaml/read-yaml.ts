/**
 * YAML text → located nodes, read as Maestro reads it: PyYAML 6, FullLoader.
 *
 * js-yaml reads the structure (YAML 1.2), pyyaml-scalars.ts gives the scalars their values. What remains different from PyYAML:
 *
 * Accepted here, refused by PyYAML: tabs between tokens and within unquoted text; `?` within unquoted text in [] or {}; a key in {} that
 * ends in U+0085, U+2028 or U+2029;
 * keys of more than 1024 characters; an escaped half of a surrogate pair (`"\ud800"`, which Python cannot write).
 * Refused here, accepted by PyYAML: aliases to a node that contains them; an alias or anchor with a `:` or `?` straight
 * after it; `!!omap`, `!!pairs` and `!!python/…`; more than 500 levels; very much text, or much through aliases; many
 * hundreds of lines within brackets or quotes that are indented less than their keys; a block of blank lines, the first of them
 * longer than the indentation of a comment that follows.
 * Read differently: `{?a: b}` has the key `?a` here and `a` in PyYAML; a document that is a block with an indentation indicator (`--- |2`) is indented by one less here.
 */
import { Fatal, type Problem } from '../problem.js';
import type { Source } from '../source.js';
import { Composer } from './composer.js';
import type { Node } from './nodes.js';
import { parse } from './syntax.js';

export {
  type Entry,
  entriesOf,
  entry,
  itemsOf,
  type MappingNode,
  mappingOf,
  type Node,
  type ScalarNode,
  type SequenceNode,
  scalarsIn,
  textOf,
  toPyValue,
} from './nodes.js';

/**
 * Reads the one document of a text. Never throws, whatever the text.
 *
 * @returns the root, or null if the text is empty or so wrong that there is nothing to look at; and all problems in the
 *   order of the text: errors where PyYAML would refuse it, warnings for keys given twice
 */
export function readYaml(source: Source): { readonly root: Node | null; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  try {
    const root = new Composer(parse(source), problems).compose();
    return { root, problems: problems.sort(inOrder) };
  } catch (error) {
    if (!(error instanceof Fatal)) throw error;
    return { root: null, problems: [...problems, error.problem].sort(inOrder) };
  }
}

function inOrder({ at: a }: Problem, { at: b }: Problem): number {
  return a.line - b.line || a.column - b.column;
}
