import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { callersEnvironment } from '../../../src/hosts/environment.js';
import { HostError } from '../../../src/hosts/host.js';
import { LocalHost } from '../../../src/hosts/local-host.js';
import { planStudy } from '../../../src/run/plan.js';
import type { Places } from '../../../src/study/environment.js';
import type { Parameter } from '../../../src/study/parameters.js';
import { askGenerator } from '../../../src/study/pgen/ask.js';
import { PgenError, type PgenOptions } from '../../../src/study/pgen/pgen.js';
import { type Clock, systemClock } from '../../../src/util/clock.js';
import { plainEnvironment } from '../../support/hosts.js';
import { type Brief, dedent, validSpec } from '../../support/plan.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { isAlive, until } from '../../support/wait.js';

const searchPath = process.env.PATH ?? '';

/** Whether a python has a module. */
const has = (python: string, module: string) =>
  spawnSync(python, ['-c', `import ${module}`], { stdio: 'ignore' }).status === 0;

const realPython = process.env.MAESTRO_PYTHON ?? '';
if (realPython === '')
  console.warn(
    "SKIPPED: MAESTRO_PYTHON names no python that has maestrowf, so generators run with our classes only, not Maestro's",
  );

interface Python {
  /** Whose classes a generator gets. */
  readonly classes: string;
  readonly command: string;
  readonly hidesMaestro: boolean;
}

const pythons: readonly Python[] = [
  { classes: 'our classes', command: 'python3', hidesMaestro: has('python3', 'maestrowf') },
  ...(realPython === '' ? [] : [{ classes: "Maestro's classes", command: realPython, hidesMaestro: false }]),
];

/** The files of a generator: `pgen.py` is it. Everything is in a directory with a blank in its name. */
class Files {
  readonly directory = path.join(temporaryDirectory(), "a user's pgen");

  constructor(files: Readonly<Record<string, string>>) {
    mkdirSync(this.directory);
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(this.directory, name), dedent(text));
  }

  /** A host on which `python3` is that python. */
  host({ command, hidesMaestro }: Python, environment: Readonly<Record<string, string>> = {}): LocalHost {
    const bin = path.join(this.directory, 'bin');
    mkdirSync(bin, { recursive: true });
    const wrapper = path.join(bin, 'python3');
    const real = spawnSync('bash', ['-c', 'command -v -- "$0"', command], { encoding: 'utf8' }).stdout.trim();
    // Once: a generator that runs at the same time may be reading it.
    if (!existsSync(wrapper)) {
      writeFileSync(wrapper, `#!/bin/bash\nexec '${real}' "$@"\n`);
      chmodSync(wrapper, 0o755);
    }
    const hidden = path.join(bin, 'hidden/maestrowf');
    mkdirSync(hidden, { recursive: true });
    writeFileSync(path.join(hidden, '__init__.py'), 'raise ImportError("hidden from this test")\n');
    return new LocalHost({
      ...plainEnvironment,
      PATH: `${bin}:${searchPath}`,
      ...(hidesMaestro ? { PYTHONPATH: path.dirname(hidden) } : {}),
      ...environment,
    });
  }

  get places(): Places {
    return { studyPath: path.join(this.directory, 'study'), specRoot: '/specs/here', workingDirectory: '/' };
  }
}

interface Choices {
  readonly kwargs?: Readonly<Record<string, string>>;
  readonly spec?: Brief;
  readonly cancel?: AbortSignal | undefined;
  readonly clock?: Pick<Clock, 'after'> | undefined;
  readonly environment?: Readonly<Record<string, string>>;
}

const anySpec: Brief = { steps: [{ name: 'a' }] };

function start(
  python: Python,
  files: Files,
  { kwargs = {}, spec = anySpec, cancel, environment, clock }: Choices = {},
) {
  const pgen = {
    file: path.join(files.directory, 'pgen.py'),
    shown: 'studies/pgen.py',
    kwargs: new Map(Object.entries(kwargs)),
  };
  return parametersMade({ host: files.host(python, environment), pgen, spec, places: files.places, cancel, clock });
}

/** Asks a generator that has not been asked before. */
async function parametersMade({
  spec,
  cancel = new AbortController().signal,
  clock,
  ...rest
}: Pick<PgenOptions, 'host' | 'pgen' | 'places'> &
  Pick<Choices, 'cancel' | 'clock'> & { readonly spec: Brief | string }): Promise<Parameter[]> {
  const log = { info() {}, warning() {} };
  const options = { ...rest, spec: validSpec(spec), cancel, log, answers: undefined };
  return (await askGenerator(clock === undefined ? options : { ...options, clock })).parameters;
}

/** What a generator makes, by parameter: its name, labels and values. */
async function generate(python: Python, files: Readonly<Record<string, string>> | Files, choices?: Choices) {
  const parameters = await start(python, files instanceof Files ? files : new Files(files), choices);
  return tableOf(parameters);
}

const tableOf = (parameters: readonly Parameter[]) =>
  Object.fromEntries(parameters.map(({ key, name, values, labels }) => [key, { name, values, labels }]));

/** The message with which a generator is refused. */
async function refusal(python: Python, files: Readonly<Record<string, string>>, choices?: Choices): Promise<string> {
  const error = await generate(python, files, choices).then(
    (made) => new Error(`it was accepted: ${JSON.stringify(made)}`),
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(PgenError);
  return error.message;
}

/** A generator that makes one parameter X of what an expression gives. */
const single = (expression: string) => ({
  'pgen.py': `
    from maestrowf.datastructures.core import ParameterGenerator

    def get_custom_generator(env, **kwargs):
        p_gen = ParameterGenerator()
        p_gen.add_parameter("X", [${expression}], "X.%%")
        return p_gen
  `,
});

const valueMade = async (python: Python, expression: string, choices?: Choices) =>
  (await generate(python, single(expression), choices)).X!.values[0];

describe.each(pythons)('a parameter generator with $classes', (python) => {
  it('makes the product of lists', async () =>
    expect(
      await generate(python, {
        'pgen.py': `
          import itertools as iter
          from maestrowf.datastructures.core import ParameterGenerator

          def get_custom_generator(env, **kwargs):
              p_gen = ParameterGenerator()
              p_vals = {"SIZE": [10, 20], "ITER": [1.5, "a", True]}
              rows = list(iter.product(*p_vals.values()))
              for i, key in enumerate(p_vals):
                  p_gen.add_parameter(key, [row[i] for row in rows], key + ".%%")
              return p_gen
        `,
      }),
    ).toEqual({
      SIZE: {
        name: 'SIZE',
        values: ['10', '10', '10', '20', '20', '20'],
        labels: ['SIZE.10', 'SIZE.10', 'SIZE.10', 'SIZE.20', 'SIZE.20', 'SIZE.20'],
      },
      ITER: {
        name: 'ITER',
        values: ['1.5', 'a', 'True', '1.5', 'a', 'True'],
        labels: ['ITER.1.5', 'ITER.a', 'ITER.True', 'ITER.1.5', 'ITER.a', 'ITER.True'],
      },
    }));

  it('reads a table that lies beside it', async () =>
    expect(
      await generate(python, {
        'table.csv': 'NAME,TEMP\nfirst,273.15\n"second, hot",400\n',
        'pgen.py': `
          import csv, os
          from maestrowf.datastructures.core import ParameterGenerator

          def get_custom_generator(env, **kwargs):
              with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "table.csv")) as table:
                  rows = list(csv.DictReader(table))
              p_gen = ParameterGenerator()
              for key in rows[0]:
                  p_gen.add_parameter(key, [row[key] for row in rows], "{}.%%".format(key))
              return p_gen
        `,
      }),
    ).toMatchObject({
      NAME: { values: ['first', 'second, hot'] },
      TEMP: { values: ['273.15', '400'], labels: ['TEMP.273.15', 'TEMP.400'] },
    }));

  it('draws the same samples of the same seed', async () => {
    const files = new Files({
      'pgen.py': `
        from random import Random
        from maestrowf.datastructures.core import ParameterGenerator

        def get_custom_generator(env, **kwargs):
            p_gen = ParameterGenerator()
            trials, lowest, highest = int(kwargs["trials"]), int(kwargs["min"]), int(kwargs.get("max", "100"))
            random = Random(kwargs["seed"])
            params = {"TRIAL": {"values": [i for i in range(1, trials + 1)], "label": "TRIAL.%%"},
                      "N": {"values": [random.randint(lowest, highest) for _ in range(trials)], "label": "N.%%"}}
            for key, value in params.items():
                p_gen.add_parameter(key, value["values"], value["label"])
            return p_gen
      `,
    });
    const draw = (seed: string) => generate(python, files, { kwargs: { trials: '5', min: '10', seed } });
    const [first, again, other] = await Promise.all([draw('42'), draw('42'), draw('43')]);
    expect(first.TRIAL!.values).toEqual(['1', '2', '3', '4', '5']);
    expect(first.N!.values.map(Number).filter((value) => value >= 10 && value <= 100)).toHaveLength(5);
    expect(again).toEqual(first);
    expect(other.N).not.toEqual(first.N);
  });

  const hasNumpy = has(python.command, 'numpy');
  if (!hasNumpy) console.warn(`SKIPPED: ${python.classes}: the python has no numpy, so no generator uses it`);
  it.skipIf(!hasNumpy)("writes numpy's values as Python prints them", async () =>
    expect(
      await generate(python, {
        'pgen.py': `
          import numpy as np
          from maestrowf.datastructures.core import ParameterGenerator

          def get_custom_generator(env, **kwargs):
              p_gen = ParameterGenerator()
              p_gen.add_parameter("X", np.linspace(0, 1, 3), "X.%%")
              p_gen.add_parameter("N", np.arange(3), "N.%%")
              return p_gen
        `,
      }),
    ).toMatchObject({ X: { values: ['0.0', '0.5', '1.0'] }, N: { labels: ['N.0', 'N.1', 'N.2'] } }),
  );

  it('gives labels as a list, names of its own, or neither', async () =>
    expect(
      await generate(python, {
        'pgen.py': `
          from maestrowf.datastructures.core import ParameterGenerator

          def get_custom_generator(env, **kwargs):
              p_gen = ParameterGenerator()
              p_gen.add_parameter("LISTED", [1, 2], ["one", "two"])
              p_gen.add_parameter("NAMED", [1, 2], "n-%%-%%", "the name")
              p_gen.add_parameter("PLAIN", [1, 2])
              p_gen.add_parameter("FIXED", [1, 2], label="same", name="f")
              return p_gen
        `,
      }),
    ).toEqual({
      LISTED: { name: 'LISTED', values: ['1', '2'], labels: ['one', 'two'] },
      NAMED: { name: 'the name', values: ['1', '2'], labels: ['n-1-1', 'n-2-2'] },
      PLAIN: { name: 'PLAIN', values: ['1', '2'], labels: ['PLAIN.1', 'PLAIN.2'] },
      FIXED: { name: 'f', values: ['1', '2'], labels: ['same', 'same'] },
    }));

  it('makes parameters that a study expands by', async () => {
    const files = new Files({
      'pgen.py': `
        from maestrowf.datastructures.core import ParameterGenerator

        def get_custom_generator(env, **kwargs):
            p_gen = ParameterGenerator()
            p_gen.add_parameter("N", [1, 2], ["one", "two"], "count")
            return p_gen
      `,
    });
    const spec = validSpec({
      parameters: { OLD: [1] },
      steps: [{ name: 'a', cmd: '$(N) $(N.label) $(N.name) $(OLD)' }],
    });
    const { plan } = planStudy(spec, await start(python, files), files.places, { hashWorkspaces: false });
    expect(plan!.graph.steps.map(({ name, workspace, run }) => [name, workspace, run.get('cmd')])).toEqual([
      ['a_one', 'a/one', '1 one count $(OLD)'],
      ['a_two', 'a/two', '2 two count $(OLD)'],
    ]);
  });

  it('may make no parameters', async () =>
    expect(
      await generate(python, {
        'pgen.py': `
    from maestrowf.datastructures.core import ParameterGenerator

    def get_custom_generator(env, **kwargs):
        return ParameterGenerator()
  `,
      }),
    ).toEqual({}));

  it.each([
    ['None', 'None'],
    ['[1, "b"]', "[1, 'b']"],
    ['{"k": 1.0}', "{'k': 1.0}"],
    ['1e-05', '1e-05'],
    ['10**30', '1000000000000000000000000000000'],
    ['float("nan")', 'nan'],
    ['"é 😀"', 'é 😀'],
    ['"a\\nb\\t\\"c\\\'"', 'a\nb\t"c\''],
    ['"$(OTHER) %%"', '$(OTHER) %%'],
  ])('makes texts as Python prints them: %s', async (expression, expected) =>
    expect(await valueMade(python, expression)).toBe(expected),
  );

  it.each([
    ['maestrowf.datastructures.core', 'ParameterGenerator'],
    ['maestrowf.datastructures.core.parameters', 'ParameterGenerator'],
  ])('finds %s.%s', async (module, name) =>
    expect(
      await generate(python, {
        'pgen.py': `
          from ${module} import ${name}, Combination
          import maestrowf.datastructures.core as core

          class Mine(${name}):
              pass

          def get_custom_generator(env, **kwargs):
              p_gen = Mine()
              p_gen.add_parameter("X", [issubclass(Mine, core.ParameterGenerator)])
              return p_gen
        `,
      }),
    ).toMatchObject({ X: { values: ['True'] } }),
  );

  it('may choose among the combinations itself', async () =>
    expect(
      await generate(python, {
        'pgen.py': `
          from maestrowf.datastructures.core import ParameterGenerator

          class Even(ParameterGenerator):
              def get_combinations(self):
                  for i, combination in enumerate(super().get_combinations()):
                      if i % 2 == 0:
                          yield combination

          def get_custom_generator(env, **kwargs):
              p_gen = Even()
              p_gen.add_parameter("X", [1, 2, 3])
              return p_gen
        `,
      }),
    ).toMatchObject({ X: { values: ['1', '3'], labels: ['X.1', 'X.3'] } }));

  it('may print what it likes', async () =>
    expect(
      await generate(python, {
        'pgen.py': `
          import os, subprocess, sys
          from maestrowf.datastructures.core import ParameterGenerator

          print("[]")

          def get_custom_generator(env, **kwargs):
              print("working", flush=True)
              sys.stdout.write("{'no': 'json'}")
              os.write(1, b"raw bytes \\xff")
              subprocess.run(["echo", "from a child"])
              p_gen = ParameterGenerator()
              p_gen.add_parameter("X", [1], "X.%%")
              return p_gen
        `,
      }),
    ).toMatchObject({ X: { values: ['1'] } }));

  it('imports a module beside it, and packages', async () =>
    expect(
      await generate(python, {
        'sizes.py': 'SIZES = [1, 2]',
        'pgen.py': `
          import sizes
          from maestrowf.datastructures.core import ParameterGenerator

          def get_custom_generator(env, **kwargs):
              p_gen = ParameterGenerator()
              p_gen.add_parameter("X", sizes.SIZES)
              return p_gen
        `,
      }),
    ).toMatchObject({ X: { values: ['1', '2'] } }));

  it('may be made of dataclasses and be pickled, as what is a module of its own', async () =>
    expect(
      await generate(python, {
        'pgen.py': `
          import dataclasses, pickle
          from maestrowf.datastructures.core import ParameterGenerator

          @dataclasses.dataclass
          class Point:
              x: int

          def get_custom_generator(env, **kwargs):
              p_gen = ParameterGenerator()
              p_gen.add_parameter("X", [pickle.loads(pickle.dumps(Point(3))).x])
              return p_gen
        `,
      }),
    ).toMatchObject({ X: { values: ['3'] } }));
});

describe.each(pythons)("a generator's environment with $classes", (python) => {
  const spec: Brief = {
    variables: {
      OUTPUT_PATH: './out',
      SIZE: 10,
      RATE: 1.5,
      NAME: 'demo',
      BIG: '123456789012345678901234567890',
      ZERO: 0,
      TEXT: 'it\'s "é" \\n $(SIZE)',
    },
    labels: { LABEL: '$(NAME).run' },
    dependencies: { paths: [{ name: 'DATA', path: '/usr' }] },
    steps: [{ name: 'a' }],
  };

  it.each([
    ['a number', 'env.find("SIZE").value + 1', '11'],
    ['a float', 'env.find("RATE").value * 2', '3.0'],
    ['zero', 'env.find("ZERO").value', '0'],
    ['a text', 'env.find("NAME").value.upper()', 'DEMO'],
    ['a text that looks like a number', 'type(env.find("BIG").value).__name__', 'str'],
    ['a text with anything in it', 'env.find("TEXT").value', 'it\'s "é" \\n $(SIZE)'],
    ['a label, as it was written', 'env.find("LABEL").value', '$(NAME).run'],
    ['nothing by a name that is missing', 'env.find("NOPE") is None', 'True'],
    ['the name of a variable', 'env.find("SIZE").name', 'SIZE'],
    ['the token of a variable', 'env.find("SIZE").get_var()', '$(SIZE)'],
    ['the directory of the spec', 'env.find("SPECROOT").value', '/specs/here'],
    ['a path that it depends on', 'env.find("DATA") is not None', 'True'],
  ])('has %s', async (_, expression, expected) => expect(await valueMade(python, expression, { spec })).toBe(expected));

  it('has the study directory', async () => {
    const files = new Files(single('env.find("OUTPUT_PATH").value'));
    expect((await generate(python, files, { spec })).X!.values).toEqual([files.places.studyPath]);
  });

  it.each([
    ['true', 'True'],
    ['[1, "b"]', "[1, 'b']"],
    ['5', '5'],
    ['2024-01-01', '2024-01-01'],
    ['.inf', 'inf'],
    ['1e-05', '1e-05'],
  ])('has labels that are no text: %s', async (yaml, expected) => {
    const text = `description: {name: d, description: d}\nenv: {labels: {L: ${yaml}}}\nstudy: [{name: a, description: d, run: {cmd: x}}]\n`;
    const files = new Files(single('env.find("L").value'));
    const parameters = await parametersMade({
      host: files.host(python),
      pgen: { file: path.join(files.directory, 'pgen.py'), shown: 'pgen.py', kwargs: new Map() },
      spec: text,
      places: files.places,
    });
    expect(parameters[0]!.values).toEqual([expected]);
  });
});

describe.each(pythons)("a generator's arguments with $classes", (python) => {
  it('are texts, with all that the lines say', async () =>
    expect(
      await valueMade(python, 'sorted((k, v) for k, v in kwargs.items() if k not in ("OUTPUT_PATH", "SPECROOT"))', {
        kwargs: { trials: '5', 'with blank': 'a:b "c"', empty: '', é: '😀' },
      }),
    ).toBe("[('empty', ''), ('trials', '5'), ('with blank', 'a:b \"c\"'), ('é', '😀')]"));

  it('have the study directory as a text, which may be written to', async () => {
    const files = new Files(
      single('(os := __import__("os")).makedirs(kwargs["OUTPUT_PATH"], exist_ok=True) or kwargs["OUTPUT_PATH"]'),
    );
    expect((await generate(python, files)).X!.values).toEqual([files.places.studyPath]);
  });

  it("have the spec's directory as an object with a value", async () => {
    expect(await valueMade(python, 'kwargs["SPECROOT"].value')).toBe('/specs/here');
    expect(await valueMade(python, 'isinstance(kwargs["SPECROOT"], str)')).toBe('False');
  });

  it("have no argument of the user's in the place of OUTPUT_PATH, as in Maestro", async () => {
    const files = new Files(single('kwargs["OUTPUT_PATH"]'));
    const { X } = await generate(python, files, { kwargs: { OUTPUT_PATH: 'mine' } });
    expect(X!.values).toEqual([files.places.studyPath]);
  });
});

describe.each(pythons)('a generator with $classes is refused', (python) => {
  const body = (lines: string) => ({
    'pgen.py': `
      from maestrowf.datastructures.core import ParameterGenerator

      def get_custom_generator(env, **kwargs):
          p_gen = ParameterGenerator()
          ${lines}
          return p_gen
    `,
  });
  const failed = 'studies/pgen.py: the parameter generator failed:\n';

  it('for parameters of different lengths, with their name and lengths', async () => {
    const message = await refusal(
      python,
      body('p_gen.add_parameter("A", [1, 2]); p_gen.add_parameter("B", [1, 2, 3], name="B")'),
    );
    expect(message).toMatch(/^studies\/pgen\.py: the parameter generator failed:\n/);
    expect(message).toMatch(/ValueError: Length of values list must be the same size .*'B'.* 3/);
    expect(message).toContain('pgen.py", line 5');
  });

  it('for what is no Python, at its line', async () => {
    const message = await refusal(python, { 'pgen.py': 'x = 1\ndef get_custom_generator(env, **kwargs:\n    pass\n' });
    expect(message.startsWith(failed)).toBe(true);
    expect(message).toMatch(/pgen\.py", line 2\n.*def get_custom_generator[\s\S]*\nSyntaxError: /);
  });

  it("for an exception, with Python's own last lines and the file's", async () => {
    const message = await refusal(python, {
      'sampler.py': 'def fail():\n    return {}["missing"]\n',
      'pgen.py': 'import sampler\n\ndef get_custom_generator(env, **kwargs):\n    return sampler.fail()\n',
    });
    expect(message.startsWith(failed)).toBe(true);
    const lines = message.split('\n').slice(1);
    expect(lines[0]).toMatch(/^\s*File ".*pgen\.py", line 4, in get_custom_generator$/);
    expect(lines.at(-1)).toBe("KeyError: 'missing'");
    expect(message).toMatch(/File ".*sampler\.py", line 2, in fail/);
  });

  it.each<[string, string, RegExp]>([
    ['an exception', '1 / 0', /\nZeroDivisionError: division by zero$/],
    ['an exception without words', 'raise ValueError', /\nValueError$/],
    ['an exception of several lines', 'raise RuntimeError("one\\ntwo")', /\nRuntimeError: one\ntwo$/],
    ['deep recursion', '(lambda f: f(f))(lambda f: f(f))', /\nRecursionError: /],
    [
      'a variable that is not there',
      'env.find("NOPE").value',
      /\nAttributeError: 'NoneType' object has no attribute 'value'$/,
    ],
    ['an argument that is not there', 'kwargs["trials"]', /\nKeyError: 'trials'$/],
    ['sys.exit with a word', 'import sys; sys.exit("no data")', /\nSystemExit: no data$/],
    ['sys.exit with a status', 'import sys; sys.exit(3)', /\nSystemExit: 3$/],
    ['sys.exit(0)', 'import sys; sys.exit(0)', /\nSystemExit: 0$/],
    [
      'an import that fails',
      'import no_such_module_here',
      /\nModuleNotFoundError: No module named 'no_such_module_here'$/,
    ],
    [
      'a list of labels that is too short',
      'p_gen.add_parameter("A", [1, 2], ["one"])',
      /\nIndexError: list index out of range$/,
    ],
    ['values that have no length', 'p_gen.add_parameter("A", 5)', /\nTypeError: .*len\(\)$/],
  ])('for %s, without a frame of ours', async (_, lines, expected) => {
    const message = await refusal(python, body(lines));
    expect(message).toMatch(expected);
    expect(message).not.toMatch(/<string>|importlib|in run\b|Traceback/);
  });

  it('for having no get_custom_generator, which is said', async () => {
    const message = await refusal(python, { 'pgen.py': 'def get_generator(env):\n    return None\n' });
    expect(message).toContain('get_custom_generator');
    expect(message).not.toMatch(/<string>|Traceback/);
  });

  it.each([
    ['nothing', 'return None'],
    ['a list', 'return [1, 2]'],
    ['a mapping', 'return {"X": [1]}'],
  ])('for returning %s, and it is said what it has to return', async (_, line) => {
    const message = await refusal(python, body(line));
    expect(message).toMatch(/ParameterGenerator/);
    expect(message).not.toMatch(/<string>|Traceback/);
  });

  it('for not being there, by its name', async () => {
    const message = await refusal(python, { 'other.py': '' });
    expect(message).toMatch(/FileNotFoundError|no such file|not exist/i);
    expect(message).toContain('pgen.py');
    expect(message).not.toMatch(/<string>|Traceback/);
  });

  it.each([
    ['ends by itself', 'import os; os._exit(0)', 'ended before it gave its parameters'],
    ['is killed', 'import os, signal; os.kill(os.getpid(), signal.SIGKILL)', 'the parameter generator'],
  ])('when it %s without an answer', async (_, lines, expected) =>
    expect(await refusal(python, body(lines))).toContain(expected),
  );
});

describe('a generator that does not end', () => {
  const [python] = pythons as readonly [Python];
  const endless = (file: string) => ({
    'pgen.py': `
      import os, time

      def get_custom_generator(env, **kwargs):
          with open(${JSON.stringify(file)} + ".new", "w") as out:
              out.write(str(os.getpid()))
          os.rename(${JSON.stringify(file)} + ".new", ${JSON.stringify(file)})
          while True:
              time.sleep(0.05)
    `,
  });
  const pidIn = (file: string) =>
    until('the generator runs', () => {
      const text = spawnSync('cat', [file], { encoding: 'utf8' }).stdout.trim();
      return text !== '' && Number(text);
    });

  it('is ended after a minute', async () => {
    const limits: number[] = [];
    const after: Clock['after'] = (ms, call) => {
      limits.push(ms);
      return systemClock.after(ms / 20, call);
    };
    const file = path.join(temporaryDirectory(), 'pid');
    const message = refusal(python, endless(file), { clock: { after } });
    const pid = await pidIn(file);
    expect(await message).toBe('studies/pgen.py: the parameter generator did not end within 60 s');
    expect(limits).toEqual([60_000]);
    await until('it is gone', () => !isAlive(pid));
  });

  it('is ended when the study is cancelled', async () => {
    const cancel = new AbortController();
    const file = path.join(temporaryDirectory(), 'pid');
    const files = new Files(endless(file));
    const ended = start(python, files, { cancel: cancel.signal }).catch((error) => error);
    const pid = await pidIn(file);
    cancel.abort('cancelled by SIGINT');
    const error = await ended;
    expect(error).toBeInstanceOf(HostError);
    expect(error.message).toBe('cancelled by SIGINT');
    await until('it is gone', () => !isAlive(pid));
  });

  it('is not begun when the study is cancelled already', async () => {
    const error = await start(python, new Files(single('1')), {
      cancel: AbortSignal.abort('cancelled by SIGTERM'),
    }).catch((reason) => reason);
    expect(error.message).toBe('cancelled by SIGTERM');
  });
});

describe('a generator that leaves a process behind', () => {
  const [python] = pythons as readonly [Python];

  it.each([
    ['by fork, which has its answer open', 'pid = os.fork()\n          if pid == 0: time.sleep(60)'],
    ['as a child, with its outputs open', 'pid = subprocess.Popen(["sleep", "60"]).pid'],
    [
      'that ignores being told to end',
      'pid = subprocess.Popen(["bash", "-c", "trap : TERM; while :; do sleep 1; done"]).pid',
    ],
  ])('is not waited for, and the process is ended: one %s', async (_, lines) => {
    const began = Date.now();
    const { X } = await generate(python, {
      'pgen.py': `
        import os, subprocess, time
        from maestrowf.datastructures.core import ParameterGenerator

        def get_custom_generator(env, **kwargs):
          ${lines}
          p_gen = ParameterGenerator()
          p_gen.add_parameter("X", [pid], "X.%%")
          return p_gen
      `,
    });
    expect(Date.now() - began).toBeLessThan(20_000);
    await until('the process is gone', () => !isAlive(Number(X!.values[0])));
  });
});

describe('a generator on the command line', () => {
  const [python] = pythons as readonly [Python];

  it("sees the caller's environment, and nothing of the runner's", async () => {
    const environment = callersEnvironment({
      OWN: 'mine',
      INPUT_SPEC: 'x',
      'INPUT_GITHUB-TOKEN': 'secret',
      GITHUB_TOKEN: 'secret',
      ACTIONS_RUNTIME_TOKEN: 'secret',
      RUNNER_TEMP: '/tmp',
      STATE_x: 'y',
    });
    const seen = await valueMade(
      python,
      '",".join(sorted(k for k in __import__("os").environ if k == "OWN" or k.split("_")[0] in ("INPUT", "GITHUB", "ACTIONS", "RUNNER", "STATE")))',
      { environment },
    );
    expect(seen).toBe('OWN');
  });

  it('is not disturbed by what Python finds in the environment', async () =>
    expect(await valueMade(python, '"é"', { environment: { LC_ALL: 'C', PYTHONIOENCODING: 'latin-1' } })).toBe('é'));

  it('is told of when there is no python3', async () => {
    const bin = temporaryDirectory();
    for (const name of ['bash', 'cat']) {
      const real = spawnSync('bash', ['-c', 'command -v -- "$0"', name], { encoding: 'utf8' }).stdout.trim();
      symlinkSync(real, path.join(bin, name));
    }
    const host = new LocalHost({ ...plainEnvironment, PATH: bin });
    const files = new Files(single('1'));
    const pgen = { file: path.join(files.directory, 'pgen.py'), shown: 'pgen.py', kwargs: new Map<string, string>() };
    await expect(parametersMade({ host, pgen, spec: anySpec, places: files.places })).rejects.toThrow(
      /there is no python3/,
    );
  });
});
