import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { quote, quoteAll } from '../../src/util/shell-quote.js';
import { yamlOf } from '../support/plan.js';
import { Checkout, isSitePossible, Site } from '../support/site.js';
import { SshServer } from '../support/ssh-server.js';
import { temporaryDirectory } from '../support/temporary.js';
import { until } from '../support/wait.js';

const study = yamlOf({
  batch: { type: 'flux' },
  steps: [
    { name: 'make', cmd: 'echo made > made' },
    { name: 'run', procs: 1, nested: false, depends: ['make'], cmd: 'cat $(make.workspace)/made' },
  ],
});

const several = Array.from({ length: 6 }, (_, i) => `run${i}`);
const jobs = yamlOf({
  batch: { type: 'flux' },
  steps: several.map((name) => ({ name, procs: 1, nested: false, cmd: 'echo ran >> runs; sleep 0.3' })),
});

/** In these tests the login node says that it has another name than the compute node, which is the same machine. */
function otherName(): string {
  const directory = temporaryDirectory();
  for (const name of ['uname', 'hostname']) {
    writeFileSync(path.join(directory, name), '#!/bin/sh\necho login1\n', { mode: 0o755 });
  }
  return `export PATH=${quote(directory)}:"$PATH"`;
}

describe.skipIf(!isSitePossible('brokers on compute nodes'))('a broker on a compute node', () => {
  let site: Site;
  let allocation: string;
  beforeAll(async () => {
    site = await Site.start();
    allocation = await site.allocate();
  });
  afterAll(() => site?.stop());

  /** A compute node's own sshd, and a program for FLUX_SSH that reaches it under whatever name. */
  async function computeNode(): Promise<{ readonly node: SshServer; readonly ssh: string }> {
    const node = await SshServer.forTest();
    const directory = temporaryDirectory();
    const file = (name: string) => path.join(directory, name);
    writeFileSync(file('known_hosts'), node.knownHosts);
    const config = [
      'Host *',
      '  HostName 127.0.0.1',
      `  User ${node.user}`,
      `  Port ${node.port}`,
      `  IdentityFile ${(await node.newKey()).path}`,
      `  UserKnownHostsFile ${file('known_hosts')}`,
      '  StrictHostKeyChecking yes',
      '  BatchMode yes',
    ];
    writeFileSync(file('config'), `${config.join('\n')}\n`);
    writeFileSync(file('ssh'), `#!/bin/sh\nexec ${quoteAll(['ssh', '-F', file('config')])} "$@"\n`, { mode: 0o755 });
    return { node, ssh: file('ssh') };
  }

  // One more login than there are connections to the broker asks which machine the node is.
  const setupWith = (ssh: string) => `${site.setup}\nexport FLUX_SSH=${quote(ssh)}\n${otherName()}`;
  const socketOf = async () =>
    (await site.command('flux', 'uri', '--local', `slurm:${allocation}`)).trim().replace('local://', '');

  it('is reached by ssh from the login node, with the program that FLUX_SSH names', async () => {
    const { node, ssh } = await computeNode();
    const checkout = new Checkout(site, { ...site.inputs(), setup: setupWith(ssh) }).write('study.yaml', study);
    const flux = `ssh://node1${await socketOf()}`;
    expect(await checkout.run({ flux })).toMatchObject({ code: 0, stderr: '' });
    expect(checkout.states).toEqual(['make FINISHED', 'run FINISHED']);
    expect(checkout.report.study.fluxUri).toBe(flux);
    expect(checkout.read(checkout.report.steps[1].stdout)).toBe('made\n');
    expect(node.logins).toBe(2);
  });

  it('is reached by ssh when Slurm tells where it is', async () => {
    const { node, ssh } = await computeNode();
    const checkout = new Checkout(site, { ...site.inputs(), setup: setupWith(ssh) }).write('study.yaml', study);
    expect(await checkout.run({ flux: `slurm:${allocation}` })).toMatchObject({ code: 0, stderr: '' });
    expect(checkout.report.study.fluxUri).toMatch(/^ssh:\/\/[^/]+\/.+/);
    expect(node.logins).toBe(2);
  });

  it('is reached by ssh again after that way broke', async () => {
    const { node, ssh } = await computeNode();
    const checkout = new Checkout(site, { ...site.inputs(), setup: setupWith(ssh) }).write('study.yaml', jobs);
    const { ended } = checkout.start(['run', 'study.yaml'], { flux: `slurm:${allocation}` });
    await until('a job runs', () => checkout.has('run0/runs'));
    node.killSessions();
    expect(await ended).toMatchObject({ code: 0 });
    expect(several.map((name) => checkout.read(`${name}/runs`))).toEqual(several.map(() => 'ran\n'));
    expect(node.logins).toBe(3);
  });

  it('is reached as a step of its Slurm job where ssh to it is refused', async () => {
    const checkout = new Checkout(site, { ...site.inputs(), setup: setupWith('/bin/false') }).write('study.yaml', jobs);
    expect(await checkout.run({ flux: `slurm:${allocation}` })).toMatchObject({ code: 0, stderr: '' });
    expect(several.map((name) => checkout.read(`${name}/runs`))).toEqual(several.map(() => 'ran\n'));
    expect(await site.slurm.command('squeue', '--noheader', '--format=%i')).toBe(`${allocation}\n`);
  });

  it('that cannot be reached says what each way ended with, and what to do', async () => {
    const checkout = new Checkout(site, { ...site.inputs(), setup: setupWith('/bin/false') }).write(
      'study.yaml',
      study,
    );
    const { code, stderr } = await checkout.run({ flux: `ssh://node1${await socketOf()}` });
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^cannot use the Flux broker ssh:\/\/node1\/\S+, `flux: \S+`: .*ssh node1: ended with exit 1/,
    );
    expect(stderr).toContain('it is on node1, and must be reached by ssh from the host');
    expect(checkout.studyPath).toBeUndefined();
  });
});
