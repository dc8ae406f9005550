import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { GeneratorAnswer, KnownAnswer } from '../../../src/study/pgen/answer.js';
import { askGenerator } from '../../../src/study/pgen/ask.js';
import { plainHost } from '../../support/hosts.js';
import { type Brief, dedent, validSpec } from '../../support/plan.js';
import { temporaryDirectory } from '../../support/temporary.js';

/** A checkout with a generator in it that is not deterministic, and what a study remembers of its answers. */
class Checkout {
  readonly root = path.join(temporaryDirectory(), 'checkout');
  readonly known: KnownAnswer[] = [];
  readonly told: string[] = [];
  readonly warned: string[] = [];
  kwargs = new Map<string, string>();
  spec: Brief = { variables: { SIZE: 10 }, labels: { L: '$(SIZE).x' }, steps: [{ name: 'a' }] };
  takesLast = false;
  #root = this.root;

  constructor(files: Readonly<Record<string, string>> = {}) {
    this.write('studies/pgen.py', generator());
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  write(name: string, text: string): void {
    const file = path.join(this.#root, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, dedent(text));
  }

  remove(name: string): void {
    rmSync(path.join(this.#root, name));
  }

  /** To where another runner has it. */
  move(): void {
    const to = path.join(temporaryDirectory(), 'elsewhere');
    renameSync(this.#root, to);
    this.#root = to;
  }

  /** The values of X. */
  async ask(environment: Readonly<Record<string, string>> = {}): Promise<readonly string[]> {
    const at = Date.UTC(2026, 0, 31, 12, this.known.length);
    const { parameters, copy } = await askGenerator({
      host: plainHost('', environment),
      pgen: { file: path.join(this.#root, 'studies/pgen.py'), shown: 'studies/pgen.py', kwargs: this.kwargs },
      spec: validSpec(this.spec),
      places: {
        studyPath: path.join(this.#root, '../study'),
        specRoot: path.join(this.#root, 'studies'),
        workingDirectory: this.#root,
      },
      cancel: new AbortController().signal,
      log: { info: (line) => this.told.push(line), warning: (line) => this.warned.push(line) },
      answers: {
        known: this.known,
        takesLast: this.takesLast,
        // As the journal has it.
        keep: async (answer: GeneratorAnswer) => {
          this.known.push({ ...JSON.parse(JSON.stringify(answer)), at });
        },
      },
    });
    expect(copy?.name).toBe('pgen.py');
    return parameters[0]!.values;
  }
}

/** One that gives other values each time. */
const generator = (lines = '') => `
  import uuid
  from maestrowf.datastructures.core import ParameterGenerator
  ${lines}

  def get_custom_generator(env, **kwargs):
      p_gen = ParameterGenerator()
      p_gen.add_parameter("X", [str(uuid.uuid4()) for _ in range(2)], "X.%%")
      return p_gen
`;

const again =
  'The parameters are those that studies/pgen.py gave on 2026-01-31 12:00:00 UTC; `resume: never` asks it anew';
const anew = (why: string) => `studies/pgen.py is asked anew, for ${why} since its answer of 2026-01-31 12:00:00 UTC`;

describe('a generator that gave its parameters before', () => {
  it('is not asked again, and it is said from when they are', async () => {
    const checkout = new Checkout();
    const first = await checkout.ask();
    expect(checkout.told).toEqual([]);
    expect(await checkout.ask()).toEqual(first);
    expect([checkout.told, checkout.warned, checkout.known.length]).toEqual([[again], [], 1]);
  });

  it('is not asked again by another runner, whose checkout and environment are others', async () => {
    const checkout = new Checkout({ 'studies/sizes.py': 'SIZES = [1]' });
    checkout.write('studies/pgen.py', generator('import sizes'));
    const first = await checkout.ask({ RUN: '1', TOKEN: 'secret' });
    checkout.move();
    expect(await checkout.ask({ RUN: '2' })).toEqual(first);
  });

  it('is asked anew if it changed, and again not if that is taken back', async () => {
    const checkout = new Checkout();
    const first = await checkout.ask();
    checkout.write('studies/pgen.py', generator('# other samples'));
    const second = await checkout.ask();
    expect(second).not.toEqual(first);
    expect(checkout.told).toEqual([anew('it has changed')]);
    checkout.write('studies/pgen.py', generator());
    expect(await checkout.ask()).toEqual(first);
    expect(checkout.told.at(-1)).toBe(again);
  });

  it.each([
    ['beside it', 'studies/sizes.py', 'import sizes', 'sizes.py'],
    ['in a package beside it', 'studies/lib/sizes.py', 'import lib.sizes', 'lib/sizes.py'],
    [
      'in another directory',
      'tools/sizes.py',
      'import os, sys; sys.path.append(os.path.join(os.path.dirname(__file__), "../tools")); import sizes',
      '../tools/sizes.py',
    ],
  ])('is asked anew if a module %s has changed that it imports', async (_, file, lines, name) => {
    const checkout = new Checkout({ [file]: 'SIZES = [1]', 'studies/pgen.py': generator(lines) });
    const first = await checkout.ask();
    expect(await checkout.ask()).toEqual(first);
    checkout.write(file, 'SIZES = [2]');
    expect(await checkout.ask()).not.toEqual(first);
    expect(checkout.told).toEqual([again, anew(`${name}, which it imports, has changed`)]);
  });

  it('is asked anew if its arguments have changed', async () => {
    const checkout = new Checkout();
    checkout.kwargs = new Map([
      ['trials', '5'],
      ['seed', '1'],
    ]);
    const first = await checkout.ask();
    checkout.kwargs = new Map([...checkout.kwargs].reverse());
    expect(await checkout.ask()).toEqual(first);
    checkout.kwargs.set('seed', '2');
    expect(await checkout.ask()).not.toEqual(first);
    expect(checkout.told.at(-1)).toBe(anew('its arguments have changed'));
  });

  it.each<[string, Partial<Brief>]>([
    ['variable', { variables: { SIZE: 11 } }],
    ['type of a variable', { variables: { SIZE: '10' } }],
    ['label', { labels: { L: '$(SIZE).y' } }],
    ['path', { dependencies: { paths: [{ name: 'P', path: '/usr' }] } }],
    ['repository', { dependencies: { git: [{ name: 'G', path: '/opt', url: 'https://example.org/g.git' }] } }],
  ])('is asked anew if a %s of the spec has changed that it can see', async (_, change) => {
    const checkout = new Checkout();
    const first = await checkout.ask();
    checkout.spec = { ...checkout.spec, ...change };
    expect(await checkout.ask()).not.toEqual(first);
    expect(checkout.told).toEqual([anew("the spec's variables, labels or dependencies have changed")]);
  });

  it('is not asked again because of what it cannot see: steps, and where OUTPUT_PATH is', async () => {
    const checkout = new Checkout();
    const first = await checkout.ask();
    checkout.spec = {
      variables: { SIZE: 10, OUTPUT_PATH: '/p' },
      labels: checkout.spec.labels!,
      steps: [{ name: 'b' }],
    };
    expect(await checkout.ask()).toEqual(first);
  });

  it('is not asked again if a table changed that it read, but that is said by name', async () => {
    const checkout = new Checkout({
      'studies/tables/a.csv': '1',
      'studies/pgen.py': generator('import os; open(os.path.join(os.path.dirname(__file__), "tables/a.csv")).read()'),
    });
    const first = await checkout.ask();
    expect(await checkout.ask()).toEqual(first);
    expect(checkout.warned).toEqual([]);
    checkout.write('studies/tables/a.csv', '2');
    expect(await checkout.ask()).toEqual(first);
    expect(checkout.warned).toEqual([
      expect.stringMatching(
        /^tables\/a\.csv, which studies\/pgen\.py read, has changed since .*`pargs`.*`resume: never`$/,
      ),
    ]);
  });

  it('is not warned of for what it counts or notes itself', async () => {
    const counts = `
  import os
  count = os.path.join(os.path.dirname(__file__), "count")
  number = int(open(count).read()) if os.path.exists(count) else 0
  open(count, "w").write(str(number + 1))
`;
    const checkout = new Checkout({ 'studies/count': '3', 'studies/pgen.py': generator(counts.trim()) });
    const first = await checkout.ask();
    checkout.write('studies/count', '7');
    expect([await checkout.ask(), checkout.warned]).toEqual([first, []]);
  });

  it('is not asked by who only brings to its end what was begun, whatever has changed, or is gone', async () => {
    const checkout = new Checkout();
    const first = await checkout.ask();
    checkout.write('studies/pgen.py', generator('# other samples'));
    checkout.takesLast = true;
    expect(await checkout.ask()).toEqual(first);
  });
});

describe('where a generator runs', () => {
  const value = (expression: string) => `
    import os
    from maestrowf.datastructures.core import ParameterGenerator

    def get_custom_generator(env, **kwargs):
        p_gen = ParameterGenerator()
        p_gen.add_parameter("X", [${expression}], "X.%%")
        return p_gen
  `;

  it('is the directory that the study was started in, as with Maestro', async () => {
    const checkout = new Checkout({ data: 'here', 'studies/pgen.py': value('os.getcwd() + open("data").read()') });
    expect(await checkout.ask()).toEqual([`${checkout.root}here\n`]);
  });

  it('has nothing in it that hides modules of Python', async () => {
    const files = Object.fromEntries(
      ['json', 'types', 'datetime', 'random'].map((name) => [`${name}.py`, 'raise OSError']),
    );
    const checkout = new Checkout({ ...files, 'studies/pgen.py': value('__import__("random").__name__') });
    expect(await checkout.ask()).toEqual(['random']);
  });
});
