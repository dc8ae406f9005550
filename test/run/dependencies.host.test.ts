import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Host, HostError, HostLostError, type HostProcess, type SpawnOptions } from '../../src/hosts/host.js';
import { checkPaths, cloneRepositories } from '../../src/run/dependencies.js';
import type { Spec } from '../../src/spec/spec.js';
import { shortHash } from '../../src/study/directory.js';
import type { Clone, Places } from '../../src/study/environment.js';
import { type Clock, systemClock } from '../../src/util/clock.js';
import { plainEnvironment, plainHost, WatchedHost } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';
import { isAlive, until } from '../support/wait.js';

let directory: string;
/** Of the study that clones. */
let study: string;

beforeEach(() => {
  directory = temporaryDirectory();
  study = temporaryDirectory();
});

function git(...args: string[]): string {
  const identity = ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.org', '-c', 'init.defaultBranch=main'];
  const options = { cwd: directory, env: plainEnvironment, encoding: 'utf8', stdio: 'pipe' } as const;
  return execFileSync('git', [...identity, '-C', path.join(directory, 'origin'), ...args], options).trim();
}

/** A repository of three commits: `one` is tagged v1, `two` is on a branch, `three` is the last of main. */
function repository(): Record<'one' | 'two' | 'three', string> {
  mkdirSync(path.join(directory, 'origin'));
  git('init', '--quiet');
  const commit = (text: string) => {
    writeFileSync(path.join(directory, 'origin/file'), text);
    git('add', '.');
    git('commit', '--quiet', '-m', text);
    return git('rev-parse', 'HEAD');
  };
  const one = commit('one');
  git('tag', 'v1');
  git('checkout', '--quiet', '-b', 'feature/two');
  const two = commit('two');
  git('checkout', '--quiet', 'main');
  const three = commit('three');
  return { one, two, three };
}

const url = () => path.join(directory, 'origin');

async function clone(
  given: Partial<Clone>,
  host: Host = plainHost(),
  cancel = new AbortController().signal,
  clock?: Pick<Clock, 'after'>,
): Promise<string[]> {
  const told: string[] = [];
  const whole: Clone = {
    name: 'repo',
    url: url(),
    destination: path.join(directory, 'repo'),
    checkout: undefined,
    ...given,
  };
  const log = { info: (line: string) => told.push(line), warning: (line: string) => told.push(`warning: ${line}`) };
  const options = { host, studyPath: study, clones: [whole], cancel, log };
  await cloneRepositories(clock === undefined ? options : { ...options, clock });
  return told;
}

const silent = { info() {}, warning() {} };

const cloned = (name = 'repo') => readFileSync(path.join(directory, name, 'file'), 'utf8');

describe('the repositories of a study', () => {
  it('are cloned, and that is told', async () => {
    repository();
    expect(await clone({})).toEqual([`Cloning ${url()} to ${directory}/repo`]);
    expect(cloned()).toBe('three');
  });

  it('are checked out at a tag, a branch, a commit, or a part of its hash', async () => {
    const { one, two } = repository();
    const checkouts: [Clone['checkout'], string][] = [
      [{ kind: 'tag', name: 'v1' }, 'one'],
      [{ kind: 'branch', name: 'feature/two' }, 'two'],
      [{ kind: 'hash', name: one }, 'one'],
      [{ kind: 'hash', name: two.slice(0, 10) }, 'two'],
    ];
    for (const [i, [checkout, text]] of checkouts.entries()) {
      await clone({ checkout, destination: path.join(directory, `repo${i}`) });
      expect([checkout, cloned(`repo${i}`)]).toEqual([checkout, text]);
    }
  });

  it('are checked out at a tag even if a branch has its name, and a file', async () => {
    repository();
    git('branch', 'file', 'feature/two');
    git('tag', 'file', 'v1');
    await clone({ checkout: { kind: 'tag', name: 'file' } });
    expect(cloned()).toBe('one');
  });

  it('are cloned one after the other, into directories that are made for them', async () => {
    repository();
    const clones = ['a', 'b'].map(
      (name): Clone => ({ name, url: url(), destination: path.join(directory, 'deps', name), checkout: undefined }),
    );
    const cancel = new AbortController().signal;
    await cloneRepositories({ host: plainHost(), studyPath: study, clones, cancel, log: silent });
    expect(readdirSync(path.join(directory, 'deps'))).toEqual(['a', 'b']);
  });

  it('may have any name', async () => {
    repository();
    const destination = path.join(directory, `it's a "repo" $(touch x) -n`);
    await clone({ destination });
    expect(cloned(path.basename(destination))).toBe('three');
    expect(readdirSync(directory).sort()).toEqual([path.basename(destination), 'origin']);
  });

  it('are cloned into a directory that is there, if it is empty', async () => {
    repository();
    mkdirSync(path.join(directory, 'repo'));
    await clone({});
    expect(cloned()).toBe('three');
  });

  it('are not cloned over anything', async () => {
    repository();
    mkdirSync(path.join(directory, 'repo'));
    writeFileSync(path.join(directory, 'repo/results'), 'precious');
    await expect(clone({})).rejects.toThrow(
      new HostError(`git dependency 'repo': ${directory}/repo exists and is not empty, so nothing can be cloned to it`),
    );
    await expect(clone({ destination: path.join(directory, 'repo/results') })).rejects.toThrow(HostError);
    expect(readdirSync(path.join(directory, 'repo'))).toEqual(['results']);
    expect(readFileSync(path.join(directory, 'repo/results'), 'utf8')).toBe('precious');
  });

  it("that cannot be cloned are an error in git's words", async () => {
    await expect(clone({ url: path.join(directory, 'gone') })).rejects.toThrow(
      new RegExp(`^git dependency 'repo' cannot be cloned from ${directory}/gone: fatal: .*gone`),
    );
  });

  it('that lack what is to be checked out are an error', async () => {
    repository();
    for (const [i, kind] of (['tag', 'branch', 'hash'] as const).entries()) {
      const destination = path.join(directory, `repo${i}`);
      await expect(clone({ checkout: { kind, name: 'abcdef0' }, destination })).rejects.toThrow(
        /^git dependency 'repo' cannot be cloned from .*abcdef0/,
      );
    }
  });

  it('never ask for a password', async () => {
    mkdirSync(path.join(directory, 'bin'));
    writeFileSync(path.join(directory, 'bin/git'), '#!/bin/bash\necho "prompt $GIT_TERMINAL_PROMPT" >&2; exit 1\n', {
      mode: 0o755,
    });
    const host = plainHost('', { PATH: `${directory}/bin:${plainEnvironment.PATH}` });
    await expect(clone({}, host)).rejects.toThrow(/prompt 0$/);
  });

  it('ask nothing in a window either, and have ssh ask nothing, whichever ssh somebody has chosen', async () => {
    mkdirSync(path.join(directory, 'bin'));
    const show = 'echo "${SSH_ASKPASS-unset} $GIT_SSH_COMMAND" >&2; exit 1';
    writeFileSync(path.join(directory, 'bin/git'), `#!/bin/bash\n${show}\n`, { mode: 0o755 });
    const PATH = `${directory}/bin:${plainEnvironment.PATH}`;
    const options = '-o BatchMode=yes -o ConnectTimeout=30 -o ServerAliveInterval=30';
    const seen = (environment: Record<string, string>) =>
      clone({}, plainHost('', { PATH, ...environment })).catch(({ message }) => message.replace(/^.*: /, ''));
    expect(await seen({ SSH_ASKPASS: '/bin/window' })).toBe(`unset ssh ${options}`);
    expect(await seen({ GIT_SSH_COMMAND: '/opt/bin/ssh -i key' })).toBe(`unset /opt/bin/ssh -i key ${options}`);
    expect(await seen({ GIT_SSH_COMMAND: 'my-wrapper' })).toBe('unset my-wrapper');
    expect(await seen({ GIT_SSH: '/opt/bin/plink' })).toBe('unset');
  });

  it("are not fetched by a program that git's own redirection or configuration names", async () => {
    repository();
    const trace = path.join(directory, 'ran');
    const GIT_CONFIG = { GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'url.ext::sh -c "touch ' + trace + '" #.insteadOf' };
    const host = plainHost('', { ...GIT_CONFIG, GIT_CONFIG_VALUE_0: 'https://example.invalid/' });
    await expect(clone({ url: 'https://example.invalid/x' }, host)).rejects.toThrow(/transport 'ext' not allowed/);
    expect(existsSync(trace)).toBe(false);
  });

  it('do not show the password of their URL, in whatever git says', async () => {
    const given = 'http://octo:ghp_secret@127.0.0.1:9/x.git';
    await expect(clone({ url: given })).rejects.toThrow(
      /^git dependency 'repo' cannot be cloned from http:\/\/127\.0\.0\.1:9\/x\.git: /,
    );
    await expect(clone({ url: given })).rejects.not.toThrow(/ghp_secret/);
  });

  it.each(['git', 'http'])(
    'of a server that takes connections and says nothing are given up after a minute (%s)',
    async (scheme) => {
      const server = createServer(() => {});
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const limits: number[] = [];
      const clock = {
        after(ms: number, call: () => void) {
          limits.push(ms);
          return systemClock.after(ms / 40, call);
        },
      };
      const address = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/repo.git`;
      try {
        await expect(clone({ url: address }, plainHost(), undefined, clock)).rejects.toThrow(
          new HostError(`git dependency 'repo' cannot be cloned from ${address}: it did not answer within 60 s`),
        );
      } finally {
        server.close();
      }
      expect(limits).toEqual([60_000]);
      expect(readdirSync(directory)).toEqual([]);
    },
  );

  it('come from file:// URLs too', async () => {
    repository();
    await clone({ url: `file://${url()}` });
    expect(cloned()).toBe('three');
  });

  it('that a link leads out of the study are not cloned', async () => {
    repository();
    symlinkSync(directory, path.join(study, 'out'));
    await expect(clone({ destination: path.join(study, 'out/repo') })).rejects.toThrow(
      new HostError(`git dependency 'repo': a symbolic link leads from ${study}/out/repo out of the study directory`),
    );
    symlinkSync(directory, path.join(study, 'repo'));
    await expect(clone({ destination: path.join(study, 'repo') })).rejects.toThrow(/symbolic link/);
    expect(readdirSync(directory)).toEqual(['origin']);
    await clone({ destination: path.join(study, 'deps/repo') });
    expect(readFileSync(path.join(study, 'deps/repo/file'), 'utf8')).toBe('three');
  });

  it('are given up at once when the study is cancelled', async () => {
    const pidFile = path.join(directory, 'pid');
    const host = plainHost('', { GIT_SSH_COMMAND: `echo $$ > '${pidFile}'; exec sleep 60; :` });
    const cancel = new AbortController();
    const done = clone({ url: 'ssh://localhost/repo.git' }, host, cancel.signal);
    const pid = await until(
      'the clone is under way',
      () => existsSync(pidFile) && Number(readFileSync(pidFile, 'utf8')),
    );
    const began = Date.now();
    cancel.abort('enough');
    await done;
    expect(Date.now() - began).toBeLessThan(20_000);
    await until('git and what it started is gone', () => !isAlive(pid));
    expect(existsSync(path.join(directory, 'repo'))).toBe(false);
  });

  it('are not cloned at all once the study is cancelled', async () => {
    repository();
    expect(await clone({}, plainHost(), AbortSignal.abort('enough'))).toEqual([]);
    expect(readdirSync(directory)).toEqual(['origin']);
  });
});

describe('the repositories of a study that was begun before', () => {
  it('are left as they are: steps may have changed them', async () => {
    repository();
    await clone({});
    writeFileSync(path.join(directory, 'repo/file'), 'built');
    expect(await clone({})).toEqual([]);
    expect(cloned()).toBe('built');
    study = temporaryDirectory();
    await expect(clone({})).rejects.toThrow(HostError);
  });

  it('are left as they are though their branch has moved since', async () => {
    const { three } = repository();
    await clone({ checkout: { kind: 'branch', name: 'main' } });
    writeFileSync(path.join(directory, 'origin/file'), 'four');
    git('commit', '--quiet', '-a', '-m', 'four');
    expect(await clone({ checkout: { kind: 'branch', name: 'main' } })).toEqual([]);
    expect([cloned(), readFileSync(path.join(directory, 'repo/.git/HEAD'), 'utf8')]).toEqual([
      'three',
      expect.any(String),
    ]);
    expect(git('rev-parse', 'HEAD~1')).toBe(three);
  });

  it('are left as they are though the spec wants another version now, which is warned of with what is there', async () => {
    const { one } = repository();
    await clone({ checkout: { kind: 'tag', name: 'v1' } });
    expect(await clone({ checkout: { kind: 'branch', name: 'main' } })).toEqual([
      `warning: git dependency 'repo' is still the earlier clone, tag v1 at ${one.slice(0, 12)}, although the spec now says ` +
        `branch main of ${url()}: to get that, remove ${directory}/repo, or start over with \`resume: never\``,
    ]);
    expect(cloned()).toBe('one');
  });

  it('are cloned anew once somebody has removed them, as the spec wants them now', async () => {
    repository();
    await clone({ checkout: { kind: 'tag', name: 'v1' } });
    rmSync(path.join(directory, 'repo'), { recursive: true });
    await clone({ checkout: { kind: 'branch', name: 'feature/two' } });
    expect(cloned()).toBe('two');
    expect(await clone({ checkout: { kind: 'branch', name: 'feature/two' } })).toEqual([]);
  });

  it('of an earlier version, whose mark was empty, are left as they are', async () => {
    repository();
    await clone({});
    const [mark] = readdirSync(path.join(study, '.conductor/cloned'));
    writeFileSync(path.join(study, '.conductor/cloned', mark!), '');
    expect(await clone({ checkout: { kind: 'tag', name: 'v1' } })).toEqual([]);
  });

  it('are not mistaken for what else is in their place, however often it is tried', async () => {
    repository();
    mkdirSync(path.join(directory, 'repo'));
    writeFileSync(path.join(directory, 'repo/file'), 'somebody else');
    for (const _ of [1, 2]) await expect(clone({})).rejects.toThrow(/exists and is not empty/);
    expect(cloned()).toBe('somebody else');
  });

  it('are cloned if they are not there yet, or empty', async () => {
    repository();
    expect(await clone({})).toEqual([`Cloning ${url()} to ${directory}/repo`]);
    mkdirSync(path.join(directory, 'other'));
    await clone({ destination: path.join(directory, 'other') });
    expect([cloned(), cloned('other')]).toEqual(['three', 'three']);
  });

  it('are cloned anew where a git was killed in the middle', async () => {
    repository();
    const partial = path.join(directory, `repo.${shortHash(study)}.partial-clone`);
    mkdirSync(path.join(partial, '.git/objects'), { recursive: true });
    writeFileSync(path.join(partial, 'file'), 'half');
    await clone({});
    expect(cloned()).toBe('three');
    expect(readdirSync(directory).sort()).toEqual(['origin', 'repo']);
  });

  it('are cloned once, if several studies clone to one place at the same time', async () => {
    repository();
    const studies = Array.from({ length: 4 }, () => temporaryDirectory());
    const whole: Clone = { name: 'repo', url: url(), destination: path.join(directory, 'repo'), checkout: undefined };
    const cancel = new AbortController().signal;
    const done = await Promise.allSettled(
      studies.map((studyPath) =>
        cloneRepositories({ host: plainHost(), studyPath, clones: [whole], cancel, log: silent }),
      ),
    );
    expect(done.some(({ status }) => status === 'fulfilled')).toBe(true);
    expect(cloned()).toBe('three');
    expect(readdirSync(path.join(directory, 'repo')).sort()).toEqual(['.git', 'file']);
  });
});

describe('a clone', () => {
  /** A host with a git that does something else before, or after, what it does. */
  const withGit = (script: string) => {
    mkdirSync(path.join(directory, 'bin'));
    writeFileSync(path.join(directory, 'bin/git'), `#!/bin/bash\n${script}\n`, { mode: 0o755 });
    return plainHost('', { PATH: `${directory}/bin:${plainEnvironment.PATH}` });
  };
  const real = 'PATH=${PATH#*:}; unset -f git; command git';

  it('is not seen before it is whole, and checked out', async () => {
    repository();
    const [go, there] = [path.join(directory, 'go'), path.join(directory, 'there')];
    const host = withGit(
      `${real} "$@" || exit; [ "$1" != clone ] || { touch '${there}'; until [ -e '${go}' ]; do sleep 0.01; done; }`,
    );
    const done = clone({ checkout: { kind: 'tag', name: 'v1' } }, host);
    await until('git has cloned', () => existsSync(there));
    expect(existsSync(path.join(directory, 'repo'))).toBe(false);
    writeFileSync(go, '');
    await done;
    expect(cloned()).toBe('one');
    expect(readdirSync(directory).some((name) => name.includes('partial'))).toBe(false);
  });

  it('that lacks what is to be checked out is not there, and can be had once that is right', async () => {
    repository();
    const checkout = { kind: 'tag', name: 'gone' } as const;
    await expect(clone({ checkout })).rejects.toThrow(/cannot be cloned from .*gone/);
    expect(existsSync(path.join(directory, 'repo'))).toBe(false);
    await clone({ checkout: { kind: 'tag', name: 'v1' } });
    expect(cloned()).toBe('one');
  });

  it('that is given up in the middle is not there', async () => {
    repository();
    const [begun, cancel] = [path.join(directory, 'begun'), new AbortController()];
    const done = clone({}, withGit(`${real} "$@" || exit; touch '${begun}'; exec sleep 60`), cancel.signal);
    await until('git has cloned', () => existsSync(begun));
    cancel.abort('enough');
    await done;
    expect(existsSync(path.join(directory, 'repo'))).toBe(false);
  });

  it('is not made twice if its end was not seen', async () => {
    repository();
    const host = new LosingHost('after', 2);
    await clone({}, host);
    expect(cloned()).toBe('three');
    expect(host.commands.filter((command) => command.includes('git clone'))).toHaveLength(3);
    expect(readdirSync(directory).sort()).toEqual(['origin', 'repo']);
  });

  it('is made again if the way to the machine broke before it was there', async () => {
    repository();
    const host = new LosingHost('before', 3);
    await clone({ checkout: { kind: 'tag', name: 'v1' } }, host);
    expect(cloned()).toBe('one');
    expect(readdirSync(directory).sort()).toEqual(['origin', 'repo']);
  });

  it('fails if the way stays broken', async () => {
    repository();
    await expect(clone({}, new LosingHost('before', 99))).rejects.toThrow(HostLostError);
    expect(existsSync(path.join(directory, 'repo'))).toBe(false);
  });

  it('is made although the way broke as it was looked for', async () => {
    repository();
    const host = new LosingHost('before', 1, () => true);
    await clone({}, host);
    expect([host.losses, cloned()]).toEqual([1, 'three']);
  });

  it('goes where a link to an empty directory is', async () => {
    repository();
    mkdirSync(path.join(directory, 'target'));
    symlinkSync('target', path.join(directory, 'repo'));
    await clone({});
    expect(cloned()).toBe('three');
  });
});

describe('the paths of a study', () => {
  const at = (line: number) => ({ file: 'study.yaml', line, column: 5 });

  function check(...paths: string[]) {
    const spec = { paths: paths.map((given, i) => ({ name: `P${i}`, path: given, at: at(i + 1) })) } as unknown as Spec;
    const places: Places = { studyPath: '/study', specRoot: '/spec', workingDirectory: directory };
    return checkPaths(plainHost(), plainHost(), spec, places);
  }

  it('are no problem if they are there, as a file or a directory, from where the study was started', async () => {
    mkdirSync(path.join(directory, 'inputs'));
    writeFileSync(path.join(directory, `inputs/it's $HOME "x"`), '');
    expect(await check('inputs', './inputs/', directory, `inputs/it's $HOME "x"`, '/dev/null')).toEqual([]);
  });

  it('are a problem each, on its line, if they are not', async () => {
    mkdirSync(path.join(directory, 'b'));
    expect(await check('a', 'b', '/no/such/c')).toEqual([
      {
        severity: 'error',
        at: at(1),
        message: "the path of dependency 'P0' does not exist on this machine: a",
        hint: `relative paths start at ${directory}`,
      },
      expect.objectContaining({
        at: at(3),
        message: "the path of dependency 'P2' does not exist on this machine: /no/such/c",
      }),
    ]);
  });

  it('need no command if there are none', async () => {
    const host = new WatchedHost();
    const spec = { paths: [] } as unknown as Spec;
    const places: Places = { studyPath: '/study', specRoot: '/spec', workingDirectory: directory };
    expect(await checkPaths(host, host, spec, places)).toEqual([]);
    expect(host.commands).toEqual([]);
  });
});

describe('the paths of a study that runs on another machine', () => {
  const at = (line: number) => ({ file: 'study.yaml', line, column: 5 });

  /** Of `directory`, in which the study was started, `project` is copied; of the other machine there is `/there` only. */
  async function check(...paths: string[]) {
    mkdirSync(path.join(directory, 'project/inputs'), { recursive: true });
    writeFileSync(path.join(directory, 'beside'), '');
    const there = temporaryDirectory();
    writeFileSync(path.join(there, 'data'), '');
    const [host, here] = [new OtherMachine(there), new WatchedHost()];
    const spec = { paths: paths.map((given, i) => ({ name: `P${i}`, path: given, at: at(i + 1) })) } as unknown as Spec;
    const places: Places = {
      studyPath: '/study',
      specRoot: '/study/copy',
      workingDirectory: directory,
      staged: { from: path.join(directory, 'project'), to: '/study/copy' },
    };
    return { problems: await checkPaths(host, here, spec, places), host, here };
  }

  it('are no problem if they will be copied, or are on it', async () => {
    const { problems, host, here } = await check('project/inputs', './project/', 'project/../project', '/there/data');
    expect(problems).toEqual([]);
    // What is copied is looked for here, all else there.
    expect([host.commands.length, here.commands.length]).toEqual([1, 1]);
    expect(host.commands[0]).not.toContain('inputs');
  });

  it('are a problem each, in the order of the spec, which says on which machine they are missing, and what to do', async () => {
    const { problems } = await check('project/gone', '/there/gone', 'beside', 'gone', '/there/data', directory);
    expect(problems).toEqual([
      {
        severity: 'error',
        at: at(1),
        message:
          "the path of dependency 'P0' does not exist on this machine, from which it would be copied: project/gone",
        hint: `relative paths start at ${directory}`,
      },
      expect.objectContaining({
        at: at(2),
        message: "the path of dependency 'P1' does not exist on me@cluster: /there/gone",
      }),
      {
        severity: 'error',
        at: at(3),
        message: `the path of dependency 'P2' is not in what is copied to me@cluster (${directory}/project): beside`,
        hint: 'choose with `stage` a directory that has it, or give the absolute path of what is on me@cluster',
      },
      expect.objectContaining({
        at: at(4),
        message: "the path of dependency 'P3' does not exist on this machine, from which it would be copied: gone",
      }),
      expect.objectContaining({
        at: at(6),
        message: `the path of dependency 'P5' does not exist on me@cluster: ${directory}`,
      }),
    ]);
  });
});

/** A machine of which there is one directory only, called `/there`. */
class OtherMachine extends WatchedHost {
  override readonly name = 'me@cluster' as 'this machine';
  readonly #there: string;

  constructor(there: string) {
    super();
    this.#there = there;
  }

  override spawn(command: string, options?: SpawnOptions): HostProcess {
    return super.spawn(
      command.replaceAll(/-e \/(there)?/g, (_, is) => `-e ${is ? this.#there : '/nonexistent/'}`),
      options,
    );
  }
}

/** A machine the way to which breaks under what `isMeant` of its commands: before they run, or after they have. */
class LosingHost implements Host {
  readonly name = 'this machine';
  readonly commands: string[] = [];
  losses = 0;
  readonly #host = plainHost();
  readonly #when: 'before' | 'after';
  readonly #times: number;
  readonly #isMeant: (command: string) => boolean;

  constructor(when: 'before' | 'after', times: number, isMeant = (command: string) => command.includes('git clone')) {
    this.#when = when;
    this.#times = times;
    this.#isMeant = isMeant;
  }

  spawn(command: string, options?: SpawnOptions): HostProcess {
    this.commands.push(command);
    if (this.losses >= this.#times || !this.#isMeant(command)) return this.#host.spawn(command, options);
    this.losses += 1;
    const process = this.#host.spawn(this.#when === 'before' ? ':' : command);
    const exit = process.exit.then(() => {
      throw new HostLostError('the way to the machine broke');
    });
    return { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr, exit, leave: () => process.leave() };
  }
}
