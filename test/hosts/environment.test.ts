import { writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { callersEnvironment } from '../../src/hosts/environment.js';
import { HostError } from '../../src/hosts/host.js';
import { loginEnvironment } from '../../src/hosts/login-environment.js';
import { plainEnvironment } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';

describe("the caller's environment", () => {
  it('lacks all that a runner adds, and nothing else', () => {
    const kept = {
      PATH: '/bin',
      HOME: '/home/ada',
      EMPTY: '',
      CI: 'true',
      MY_GITHUB_TOKEN: 'x',
      INPUTS: 'x',
      GITHUB: 'x',
      github_token: 'x',
      STATEMENT: 'x',
      RUNNERS_UP: 'x',
    };
    expect(
      callersEnvironment({
        ...kept,
        'INPUT_DRY-RUN': 'true',
        INPUT_: 'x',
        GITHUB_TOKEN: 'x',
        ACTIONS_RUNTIME_TOKEN: 'x',
        RUNNER_TEMP: 'x',
        STATE_isPost: 'x',
        UNSET: undefined,
      }),
    ).toEqual(kept);
  });

  it("never has a name of the runner's, whatever follows", () => {
    const prefixes = fc.constantFrom('INPUT_', 'GITHUB_', 'ACTIONS_', 'RUNNER_', 'STATE_');
    fc.assert(
      fc.property(prefixes, fc.string(), (prefix, rest) => {
        expect(callersEnvironment({ [prefix + rest]: 'secret' })).toEqual({});
      }),
    );
  });
});

describe("a login shell's environment", () => {
  function home(profile: string): Record<string, string> {
    const directory = temporaryDirectory();
    writeFileSync(path.join(directory, '.bash_profile'), profile);
    return { ...plainEnvironment, HOME: directory };
  }

  it("has what the user's profile sets, whatever that prints", async () => {
    const own = home(`echo welcome; printf 'a\\0b\\0'; echo careful >&2\nexport GREETING=$'it\\'s\\ntwo = lines'\n`);
    const environment = await loginEnvironment(own);
    expect(environment).toMatchObject({ HOME: own.HOME, GREETING: "it's\ntwo = lines" });
    expect(environment.PATH).toContain('/bin');
  });

  it('has nothing of ours but who we are', async () => {
    const environment = await loginEnvironment({
      ...home(''),
      USER: 'ada',
      LANG: 'C.UTF-8',
      TZ: 'UTC',
      GITHUB_TOKEN: 'secret',
      INPUT_SPEC: 'secret',
      OF_WORKFLOW: 'secret',
      NODE_OPTIONS: 'secret',
      BASH_ENV: '/secret',
    });
    expect(environment).toMatchObject({ USER: 'ada', LANG: 'C.UTF-8', TZ: 'UTC' });
    expect(Object.values(environment).filter((value) => value.includes('secret'))).toEqual([]);
  });

  it('keeps functions that a profile exports, such as `module`', async () => {
    const environment = await loginEnvironment(home('module() { echo "loaded $1"; }; export -f module\n'));
    expect(environment['BASH_FUNC_module%%']).toContain('loaded');
  });

  it('is an error of the host if the profile ends it', async () => {
    const login = loginEnvironment(home('echo quota exceeded >&2\nexit 7\n'));
    await expect(login).rejects.toThrow(HostError);
    await expect(login).rejects.toThrow('a login shell on this machine fails (exit 7): quota exceeded');
  });

  it('waits for no input', async () => {
    const environment = await loginEnvironment(home('read -r -p "password: " answer; export ANSWER=${answer:-none}\n'));
    expect(environment.ANSWER).toBe('none');
  });

  it('is there although the home is not', async () => {
    const environment = await loginEnvironment({ ...plainEnvironment, HOME: '/no/such/home' });
    expect(environment.HOME).toBe('/no/such/home');
  });

  it('is there without a home', async () => {
    const { HOME, ...homeless } = plainEnvironment;
    expect((await loginEnvironment(homeless)).PATH).toContain('/bin');
  });
});
