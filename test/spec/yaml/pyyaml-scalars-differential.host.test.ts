/** The YAML reader against the real PyYAML, on text made up from a fixed seed: the same text in every run. */
import { spawnSync } from 'node:child_process';
import { expect, it, type TestContext } from 'vitest';
import { formatProblem } from '../../../src/spec/problem.js';
import { type PyValue, pyRepr, pyStr, pyTypeName, truthy } from '../../../src/spec/python.js';
import { Source } from '../../../src/spec/source.js';
import { PyYamlError, resolvePlain, resolveTagged } from '../../../src/spec/yaml/pyyaml-scalars.js';
import { readYaml, toPyValue } from '../../../src/spec/yaml/read-yaml.js';

/** A number from 0 to `below` - 1. */
type Random = (below: number) => number;

/** Mulberry32. */
function randomFrom(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

interface Case {
  /** Null: a plain scalar. A tag's short name: a scalar with that tag. 'document': a whole text. */
  readonly tag: string | null;
  readonly text: string;
}

/** Type, str(), repr() and truth of the value, or null where it was refused. */
type Outcome = readonly [type: string, str: string, repr: string, truth: boolean] | null;

const outcomeOf = (value: PyValue): Outcome => [pyTypeName(value), pyStr(value), pyRepr(value), truthy(value)];

function ours({ tag, text }: Case): Outcome {
  if (tag === 'document') {
    const { root, problems } = readYaml(new Source('f', text));
    if (problems.some(({ severity }) => severity === 'error')) return null;
    return outcomeOf(root === null ? null : toPyValue(root));
  }
  try {
    return outcomeOf(tag === null ? resolvePlain(text) : resolveTagged(`!!${tag}`, text)!);
  } catch (error) {
    if (error instanceof PyYamlError) return null;
    throw error;
  }
}

const REFERENCE = `
import json, sys, yaml
loader = yaml.FullLoader('')
mark = yaml.Mark('', 0, 0, 0, '', 0)
def read(tag, text):
    if tag == 'document':
        return yaml.load(text, Loader=yaml.FullLoader)
    full = 'tag:yaml.org,2002:' + tag if tag else loader.resolve(yaml.ScalarNode, text, (True, False))
    return loader.construct_object(yaml.ScalarNode(full, text, mark), deep=True)
for line in sys.stdin:
    try:
        value = read(*json.loads(line))
        print(json.dumps([type(value).__name__, str(value), repr(value), bool(value)]))
    except Exception:
        print('null')
`;

/** A Python with PyYAML 6, or undefined after skipping the test with the reason. */
function pythonFor(context: TestContext): string | undefined {
  const tried = [process.env.MAESTRO_PYTHON, 'python3'].filter((each) => each !== undefined && each !== '') as string[];
  for (const python of tried) {
    const found = spawnSync(python, ['-c', 'import yaml; print(yaml.__version__)'], { encoding: 'utf8' });
    if (found.status === 0 && found.stdout.startsWith('6.')) return python;
  }
  const reason = `not compared with PyYAML: none of ${tried.join(', ')} has PyYAML 6 (set MAESTRO_PYTHON to one that has)`;
  console.warn(reason);
  context.skip(reason);
  return undefined;
}

function compare(context: TestContext, cases: readonly Case[]): void {
  const python = pythonFor(context);
  if (python === undefined) return;
  const input = cases.map(({ tag, text }) => JSON.stringify([tag, text])).join('\n');
  const { stdout, stderr, status } = spawnSync(python, ['-c', REFERENCE], {
    input,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, PYTHONIOENCODING: 'utf-8' },
  });
  expect(status, stderr).toBe(0);
  const theirs = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Outcome);
  expect(theirs).toHaveLength(cases.length);
  const differences = cases.flatMap((each, index) => {
    const [mine, real] = [ours(each), theirs[index]!];
    if (JSON.stringify(mine) === JSON.stringify(real)) return [];
    const { problems } = readYaml(new Source('f', each.tag === 'document' ? each.text : ''));
    return [{ ...each, ours: mine, pyyaml: real, problems: problems.map(formatProblem) }];
  });
  expect(differences.slice(0, 5)).toEqual([]);
  const read = theirs.filter((each) => each !== null).length;
  expect(read).toBeGreaterThan(cases.length / 4);
}

const SCALAR_PIECES = [
  ...['0', '1', '2', '5', '7', '9', '_', ':', '.', '-', '+', 'e', 'E', '0x', '0b', '0o', 'a', 'F', 'T', 'Z', ' '],
  ...[
    'inf',
    'nan',
    '60',
    '59',
    'yes',
    'No',
    '~',
    'null',
    '2024-02-29',
    '2001-12-14',
    't21:59:43.10',
    '-05:00',
    '=',
    '<<',
  ],
];
const TAGS = [null, null, null, 'int', 'float', 'bool', 'null', 'timestamp', 'binary', 'str'];

it('scalars have the type and the value that PyYAML gives them', (context) => {
  const random = randomFrom(20240101);
  const pick = <T>(from: readonly T[]): T => from[random(from.length)]!;
  const cases: Case[] = [];
  for (let count = 0; count < 4000; count++) {
    const text = Array.from({ length: 1 + random(6) }, () => pick(SCALAR_PIECES)).join('');
    cases.push({ tag: pick(TAGS), text });
  }
  const double = new DataView(new ArrayBuffer(8));
  for (let count = 0; count < 1000; count++) {
    double.setUint32(0, random(2 ** 32));
    double.setUint32(4, random(2 ** 32));
    cases.push({ tag: 'float', text: String(double.getFloat64(0)) });
    cases.push({ tag: null, text: (random(1e9) / 10 ** random(12)).toFixed(random(12)) });
    // Which characters print depends on the version of Unicode: these ranges have long been settled.
    const codes = Array.from({ length: 4 }, () => {
      const [from, to] = pick([
        [0, 0x80],
        [0x80, 0x378],
        [0x2000, 0x2070],
        [0xe000, 0xe100],
        [0x1f600, 0x1f640],
      ] as const);
      return from + random(to - from);
    });
    cases.push({ tag: 'str', text: String.fromCodePoint(...codes) });
  }
  compare(context, cases);
});

it('documents are read as PyYAML reads them', (context) => {
  const cases: Case[] = [];
  for (let seed = 0; seed < 1500; seed++)
    cases.push({ tag: 'document', text: new Writer(randomFrom(seed)).document() });
  compare(context, cases);
});

it('lines end where PyYAML ends them: U+0085, U+2028 and U+2029 are line breaks of YAML 1.1', (context) => {
  const values = [
    ...['plain text', '"double text"', "'single text'", '[a, "b c", d]', '{k: "v w", l: m}', '|\n    one\n    two'],
    ...[
      '>\n    one\n    two\n\n    three',
      '"a\n    b"',
      'a\n    b',
      '1 # a comment',
      '"a \\\n    b"',
      "['x y',\n    z]",
    ],
  ];
  const cases: Case[] = [];
  for (const character of ['\u0085', '\u2028', '\u2029']) {
    for (const value of values) {
      const text = `a: 1\nb:\n  c: ${value}\nd: 2\n`;
      for (let at = 'a: 1\nb:\n  c: '.length; at < text.length; at++) {
        // A key within braces that ends in one is refused by PyYAML only.
        if (value.startsWith('{') && text[at] === ':') continue;
        cases.push({ tag: 'document', text: text.slice(0, at) + character + text.slice(at) });
        if (text[at] !== '\n') continue;
        cases.push({ tag: 'document', text: text.slice(0, at) + character + text.slice(at + 1) });
      }
    }
  }
  compare(context, cases);
});

const PLAIN = [
  ...['a', 'b c', '1', '1.5', 'yes', '~', 'x:y', "it's", 'a#b', '$(X) y', '-x', '?x', ':x', '--flag=1', 'http://a.b/c'],
  ...['a, b', '2024-01-01', '0x1F', 'a  b', '1:30', '+5', '$(A)/$(B)', 'a"b', 'é ü', '😀', '2024-99-01', '='],
];
const QUOTED = [
  '"a"',
  "'b'",
  '"a\\nb"',
  "'it''s'",
  '"\\x41\\u00e9"',
  '""',
  "''",
  '"a # b"',
  "'a: b'",
  '"1"',
  '"\\/\\t"',
];
const KEYS = ['a', 'b', 'c', 'key', '"q k"', "'k'", '1', 'true', 'x y', '$(X)', 'a.b', '~', '1.0', 'on'];

/** Writes YAML in most of the ways in which people do, and in some more. */
class Writer {
  readonly #random: Random;
  #anchors = 0;
  /** What can be referred to: not a block that is still being written, which this reader refuses on purpose. */
  readonly #aliases: string[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  document(): string {
    const start = this.#pick(['', '', '', '---\n', '%YAML 1.1\n---\n', '# c\n', '--- # c\n', '\ufeff']);
    const end = this.#pick(['\n', '\n', '', '\n\n', '\n...\n', '\n# c', ' ', '\n---\na: 1\n']);
    const text = start + this.#block(this.#pick([0, 0, 0, 2]), 3) + end;
    return this.#one(10) ? text.replaceAll('\n', '\r\n') : text;
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random(from.length)]!;
  }

  /** True once in `times`. */
  #one(times: number): boolean {
    return this.#random(times) === 0;
  }

  #block(indent: number, depth: number): string {
    const spaces = ' '.repeat(indent);
    const isList = this.#one(3);
    const rows: string[] = [];
    for (let left = 1 + this.#random(3); left > 0; left--) {
      if (this.#one(12)) rows.push(this.#pick(['# c', `${spaces}# c`, '', '  ']));
      if (isList && depth > 0 && this.#one(4))
        rows.push(`${spaces}- ${this.#block(indent + 2, depth - 1).trimStart()}`);
      else if (isList) rows.push(`${spaces}-${this.#value(indent, depth)}`);
      else if (this.#one(25))
        rows.push(`${spaces}? ${this.#pick(['a', '[1]', 'x y'])}\n${spaces}:${this.#value(indent, depth)}`);
      else if (this.#one(20)) rows.push(`${spaces}<<: ${this.#merged()}`);
      else rows.push(`${spaces}${this.#pick(KEYS)}${this.#pick([':', ':', ':', ' :'])}${this.#value(indent, depth)}`);
    }
    return rows.join('\n');
  }

  #merged(): string {
    const inline = ['{a: 1}', '{z: 1, a: 2}', '[{a: 1, q: 1}, {a: 2, b: 3}]', '[]', '1'];
    return this.#pick([...inline, ...this.#aliases]);
  }

  #value(indent: number, depth: number): string {
    const spaces = ' '.repeat(indent);
    const kind = this.#random(22);
    if (kind < 7) return ` ${this.#pick(PLAIN)}`;
    if (kind < 9) return ` ${this.#pick(QUOTED)}`;
    if (kind < 11) return ` ${this.#flow(2)}`;
    if (kind < 13) return ` ${this.#blockText(indent)}`;
    if (kind === 13) {
      const more = [' # c', `\n${spaces}  more text`, `\n\n${spaces} more`, `\n${spaces}more`, `  # c\n${spaces}  x`];
      return ` ${this.#pick(PLAIN)}${this.#pick(more)}`;
    }
    if (kind === 14) return this.#pick(['', ' ', ' # c']);
    if (kind === 15) {
      const anchor = `n${this.#anchors++}`;
      this.#aliases.push(`*${anchor}`);
      return ` &${anchor} ${this.#pick([...PLAIN, ...QUOTED, '{a: 1, k: v}', '[1, 2]', ''])}`;
    }
    if (kind === 16 && this.#aliases.length > 0 && this.#one(2)) return ` ${this.#pick(this.#aliases)}`;
    if (kind === 17 && this.#one(2)) {
      const tag = this.#pick(['!!str', '!!int', '!!float', '!', '!foo', '!!set', '!!map', '!!seq', '!!bool']);
      return ` ${tag} ${this.#pick([...PLAIN, ...QUOTED, '{a}', '[1]', ''])}`;
    }
    if (kind === 18) {
      const folded = [
        `"a\n${spaces}  b"`,
        `'a\n\n${spaces}b'`,
        `"a \\\n${spaces}  b"`,
        '"a\nb"',
        "'x  \n  y'",
        '"a\\\n\n b"',
      ];
      return ` ${this.#pick(folded)}`;
    }
    if (depth <= 0) return ' z';
    const newline = this.#pick(['\n', '\n', '\n', '\n\n', ' # c\n', ' !!map\n', ' &\n']);
    const anchor = `n${this.#anchors++}`;
    const block = this.#block(indent + this.#pick([2, 2, 2, 4, 1, 0]), depth - 1);
    if (newline !== ' &\n') return newline + block;
    this.#aliases.push(`*${anchor}`);
    return ` &${anchor}\n${block}`;
  }

  #blockText(indent: number): string {
    const spaces = ' '.repeat(indent);
    const header = this.#pick(['|', '|', '>', '>', '|-', '|+', '>-', '>+', '|2', '>2', '|1-', '| # c', '>  ']);
    const first = [`${spaces}  text`, '', `${spaces}  `, `${spaces}  # c`, `${spaces}  - x`, `${spaces}  "q`];
    const later = [
      ...first,
      `${spaces}  text two`,
      `${spaces}    more`,
      `${spaces}     `,
      `${spaces}  \tx`,
      `${spaces}   one`,
    ];
    const rows = Array.from({ length: this.#random(5) }, (_, row) => this.#pick(row === 0 ? first : later));
    return [header, ...rows].join('\n');
  }

  #flow(depth: number): string {
    if (depth <= 0 || this.#one(2)) {
      const plain = ['a', 'b c', '1', '-1', 'x:y', '1.5', 'yes', '', 'http://x', "don't", '"a\n  b"', '"c\nd"'];
      return this.#pick([...plain, ...QUOTED]);
    }
    const isList = this.#one(2);
    const space = this.#pick(['', '', ' ', '\n', '\n    ', '\n        ']);
    const items = Array.from({ length: this.#random(4) }, () => {
      const key = this.#pick(['a', 'b', '"c"', '1', '"q"']) + this.#pick([': ', ': ', ':', '', ' : ']);
      return (isList ? '' : key) + this.#flow(depth - 1);
    });
    const text =
      items.join(this.#pick([', ', ',', ' , ', ',\n', ',\n  ', ', # c\n  ', ',#c\n'])) + this.#pick(['', '', ',']);
    return isList ? `[${space}${text}${space}]` : `{${space}${text}${space}}`;
  }
}
