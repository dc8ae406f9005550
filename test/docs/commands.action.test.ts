import { execFile } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundlePath, type Ended } from '../support/bundle.js';
import { plainEnvironment } from '../support/hosts.js';
import { commandsOf, root, userPages } from '../support/markdown.js';
import { yamlOf } from '../support/plan.js';
import { installedSshd, SshServer, type UserKey } from '../support/ssh-server.js';

/** Commands that are not run here, each with the reason, or the test that runs them. */
const elsewhere: readonly (readonly [RegExp, string])[] = [
  [/^git clone https:/, 'it needs the network'],
  [/^gh /, 'it needs GitHub, and a repository there'],
  [/^npm (test|run test:long)/, 'it is of the tests: CI runs them'],
  [/^npm run (build|bench)$/, 'it is for who measures, for minutes'],
  [/^flux start node dist\/index\.js run samples\/flux-sweep\.yaml$/, 'test/conformance/flux.test.ts runs it'],
  [/^node dist\/index\.js run samples\/slurm-sweep\.yaml /, 'test/action/batch-sample.sites.test.ts runs it'],
  [/^node PATH\/dist\/index\.js init /, 'test/action/init.test.ts runs it'],
  [/^squeue /, 'it needs jobs of Slurm'],
  [/^bsub /, 'it needs LSF'],
  [/^#!\/bin\/bash\n#SBATCH /, 'it needs Slurm and Flux'],
];

const pages = userPages().map(({ file, text }) => ({
  file,
  commands: commandsOf(text).map((command) => command.text),
}));
const isElsewhere = (text: string) => elsewhere.some(([pattern]) => pattern.test(text));
const here = pages
  .map(({ file, commands }) => ({ file, commands: commands.filter((text) => !isElsewhere(text)) }))
  .filter(({ commands }) => commands.length > 0);

const isPossible = installedSshd() !== undefined;
if (!isPossible) {
  console.warn('There is no sshd on this machine: NOT TESTED: the commands of the documentation');
  it.skip('NOT TESTED for want of sshd: the commands of the documentation', () => {});
}

it.each(elsewhere)('a page has the command %s, which is not run by this test: %s', (pattern) => {
  expect(pages.flatMap(({ commands }) => commands).filter((text) => pattern.test(text))).not.toEqual([]);
});

describe.skipIf(!isPossible)('the commands of the documentation, on a cluster that is this machine', () => {
  let directory: string;
  let server: SshServer;
  let admin: UserKey;

  beforeAll(async () => {
    directory = mkdtempSync(path.join(realpathSync(tmpdir()), 'maestro-commands-'));
    const home = path.join(directory, 'cluster-home');
    const keys = path.join(home, '.ssh/authorized_keys');
    mkdirSync(path.dirname(keys), { recursive: true, mode: 0o700 });
    // How a site makes `module` known.
    writeFileSync(path.join(home, '.bash_profile'), 'module() { [ "$1" = load ]; }\nexport -f module\n');
    server = await SshServer.start({ home, config: [`AuthorizedKeysFile ${keys}`] });
    admin = await server.newKey({ authorized: false });
    writeFileSync(keys, `${admin.publicKey}\n`);
    const clone = path.join(directory, 'clone');
    for (const folder of ['dist', 'studies']) mkdirSync(path.join(clone, folder), { recursive: true });
    symlinkSync(bundlePath(), path.join(clone, 'dist/index.js'));
    cpSync(path.join(root, 'samples'), path.join(clone, 'samples'), { recursive: true });
    const steps = [{ name: 'only', cmd: 'echo done' }];
    writeFileSync(path.join(clone, 'studies/sweep.yaml'), yamlOf({ steps }));
    writeFileSync(path.join(clone, 'studies/regression.yaml'), yamlOf({ batch: { type: 'flux' }, steps }));
    writeFileSync(path.join(directory, 'known_hosts'), server.knownHosts);
    for (const name of ['one', 'two']) {
      const study = path.join(clone, 'studies/sweep.yaml');
      const report = path.join(clone, 'reports', name);
      await shell(`${process.execPath} dist/index.js run ${study} --report-path ${report}`);
    }
  });
  afterAll(async () => {
    await server?.stop();
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  });

  /** The command with the names of this cluster in place of the site's. */
  function substituted(text: string): string {
    if (text.startsWith('ssh-keyscan ')) return text.replace('login.example.org', `-p ${server.port} 127.0.0.1`);
    const knownHosts = path.join(directory, 'known_hosts');
    const login = `ssh -o UserKnownHostsFile=${knownHosts} -i ${admin.path} -p ${server.port} ${server.user}@127.0.0.1`;
    const key = text.includes('--ssh-key') ? '' : ` --ssh-key @${admin.path} --ssh-known-hosts @${knownHosts}`;
    return text
      .replace('| ssh me@login.example.org', `| ${login}`)
      .replace('--host me@login.example.org', `--host ${server.hostPort}${key}`)
      .replace(/^node /, `${process.execPath} `);
  }

  function shell(command: string): Promise<Ended> {
    const options = { cwd: path.join(directory, 'clone'), env: { ...plainEnvironment, HOME: directory } };
    return new Promise((resolve) => {
      execFile('bash', ['-c', command], options, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });
  }

  it.each(here)('are run, in their order: those of $file', async ({ file, commands }) => {
    for (const text of commands) {
      const { code, stdout, stderr } = await shell(substituted(text));
      expect(code, `${text}\n${stdout}${stderr}`).toBe(0);
      if (text.includes(' run ')) expect(stdout).toMatch(/FINISHED|DRYRUN/);
      if (text.includes('ssh-keygen -lf')) expect(stdout).toContain(server.hostKeys[0]!.fingerprint);
    }
    if (file === 'README.md') {
      const keys = readFileSync(path.join(server.home, '.ssh/authorized_keys'), 'utf8');
      expect(keys).toMatch(/^restrict ssh-ed25519 \S+ maestro-on-flux$/m);
      expect(statSync(path.join(directory, 'clone/cluster-key')).mode & 0o077).toBe(0);
    }
  });
});
