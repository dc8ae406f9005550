import { type Problem, problemOf } from '../spec/problem.js';
import type { Position, Source } from '../spec/source.js';
import { type Entry, entry, type MappingNode, type Node, readYaml } from '../spec/yaml/read-yaml.js';
import { suggestions } from '../util/closest.js';
import { alternatives } from '../util/format.js';
import { betters, DEFAULT_TOLERANCE_PERCENT, type Metric, onRegressions, takes } from './metric.js';
import { readReferences } from './references.js';
import { oneSided, readPercent, readTolerance } from './tolerance.js';

export interface ReadMetrics {
  /** Empty if a problem is an error. */
  readonly metrics: readonly Metric[];
  readonly problems: readonly Problem[];
}

const keys = [
  ...(['steps', 'file', 'pattern', 'take', 'unit', 'better', 'reference', 'tolerance'] as const),
  ...(['baseline-tolerance', 'on-regression', 'optional'] as const),
];
type Key = (typeof keys)[number];

/** Names become columns of tables, parts of file names, and attributes in XML. */
const validName = /^[\p{L}\p{N}_][\p{L}\p{N}_.-]{0,63}$/u;

/**
 * Reads the input `metrics`, which is YAML as a specification is, and finds all its problems at once, each at its place.
 * Whether its steps and parameters exist, `assignMetrics` checks.
 */
export function readMetrics(source: Source): ReadMetrics {
  const { root, problems: found } = readYaml(source);
  const problems = [...found];
  if (root !== null && root.kind !== 'mapping') {
    problems.push(problemOf('error', root.at, `${source.file} must be a mapping of metrics by their names`));
  }
  const entries = root?.kind === 'mapping' ? root.entries : [];
  const metrics = entries.flatMap((item) => new MetricReader(item, problems).read() ?? []);
  return { metrics: problems.some(({ severity }) => severity === 'error') ? [] : metrics, problems };
}

/** Reads one metric, and adds what is wrong with it to `problems`. */
class MetricReader {
  readonly #item: Entry;
  readonly #problems: Problem[];
  readonly #whose: string;

  constructor(item: Entry, problems: Problem[]) {
    this.#item = item;
    this.#problems = problems;
    this.#whose = `of metric '${item.name}'`;
  }

  /** @returns undefined if it is no mapping */
  read(): Metric | undefined {
    const { name, keyAt, value } = this.#item;
    if (!validName.test(name)) {
      const rule = 'must be of letters, digits, `.`, `_` and `-`, at most 64 of them';
      this.#error(keyAt, `the name of metric '${name.slice(0, 80)}' ${rule}`);
    }
    if (value.kind !== 'mapping') {
      this.#error(value.at, `metric '${name}' must be a mapping with a pattern`);
      return undefined;
    }
    this.#checkKeys(value);
    const better = this.#word(value, 'better', betters, 'none');
    const take = this.#word(value, 'take', takes, 'last');
    const [reference, tolerance] = [entry(value, 'reference'), entry(value, 'tolerance')];
    if (reference === undefined && tolerance !== undefined) {
      this.#error(tolerance.keyAt, `'tolerance' ${this.#whose} needs a 'reference'`);
    }
    return {
      ...{ name, at: keyAt, take, better },
      steps: this.#steps(value),
      stepsAt: entry(value, 'steps')?.value.at ?? keyAt,
      file: this.#file(value),
      pattern: this.#pattern(value, take === 'count'),
      unit: this.#text(value, 'unit') ?? '',
      references: reference === undefined ? [] : readReferences(reference.value, this.#whose, this.#problems),
      tolerance:
        tolerance === undefined
          ? oneSided({ amount: DEFAULT_TOLERANCE_PERCENT, isPercent: true }, better)
          : readTolerance(tolerance.value, { better, whose: this.#whose, problems: this.#problems }),
      baselineTolerance: this.#percent(value, 'baseline-tolerance'),
      onRegression: this.#word(value, 'on-regression', onRegressions, 'fail'),
      isOptional: this.#flag(value, 'optional'),
    };
  }

  #checkKeys(node: MappingNode): void {
    for (const { name, keyAt } of node.entries) {
      if ((keys as readonly string[]).includes(name)) continue;
      const [guess] = suggestions(name, keys);
      const hint = guess === undefined ? `there are ${keys.join(', ')}` : `did you mean '${guess}'?`;
      this.#error(keyAt, `unknown key '${name}' ${this.#whose}`, hint);
    }
  }

  #steps(node: MappingNode): readonly string[] {
    const value = entry(node, 'steps')?.value;
    if (value === undefined) return ['*'];
    const items = value.kind === 'sequence' ? value.items : [value];
    const globs = items.flatMap((item) => (item.kind === 'scalar' && item.text.trim() !== '' ? [item.text] : []));
    if (globs.length > 0 && globs.length === items.length) return globs;
    this.#error(value.at, `'steps' ${this.#whose} must be a glob for names of steps or instances, or a list of such`);
    return [];
  }

  #file(node: MappingNode): string | null {
    const text = this.#text(node, 'file');
    if (text === undefined) return null;
    if (text.startsWith('/') || text.includes('\0') || text.split('/').includes('..')) {
      const { at } = entry(node, 'file')!.value;
      this.#error(at, `'file' ${this.#whose} must be a glob for files below the step's workspace`);
    }
    return text;
  }

  #pattern(node: MappingNode, isCount: boolean): string {
    const value = entry(node, 'pattern')?.value;
    if (value === undefined) {
      this.#error(this.#item.keyAt, `'pattern' is missing from metric '${this.#item.name}'`);
      return '';
    }
    const text = this.#text(node, 'pattern') ?? '';
    try {
      new RegExp(text);
    } catch (error) {
      const why = error instanceof Error ? error.message.replace(/^Invalid regular expression: /, '') : String(error);
      this.#error(value.at, `'pattern' ${this.#whose} is not a valid regular expression: ${why}`);
      return text;
    }
    // The empty alternative always matches, and has the groups of the others.
    const groups = new RegExp(`${text}|`).exec('')!.length - 1;
    if (groups === 0 && !isCount && text !== '') {
      this.#error(value.at, `'pattern' ${this.#whose} has no group for the value`, 'such as time = (\\S+)');
    }
    return text;
  }

  /** @returns undefined if the key is absent or its value is no text */
  #text(node: MappingNode, key: Key): string | undefined {
    const value = entry(node, key)?.value;
    if (value === undefined) return undefined;
    if (value.kind === 'scalar' && value.text !== '') return value.text;
    this.#error(value.at, `'${key}' ${this.#whose} must be a text that is not empty`);
    return undefined;
  }

  #word<const T extends string>(node: MappingNode, key: Key, words: readonly T[], otherwise: T): T {
    const value = entry(node, key)?.value;
    const word = words.find((each) => value?.kind === 'scalar' && value.text === each);
    if (value !== undefined && word === undefined) {
      this.#error(value.at, `'${key}' ${this.#whose} must be ${alternatives(words)}${shown(value)}`);
    }
    return word ?? otherwise;
  }

  #flag(node: MappingNode, key: Key): boolean {
    const value = entry(node, key)?.value;
    if (value?.kind === 'scalar' && typeof value.value === 'boolean') return value.value;
    if (value !== undefined) this.#error(value.at, `'${key}' ${this.#whose} must be true or false${shown(value)}`);
    return false;
  }

  #percent(node: MappingNode, key: Key): number {
    const value = entry(node, key)?.value;
    const percent = value && readPercent(value);
    if (percent !== undefined && percent >= 0) return percent;
    if (value !== undefined)
      this.#error(value.at, `'${key}' ${this.#whose} must be a share such as 5 %${shown(value)}`);
    return DEFAULT_TOLERANCE_PERCENT;
  }

  #error(at: Position, message: string, hint?: string): void {
    this.#problems.push(problemOf('error', at, message, hint));
  }
}

function shown(node: Node): string {
  if (node.kind !== 'scalar') return `, not a ${node.kind === 'sequence' ? 'list' : 'mapping'}`;
  return `, not '${node.text.slice(0, 40)}'`;
}
