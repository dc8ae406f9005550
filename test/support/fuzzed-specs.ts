import fc from 'fast-check';
import { dedent } from './plan.js';

/** Good specifications, between them with everything that the language has. Fuzzing begins with these. */
export const goodSpecs: readonly string[] = [
  dedent(`
    description:
      name: sizes
      description: Every size, then all of them together
    env:
      variables:
        OUTPUT_PATH: ./out
        CODE: ./bin/code
        NODES: 2
        RATE: 1.5
      labels:
        RUN: $(CODE) -n $(SIZE) -o $(WORKSPACE)/$(SIZE.label)
        NAME: $(RUN).txt
    batch:
      type: slurm
      host: quartz
      bank: science
      queue: pbatch
      nodes: 1
    study:
      - name: make
        description: Build it
        run:
          cmd: |
            make -C $(SPECROOT)/src -j $(nproc)
            for f in $(ls *.o); do echo "$f"; done
      - name: run
        description: Run size $(SIZE)
        run:
          cmd: |
            $(LAUNCHER)[1n, 2p] $(make.workspace)/$(RUN) > $(NAME)
            $(LAUNCHER)[2p] ./again $(ITER)
          restart: $(LAUNCHER) ./code --again
          depends: [make]
          nodes: $(NODES)
          procs: $(PROCS)
          gpus: 1
          cores per task: 2
          walltime: "0:10:00"
          exclusive: true
      - name: collect
        description: Collect all
        run:
          cmd: cat $(run.workspace)/*/out
          depends: [run_*, make]
    global.parameters:
      SIZE:
        values: [10, 20, 010, 1.0, yes]
        label: SIZE.%%
      ITER:
        values: [1, 2, 3, 4, 5]
        label: ITER.%%
      PROCS:
        values: [4, 4, 8, 8, 8]
        label: P.%%
  `),
  dedent(`
    description: {name: flux study, description: nested}
    batch:
      type: flux
      queue: pdebug
      nodes: 4
      args: {mpi: none}
      allocation_args: {o: {a: 1, b.c: null}, exclusive: null}
      launcher_args: {S: {x: true}}
    study:
    - &step
      name: first
      description: d
      run: &run {cmd: "$(LAUNCHER) ./x $(X)", procs: 2, priority: high, walltime: 30, nested: false}
    - name: second
      description: d
      run:
        <<: *run
        depends: {steps: [first], condition: all-completed}
    - name: third
      description: d
      run: {cmd: 'ls $(first.workspace) $(second.workspace)', depends: [second_*], qos: standby, waitable: true}
    global.parameters: {X: {values: [a, 'b/c', "d e", é], label: X.%%}, Y: {values: [1, 2, 3, 4], label: '%%'}}
  `),
  dedent(`
    description:
      name: local
      description: |
        Several
        lines
    env:
      variables: {A: $(B)/a, B: $(C)/b, C: c}
      labels: {L: '$(P) $(P.label) $(P.name)'}
      sources: [x]
      dependencies:
        paths:
          - {name: DATA, path: ../data}
        git:
          - {name: CODE, path: $(OUTPUT_PATH), url: 'https://example.org/code.git', tag: v1}
    study:
      - name: one
        description: >
          folded
          text
        run: {cmd: "echo $(L) $(A) $(DATA)", restart: "echo $(WORKSPACE)"}
      - name: two
        description: d
        run:
          cmd: |-
            cd $(CODE)
            echo $((1+2)) \${P} $(date +%s)
          depends: [one]
          reservation: r
          pre: x
          post: y
    global.parameters:
      P: {values: [[1, b], {k: v}, null, 2024-01-01, 1e3, 0.00001], label: P.%%}
  `),
  dedent(`
    description: {name: lsf, description: d}
    batch: {type: lsf, host: lassen, bank: b, queue: q, reservation: r}
    study:
      - name: a b (c)
        description: d
        run:
          cmd: $(LAUNCHER)[1n,2p] x
          nodes: 1
          procs: 2
          bind: rs
          bind gpus: none
          tasks per rs: 2
          rs per node: 1
          cpus per rs: 4
          walltime: "12:00:30"
  `),
];

/** Scalars that a careless program trips over, as they stand in YAML. */
const hostileScalars = [
  '',
  '~',
  '""',
  "''",
  '..',
  '.',
  '../..',
  '../../etc/passwd',
  '/etc/passwd',
  '/',
  '.conductor',
  '.conductor/run',
  'logs',
  'meta',
  'status.csv',
  'study.yaml',
  '_source',
  '"a\\0b"',
  '"a\\nb"',
  '"\\e[31m"',
  '"\\u202e"',
  "'::error::x'",
  'yes',
  'true',
  'null',
  '0',
  '-1',
  '010',
  '08',
  '1_000',
  '12:00:00',
  '1:2:3:4:5:6:7:8:9',
  '.nan',
  '-.inf',
  '1.0e+999',
  '1.5',
  '9'.repeat(400),
  `0x${'f'.repeat(400)}`,
  `1${':59'.repeat(60)}`,
  '2024-01-01',
  '2024-99-99',
  '2024-01-01T10:20:30.5+99:99',
  '= ',
  '<<',
  '!!binary aGVsbG8=',
  '!!binary "*"',
  '!!int x',
  '!!float []',
  '!!set {a, b}',
  '!!python/object:os.system x',
  '!unknown x',
  '[]',
  '{}',
  '[[[[[[[[]]]]]]]]',
  '{a: {b: {c: {d: e}}}}',
  '[1, b]',
  '*step',
  '*nowhere',
  '&again x',
  '|',
  '>-',
  '%%',
  '%%'.repeat(50),
  'x'.repeat(300),
  'é'.repeat(200),
  '😀',
  '__proto__',
  'constructor',
  'toString',
  '$(N)',
  '$(SIZE)',
  '$(SIZE.label)$(SIZE.name)',
  '$(run.workspace)',
  '$(make.workspace):$(run.workspace)',
  '$(__proto__.workspace)',
  '$(WORKSPACE)',
  '$(LAUNCHER)',
  '$(LAUNCHER)[1n,1p] $(LAUNCHER)',
  '$(LAUNCHER)[9999999999999999999999p]',
  '$(LAUNCHER)[$(X)p',
  '$($($($(',
  '$&',
  "$'$`$1$$",
  '@',
  '`',
  'a: b: c',
  '- - - -',
  '? a',
  '#',
  '"unclosed',
  "'unclosed",
  'slurm',
  'flux',
  'lsf',
  'local',
  'pbs',
  'all-completed',
  '[run_*]',
  '[run, run_*, "*", "_*"]',
  '[a, a]',
];

/** What is spliced in anywhere. */
const hostilePieces = [
  ...hostileScalars,
  '\t',
  '\r\n',
  '\r',
  '\n',
  '\n\n',
  '\n---\n',
  '\n...\n',
  '\n%YAML 1.1\n---\n',
  '\ufeff',
  '\u0085',
  '\u2028',
  '\u0000',
  '\u0007',
  '\ud800',
  ' #',
  ': ',
  ', ',
  '- ',
  '[',
  ']',
  '{',
  '}',
  '"',
  "'",
  '&a ',
  '*a',
  '!!str ',
  '? ',
  '<<: ',
];

type Mutation = (lines: string[], at: number, to: number, text: string) => void;

/** Replaces what is between two signs of YAML's. */
function replacePart(lines: string[], at: number, to: number, text: string): void {
  const parts = lines[at]!.split(/(?<=[[{,:]) ?|(?=[\]},])/);
  parts[to % parts.length] = text;
  lines[at] = parts.join(' ');
}

/** Each changes the lines of a text at a place; `to` is another place, or an amount. */
const mutations: readonly Mutation[] = [
  (lines, at) => lines.splice(at, 1),
  (lines, at) => lines.splice(at, 0, lines[at]!),
  (lines, at, to) => ([lines[at], lines[to % lines.length]] = [lines[to % lines.length]!, lines[at]!]),
  (lines, at, to) => lines.splice(to % lines.length, 0, lines[at]!),
  (lines, at, to) => {
    lines[at] = ' '.repeat(to % 12) + lines[at]!.trimStart();
  },
  (lines, at, _to, text) => {
    lines[at] = lines[at]!.replace(/(: +|- +).*/, (_, key: string) => key + text);
  },
  replacePart,
  (lines, at, to, text) => {
    const line = lines[at]!;
    const column = to % (line.length + 1);
    lines[at] = line.slice(0, column) + text + line.slice(column);
  },
  (lines, at, to) => {
    const line = lines[at]!;
    const column = to % (line.length + 1);
    lines[at] = line.slice(0, column) + line.slice(column + 1);
  },
  (lines, at, _to, text) => {
    lines[at] = lines[at]!.replace(/^(\s*(?:- )?)[^:]+:/, (_, indent: string) => `${indent}${text}:`);
  },
];

const place = fc.nat({ max: 10_000 });

/** Texts that a careless program trips over, quoted so that they are texts and nothing else. */
const quoted = fc
  .oneof(
    fc.constantFrom(
      '..',
      '.',
      '/',
      'a/../..',
      '../x',
      'logs',
      'é',
      '\u0000',
      'a\nb',
      ' ',
      '%%',
      '$(SIZE)',
      '$(X)',
      '$(P)',
    ),
    fc.constantFrom(
      '$(run.workspace)',
      '$(LAUNCHER)',
      '$&',
      "'",
      '`',
      ',',
      'x'.repeat(230),
      'é'.repeat(120),
      '-rf',
      '~',
      '#',
    ),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 6 }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 4 }),
  )
  .map(inAscii);

/** A good specification after a few changes. */
const mutated = fc
  .tuple(
    fc.constantFrom(...goodSpecs),
    fc.array(
      fc.oneof(
        {
          arbitrary: fc.tuple(fc.constantFrom(...mutations), place, place, fc.constantFrom(...hostilePieces)),
          weight: 2,
        },
        { arbitrary: fc.tuple(fc.constant(replacePart), place, place, quoted), weight: 1 },
      ),
      { minLength: 1, maxLength: 4 },
    ),
  )
  .map(([good, changes]) => {
    const lines = good.split('\n');
    for (const [mutate, at, to, text] of changes) if (lines.length > 0) mutate(lines, at % lines.length, to, text);
    return lines.join('\n');
  });

/** JSON, which is YAML, with everything escaped that is not printable ASCII. */
function inAscii(value: unknown): string {
  return JSON.stringify(value, null, 1).replace(
    /[^\n\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** YAML's own signs and the words of the language, in no order. */
const soup = fc
  .array(
    fc.oneof(
      fc.constantFrom(...hostilePieces),
      fc.constantFrom('\n', '\n  ', '\n    ', '\n- ', ': ', ', ', ' '),
      fc.constantFrom('description', 'name', 'study', 'run', 'cmd', 'env', 'variables', 'labels', 'batch', 'type'),
      fc.constantFrom('global.parameters', 'values', 'label', 'depends', 'nodes', 'procs', 'walltime'),
      fc.string({ unit: 'binary', maxLength: 4 }),
    ),
    { maxLength: 60 },
  )
  .map((parts) => parts.join(''));

const anyValue = fc.oneof(
  { depthSize: 'small' },
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    '',
    '..',
    'a',
    'a/b',
    'é',
    '\u0000',
    '$(N)',
    '$(a.workspace)',
    '$(LAUNCHER)[1n,1p]',
    0,
    1,
    2,
  ),
);
const usually = <T, U>(usual: fc.Arbitrary<T>, other: fc.Arbitrary<U>): fc.Arbitrary<T | U> =>
  fc.oneof({ arbitrary: usual, weight: 40 }, { arbitrary: other, weight: 1 });
const anyText = usually(
  fc.oneof(
    fc.constantFrom('a', 'b', 'c', 'A', 'é', 'a/b', '../x', '$(N)', 'x$(M)y', '$(N.label)', '$(LAUNCHER) x'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }),
  ),
  fc.constant('\u0000'),
);

const count = usually(fc.constantFrom<unknown>(1, 2, 16, '$(N)'), anyValue);
const stepNames = ['a', 'b', 'c', 'a b', 'a/b', 'a_N.1', 'é1', 'x..', '(1)', 'a'.repeat(200)];

const step = (name: string, earlier: readonly string[]) =>
  fc.record({
    name: usually(fc.constant(name), anyText),
    description: anyText,
    run: fc.record(
      {
        cmd: fc.oneof(anyText, fc.constantFrom(`$(${earlier[0] ?? 'N'}.workspace) $(N)`, '$(M) $(N) $(WORKSPACE)')),
        restart: anyText,
        depends: usually(
          earlier.length === 0
            ? fc.constant<string[]>([])
            : fc.uniqueArray(fc.constantFrom(...earlier, ...earlier.map((other) => `${other}_*`)), { maxLength: 3 }),
          anyValue,
        ),
        nodes: count,
        procs: count,
        gpus: count,
        walltime: usually(fc.constantFrom<unknown>(5, '1:00', '1:00:00'), anyValue),
        exclusive: usually(fc.constantFrom<unknown>(true, false, '$(N)', { launcher: true }), anyValue),
      },
      { requiredKeys: ['cmd'] },
    ),
  });

/** The right shape with anything in it. */
const shaped = fc
  .record(
    {
      description: fc.record({ name: anyText, description: anyText }),
      env: usually(
        fc.record(
          {
            variables: fc.dictionary(fc.constantFrom('V', 'W', 'É', 'N', 'OUTPUT_PATH', '$(N)', ')'), anyText),
            labels: fc.dictionary(fc.constantFrom('L', 'K', 'é', '.'), usually(anyText, anyValue)),
          },
          { requiredKeys: [] },
        ),
        anyValue,
      ),
      batch: usually(
        fc.record({
          type: fc.constantFrom('local', 'slurm', 'lsf', 'flux'),
          host: anyText,
          bank: usually(anyText, anyValue),
          queue: usually(anyText, anyValue),
          shell: usually(anyText, anyValue),
        }),
        anyValue,
      ),
      study: fc
        .shuffledSubarray(stepNames, { minLength: 1, maxLength: 4 })
        .chain((names) => fc.tuple(...names.map((name, i) => step(name, names.slice(0, i))))),
      'global.parameters': usually(
        fc.nat({ max: 3 }).chain((length) =>
          fc.dictionary(
            fc.constantFrom('N', 'M', 'a', '__proto__', 'A+'),
            fc.record({
              values: fc.array(usually(anyText, anyValue), { minLength: length, maxLength: length }),
              label: usually(fc.constantFrom('%%', 'N.%%', 'x'), anyText),
            }),
            { maxKeys: 3 },
          ),
        ),
        anyValue,
      ),
    },
    { requiredKeys: ['description', 'study'] },
  )
  .map(inAscii);

/** The text of a specification that may be anything. */
export const fuzzedSpec: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: mutated, weight: 5 },
  { arbitrary: shaped, weight: 3 },
  { arbitrary: soup, weight: 2 },
);
