import {
  appendFileSync,
  chmodSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { HostError, HostLostError } from '../../../src/hosts/host.js';
import { digestOf } from '../../../src/hosts/upload/contents.js';
import { sendTree } from '../../../src/hosts/upload/send.js';
import { leftOutText } from '../../../src/hosts/upload/texts.js';
import { readTree, StagingStopped } from '../../../src/hosts/upload/tree.js';
import { mostHeldDuring } from '../../support/held-memory.js';
import { plainHost, WatchedHost } from '../../support/hosts.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { until } from '../../support/wait.js';
import { CutHost, look, make, setTimes } from './tree-support.js';

let here: string;
let root: string;
let there: string;

beforeEach(() => {
  here = temporaryDirectory();
  root = `${here}/here`;
  there = `${here}/there/of/it's "staged"`;
});

/** What there is beside the staged tree. */
const beside = () => readdirSync(`${here}/there/of`).sort();

describe('sending a tree', () => {
  it('brings files, directories and links as they are, with one command to look and one to send', async () => {
    make(root, {
      a: 'one\n',
      'run.sh': { run: '#!/bin/bash\n' },
      empty: {},
      sub: { '.hidden': 'h', nothing: '', deep: { er: { still: 'x' } } },
      latest: { link: 'sub/deep' },
      dangling: { link: '../not/here' },
      absolute: { link: '/nowhere' },
    });
    const host = new WatchedHost();
    const tree = await readTree(root, []);
    const told: string[] = [];
    const result = await sendTree(host, tree, there, { tell: (text) => told.push(text) });
    expect(look(there)).toEqual(look(root));
    expect(host.commands).toHaveLength(2);
    expect(result).toEqual({ files: 8, bytes: 18, sent: true, wire: expect.any(Number) });
    expect(result.wire).toBeGreaterThan(50);
    expect(result.wire).toBeLessThan(2000);
    expect(told).toEqual([`Staged 8 files, 18 B (${result.wire} B on the wire)`]);
    expect(readFileSync(`${there}.digest`, 'utf8')).toBe(`${await digestOf(tree)}\n`);
    expect(beside()).toEqual([`it's "staged"`, `it's "staged".digest`]);
  });

  it('keeps times, to the microsecond, also those before 1970', async () => {
    make(root, { early: '', exact: '', old: '', directory: { file: '' } });
    utimesSync(`${root}/early`, new Date(-86_400_500), new Date(-86_400_500));
    expect(statSync(`${root}/early`).mtimeMs).toBe(-86_400_500);
    utimesSync(`${root}/exact`, 1_000_000_000, 1_000_000_000);
    utimesSync(`${root}/old`, 1_000_000_000.123456, 1_000_000_000.123456);
    utimesSync(`${root}/directory`, 1_100_000_000, 1_100_000_000);
    await sendTree(plainHost(), await readTree(root, []), there);
    for (const name of ['early', 'exact', 'old', 'directory', 'directory/file']) {
      const difference = statSync(`${there}/${name}`).mtimeMs - statSync(`${root}/${name}`).mtimeMs;
      expect([name, Math.abs(difference) < 0.002]).toEqual([name, true]);
    }
  });

  it('gives them the modes that the umask there lets through, and the executable bit', async () => {
    make(root, { text: '', 'run.sh': { run: '' }, sub: {} });
    const modes: string[] = [];
    for (const umask of ['022', '077', '002']) {
      await sendTree(plainHost(`umask ${umask}`), await readTree(root, []), `${there}${umask}`);
      modes.push(
        ['text', 'run.sh', 'sub', '']
          .map((name) => (statSync(`${there}${umask}/${name}`).mode & 0o7777).toString(8))
          .join(' '),
      );
    }
    expect(modes).toEqual(['644 755 755 755', '600 700 700 700', '664 775 775 775']);
  });

  it('keeps private what its group or others cannot read, even where the umask there is open', async () => {
    make(root, { mine: '', 'mine.sh': { run: '' }, group: '', own: { file: '' } });
    for (const [name, mode] of Object.entries({ mine: 0o600, 'mine.sh': 0o700, group: 0o640, own: 0o700 })) {
      chmodSync(`${root}/${name}`, mode);
    }
    await sendTree(plainHost('umask 002'), await readTree(root, []), there);
    const modes = ['mine', 'mine.sh', 'group', 'own', 'own/file'].map((name) =>
      (statSync(`${there}/${name}`).mode & 0o777).toString(8),
    );
    expect(modes).toEqual(['600', '700', '660', '700', '664']);
  });

  it('leaves the key to log in with here, whatever its file is called, and says so', async () => {
    const key = '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n';
    make(root, { deep: { 'cluster-key': key }, other: key.replace('AAAA', 'BBBB'), 'copy.txt': key.trim() });
    const tree = await readTree(root, [], { own: { secrets: [key] } });
    expect(leftOutText(tree)).toBe('Not staged, as it is the private key to log in with: copy.txt, deep/cluster-key');
    await sendTree(plainHost(), tree, there);
    expect(look(there).map((line) => line.split(':')[0])).toEqual(['deep/', 'other']);
  });

  it('takes any name that is text, and links to any, whatever the locale there', async () => {
    const names = [
      `${'d'.repeat(200)}/${'e'.repeat(200)}/${'f'.repeat(250)}`,
      'é'.repeat(100),
      '😀'.repeat(30),
      `${'a/'.repeat(100)}b`,
      `it's a "name" $(touch x) \\ \\n * ? -n`,
      'new\nline',
      '-dash',
      '--checkpoint=1',
      '\ufeffmark',
      ' blank ',
      'tab\t',
      '\u0001\u007f',
      'x'.repeat(100),
      'y'.repeat(101),
      'z'.repeat(255),
    ];
    for (const name of names) {
      make(`${root}/${name.includes('/') ? name.slice(0, name.lastIndexOf('/')) : ''}`, {});
      writeFileSync(`${root}/${name}`, name);
    }
    for (const [i, target] of names.entries()) symlinkSync(target, `${root}/link${i}`);
    for (const locale of ['C', 'C.UTF-8']) {
      await sendTree(plainHost('', { LC_ALL: locale }), await readTree(root, []), there + locale);
      expect(look(there + locale)).toEqual(look(root));
    }
  });

  it('brings two thousand files and a big one, which is never in memory as a whole', async () => {
    const big = Buffer.alloc(100_000_000);
    for (let i = 0; i < big.length; i += 997) big[i] = i % 251;
    make(root, { big });
    for (let i = 0; i < 20; i++) {
      make(`${root}/d${i}`, Object.fromEntries(Array.from({ length: 100 }, (_, j) => [`f${j}`, `${i} ${j}\n`])));
    }
    const host = new WatchedHost();
    const progress: number[] = [];
    const held = await mostHeldDuring(async () => {
      const result = await sendTree(host, await readTree(root, []), there, {
        progress: (bytes) => progress.push(bytes),
      });
      expect(result).toMatchObject({ files: 2001, sent: true });
      expect(progress.at(-1)).toBe(result.bytes);
    });
    expect(host.commands).toHaveLength(2);
    expect(readFileSync(`${there}/big`).equals(big)).toBe(true);
    expect(look(there)).toEqual(look(root));
    // What is under way, and not the file.
    expect(held).toBeLessThan(50_000_000);
  }, 180_000);

  it('sends nothing if the host has it, though it be a new checkout with new times, and says so', async () => {
    make(root, { a: 'one', sub: { b: { run: 'two' } } });
    await sendTree(plainHost(), await readTree(root, []), there);
    writeFileSync(`${there}/written by a step`, 'kept');
    const again = make(`${here}/again`, { a: 'one', sub: { b: { run: 'two' } } });
    setTimes(again, 1_234_567_890);
    const host = new WatchedHost();
    const told: string[] = [];
    const result = await sendTree(host, await readTree(again, []), there, { tell: (text) => told.push(text) });
    expect(result).toEqual({ files: 2, bytes: 6, sent: false, wire: 0 });
    expect(told).toEqual(['The staged tree is unchanged: 2 files, 6 B']);
    expect(host.commands).toHaveLength(1);
    expect(existsSync(`${there}/written by a step`)).toBe(true);
  });

  it('sends it again if the directory is gone, or its digest', async () => {
    make(root, { a: 'one' });
    await sendTree(plainHost(), await readTree(root, []), there);
    for (const gone of ['.digest', '']) {
      await plainHost().spawn(`rm -r -- "${there.replaceAll('"', '\\"')}${gone}"`).exit;
      expect(await sendTree(plainHost(), await readTree(root, []), there)).toMatchObject({ sent: true });
      expect(look(there)).toEqual(['a: one']);
    }
  });

  it('keeps a tree that it replaces, with what was written into it', async () => {
    make(root, { a: 'one' });
    await sendTree(plainHost(), await readTree(root, []), there);
    writeFileSync(`${there}/result`, 'precious');
    for (const content of ['two', 'three']) {
      writeFileSync(`${root}/a`, content);
      expect(await sendTree(plainHost(), await readTree(root, []), there)).toMatchObject({ sent: true });
    }
    expect(look(there)).toEqual(['a: three']);
    expect(look(`${there}.old-1`)).toEqual(['a: one', 'result: precious']);
    expect(look(`${there}.old-2`)).toEqual(['a: two']);
    expect(beside()).toHaveLength(4);
  });

  it('takes the place of an empty directory, and leaves what a link there led to alone', async () => {
    make(root, { a: 'one' });
    make(there, {});
    await sendTree(plainHost(), await readTree(root, []), there);
    expect(beside()).toHaveLength(2);
    const elsewhere = make(`${here}/elsewhere`, { b: 'other' });
    symlinkSync(elsewhere, `${there}2`);
    await sendTree(plainHost(), await readTree(root, []), `${there}2`);
    expect(look(`${there}2`)).toEqual(['a: one']);
    expect(lstatSync(`${there}2`).isDirectory()).toBe(true);
    expect(look(elsewhere)).toEqual(['b: other']);
  });

  it('begins again after a lost connection, wherever that is cut, and leaves nothing behind', async () => {
    const big = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * i) % 251));
    make(root, { a: 'one', big, z: 'last' });
    const whole = await sendTree(plainHost(), await readTree(root, []), there);
    for (const after of [0, 10, Math.floor(whole.wire / 2), whole.wire - 1]) {
      const directory = `${here}/there/cut${after}`;
      const host = new CutHost((_, index) => (index === 1 ? { stream: 'stdin', after } : undefined));
      const told: string[] = [];
      const result = await sendTree(host, await readTree(root, []), directory, { tell: (text) => told.push(text) });
      expect(result).toEqual({ ...whole, wire: expect.any(Number) });
      expect(told[0]).toBe('the connection to the cluster was lost: staging begins again');
      expect(told).toHaveLength(2);
      expect(host.commands).toHaveLength(3);
      expect(look(directory)).toEqual(look(root));
      await until('the attempt that was cut has cleaned up', () =>
        readdirSync(`${here}/there`).every((name) => /^(of|cut\d+(\.digest)?)$/.test(name)),
      );
    }
  });

  it('leaves no half of a tree when the connection does not come back', async () => {
    make(root, { a: 'one', b: 'x'.repeat(100_000) });
    const host = new CutHost((_, index) => (index > 0 ? { stream: 'stdin', after: 100 } : undefined));
    await expect(sendTree(host, await readTree(root, []), there)).rejects.toThrow(HostLostError);
    expect(host.commands.length).toBeGreaterThan(2);
    await until('the attempts have cleaned up', () => beside().length === 0);
  });

  it('stages a file that grew, shrank or was written since it was listed as it is, and warns of it', async () => {
    for (const [change, now] of [
      [() => appendFileSync(`${root}/b`, 'more'), `${'x'.repeat(1_000_000)}more`],
      [() => truncateSync(`${root}/b`, 1000), 'x'.repeat(1000)],
      [() => truncateSync(`${root}/b`, 0), ''],
    ] as const) {
      make(root, { a: 'one', b: 'x'.repeat(1_000_000), c: 'last' });
      const tree = await readTree(root, []);
      change();
      const warned: string[] = [];
      await sendTree(plainHost(), tree, there, { warn: (text) => warned.push(text) });
      expect(readFileSync(`${there}/b`, 'utf8')).toBe(now);
      expect(readFileSync(`${there}/c`, 'utf8')).toBe('last');
      expect(warned).toEqual([expect.stringMatching(/^Changed while they were staged, .*: b\. /)]);
    }
  });

  it('leaves out a file that is gone, or no file any more, and warns of it', async () => {
    make(root, { a: 'one', b: 'two', c: 'last' });
    const tree = await readTree(root, []);
    rmSync(`${root}/a`);
    rmSync(`${root}/b`);
    symlinkSync('/etc/passwd', `${root}/b`);
    const warned: string[] = [];
    await sendTree(plainHost(), tree, there, { warn: (text) => warned.push(text) });
    expect(look(there)).toEqual(['c: last']);
    expect(warned).toEqual([expect.stringMatching(/^Removed while the tree was staged, .*: a, b$/)]);
  });

  it('stages what changes between looking at the host and sending it too, and sends it again the next time', async () => {
    make(root, { a: 'one', b: 'x'.repeat(1_000_000), c: 'last' });
    for (const change of [
      () => writeFileSync(`${root}/b`, 'y'.repeat(1_000_000)),
      () => appendFileSync(`${root}/b`, 'more'),
      () => truncateSync(`${root}/b`, 10),
      () => rmSync(`${root}/b`),
    ]) {
      const tree = await readTree(root, []);
      const host = new CutHost((_, index) => {
        if (index === 1) change();
        return undefined;
      });
      const warned: string[] = [];
      await sendTree(host, tree, there, { warn: (text) => warned.push(text) });
      expect(look(there)).toEqual(look(root));
      expect(warned).toHaveLength(1);
      expect(existsSync(`${there}.digest`)).toBe(false);
    }
  });

  it('keeps the archive whole while a file in it is written to and cut all the time', async () => {
    make(root, { a: 'one', log: 'x'.repeat(3_000_000), z: 'last' });
    const tree = await readTree(root, []);
    let turn = 0;
    const writer = setInterval(() => {
      turn += 1;
      if (turn % 3 === 0) truncateSync(`${root}/log`, 100_000);
      else appendFileSync(`${root}/log`, 'y'.repeat(1_500_000));
    }, 1);
    try {
      for (let i = 0; i < 5; i++) await sendTree(plainHost(), tree, `${there}${i}`);
    } finally {
      clearInterval(writer);
    }
    for (let i = 0; i < 5; i++)
      expect([readFileSync(`${there}${i}/a`, 'utf8'), readFileSync(`${there}${i}/z`, 'utf8')]).toEqual(['one', 'last']);
  });

  it('ends at once when the tree is not wanted any more, and leaves nothing there', async () => {
    make(root, { a: 'x', b: Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 7919) % 253)) });
    const tree = await readTree(root, []);
    await expect(sendTree(plainHost(), tree, there, { cancel: AbortSignal.abort() })).rejects.toThrow(StagingStopped);
    const cancel = new AbortController();
    // A receiver that reads nothing: the network is as slow.
    const host = plainHost('mktemp() { sleep 8; command mktemp "$@"; }');
    setTimeout(() => cancel.abort(), 500);
    const began = Date.now();
    await expect(sendTree(host, tree, there, { cancel: cancel.signal })).rejects.toThrow(StagingStopped);
    expect(Date.now() - began).toBeLessThan(7000);
    const midway = new AbortController();
    const progress = (_: number, doing: string) => {
      if (doing === 'sending') midway.abort();
    };
    await expect(sendTree(plainHost(), tree, there, { cancel: midway.signal, progress })).rejects.toThrow(
      StagingStopped,
    );
    await until('what was unpacked is removed', () => !existsSync(`${here}/there/of`) || beside().length === 0);
  });

  it('says that there is no tar, no gzip, no place, and why', async () => {
    make(root, { a: 'x', b: Buffer.from(Array.from({ length: 3_000_000 }, (_, i) => (i * 7919) % 253)) });
    const tree = await readTree(root, []);
    writeFileSync(`${here}/plain`, 'precious');
    const tools = make(`${here}/tools`, { tar: { link: '/bin/tar' } });
    for (const [host, directory, why] of [
      [plainHost('PATH=/nowhere'), there, 'there is no tar'],
      [plainHost(`PATH=${tools}`), there, 'there is no gzip'],
      [plainHost(), `${here}/plain/below`, 'mkdir: '],
      [plainHost(), '/proc/nowhere/below', 'mkdir: '],
    ] as const) {
      await expect(sendTree(host, tree, directory)).rejects.toThrow(HostError);
      await expect(sendTree(host, tree, directory)).rejects.toThrow(
        `cannot stage ${root} to ${directory} on this machine: ${why}`,
      );
    }
    expect(readFileSync(`${here}/plain`, 'utf8')).toBe('precious');
  });

  it('says in the words of tar that a file cannot be written, and leaves nothing of the tree', async () => {
    make(root, { a: 'x', b: Buffer.alloc(20_000_000, 'abc') });
    const host = plainHost('trap "" XFSZ\nulimit -f 1000');
    const error = await sendTree(host, await readTree(root, []), there).catch((error) => error);
    expect(error).toBeInstanceOf(HostError);
    expect(error.message).toMatch(
      /^cannot stage .* on this machine: tar: .*(File too large|Wrote only .* seems to be full)/,
    );
    expect(beside()).toEqual([]);
  });
});
