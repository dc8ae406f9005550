import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatProblem } from '../../../src/spec/problem.js';
import { type PyValue, pyRepr } from '../../../src/spec/python.js';
import { type Position, Source } from '../../../src/spec/source.js';
import {
  entry,
  type MappingNode,
  type Node,
  readYaml,
  type ScalarNode,
  toPyValue,
} from '../../../src/spec/yaml/read-yaml.js';

const read = (text: string) => readYaml(new Source('study.yaml', text));
const lines = (...each: string[]) => each.map((line) => `${line}\n`).join('');
const place = ({ line, column }: Position) => `${line}:${column}`;
const problems = (text: string) => read(text).problems.map(formatProblem);

/** The text's value as Python prints it, which must be read without a problem. */
function value(text: string): string {
  const { root, problems } = read(text);
  expect(problems.map(formatProblem)).toEqual([]);
  return root === null ? 'nothing' : pyRepr(toPyValue(root));
}

/** The node that keys and indexes lead to. */
function nodeAt(text: string, ...path: (string | number)[]): Node {
  return path.reduce<Node>((node, step) => {
    if (node.kind === 'mapping') return entry(node, String(step))!.value;
    return node.kind === 'sequence' ? node.items[Number(step)]! : node;
  }, read(text).root!);
}

const scalarAt = (text: string, ...path: (string | number)[]) => nodeAt(text, ...path) as ScalarNode;

describe('a document', () => {
  it.each(
    [
      ['', 'nothing'],
      ['\n\n', 'nothing'],
      ['# only a comment', 'nothing'],
      ['---', 'None'],
      ['~', 'None'],
      ['a', "'a'"],
      ['a: 1', "{'a': 1}"],
      ['\ufeffa: 1', "{'a': 1}"],
      ['  a: 1\n  b: 2\n', "{'a': 1, 'b': 2}"],
      ['a: 1\r\nb: |\r\n  x\r\n  y\r\n', "{'a': 1, 'b': 'x\\ny\\n'}"],
      ['---\na: 1\n...\n', "{'a': 1}"],
      ['--- # start\na: 1\n# end', "{'a': 1}"],
      ['%YAML 1.1\n---\na: 010\n', "{'a': 8}"],
      ['%TAG !y! tag:yaml.org,2002:\n---\na: !y!str 1\n', "{'a': '1'}"],
      ['- a\n- - b\n  - c\n-\n- d: e\n  f:\n', "['a', ['b', 'c'], None, {'d': 'e', 'f': None}]"],
      ['a:\n- 1\n- 2\nb: 3\n', "{'a': [1, 2], 'b': 3}"],
      ['? a\n: b\n? c\n', "{'a': 'b', 'c': None}"],
      ['? |\n  a\n: b\n', "{'a\\n': 'b'}"],
      ['{a: 1, "b": [x, y: z], c}', "{'a': 1, 'b': ['x', {'y': 'z'}], 'c': None}"],
      ['{a:1, b: }', "{'a:1': None, 'b': None}"],
      ['[]', '[]'],
      ['{}', '{}'],
    ].slice(0, -1),
  )('%j is %s', (text, expected) => expect(value(text)).toBe(expected));

  it('keeps keys of other types than str', () => {
    expect(value('true: a\n2: b\n~: c\n1.5: d\n2024-01-01: e\n')).toBe(
      "{True: 'a', 2: 'b', None: 'c', 1.5: 'd', datetime.date(2024, 1, 1): 'e'}",
    );
    const root = read('true: a\n2: b\n').root as MappingNode;
    expect(root.entries.map(({ key, name }) => [key, name])).toEqual([
      [true, 'True'],
      [2n, '2'],
    ]);
  });
});

describe('text in quotes', () => {
  it.each([
    [`'it''s'`, "it's"],
    [`'a\\nb'`, 'a\\nb'],
    [`"a\\nb\\t\\x41\\u00e9\\U0001F600\\"\\\\\\/"`, 'a\nb\tAé😀"\\/'],
    [`"\\0\\a\\b\\v\\f\\r\\e\\N\\_\\L\\P\\ "`, '\0\x07\b\v\f\r\x1b\x85\xa0\u2028\u2029 '],
    [`"a\n  b"`, 'a b'],
    [`"a  \n\n\n  b"`, 'a\n\nb'],
    [`'a\n\n b'`, 'a\nb'],
    [`"a \\\n  b"`, 'a b'],
    [`"a\\\n\n  b"`, 'a\nb'],
    [`"a\\\n  \\  b"`, 'a  b'],
    [`" a "`, ' a '],
    [`"12"`, '12'],
    [`'<<'`, '<<'],
  ])('has its escapes and line breaks resolved in %j', (text, expected) => {
    expect(read(text).root).toMatchObject({ value: expected, text: expected });
    expect(problems(text)).toEqual([]);
  });
});

describe('unquoted text', () => {
  it.each([
    ['a b', 'a b'],
    ['a\n  b', 'a b'],
    ['a\n\n  b\n  c', 'a\nb c'],
    ['a # comment', 'a'],
    ['a#b', 'a#b'],
    ['http://x/y?z=1', 'http://x/y?z=1'],
    ['$(A):$(B)', '$(A):$(B)'],
    ["don't", "don't"],
    ['-x', '-x'],
    ['--flag=[1, 2]', '--flag=[1, 2]'],
  ])('ends before a comment, and is joined over lines: a: %s', (text, expected) =>
    expect(scalarAt(`a: ${text}\n`, 'a').value).toBe(expected),
  );
});

describe('a block of text', () => {
  it.each([
    ['|\n  a\n  b\n', 'a\nb\n'],
    ['|\n  a\n    b\n\n  c\n', 'a\n  b\n\nc\n'],
    ['|\n\n  a\n', '\na\n'],
    ['|\n  a\n\n\n', 'a\n'],
    ['|-\n  a\n\n\n', 'a'],
    ['|+\n  a\n\n\n', 'a\n\n\n'],
    ['|2\n    a\n', '  a\n'],
    ['|1-\n  a\n', ' a'],
    ['|-1\n  a\n', ' a'],
    ['| # comment\n  a\n', 'a\n'],
    ['|\n  # text\n', '# text\n'],
    ['|\n  a: b\n  - c\n', 'a: b\n- c\n'],
    ['|\n  a\n     \n  b\n', 'a\n   \nb\n'],
    ['|\n', ''],
    ['|+\n\n\n', '\n\n'],
    ['>\n  a\n  b\n\n  c\n', 'a b\nc\n'],
    ['>\n  a\n    b\n    c\n  d\n', 'a\n  b\n  c\nd\n'],
    ['>\n  a\n\n    b\n\n  c\n', 'a\n\n  b\n\nc\n'],
    ['>-\n  a\n  b\n', 'a b'],
    ['>+\n\n  a\n\n\n', '\na\n\n\n'],
    ['>\n  a\n  \tb\n', 'a\n\tb\n'],
  ])('a: %j', (text, expected) => {
    expect(scalarAt(`a: ${text}`, 'a').value).toBe(expected);
    expect(scalarAt(`a: ${text}`.replaceAll('\n', '\r\n'), 'a').value).toBe(expected);
  });

  it('ends without a line break where the file does', () => {
    expect(scalarAt('a: |\n  x', 'a').value).toBe('x');
    expect(scalarAt('a: |+\n  x', 'a').value).toBe('x');
    expect(scalarAt('a: >\n  x\n  y', 'a').value).toBe('x y');
    expect(scalarAt('a: |\n  x\n  ', 'a').value).toBe('x\n');
    expect(scalarAt('a: |+\n  x\n  ', 'a').value).toBe('x\n');
  });
});

describe('brackets and quotes over several lines', () => {
  // js-yaml wants such lines indented deeper than their key, PyYAML does not.
  it('may be indented in any way', () => {
    const text = lines(
      'a:',
      '    values: [',
      '    1, "two',
      'three",   # a ] comment',
      `   don't, {k: '`,
      "x'}",
      '    ]',
      '    cmd: |',
      '      [',
      '      1',
      '    text: "a',
      '    b"',
    );
    expect(value(text)).toBe(
      `{'a': {'values': [1, 'two three', "don't", {'k': ' x'}], 'cmd': '[\\n1\\n', 'text': 'a b'}}`,
    );
    expect(place(nodeAt(text, 'a', 'values', 0).at)).toBe('3:5');
    expect(place(nodeAt(text, 'a', 'values', 2).at)).toBe('5:4');
    expect(place(scalarAt(text, 'a', 'values', 1).positionOf(5))).toBe('4:2');
    expect(place(nodeAt(text, 'a', 'text').at)).toBe('11:11');
  });

  it('may be many', () => {
    const keys = Array.from({ length: 100 }, (_, i) => i);
    const text = keys.map((i) => `p${i}:\n  values: [\n  ${i},\n  x\n  ]\n`).join('');
    expect(value(text)).toBe(`{${keys.map((i) => `'p${i}': {'values': [${i}, 'x']}`).join(', ')}}`);
    expect(place(nodeAt(text, 'p99', 'values', 1).at)).toBe('499:3');
  });

  it('may be followed by a comment at once', () => {
    expect(value('a: "x"#c\nb: [1,#c\n2]#c\n')).toBe("{'a': 'x', 'b': [1, 2]}");
  });
});

describe('anchors and aliases', () => {
  it('give the same node again', () => {
    const root = read('a: &x [1]\nb: *x\nc: &y\nd: *y\n').root!;
    expect(pyRepr(toPyValue(root))).toBe("{'a': [1], 'b': [1], 'c': None, 'd': None}");
    expect(entry(root as MappingNode, 'b')!.value).toBe(entry(root as MappingNode, 'a')!.value);
  });

  it('may name a key', () => expect(value('a: &x k\n*x : v\n')).toBe("{'a': 'k', 'k': 'v'}"));

  it.each([
    ['a: *x', 'study.yaml:1:4'],
    ['a: &x 1\nb: &x 2', 'study.yaml:2:4'],
    ['a: &x [*x]', 'study.yaml:1:8'],
    ['a: &x\n  b: 1\n  <<: *x', 'study.yaml:3:7'],
    ['a: &x? 1', 'study.yaml:1:4'],
  ])('are an error in %j', (text, where) => {
    expect(problems(text)).toEqual([expect.stringContaining(`${where}: `)]);
  });

  it('say how to write a glob', () => {
    expect(problems('files: *.txt')).toEqual([
      "study.yaml:1:8: the alias '*.txt' stands for no anchor above it (define &.txt above, or put text that starts with '*' in quotes)",
    ]);
  });
});

describe('<<', () => {
  const base = lines('- &a {x: 1, y: 2}', '- &b {y: 3, z: 4}');
  const merged = (text: string) =>
    value(`${base}- ${text}\n`).slice("[{'x': 1, 'y': 2}, {'y': 3, 'z': 4}, ".length, -1);

  it.each([
    ['{<<: *a}', "{'x': 1, 'y': 2}"],
    ['{k: 0, <<: *a}', "{'x': 1, 'y': 2, 'k': 0}"],
    ['{y: 0, <<: *a}', "{'x': 1, 'y': 0}"],
    ['{<<: *a, y: 0}', "{'x': 1, 'y': 0}"],
    ['{<<: [*a, *b]}', "{'y': 2, 'z': 4, 'x': 1}"],
    ['{<<: *a, <<: *b}', "{'x': 1, 'y': 3, 'z': 4}"],
    ['{<<: {q: 1}, k: 2}', "{'q': 1, 'k': 2}"],
    ['{<<: []}', '{}'],
    ['{"<<": 1}', "{'<<': 1}"],
    ['{!!str <<: 1}', "{'<<': 1}"],
  ])('is merged, or a key like others, in %s', (text, expected) => expect(merged(text)).toBe(expected));

  it('merges what was merged', () => {
    expect(value('a: &a {x: 1}\nb: &b {<<: *a, y: 2}\nc: {<<: *b, x: 3}\n')).toBe(
      "{'a': {'x': 1}, 'b': {'x': 1, 'y': 2}, 'c': {'x': 3, 'y': 2}}",
    );
  });

  it('points to where a merged key was written', () => {
    const root = nodeAt('a: &a {x: 1}\nb:\n  <<: *a\n  y: 2\n', 'b') as MappingNode;
    expect(root.entries.map(({ name, keyAt }) => `${name} ${place(keyAt)}`)).toEqual(['x 1:8', 'y 4:3']);
  });

  it.each(['a: {<<: 1}', 'a: {<<: [1]}', 'a: {<<: }', 'a: <<', '- <<'])('is an error in %j', (text) => {
    expect(problems(text)).toHaveLength(1);
  });
});

describe('a key given twice', () => {
  it('is a warning, and has its first place and its last value', () => {
    const { root, problems } = read('a: 1\nb: 2\na: 3\n');
    expect(pyRepr(toPyValue(root!))).toBe("{'a': 3, 'b': 2}");
    expect(problems.map(formatProblem)).toEqual([
      "study.yaml:3:1: warning: the key 'a' is given twice, and the last one counts (the first is on line 1)",
    ]);
  });

  it('is one key when Python finds them equal', () => {
    const { root, problems } = read('1: a\ntrue: b\n1.0: c\n"1": d\n');
    expect(pyRepr(toPyValue(root!))).toBe("{1: 'c', '1': 'd'}");
    expect(problems).toHaveLength(2);
  });
});

describe('a tag', () => {
  it.each([
    ['!!str 1', "'1'"],
    ['!!str', "''"],
    ['!!int "0x10"', '16'],
    ['!!float 1', '1.0'],
    ['! 12', '12'],
    ['! "12"', '12'],
    ['!<tag:yaml.org,2002:str> 12', "'12'"],
    ['!!binary aGk=', "b'hi'"],
    ['!!set {a, b}', "{'a', 'b'}"],
    ['!!set {}', 'set()'],
    ['!!seq [1]', '[1]'],
    ['!!map {a: 1}', "{'a': 1}"],
  ])('%s is %s', (text, expected) => expect(value(`- ${text}`)).toBe(`[${expected}]`));

  it.each([
    ['- !foo x', 'study.yaml:1:3: the tag !foo is not supported'],
    ['- !!python/name:os.system', 'study.yaml:1:3: the tag !!python/name:os.system is not supported'],
    ['- !!python/object/apply:os.system [ls]', 'study.yaml:1:3: the tag !!python/object/apply:os.system is not'],
    ['- !!omap [a: 1]', 'study.yaml:1:3: the tag !!omap is not supported'],
    ['- !!int x', "study.yaml:1:9: 'x' is not an integer that Python can read"],
    ['- !!str [a]', 'study.yaml:1:9: the tag !!str asks for a scalar, and this is a sequence'],
    ['- !!binary [a]', 'study.yaml:1:12: the tag !!binary asks for a scalar, and this is a sequence'],
    ['- !!map x', 'study.yaml:1:9: the tag !!map asks for a mapping, and this is a scalar'],
    ['- !constructor x', 'study.yaml:1:3: the tag !constructor is not supported'],
    ['- !!constructor x', 'study.yaml:1:3: the tag !!constructor is not supported'],
  ])('%s is an error', (text, message) => expect(problems(text)).toEqual([expect.stringContaining(message)]));
});

describe('a mistake', () => {
  const cases: readonly (readonly [text: string, where: string, message: string])[] = [
    ['a:\n\tb: 1\n', '2:1', 'a tab is used for indentation (indent with spaces)'],
    ['a:\n  b: 1\n  \tc: 1\n', '3:3', 'a tab is used for indentation'],
    ['a: %x\n', '1:4', "a value cannot start with '%' (put the value in quotes)"],
    ['a: @x\n', '1:4', "a value cannot start with '@'"],
    ['a:\n- `x`\n', '2:3', "a value cannot start with '`'"],
    ['a: *\n', '1:4', "a value cannot start with '*'"],
    ['a: & b\n', '1:4', "a value cannot start with '&'"],
    ['a: b: c\n', '1:5', "a ':' followed by a blank in unquoted text (put the whole value in quotes)"],
    ['a: 1\nb:2\n', '2:1', "no space after the colon of 'b:' (put one there)"],
    ['a: 1\nb:2\nc: 3\n', '2:1', "no space after the colon of 'b:'"],
    ['a:1\nb: 2\n', '1:1', "no space after the colon of 'a:'"],
    ['- a: 1\n  b:2\n- c\n', '2:3', "no space after the colon of 'b:'"],
    ['a: 1\nb\n', '2:1', 'a colon is missing from this line (write `b:`)'],
    ['a: 1\nb 2\nc: 3\n', '2:1', 'a colon is missing from this line (write `b: 2`)'],
    ['a:\n  b 1\n  c: 2\n', '2:3', 'a colon is missing from this line (write `b: 1`)'],
    ['a:\n  b = 1\n  c: 2\n', '2:3', 'a colon is missing from this line (write `b: 1`)'],
    ['a\n  b: 1\n', '1:1', 'a colon is missing from this line (write `a:`)'],
    ['- a 1\n  b: 2\n', '1:3', 'a colon is missing from this line (write `a: 1`)'],
    ['- a: 1\n  b 2\n  c: 3\n', '2:3', 'a colon is missing from this line (write `b: 2`)'],
    ['a:\n  b |\n    echo c: d\n', '2:3', 'a colon is missing from this line (write `b: |`)'],
    ['a:\n  b：1\n  c: 2\n', '2:3', 'a colon is missing from this line (write `b: 1`)'],
    ['a:\n  -b: 1\n    c: 2\n', '2:3', "no space after the dash of '-b' (put one there)"],
    ['a: x\u2028b\nc: 1\n', '1:5', 'the character U+2028 ends a line in YAML, which no editor shows'],
    ['a: 1 # b\u0085c\nd: 2\n', '1:9', 'the character U+0085 ends a line in YAML, which no editor shows'],
    ['a: |\n  b\u2029c\n', '2:4', 'the character U+2029 ends a line in YAML, which no editor shows'],
    ['a: 1\n  b: 2\n', '2:4', 'a key where the text of the line above goes on (indent it like the keys beside it)'],
    ['a:\n  b: 1\n c: 2\n', '3:2', 'the indentation of this line fits no line above it'],
    ['- a: 1\n b: 2\n', '2:2', 'the indentation of this line fits no line above it'],
    ['a: - b\n', '1:4', "a '-' cannot follow a key on its line"],
    ["a: 'it's'\n", '1:8', 'text after a closing quote'],
    ['a: "x\nb: "y"\n', '1:4', 'this quote is closed on line 2, with more text behind it'],
    ['a: "x\nb: y\n', '1:4', 'this quote is never closed'],
    ['a: [1, 2\nb: c\n', '1:4', 'this bracket is never closed'],
    ['a: {b: [1, 2}\n', '1:13', "a ',' or a closing bracket is missing before this"],
    ['a: "\\d"\n', '1:6', 'a \\ in double quotes starts an escape, and this is none'],
    ['a: "\\UFFFFFFFF"\n', '1:4', 'the escape \\UFFFFFFFF is beyond the last character of Unicode'],
    ['a: {{ x }}\n', '1:5', 'a mapping cannot be a key (put text that starts with { or [ in quotes)'],
    ['[a]: 1\n', '1:1', 'a sequence cannot be a key'],
    ['? !!set {a}\n: 1\n', '1:9', 'a set cannot be a key'],
    ['a: 2024-13-01\n', '1:4', "'2024-13-01' is not a date: the month must be in 1..12"],
    ['a: =\n', '1:4', "'=' has a meaning of its own in YAML"],
    ['a: 1\n--- \nb: 2\n', '2:1', 'a second document starts here'],
    ['a: 1\nb: x\0y\n', '2:5', 'the character U+0000 is not allowed in YAML'],
    ['# \x1b\na: 1\n', '1:3', 'the character U+001B is not allowed in YAML'],
    ['a: \ud800\n', '1:4', 'the character U+D800 is not allowed in YAML'],
    ['%YAML 2.0\n---\na\n', '2:1', 'unacceptable YAML version'],
  ];
  it.each(cases)('%j is told at %s', (text, where, message) => {
    for (const each of [text, text.replaceAll('\n', '\r\n'), text.trimEnd()]) {
      const found = problems(each);
      expect(found).toHaveLength(1);
      expect(found[0]).toContain(`study.yaml:${where}: ${message}`);
    }
  });

  it('does not hide the others', () => {
    const text = lines('a: *x', 'b: !foo 1', 'c: {[d]: 1}', 'a: 2', 'e: 2024-99-01');
    expect(read(text).problems.map(({ severity, at }) => `${severity} ${at.line}`)).toEqual([
      'error 1',
      'error 2',
      'error 3',
      'warning 4',
      'error 5',
    ]);
    expect(read(text).root).not.toBeNull();
  });

  it('leaves the first document to look at when there are two', () => {
    expect(pyRepr(toPyValue(read('a: 1\n---\nb: 2\n').root!))).toBe("{'a': 1}");
  });
});

describe('positions', () => {
  const text = lines(
    'name: my study', // 1
    'list: [one, "two"]', // 2
    'empty:', // 3
    'run:', // 4
    '  cmd: |', // 5
    '    echo $(A)', // 6
    '', // 7
    '      echo b', // 8
    "  note: 'it''s'", // 9
    '  more: one', // 10
    '    two  three', // 11
    '  fold: >-  # text', // 12
    '    a b', // 13
    '    c', // 14
    '  esc: "a\\tb', // 15
    '    c\\x41d"', // 16
    '  items:', // 17
    '  -', // 18
    '  - &x !!str 1', // 19
  );

  it('are those of keys and values', () => {
    const root = read(text).root as MappingNode;
    expect(root.entries.map(({ name, keyAt, value }) => `${name} ${place(keyAt)} ${place(value.at)}`)).toEqual([
      'name 1:1 1:7',
      'list 2:1 2:7',
      'empty 3:1 3:7',
      'run 4:1 5:3',
    ]);
    const run = entry(root, 'run')!.value as MappingNode;
    expect(run.entries.map(({ name, keyAt, value }) => `${name} ${place(keyAt)} ${place(value.at)}`)).toEqual([
      'cmd 5:3 5:8',
      'note 9:3 9:9',
      'more 10:3 10:9',
      'fold 12:3 12:9',
      'esc 15:3 15:8',
      'items 17:3 18:3',
    ]);
    expect(place(nodeAt(text, 'list', 0).at)).toBe('2:8');
    expect(place(nodeAt(text, 'list', 1).at)).toBe('2:13');
    expect(place(nodeAt(text, 'run', 'items', 0).at)).toBe('18:4');
    expect(place(nodeAt(text, 'run', 'items', 1).at)).toBe('19:14');
  });

  it.each([
    [['name'], 'study', '1:10'],
    [['list', 1], 'wo', '2:15'],
    [['run', 'cmd'], '$(A)', '6:10'],
    [['run', 'cmd'], 'echo b', '8:7'],
    [['run', 'note'], 's', '9:14'],
    [['run', 'more'], 'two', '11:5'],
    [['run', 'more'], 'three', '11:10'],
    [['run', 'fold'], 'b', '13:7'],
    [['run', 'fold'], 'c', '14:5'],
    [['run', 'esc'], '\t', '15:10'],
    [['run', 'esc'], 'b', '15:12'],
    [['run', 'esc'], 'A', '16:6'],
    [['run', 'esc'], 'd', '16:10'],
  ] as const)('are those of the text within %j, at %j', (path, part, expected) => {
    const scalar = scalarAt(text, ...path);
    expect(place(scalar.positionOf(scalar.text.indexOf(part)))).toBe(expected);
    const crlf = scalarAt(text.replaceAll('\n', '\r\n'), ...path);
    expect(place(crlf.positionOf(crlf.text.indexOf(part)))).toBe(expected);
  });

  it('stay at the ends of the text for other indexes', () => {
    const scalar = scalarAt('a: bcd', 'a');
    expect([-5, 3, 99].map((index) => place(scalar.positionOf(index)))).toEqual(['1:4', '1:7', '1:7']);
  });

  it('do not count a byte order mark', () => {
    const root = read('\ufeffa: b\nc: d').root as MappingNode;
    expect(root.entries.map(({ keyAt, value }) => `${place(keyAt)} ${place(value.at)}`)).toEqual([
      '1:1 1:4',
      '2:1 2:4',
    ]);
  });

  it('of an alias as a key are its own', () => {
    expect(place((read('a: &x k\n*x : v\n').root as MappingNode).entries[1]!.keyAt)).toBe('2:1');
  });
});

describe('any text', () => {
  const word = fc.constantFrom(
    ...[
      'a',
      'b: ',
      '- ',
      '? ',
      ': ',
      '\n',
      '\n  ',
      '\n    ',
      '\r\n',
      '\t',
      ' ',
      '"',
      "'",
      '[',
      ']',
      '{',
      '}',
      ', ',
      '#',
    ],
    ...[' # c\n', '|\n', '>-\n', '|2\n', '&x ', '*x', '<<: ', '!!str ', '!foo ', '!', '---\n', '...\n', '%YAML 1.1\n'],
    ...['\\', '\\x41', '%', '@', '`', '=', '~', '2024-01-01', '\ufeff', 'é', '😀', '\u2028'],
  );
  const text = fc.oneof(
    fc.array(word, { maxLength: 30 }).map((words) => words.join('')),
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: 'grapheme', maxLength: 40 }),
  );

  it('keeps its positions when a comment stands right after a bracket', () => {
    const { root, problems } = read('{a}#');
    const last = root?.kind === 'mapping' ? root.entries[0]!.value.at : undefined;
    expect([problems, last?.line, last && last.column <= 5]).toEqual([[], 1, true]);
  });

  it('is read without a failure, and every position lies in it', () => {
    fc.assert(
      fc.property(text, (each) => {
        const { root, problems } = read(each);
        const rows = each.split('\n');
        const outside: Position[] = [];
        // Not an assertion for each of a million positions, which would take longer than all else.
        const check = (position: Position) => {
          const { file, line, column } = position;
          const isInside = line >= 1 && line <= rows.length && column >= 1 && column <= rows[line - 1]!.length + 1;
          if (file !== 'study.yaml' || !isInside) outside.push(position);
        };
        const visit = (node: Node): void => {
          check(node.at);
          if (node.kind === 'scalar') {
            for (let index = -1; index <= node.text.length + 1; index++) check(node.positionOf(index));
          } else if (node.kind === 'sequence') node.items.forEach(visit);
          else for (const { keyAt, value } of node.entries) [check(keyAt), visit(value)];
        };
        for (const { at } of problems) check(at);
        if (root) visit(root);
        expect(outside).toEqual([]);
      }),
      { numRuns: 5000 },
    );
  });

  it('that is JSON has the value that JSON gives it', () => {
    const json = fc.letrec<{ value: unknown }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.string({ unit: 'binary' }),
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(fc.string({ maxLength: 20 }), tie('value'), { maxKeys: 4 }),
      ),
    })).value;
    const toPython = (each: unknown): PyValue => {
      if (typeof each === 'number') return BigInt(each);
      if (Array.isArray(each)) return each.map(toPython);
      if (typeof each !== 'object' || each === null) return each as PyValue;
      return new Map(Object.entries(each).map(([key, item]) => [key, toPython(item)]));
    };
    fc.assert(
      fc.property(json, fc.constantFrom(undefined, 1, 4), (each, indent) => {
        const escaped = JSON.stringify(each, null, indent).replace(
          /[^\n\x20-\x7e]/g,
          (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
        );
        const { root, problems } = read(escaped);
        expect(problems).toEqual([]);
        expect(toPyValue(root!)).toEqual(toPython(each));
      }),
    );
  });

  it('in a literal block is found again, character by character', () => {
    const row = fc.stringMatching(/^[ -~]{0,20}$/).filter((each) => each === '' || /\S/.test(each));
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 8 }), fc.constantFrom('\n', '\r\n'), (rows, newline) => {
        const source = ['a:', '  b: |2', ...rows.map((each) => `    ${each}`), 'c: 1', ''].join(newline);
        const scalar = scalarAt(source, 'a', 'b');
        const content = rows.join('\n').replace(/\n*$/, '');
        expect(scalar.value).toBe(content === '' ? '' : `${content}\n`);
        const found = Array.from(scalar.text, (character, index) => {
          const { line, column } = scalar.positionOf(index);
          return character === '\n' ? '\n' : source.split(newline)[line - 1]![column - 1];
        });
        expect(found.join('')).toBe(scalar.text);
      }),
    );
  });
});

it('an entry is found by its key, or by what the key prints as', () => {
  const root = read('1: int\n"1": str\nfalse: bool\n').root as MappingNode;
  expect(toPyValue(entry(root, '1')!.value)).toBe('str');
  expect(toPyValue(entry(root, 'False')!.value)).toBe('bool');
  expect(entry(root, 'x')).toBeUndefined();
});
