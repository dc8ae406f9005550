import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { HostError, HostLostError } from '../../../src/hosts/host.js';
import { sendTree } from '../../../src/hosts/upload/send.js';
import { readTree } from '../../../src/hosts/upload/tree.js';
import { collect, collectedText, collectedWarnings } from '../../../src/report/artifacts/collected.js';
import { bringLogs } from '../../../src/report/artifacts/failed-logs.js';
import {
  fitting,
  storableFileName,
  storableName,
  storablePaths,
} from '../../../src/report/artifacts/storable-names.js';
import { CutHost, look, type Made, make, mkfifo } from '../../hosts/upload/tree-support.js';
import { mostHeldDuring } from '../../support/held-memory.js';
import { plainHost, WatchedHost } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';

let here: string;
let study: string;
let destination: string;

beforeEach(() => {
  here = temporaryDirectory();
  study = `${here}/it's the "study"`;
  destination = `${here}/report/files`;
});

const bring = (...globs: string[]) => collect(plainHost(), study, globs, destination);
/** What there is of files, directories left aside. */
const brought = () => look(destination).filter((line) => !line.endsWith('/'));

describe('collecting outputs', () => {
  it('brings what the globs match and nothing else, with a command to list and one to send', async () => {
    make(study, {
      'a.csv': 'a',
      'b.txt': 'b',
      run: { 'SIZE.1': { 'out.csv': '1', 'out.log': 'l' }, 'SIZE.2': { 'out.csv': '22', '.hidden.csv': 'h' } },
      '.conductor': { 'c.csv': 'never', run: { 'd.csv': 'never' } },
    });
    const host = new WatchedHost();
    const result = await collect(host, study, ['*.csv', 'run/*/*.csv', 'run/*/none'], destination);
    expect(brought()).toEqual([
      'a.csv: a',
      'run/SIZE.1/out.csv: 1',
      'run/SIZE.2/.hidden.csv: h',
      'run/SIZE.2/out.csv: 22',
    ]);
    expect(result).toEqual({ files: 4, bytes: 5, renamed: [], unmatched: ['run/*/none'], problems: [] });
    expect(host.commands).toHaveLength(2);
    expect(collectedText(result)).toBe('Collected 4 files, 5 B');
    expect(collectedWarnings(result)).toEqual(['No file of the study matches run/*/none of collect']);
  });

  it.each([
    [['results'], ['results/a: 1', 'results/deep/b: 2']],
    [['results/'], ['results/a: 1', 'results/deep/b: 2']],
    [['./results/'], ['results/a: 1', 'results/deep/b: 2']],
    [['results/**'], ['results/a: 1', 'results/deep/b: 2']],
    [['results/*'], ['results/a: 1', 'results/deep/b: 2']],
    [['**/b'], ['results/deep/b: 2']],
    [
      ['results/deep', 'other'],
      ['other: 3', 'results/deep/b: 2'],
    ],
    [['other/'], []],
    [['**'], ['other: 3', 'results/a: 1', 'results/deep/b: 2']],
    [['.'], ['other: 3', 'results/a: 1', 'results/deep/b: 2']],
    [['.conductor', '.conductor/**', '../outside', '/etc/passwd'], []],
    [['empty'], []],
  ])('%j brings %j', async (globs, files) => {
    make(study, { results: { a: '1', deep: { b: '2' } }, other: '3', empty: {}, '.conductor': { journal: 'x' } });
    make(here, { outside: 'secret' });
    const { unmatched } = await bring(...globs);
    expect(brought()).toEqual(files);
    expect(unmatched).toEqual(files.length === 0 ? globs : []);
  });

  it('needs no command for no globs, and no second one when nothing matches', async () => {
    make(study, { a: '1' });
    const host = new WatchedHost();
    expect(await collect(host, study, [], destination)).toMatchObject({ files: 0, unmatched: [] });
    expect(host.commands).toHaveLength(0);
    expect(await collect(host, study, ['x', 'y'], destination)).toMatchObject({ files: 0, unmatched: ['x', 'y'] });
    expect(host.commands).toHaveLength(1);
  });

  it('keeps times and executable bits', async () => {
    make(study, { text: '', old: '', run: { run: '' } });
    utimesSync(`${study}/text`, 1_000_000_000, 1_000_000_000);
    utimesSync(`${study}/old`, new Date(-86_400_000), new Date(-86_400_000));
    await bring('**');
    expect(statSync(`${destination}/text`).mtimeMs).toBe(1_000_000_000_000);
    expect(statSync(`${destination}/old`).mtimeMs).toBe(-86_400_000);
    expect(brought()).toEqual(['old: ', 'run*: ', 'text: ']);
  });

  it('brings a link as the file of the study that it leads to, and no other', async () => {
    make(here, { secret: 'secret', beside: { file: 'secret' } });
    make(study, {
      data: { file: 'content', exe: { run: 'x' } },
      links: {
        relative: { link: '../data/file' },
        chain: { link: 'relative' },
        absolute: { link: `${study}/data/exe` },
        through: { link: '../data-link/file' },
        real: { link: `${here}/real/data/file` },
        out: { link: '../../secret' },
        // Beside the study there could be a thing of the same name.
        above: { link: '../../data/file' },
        far: { link: '/etc/passwd' },
        sly: { link: '../../beside/../secret' },
        dangling: { link: 'nothing' },
        circle: { link: 'circle' },
        directory: { link: '../data' },
        ours: { link: '../.conductor/journal' },
      },
      'data-link': { link: 'data' },
      '.conductor': { journal: 'secret' },
    });
    symlinkSync(study, `${here}/alias`);
    symlinkSync(`${here}/alias/data/exe`, `${study}/links/alias`);
    const result = await collect(plainHost(), `${here}/alias`, ['links'], destination);
    expect(brought()).toEqual([
      'links/absolute*: x',
      'links/alias*: x',
      'links/chain: content',
      'links/relative: content',
      'links/through: content',
    ]);
    expect(result).toMatchObject({ files: 5, bytes: 23 });
    expect(result.problems).toEqual([
      'links/above: the link leads to nothing in the study',
      'links/circle: the link leads to nothing in the study',
      'links/dangling: the link leads to nothing in the study',
      'links/directory: a link to a directory',
      'links/far: the link leads to nothing in the study',
      'links/ours: the link leads to nothing in the study',
      'links/out: the link leads to nothing in the study',
      'links/real: the link leads to nothing in the study',
      'links/sly: the link leads to nothing in the study',
    ]);
  });

  it('brings hard links each as a file, and no fifo', async () => {
    make(study, { a: 'same' });
    linkSync(`${study}/a`, `${study}/b`);
    mkfifo(`${study}/fifo`);
    expect(await bring('*')).toMatchObject({ files: 2, bytes: 8, problems: ['fifo: no file'] });
    expect(brought()).toEqual(['a: same', 'b: same']);
  });

  it('takes any name, changes those that artifacts cannot have, and lists these', async () => {
    const names = [
      'plain',
      'a:b',
      'a%3Ab',
      'what?',
      'new\nline',
      '-T',
      '--help',
      'back\\slash\\n',
      'é😀',
      ' blank ',
      '%',
    ];
    make(study, Object.fromEntries(names.map((name) => [name, name])));
    make(`${study}/dir:1`, { 'x*': 'in dir', y: 'in dir' });
    const result = await bring('**');
    expect(result).toMatchObject({ files: names.length + 2, unmatched: [], problems: [] });
    const expected = new Map(names.map((name) => [name, name]));
    const changed = { 'a:b': 'a%3Ab~2', 'what?': 'what%3F', 'new\nline': 'new%0Aline' };
    for (const [name, to] of Object.entries(changed)) expected.set(name, to);
    for (const [name, to] of expected) expect([to, readFileSync(`${destination}/${to}`, 'utf8')]).toEqual([to, name]);
    expect(result.renamed.map(({ from, to }) => `${from} ${to}`).sort()).toEqual(
      [...Object.entries(changed).map((pair) => pair.join(' ')), 'dir:1/x* dir%3A1/x%2A', 'dir:1/y dir%3A1/y'].sort(),
    );
    expect(readFileSync(`${destination}/renamed.txt`, 'utf8').split('\n').sort()).toEqual(
      [
        '',
        'a%3Ab~2\ta:b',
        'dir%3A1/x%2A\tdir:1/x*',
        'dir%3A1/y\tdir:1/y',
        'new%0Aline\t"new\\nline"',
        'what%3F\twhat?',
      ].sort(),
    );
    expect(existsSync(`${destination}/dir:1`)).toBe(false);
  });

  it('brings names that are no text, whatever the locale there', async () => {
    mkdirSync(study);
    const names = [[0x61, 0xff], [0x61, 0xfe], [0xc3], [0xc3, 0xa9], [0xf0, 0x9f, 0x98, 0x61], [0xed, 0xa0, 0x80]];
    for (const name of names)
      writeFileSync(Buffer.concat([Buffer.from(`${study}/`), Buffer.from(name)]), Buffer.from(name));
    for (const locale of ['C', 'C.UTF-8']) {
      const result = await collect(plainHost('', { LC_ALL: locale }), study, ['*'], destination + locale);
      expect(result).toMatchObject({ files: 6, problems: [] });
      const stored = { 'a%FF': 0, 'a%FE': 1, '%C3': 2, é: 3, '%F0%9F%98a': 4, '%ED%A0%80': 5 };
      for (const [name, i] of Object.entries(stored)) {
        expect([name, [...readFileSync(`${destination}${locale}/${name}`)]]).toEqual([name, names[i]]);
      }
    }
  });

  it('leaves reserved names, and its list, to others', async () => {
    make(study, { 'renamed.txt': 'theirs', logs: { a: 'log' }, 'report.json': '{}', b: 'b' });
    const { renamed } = await collect(plainHost(), study, ['**'], destination, ['logs', 'report.json']);
    expect(brought().filter((line) => !line.startsWith('renamed.txt:'))).toEqual([
      'b: b',
      'logs~2/a: log',
      'renamed.txt~2: theirs',
      'report.json~2: {}',
    ]);
    expect(renamed).toHaveLength(3);
  });

  it('writes through no link in the destination, and replaces what is there', async () => {
    make(study, { a: 'new', dir: { b: 'new' } });
    const elsewhere = make(`${here}/elsewhere`, { a: 'precious' });
    make(destination, { a: { link: '../../elsewhere/a' } });
    expect(await bring('a')).toMatchObject({ files: 1 });
    expect(brought()).toEqual(['a: new']);
    symlinkSync(elsewhere, `${destination}/dir`);
    await expect(bring('**')).rejects.toThrow(/^cannot write below .*report\/files\/dir: it is there and no directory/);
    expect(look(elsewhere)).toEqual(['a: precious']);
    writeFileSync(`${destination}/a`, 'longer than before');
    await bring('a');
    expect(readFileSync(`${destination}/a`, 'utf8')).toBe('new');
  });

  it('tells of files that vanish meanwhile, or become something else, and brings the others', async () => {
    make(study, { a: '1', b: '2', c: '3', d: '4', é: '5', 'e\\\n': '6' });
    const host = new CutHost((_, index) => {
      if (index === 1) {
        execFileSync('bash', ['-c', 'rm b é e*; rm c; mkdir c; rm d; ln -s a d'], { cwd: study });
      }
      return undefined;
    });
    const result = await collect(host, study, ['*'], destination);
    expect(brought()).toEqual(['a: 1']);
    expect(result).toMatchObject({ files: 1, bytes: 1 });
    expect([...result.problems].sort()).toEqual([
      'b: No such file or directory',
      'c: vanished, or cannot be read',
      'd: vanished, or cannot be read',
      'e\\\n: No such file or directory',
      'é: No such file or directory',
    ]);
  });

  it('tells of a file that is written meanwhile', async () => {
    make(study, { a: '1', é: '' });
    const tools = make(`${here}/tools`, {
      tar: {
        run: '#!/bin/bash\n{ sleep 0.4; truncate -s 100 é; } & exec /bin/tar --checkpoint=20 --checkpoint-action=sleep=1 "$@"\n',
      },
    });
    truncateSync(`${study}/é`, 300_000);
    const result = await collect(plainHost(`PATH=${tools}:$PATH`), study, ['*'], destination);
    expect(result).toMatchObject({ files: 2, problems: ['é: changed while it was read'] });
  });

  // Nothing is forbidden to root.
  it.skipIf(process.getuid!() === 0)('tells of what it may not read, and brings the rest', async () => {
    make(study, { a: '1', b: '2', closed: { c: '3' } });
    chmodSync(`${study}/a`, 0);
    chmodSync(`${study}/closed`, 0);
    const result = await bring('**');
    chmodSync(`${study}/closed`, 0o700);
    expect(brought()).toEqual(['b: 2']);
    expect([...result.problems].sort()).toEqual(["'./closed': Permission denied", 'a: Permission denied']);
  });

  it('says when there is no study, or nothing to list or send it with', async () => {
    const there = 'on this machine';
    await expect(bring('*')).rejects.toThrow(HostError);
    await expect(bring('*')).rejects.toThrow(`cannot list the files of ${study} ${there}: `);
    make(study, { a: '1' });
    await expect(collect(plainHost('PATH=/nowhere'), study, ['*'], destination)).rejects.toThrow(
      `cannot list the files of ${study} ${there}: there is no find`,
    );
    const tools = make(`${here}/tools`, { find: { link: '/usr/bin/find' } });
    await expect(collect(plainHost(`PATH=${tools}`), study, ['*'], destination)).rejects.toThrow(
      new HostError(`cannot collect files of ${study} ${there}: there is no tar`),
    );
    make(tools, { tar: { run: '#!/bin/sh\nhead -c 300 /dev/zero | tr "\\0" x; exit 3\n' } });
    chmodSync(`${tools}/tar`, 0o755);
    await expect(collect(plainHost(`PATH=${tools}:$PATH`), study, ['*'], destination)).rejects.toThrow(
      /^cannot collect files of .* on this machine: tar: exit 3: .*truncated/,
    );
  });

  it('begins again after a lost connection, wherever that is cut', async () => {
    const big = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * i) % 251));
    make(study, { a: 'one', big, z: { last: 'x' } });
    for (const [index, after] of [
      [0, 0],
      [0, 60],
      [1, 0],
      [1, 700],
      [1, 100_000],
      [1, 206_000],
    ] as const) {
      const place = `${destination}-${index}-${after}`;
      const host = new CutHost((_, i) => (i === index ? { stream: 'stdout', after } : undefined));
      expect(await collect(host, study, ['**'], place)).toMatchObject({ files: 3, bytes: 200_004, problems: [] });
      expect(host.commands).toHaveLength(3);
      expect(look(place)).toEqual(look(study));
    }
    const lost = new CutHost((_, i) => (i > 0 ? { stream: 'stdout', after: 100_000 } : undefined));
    await expect(collect(lost, study, ['**'], `${destination}-lost`)).rejects.toThrow(HostLostError);
    expect(existsSync(`${destination}-lost/big`)).toBe(false);
  });

  it('brings thousands of files, and big ones in little memory', async () => {
    make(study, { big: Buffer.alloc(50_000_000, 'abcdefg'), run: {} });
    for (let i = 0; i < 20; i++) {
      make(`${study}/run/${i}`, Object.fromEntries(Array.from({ length: 100 }, (_, j) => [`f${j}`, `${i} ${j}\n`])));
    }
    const host = new WatchedHost();
    const held = await mostHeldDuring(async () => {
      const result = await collect(host, study, ['**'], destination);
      expect(result).toMatchObject({ files: 2001, problems: [] });
    });
    expect(host.commands).toHaveLength(2);
    expect(look(destination)).toEqual(look(study));
    // What is under way, and not the file.
    expect(held).toBeLessThan(40_000_000);
  }, 180_000);
});

describe('a tree that is staged and collected again', () => {
  const name = fc
    .string({
      unit: fc.constantFrom('a', 'b', 'é', '😀', ' ', '-', '.', '%', "'", '$', '\\', '\t', 'x'.repeat(40)),
      minLength: 1,
      maxLength: 6,
    })
    .filter((name) => !name.startsWith('..') && name !== '.' && name !== '.git' && Buffer.byteLength(name) < 250);
  const content = fc.uint8Array({ maxLength: 1500 }).map((bytes) => Buffer.from(bytes));
  const { tree } = fc.letrec<{ tree: Made; entry: Made[string] }>((tie) => ({
    tree: fc.dictionary(name, tie('entry'), { maxKeys: 5, noNullPrototype: true }) as fc.Arbitrary<Made>,
    entry: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      content,
      fc.string({ maxLength: 20 }).map((run) => ({ run })),
      tie('tree'),
    ) as fc.Arbitrary<Made[string]>,
  }));

  it('is what it was, but for empty directories', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(tree, async (made) => {
        run += 1;
        const root = make(`${here}/${run}`, made);
        await sendTree(plainHost(), await readTree(root, []), `${root}.there`);
        expect(look(`${root}.there`)).toEqual(look(root));
        const { renamed, problems } = await collect(plainHost(), `${root}.there`, ['**'], `${root}.back`);
        expect({ renamed, problems }).toEqual({ renamed: [], problems: [] });
        const files = (directory: string) =>
          look(directory).filter((line) => !/[^:]*\/$/.test(line) || line.includes(': '));
        expect(files(`${root}.back`)).toEqual(files(root));
      }),
      { numRuns: 25 },
    );
  });
});

describe('names that artifact stores take', () => {
  it.each([
    ['plain.txt', 'plain.txt'],
    ['a:b"c<d>e|f*g?h\ri\n', 'a%3Ab%22c%3Cd%3Ee%7Cf%2Ag%3Fh%0Di%0A'],
    ['100%', '100%'],
  ])('%j is %j', (name, stored) => expect(storableName(name)).toBe(stored));

  it.each([
    ['run_x/y', 'run_x%2Fy'],
    ['..', '%2E%2E'],
    ['.', '%2E'],
    ['a..b', 'a..b'],
  ])('of a file %j is %j', (name, stored) => expect(storableFileName(name)).toBe(stored));

  it('are no longer than a file system takes', () => {
    const [a, b] = [`${'?'.repeat(200)}a`, `${'?'.repeat(200)}b`];
    const stored = [...storablePaths([a, b], []).values()];
    expect(new Set(stored).size).toBe(2);
    for (const name of stored) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255);
    expect(fitting('é'.repeat(200), '~2')).toBe(`${'é'.repeat(126)}~2`);
  });

  it('are each another one, and what can stay stays', () => {
    const piece = fc.string({
      unit: fc.constantFrom('a', ':', '%', '3', 'A', '?', '~', '2'),
      minLength: 1,
      maxLength: 5,
    });
    const path = fc.array(piece, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'));
    fc.assert(
      fc.property(fc.uniqueArray(path, { maxLength: 30 }), (all) => {
        const paths = all.filter((path) => !all.some((other) => other.startsWith(`${path}/`)));
        const stored = storablePaths(paths, ['a']);
        expect(new Set(stored.values()).size).toBe(paths.length);
        for (const [path, to] of stored) {
          expect(to).not.toMatch(/[":<>|*?\r\n]/);
          expect(to.split('/')[0]).not.toBe('a');
          if (!/[:?]/.test(path) && path.split('/')[0] !== 'a') expect(to).toBe(path);
        }
      }),
    );
  });
});

describe('logs of failed steps', () => {
  const step = (name: string, file = name) => ({
    name,
    stdout: `${study}/${file}.out`,
    stderr: `${study}/${file}.err`,
  });

  it('are their last 64 KiB, which is said of those that were longer', async () => {
    const long = Array.from({ length: 10_000 }, (_, i) => `line ${i}`).join('\n') + '\n';
    make(study, {
      'a.out': 'short\n',
      'a.err': long,
      'b.out': 'x'.repeat(65_536),
      'b.err': 'y'.repeat(65_537),
      'c.err': '',
    });
    const host = new WatchedHost();
    expect(
      await bringLogs(
        host,
        ['a', 'b', 'c', 'gone'].map((name) => step(name)),
        destination,
      ),
    ).toEqual({
      files: 5,
      leftOut: 0,
    });
    expect(host.commands).toHaveLength(1);
    const log = (name: string) => readFileSync(`${destination}/logs/${name}`, 'utf8');
    const cut = (file: string) =>
      `[the last 64 KiB; all of it is in ${JSON.stringify(`${study}/${file}`)} on this machine]\n`;
    expect([log('a.out'), log('b.out'), log('c.err')]).toEqual(['short\n', 'x'.repeat(65_536), '']);
    expect(log('b.err') === `${cut('b.err')}${'y'.repeat(65_536)}`).toBe(true);
    expect(log('a.err').startsWith(`${cut('a.err')}line `)).toBe(true);
    expect(long.endsWith(log('a.err').slice(cut('a.err').length))).toBe(true);
    expect(log('a.err').length).toBeGreaterThan(65_000);
    expect(existsSync(`${destination}/logs/c.out`)).toBe(false);
  });

  it('have names that artifacts can have, each its own', async () => {
    make(study, { 'a.out': 'a', 'b.out': 'b', 'c.out': 'c', 'd.out': 'd', 'e.out': 'e' });
    await bringLogs(
      plainHost(),
      [
        step('run_x/y:1', 'a'),
        step('run_x%2Fy:1', 'b'),
        step('../../up', 'c'),
        step('..', 'd'),
        step('n'.repeat(300), 'e'),
      ],
      destination,
    );
    expect(look(`${here}/report`)).toEqual([
      'files/',
      'files/logs/',
      'files/logs/%2E%2E.out: d',
      'files/logs/..%2F..%2Fup.out: c',
      `files/logs/${'n'.repeat(250)}.out: e`,
      'files/logs/run_x%2Fy%3A1.out: a',
      'files/logs/run_x%2Fy%3A1~2.out: b',
    ]);
  });

  it('are of the first so many, and it is said how many are left out', async () => {
    mkdirSync(study);
    const steps = Array.from({ length: 45 }, (_, i) => step(`s${i}`));
    for (const { name } of steps) writeFileSync(`${study}/${name}.err`, name);
    expect(await bringLogs(plainHost(), steps, destination, 41)).toEqual({ files: 41, leftOut: 4 });
    expect(readFileSync(`${destination}/logs/s40.err`, 'utf8')).toBe('s40');
    expect(existsSync(`${destination}/logs/s41.err`)).toBe(false);
    expect(await bringLogs(plainHost(), [], `${destination}2`)).toEqual({ files: 0, leftOut: 0 });
    expect(existsSync(`${destination}2`)).toBe(false);
  });
});
