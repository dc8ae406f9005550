import { chmodSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { HostError } from '../../../src/hosts/host.js';
import { Changes, digestOf, hashContents } from '../../../src/hosts/upload/contents.js';
import { largestParts, largeTreeWarning, leftOutText, stagedText } from '../../../src/hosts/upload/texts.js';
import { readTree, StagingStopped, type Tree } from '../../../src/hosts/upload/tree.js';
import { sizeText, someOf } from '../../../src/util/format.js';
import { excludedBy, pathGlob } from '../../../src/util/globs.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { type Made, make, mkfifo, setTimes } from './tree-support.js';

let root: string;

beforeEach(() => {
  root = `${temporaryDirectory()}/root`;
});

const paths = (tree: Tree) => tree.entries.map(({ kind, path }) => (kind === 'directory' ? `${path}/` : path));
const listed = async (...exclude: string[]) => paths(await readTree(root, exclude));

describe('reading a tree', () => {
  it('lists files, directories and links, every directory before what is in it', async () => {
    make(root, {
      b: 'content',
      a: { z: { run: '#!' }, empty: {}, '.hidden': '' },
      c: { link: 'a/z' },
      d: { link: 'a' },
    });
    utimesSync(`${root}/b`, 1_000_000_000, 1_000_000_000);
    const tree = await readTree(`${root}/a/../`, []);
    expect(paths(tree)).toEqual(['a/', 'a/.hidden', 'a/empty/', 'a/z', 'b', 'c', 'd']);
    expect(tree).toMatchObject({ root, files: 5, bytes: 9, warnings: [] });
    expect(tree.entries.filter(({ path }) => ['a/z', 'b', 'c'].includes(path))).toEqual([
      { kind: 'file', path: 'a/z', size: 2, executable: true, mtime: statSync(`${root}/a/z`).mtimeMs, withheld: 0 },
      { kind: 'file', path: 'b', size: 7, executable: false, mtime: 1_000_000_000_000, withheld: 0 },
      { kind: 'link', path: 'c', target: 'a/z', mtime: expect.any(Number) },
    ]);
  });

  it('leaves out .git, a directory or a file, at any depth, and nothing that is only like it', async () => {
    make(root, {
      '.git': { HEAD: '' },
      '.github': { w: '' },
      '.gitignore': '',
      sub: { '.git': 'gitdir: x', 'a.git': '' },
    });
    expect(await listed()).toEqual(['.github/', '.github/w', '.gitignore', 'sub/', 'sub/a.git']);
  });

  it('leaves out what is excluded, with all below it, and does not even look there', async () => {
    make(root, { data: { big: '', sub: { x: '' } }, src: { 'a.o': '', 'a.c': '', data: { y: '' } }, 'b.o': '' });
    writeFileSync(Buffer.from(`${root}/data/sub/\xff`, 'latin1'), '');
    expect(await listed('data', '*.o')).toEqual(['src/', 'src/a.c']);
    expect(await listed('/data/')).toEqual(['b.o', 'src/', 'src/a.c', 'src/a.o', 'src/data/', 'src/data/y']);
    await expect(listed('src')).rejects.toThrow(HostError);
  });

  it('leaves out sockets, fifos and devices, and says so', async () => {
    make(root, { a: '', sub: {} });
    mkfifo(`${root}/sub/fifo`);
    const tree = await readTree(root, []);
    expect(paths(tree)).toEqual(['a', 'sub/']);
    expect(tree.warnings).toEqual(['Not staged, because they are sockets, fifos or devices: sub/fifo']);
  });

  it('keeps links that lead out of it, or nowhere, and warns of the first', async () => {
    make(root, {
      sub: { up: { link: '../a' }, out: { link: '../../elsewhere' }, circle: { link: '..' }, root: { link: '../..' } },
      absolute: { link: root },
      dangling: { link: 'nothing' },
      '..like': { link: '..like2' },
    });
    const tree = await readTree(root, []);
    expect(tree.files).toBe(7);
    expect(tree.warnings).toEqual([
      'Symbolic links that lead out of the staged tree may lead nowhere on the host: absolute, sub/out, sub/root',
    ]);
  });

  it('refuses names, and links to names, that are no text, and names them', async () => {
    make(root, { sub: {} });
    writeFileSync(Buffer.from(`${root}/sub/a\xff`, 'latin1'), '');
    symlinkSync(Buffer.from('\xfe', 'latin1'), `${root}/link`);
    await expect(listed()).rejects.toThrow(
      `cannot send link -> \ufffd, sub/a\ufffd of ${root}: the names are not UTF-8; rename them, or leave them out with stage-exclude`,
    );
    expect(await listed('link', 'a?')).toEqual(['sub/']);
  });

  it('says that there is no directory', async () => {
    await expect(listed()).rejects.toThrow(HostError);
    await expect(listed()).rejects.toThrow(`cannot read the directory to stage: ENOENT`);
    make(root, { a: '' });
    await expect(readTree(`${root}/a`, [])).rejects.toThrow('cannot read the directory to stage: ENOTDIR');
  });

  // Nothing is forbidden to root.
  it.skipIf(process.getuid!() === 0)('names what it may not read', async () => {
    make(root, { a: '', b: '', sub: { c: '' }, closed: { d: '' } });
    for (const name of ['b', 'sub/c', 'closed']) chmodSync(`${root}/${name}`, 0);
    await expect(listed()).rejects.toThrow(
      `cannot read b, closed, sub/c of ${root}: make them readable, or leave them out with stage-exclude`,
    );
    expect(await listed('b', 'c', 'closed')).toEqual(['a', 'sub/']);
    chmodSync(`${root}/closed`, 0o700);
  });
});

describe('the digest of a tree', () => {
  const made: Made = { a: 'one', b: { run: 'two' }, sub: { c: 'three', empty: {} }, link: { link: 'a' } };
  const digest = async () => digestOf(await readTree(root, []));

  it('is the same for the same tree elsewhere, at another time, with other modes', async () => {
    make(root, made);
    const first = await digest();
    expect(first).toMatch(/^[0-9a-f]{64}$/);
    setTimes(root, 1_000_000_000);
    chmodSync(`${root}/a`, 0o664);
    expect(await digest()).toBe(first);
    expect(await digestOf(await readTree(make(`${root}2`, made), []))).toBe(first);
    // What has become private must not stay there as it was.
    chmodSync(`${root}/a`, 0o600);
    expect(await digest()).not.toBe(first);
  });

  it.each<[string, Made]>([
    ['a content of the same size', { ...made, a: 'eno' }],
    ['a size', { ...made, a: 'one ' }],
    ['a name', { b: { run: 'two' }, sub: { c: 'three', empty: {} }, link: { link: 'a' }, A: 'one' }],
    ['an executable bit', { ...made, b: 'two' }],
    ['where a link leads', { ...made, link: { link: 'b' } }],
    ['a link to a file', { ...made, link: 'a' }],
    ['an empty directory', { ...made, sub: { c: 'three' } }],
    ['an empty directory to a file', { ...made, sub: { c: 'three', empty: '' } }],
    ['a place', { a: 'one', b: { run: 'two' }, c: 'three', sub: { empty: {} }, link: { link: 'a' } }],
    ['contents, exchanged', { ...made, a: 'three', sub: { c: 'one', empty: {} } }],
  ])('changes with %s', async (_, other) => {
    make(root, made);
    const first = await digest();
    expect(await digestOf(await readTree(make(`${root}2`, other), []))).not.toBe(first);
    // The times say nothing about it.
    setTimes(root, 1_000_000_000);
    setTimes(`${root}2`, 1_000_000_000);
    expect(await digestOf(await readTree(`${root}2`, []))).not.toBe(first);
  });

  it('is of what was read: of a file that has changed since it was listed, and not of one that is gone', async () => {
    make(root, { a: 'one', b: 'two', c: 'three' });
    const tree = await readTree(root, []);
    writeFileSync(`${root}/a`, 'more');
    rmSync(`${root}/b`);
    rmSync(`${root}/c`);
    mkfifo(`${root}/c`);
    const changes = new Changes();
    const read = await hashContents(tree, { changes });
    expect([[...changes.changed], [...changes.vanished].sort()]).toEqual([['a'], ['b', 'c']]);
    expect(read.tree).toMatchObject({ files: 1, bytes: 4 });
    expect(await digestOf(tree)).toBe(await digestOf(await readTree(make(`${root}2`, { a: 'more' }), [])));
  });

  it.skipIf(process.getuid?.() === 0)('needs every file to be readable', async () => {
    make(root, { a: 'one' });
    const tree = await readTree(root, []);
    chmodSync(`${root}/a`, 0);
    await expect(digestOf(tree)).rejects.toThrow(/^cannot read a of .*: EACCES.*stage-exclude$/);
  });
});

describe('what earlier runs wrote', () => {
  const report = { 'report.json': '', 'junit.xml': '', 'report.html': '', 'summary.md': '', 'run.out': '' };

  it('is left out by itself, studies and reports at any depth, and named', async () => {
    make(root, {
      'a.yaml': '',
      'demo_20260101-000000': { '.conductor': { lease: '' }, make: { out: '' } },
      out: { deep: { '.conductor': {}, x: '' }, y: '' },
      'demo.report': report,
      'not-a-study': { '.conductor': 'a file' },
      html: { 'report.html': '' },
    });
    const tree = await readTree(root, []);
    expect(paths(tree)).toEqual([
      ...['a.yaml', 'html/', 'html/report.html', 'not-a-study/', 'not-a-study/.conductor', 'out/', 'out/y'],
    ]);
    expect(leftOutText(tree)).toBe(
      'Not staged, as earlier runs wrote them: earlier studies (demo_20260101-000000, out/deep) and reports (demo.report)',
    );
    expect(leftOutText(await readTree(`${root}/html`, []))).toBeUndefined();
  });

  it('is left out where reports are to go, whatever is there yet', async () => {
    make(root, { 'a.yaml': '', mine: { logs: { x: '' } } });
    const tree = await readTree(root, [], { own: { reportPath: `${root}/mine` } });
    expect(paths(tree)).toEqual(['a.yaml']);
    expect(tree.leftOut.reports).toEqual(['mine']);
  });

  it('is staged all the same where the study needs it, but for what is the program’s own', async () => {
    make(root, {
      ...report,
      '.conductor': { lease: '' },
      old: { '.conductor': { lease: '' }, 'result.csv': '' },
      other: { '.conductor': { lease: '' } },
    });
    const isNeeded = (directory: string) => directory === 'old';
    const tree = await readTree(root, [], { own: { reportPath: root, isNeeded } });
    expect(paths(tree)).toEqual([
      ...['junit.xml', 'old/', 'old/result.csv', 'report.html', 'report.json', 'run.out', 'summary.md'],
    ]);
    expect(tree.leftOut.studies).toEqual(['.', 'old', 'other']);
  });

  it('is not waited for once the tree is not wanted any more', async () => {
    make(root, { a: { b: '' } });
    await expect(readTree(root, [], { cancel: AbortSignal.abort() })).rejects.toThrow(StagingStopped);
  });
});

describe('globs of paths', () => {
  it.each([
    ['*.o', 'a.o', true],
    ['*.o', 'x/y/a.o', true],
    ['*.o', '.o', true],
    ['*.o', 'a.out', false],
    ['/*.o', 'x/a.o', false],
    ['/*.o', 'a.o', true],
    ['./*.o', 'x/a.o', false],
    ['x/*.o', 'x/a.o', true],
    ['x/*.o', 'x/y/a.o', false],
    ['x/*.o', 'z/x/a.o', false],
    ['x/**/*.o', 'x/y/z/a.o', true],
    ['x/**/*.o', 'x/a.o', true],
    ['**/*.o', 'a\nb/\n.o', true],
    ['data', 'data', true],
    ['data', 'x/data', true],
    ['data', 'database', false],
    ['data/**', 'data', false],
    ['data/**', 'data/.x', true],
    ['{a,b}', 'x/b', true],
    ['{a,x/b}', 'x/b', true],
    ['[ab]?', 'b1', true],
    ['a\\*', 'a*', true],
    ['a\\*', 'ab', false],
    ['run[1]', 'run[1]', true],
    ['!a', 'b', false],
    ['.', 'anything', true],
  ])('of what is excluded %j and %j: %s', (glob, path, matches) => {
    expect(excludedBy([glob])(path, false)).toBe(matches);
    expect(excludedBy(['other', glob])(path, true)).toBe(matches);
    expect(excludedBy([`${glob}/`])(path, false)).toBe(glob === '.' && matches);
    expect(excludedBy([`${glob}/`])(path, true)).toBe(matches);
  });

  it('exclude nothing if there are none', () => expect(excludedBy([])('a', false)).toBe(false));

  it('that do not float mean the top only', () => {
    expect(pathGlob('*.o', false)('a.o', false)).toBe(true);
    expect(pathGlob('*.o', false)('x/a.o', false)).toBe(false);
  });
});

describe('what is told of a tree', () => {
  const tree = (sizes: Readonly<Record<string, number>>): Tree => ({
    root: '/r',
    entries: Object.entries(sizes).map(([path, size]) => ({
      kind: 'file',
      path,
      size,
      executable: false,
      mtime: 0,
      withheld: 0,
    })),
    files: Object.keys(sizes).length,
    bytes: Object.values(sizes).reduce((a, b) => a + b, 0),
    warnings: [],
    leftOut: { studies: [], reports: [], secrets: [] },
  });
  const parts = (sizes: Readonly<Record<string, number>>) =>
    largestParts(tree(sizes), 3).map(({ path, bytes }) => `${path} ${bytes}`);

  it('is how many files, how much, and how much of it travelled', () => {
    expect(stagedText({ files: 312, bytes: 4_100_000, sent: true, wire: 1_234_567 })).toBe(
      'Staged 312 files, 4.1 MB (1.2 MB on the wire)',
    );
    expect(stagedText({ files: 1, bytes: 3, sent: false, wire: 0 })).toBe('The staged tree is unchanged: 1 file, 3 B');
  });

  it('is, of a large one, where it is large', () => {
    expect(largeTreeWarning(tree({ a: 200_000_000 }))).toBeUndefined();
    expect(
      largeTreeWarning(tree({ 'd/1': 1e8, 'd/2': 5e7, a: 1e8, b: 4e7, c: 3e7, e: 2e7, 'f/x/y': 1e7, small: 1 })),
    ).toBe(
      'The tree to stage has 350.0 MB, most of it in d/ (150.0 MB), a (100.0 MB), b (40.0 MB), c (30.0 MB), e (20.0 MB). ' +
        'What the study does not need can be left out with stage-exclude.',
    );
  });

  it('is at the level where it tells something', () => {
    expect(parts({ 'a/x': 5, 'b/y': 3, c: 4, d: 1 })).toEqual(['a/ 5', 'c 4', 'b/ 3']);
    // More than 80 % in one: what is in that.
    expect(parts({ 'a/x': 50, 'a/y/z': 40, 'a/w': 5, b: 5 })).toEqual(['a/x 50', 'a/y/ 40', 'a/w 5']);
    expect(parts({ 'a/x': 40, 'a/y': 40, b: 20 })).toEqual(['a/ 80', 'b 20']);
    expect(parts({ 'a/b/c/big': 99, 'a/b/d': 1 })).toEqual(['a/b/c/big 99']);
    expect(parts({ big: 99, d: 1 })).toEqual(['big 99', 'd 1']);
    expect(parts({ empty: 0 })).toEqual([]);
  });

  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [4_149_999, '4.1 MB'],
    [999_949, '999.9 kB'],
    [999_950, '1.0 MB'],
    [8.5e9, '8.5 GB'],
    [2e18, '2000.0 PB'],
  ])('a size of %d is %s', (bytes, text) => expect(sizeText(bytes)).toBe(text));

  it('names the first few', () => {
    expect(someOf(['a'])).toBe('a');
    expect(someOf(['a', 'b', 'c'], 2)).toBe('a, b and 1 more');
  });
});
