import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  appendFile,
  type HostDirectory,
  type HostFile,
  readTails,
  replaceFile,
  writeFiles,
} from '../../src/hosts/files.js';
import { type Host, HostError } from '../../src/hosts/host.js';
import { CutInputHost, plainHost, WatchedHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';

let directory: string;

beforeEach(() => {
  directory = temporaryDirectory();
});

const file = (name: string) => path.join(directory, name);
const read = (name: string) => readFileSync(file(name), 'utf8');
const mode = (name: string) => (statSync(file(name)).mode & 0o7777).toString(8);

/** What is not a directory cannot have anything below it, whoever asks. */
function notADirectory(): string {
  writeFileSync(file('plain'), 'precious');
  return file('plain/below');
}

/** Small files of this machine are written by this process, unless `setup` changes the umask, and elsewhere by commands. */
const ways = [
  ['this process', () => plainHost()],
  ['a command', () => new WatchedHost()],
] as const;

describe('writing files', () => {
  it('writes them below the directory, with the directories they are in', async () => {
    await writeFiles(plainHost(), directory, [
      { path: 'a', text: 'one\n' },
      { path: 'b/c/d', text: 'two: é 😀\n' },
      { path: 'b/empty', text: '' },
    ]);
    expect([read('a'), read('b/c/d'), read('b/empty')]).toEqual(['one\n', 'two: é 😀\n', '']);
    expect(readdirSync(directory).sort()).toEqual(['a', 'b']);
  });

  it('writes thousands with one command', async () => {
    const host = new WatchedHost();
    function* files(): Generator<HostFile> {
      for (let i = 0; i < 3000; i++) yield { path: `run/N.${i}/run.sh`, text: `#!/bin/bash\n\necho ${i}\n` };
    }
    await writeFiles(host, directory, files());
    expect(host.commands).toHaveLength(1);
    expect(readdirSync(file('run'))).toHaveLength(3000);
    expect(read('run/N.2999/run.sh')).toBe('#!/bin/bash\n\necho 2999\n');
  });

  it('writes the same through a network, for which they are compressed', async () => {
    const commands: string[] = [];
    const local = plainHost('umask 022');
    const elsewhere: Host = {
      name: 'elsewhere',
      spawn: (command, options) => {
        commands.push(command);
        return local.spawn(command, options);
      },
    };
    await writeFiles(elsewhere, directory, [
      { path: 'b/script.sh', text: 'é\n', executable: true },
      { path: 'b/empty', text: '' },
      { directory: 'c/d' },
    ]);
    expect([read('b/script.sh'), read('b/empty'), mode('b/script.sh'), mode('c/d')]).toEqual(['é\n', '', '744', '755']);
    expect(commands).toEqual([expect.stringContaining('tar -x -z ')]);
  });

  it('writes big ones', async () => {
    const text = 'x'.repeat(20_000_000);
    await writeFiles(plainHost(), directory, [
      { path: 'big', text },
      { path: 'after', text: 'small' },
    ]);
    expect(read('big') === text).toBe(true);
    expect(read('after')).toBe('small');
  });

  it('writes nothing, if there is nothing', async () => {
    await writeFiles(plainHost(), directory, []);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('takes any name, of any length that the file system takes', async () => {
    const names = [
      `${'d'.repeat(200)}/${'e'.repeat(200)}/${'f'.repeat(250)}`,
      `é`.repeat(100),
      `${'a/'.repeat(100)}b`,
      `it's a "name" $(touch x) \\ * ? -n`,
      'new\nline',
      '-dash',
      'x'.repeat(100),
      'y'.repeat(101),
      'z'.repeat(255),
    ];
    await writeFiles(
      plainHost(),
      directory,
      names.map((name) => ({ path: name, text: name })),
    );
    for (const name of names) expect(read(name)).toBe(name);
  });

  it('takes any name of the directory', async () => {
    const odd = file(`-it's a "directory" $HOME`);
    mkdirSync(odd);
    await writeFiles(plainHost(), odd, [{ path: 'a', text: 'one' }]);
    expect(readFileSync(path.join(odd, 'a'), 'utf8')).toBe('one');
  });

  it('gives them the modes that a program there would: what the umask lets through', async () => {
    const modes: string[][] = [];
    for (const umask of ['022', '077', '002', '027']) {
      await writeFiles(plainHost(`umask ${umask}`), directory, [
        { path: `${umask}/script.sh`, text: '', executable: true },
        { path: `${umask}/text`, text: '' },
      ]);
      modes.push([umask, mode(`${umask}/script.sh`), mode(`${umask}/text`), mode(umask)]);
    }
    expect(modes).toEqual([
      ['022', '744', '644', '755'],
      ['077', '700', '600', '700'],
      ['002', '764', '664', '775'],
      ['027', '740', '640', '750'],
    ]);
  });

  it('gives them to whoever writes them, now', async () => {
    const before = Date.now();
    await writeFiles(plainHost(), directory, [{ path: 'a', text: '' }]);
    const { uid, gid, mtimeMs } = statSync(file('a'));
    expect({ uid, gid }).toEqual({ uid: process.getuid!(), gid: process.getgid!() });
    expect(Math.abs(mtimeMs - before)).toBeLessThan(5000);
  });

  it('replaces what is there', async () => {
    writeFileSync(file('a'), 'old and longer');
    await writeFiles(plainHost(), directory, [{ path: 'a', text: 'new' }]);
    expect(read('a')).toBe('new');
  });

  it('says that it cannot, and why, if the directory is not there or is none', async () => {
    for (const place of [file('gone'), notADirectory()]) {
      await expect(writeFiles(plainHost(), place, [{ path: 'a', text: 'x' }])).rejects.toThrow(HostError);
      await expect(writeFiles(plainHost(), place, [{ path: 'a', text: 'x' }])).rejects.toThrow(
        `cannot write the study's files to ${place} on this machine: tar`,
      );
    }
  });

  it('says that there is no tar', async () => {
    const host = plainHost('PATH=/nowhere');
    await expect(writeFiles(host, directory, [{ path: 'a', text: 'x' }])).rejects.toThrow(
      new HostError(`cannot write the study's files to ${directory} on this machine: there is no tar`),
    );
  });

  it('says so all the same when there was much more to send', async () => {
    function* files(): Generator<HostFile> {
      for (let i = 0; i < 300; i++) yield { path: `${i}`, text: 'x'.repeat(100_000) };
    }
    for (const [host, place, why] of [
      [plainHost('PATH=/nowhere'), directory, 'there is no tar'],
      [plainHost(), file('gone'), 'tar'],
      [plainHost('exit 3'), directory, 'exit 3'],
    ] as const) {
      await expect(writeFiles(host, place, files())).rejects.toThrow(
        `cannot write the study's files to ${place} on this machine: ${why}`,
      );
    }
  });

  it('says that the command was killed, and not only what the program that it left behind said', async () => {
    const bin = temporaryDirectory();
    writeFileSync(`${bin}/tar`, '#!/bin/bash\necho gzip: unexpected end of file >&2; kill -KILL $$', { mode: 0o755 });
    const host = plainHost(`PATH=${bin}:$PATH`);
    await expect(writeFiles(host, directory, [{ path: 'a', text: 'x' }])).rejects.toThrow(
      `cannot write the study's files to ${directory} on this machine: killed (exit 137): gzip: unexpected end of file`,
    );
  });

  it('says so when one of them cannot be written', async () => {
    writeFileSync(file('a'), '');
    await expect(writeFiles(plainHost(), directory, [{ path: 'a/b', text: 'x' }])).rejects.toThrow(HostError);
  });

  it('says so when the files cannot be made', async () => {
    function* files(): Generator<HostFile> {
      yield { path: 'a', text: 'x' };
      throw new Error('no more');
    }
    await expect(writeFiles(plainHost(), directory, files())).rejects.toThrow('no more');
  });
});

describe('writing many files, which on this machine a thread does and elsewhere tar', () => {
  const many = Array.from({ length: 600 }, (_, i): HostFile => ({ path: `many/${i}`, text: '' }));
  const odd: readonly (HostFile | HostDirectory)[] = [
    { path: 'a', text: 'é 😀\n' },
    { path: 'b/c/-d "x" $HOME', text: new Uint8Array([0, 255, 10]) },
    { path: 'script.sh', text: '#!/bin/bash\n', executable: true },
    { path: 'secret', text: 'x', isPrivate: true },
    { directory: 'made/for/later' },
    { directory: 'b' },
  ];
  /** Names, modes and bytes of all that is below a directory. */
  const below = (directory: string) =>
    (readdirSync(directory, { recursive: true }) as string[]).sort().map((name) => {
      const status = lstatSync(path.join(directory, name));
      const bytes = status.isFile() ? readFileSync(path.join(directory, name), 'hex') : '';
      return `${name} ${(status.mode & 0o7777).toString(8)} ${bytes}`;
    });

  it('makes of them the same files and directories, with one command or none', async () => {
    const outcomes: string[][] = [];
    for (const way of ['thread', 'tar']) {
      const host = new WatchedHost();
      mkdirSync(file(way));
      const writer = way === 'tar' ? host : Object.assign(host, { runsAsThisProcess: true });
      await writeFiles(writer, file(way), [...odd, ...many]);
      expect(host.commands).toHaveLength(way === 'tar' ? 1 : 0);
      outcomes.push(below(file(way)));
    }
    expect(outcomes[0]).toEqual(outcomes[1]);
    expect(outcomes[0]).toContain(`script.sh ${mode('tar/script.sh')} ${Buffer.from('#!/bin/bash\n').toString('hex')}`);
  });

  it('puts new files in the place of those that are there, which who has them open goes on reading', async () => {
    mkdirSync(file('elsewhere'));
    symlinkSync('elsewhere', file('b'));
    writeFileSync(file('a'), 'old');
    linkSync(file('a'), file('as it was'));
    writeFileSync(file('victim'), 'precious');
    symlinkSync('victim', file('script.sh'));
    await writeFiles(plainHost(), directory, [...odd, ...many]);
    expect([read('a'), read('as it was'), read('victim')]).toEqual(['é 😀\n', 'old', 'precious']);
    expect(lstatSync(file('script.sh')).isFile()).toBe(true);
    expect(readdirSync(file('elsewhere/c'))).toHaveLength(1);
  });

  it('says which one could not be written, and why', async () => {
    writeFileSync(file('b'), 'a file');
    await expect(writeFiles(plainHost(), directory, [...many, ...odd])).rejects.toThrow(
      new HostError(
        `cannot write the study's files to ${directory} on this machine: b/c/-d "x" $HOME: File already exists`,
      ),
    );
    expect(read('a')).toBe('é 😀\n');
  });
});

describe.each(ways)('replacing a file, by %s', (_, host) => {
  it('writes it whole, or not at all', async () => {
    const name = `it's "a" file`;
    await replaceFile(host(), file(name), 'one\n');
    linkSync(file(name), file('as it was'));
    await replaceFile(host(), file(name), 'two é\n');
    expect([read(name), read('as it was')]).toEqual(['two é\n', 'one\n']);
    expect(readdirSync(directory).sort()).toEqual(['as it was', name]);
  });

  it.each([0, 5])(
    'leaves it as it was if only %d bytes of the new text arrive, as of a driver that is killed',
    async (bytes) => {
      await replaceFile(host(), file('a'), 'one\n');
      await expect(replaceFile(new CutInputHost(bytes), file('a'), 'two and more\n')).rejects.toThrow(/^cannot write/);
      expect(read('a')).toBe('one\n');
      expect(readdirSync(directory)).toEqual(['a']);
    },
  );

  it('keeps a private one from others, whoever could read the old one', async () => {
    writeFileSync(file('a'), 'open', { mode: 0o644 });
    await replaceFile(host(), file('a'), 'secret', { isPrivate: true });
    expect([read('a'), mode('a')]).toEqual(['secret', '600']);
  });

  it('says why it cannot', async () => {
    await expect(replaceFile(host(), notADirectory(), 'x')).rejects.toThrow(/^cannot write .*: .*Not a directory/);
    const purpose = 'cannot note the job';
    await expect(replaceFile(host(), notADirectory(), 'x', { purpose })).rejects.toThrow(/^cannot note the job: /);
  });
});

it('a private file is private before a command has written anything to it', async () => {
  // As a host whose umask lets everybody read, and whose cat first says what its output is.
  const cat = `cat() { stat -c %a "$new" > ${file('mode')}; command cat; }`;
  await replaceFile(plainHost(`umask 000; ${cat}`), file('a'), 'secret', { isPrivate: true });
  expect([read('a'), read('mode')]).toEqual(['secret', '600\n']);
});

describe.each(ways)('adding to a file, by %s', (_, host) => {
  it('leaves what is there, and makes the file if there is none', async () => {
    const name = `it's "a" file`;
    await appendFile(host(), file(name), 'one\n');
    await appendFile(host(), file(name), 'two é\n');
    expect(read(name)).toBe('one\ntwo é\n');
    expect(readdirSync(directory)).toEqual([name]);
  });

  it('says why it cannot', async () => {
    await expect(appendFile(host(), notADirectory(), 'x')).rejects.toThrow(/^cannot write .*: .*Not a directory/);
  });
});

describe('reading the ends of files', () => {
  it('gives the last bytes of each, in order, with one command', async () => {
    const host = new WatchedHost();
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    writeFileSync(file('bytes'), bytes);
    writeFileSync(file('short'), 'abc');
    writeFileSync(file('empty'), '');
    const tails = await readTails(host, ['short', 'gone', 'bytes', 'empty'].map(file), 10);
    expect(tails).toEqual([Buffer.from('abc'), null, bytes.subarray(246), Buffer.alloc(0)]);
    expect(host.commands).toHaveLength(1);
  });

  it('takes any name, and many', async () => {
    const names = [`it's "a" $(touch x)`, 'new\nline', '-c', 'é', ...Array.from({ length: 200 }, (_, i) => `f${i}`)];
    for (const name of names) writeFileSync(file(name), `of ${name}`);
    const tails = await readTails(plainHost(), names.map(file), 1000);
    expect(tails.map(String)).toEqual(names.map((name) => `of ${name}`));
  });

  it('reads no more than it must of a big one', async () => {
    writeFileSync(file('big'), 'x'.repeat(5_000_000));
    const [tail] = await readTails(plainHost(), [file('big')], 16_384);
    expect(tail?.length).toBe(16_384);
  });

  it('has nothing to give of a directory', async () => {
    expect(await readTails(plainHost(), [directory], 10)).toEqual([null]);
  });

  it('needs no command for no files', async () => {
    const host = new WatchedHost();
    expect(await readTails(host, [], 10)).toEqual([]);
    expect(host.commands).toEqual([]);
  });
});

describe.each(ways)('a file that others may have prepared a link for, by %s', (_, host) => {
  it('is replaced and added to without what a link leads to being written', async () => {
    writeFileSync(file('victim'), 'precious');
    for (const name of ['a.new', 'a', 'log']) symlinkSync(file('victim'), file(name));
    await replaceFile(host(), file('a'), 'new');
    expect([read('a'), lstatSync(file('a')).isFile()]).toEqual(['new', true]);
    await expect(appendFile(host(), file('log'), 'x')).rejects.toThrow(/^cannot write .*log: it is a symbolic link/);
    expect(read('victim')).toBe('precious');
    expect(readdirSync(directory).sort()).toEqual(['a', 'a.new', 'log', 'victim']);
  });
});
