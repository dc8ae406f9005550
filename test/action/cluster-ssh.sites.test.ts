import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { plainEnvironment } from '../support/hosts.js';
import { dedent, yamlOf } from '../support/plan.js';
import { Checkout, isSitePossible, Site } from '../support/site.js';
import { clients } from '../support/ssh-hosts.js';
import { SshServer } from '../support/ssh-server.js';

const local = yamlOf({ steps: [{ name: 'only', cmd: 'echo done' }] });
const job = yamlOf({ batch: { type: 'flux' }, steps: [{ name: 'only', procs: 1, nested: false, cmd: 'echo done' }] });

/** A setup with which there is no Flux, also where the machine of the tests has one. */
const withoutFlux = `PATH=${plainEnvironment.PATH}`;

const sweep = dedent(`
  description: {name: sweep, description: A test.}
  env:
    variables:
      TOOLS: $(SPECROOT)/tools
    dependencies:
      paths:
        - {name: BASE, path: $(SPECROOT)/../inputs/base.txt}
  batch:
    type: flux
  study:
    - name: make
      description: A local step.
      run:
        cmd: cat $(BASE) > made; echo "$MARK" >> made
    - name: run
      description: A job.
      run:
        procs: 1
        nested: false
        depends: [make]
        cmd: $(TOOLS)/work $(SIZE) $(make.workspace)/made > result.txt
    - name: inside
      description: An instance of its own.
      run:
        procs: 1
        depends: [run_*]
        cmd: cat $(run.workspace)/*/result.txt | sort > all; echo "\${FLUX_URI:+has a broker}"
  global.parameters:
    SIZE:
      values: [10, 20]
      label: SIZE.%%
`);

describe.skipIf(!isSitePossible('studies on a cluster by SSH'))('a study on a cluster by SSH', () => {
  let site: Site;
  let allocation: string;
  beforeAll(async () => {
    site = await Site.start();
    allocation = await site.allocate();
  });
  afterAll(() => site?.stop());

  describe.each(clients)('with the client %s', (client) => {
    it('runs in an instance within an allocation, on a copy of what it needs', async () => {
      const checkout = new Checkout(site, site.inputs(client))
        .write('studies/sweep.yaml', sweep)
        .write('studies/tools/work', '#!/bin/sh\necho "$1 $(cat "$2" | tr "\\n" " ")"\n', 0o755)
        .write('inputs/base.txt', 'base\n');
      const { code, stdout, stderr } = await checkout.start(['run', 'studies/sweep.yaml'], {
        stage: '.',
        flux: `slurm:${allocation}`,
        env: 'MARK=marked',
      }).ended;
      expect([code, stderr]).toEqual([0, '']);
      expect(checkout.states).toEqual([
        'make FINISHED',
        'run_SIZE.10 FINISHED',
        'run_SIZE.20 FINISHED',
        'inside FINISHED',
      ]);
      expect(checkout.studyPath).toMatch(/\/maestro-studies\/[^/]+\/sweep_[0-9]{8}-[0-9]{6}$/);
      expect(checkout.read('inside/all')).toBe('10 base marked \n20 base marked \n');
      const { study, steps } = checkout.report;
      expect(checkout.read(steps[3].stdout)).toBe('has a broker\n');
      expect(checkout.read(steps[1].script)).toContain(`${checkout.studyPath}/.conductor/stage/studies/tools/work 10`);
      expect(checkout.read(steps[0].script)).toContain(`cat ${checkout.studyPath}/.conductor/stage/inputs/base.txt`);
      expect(study).toMatchObject({
        path: checkout.studyPath,
        host: `${site.server.user}@127.0.0.1:${site.server.port}`,
        scheduler: 'flux',
        spec: 'studies/sweep.yaml',
        fluxUri: expect.stringMatching(/^local:\/\/\//),
      });
      expect(stdout).toContain(`Flux broker ${study.fluxUri}, \`flux: slurm:${allocation}\`:`);
      expect(checkout.read('logs/sweep.log')).toContain(`Study directory ${checkout.studyPath}`);
      // Nothing of it is on this machine but its reports.
      expect(readdirSync(checkout.directory).sort()).toEqual(['inputs', 'report', 'studies']);
    });

    it('that fails brings the logs of what failed, and what is to be collected', async () => {
      const checkout = new Checkout(site, site.inputs(client)).write(
        'study.yaml',
        yamlOf({
          batch: { type: 'flux' },
          steps: [
            { name: 'good', procs: 1, nested: false, cmd: 'echo 1 > result:1.csv; echo 2 > other.txt' },
            { name: 'bad', procs: 1, nested: false, cmd: 'echo no input >&2; exit 3' },
            { name: 'after', depends: ['bad'], cmd: 'true' },
          ],
        }),
      );
      const { code, stderr } = await checkout.run({ flux: `slurm:${allocation}`, collect: 'good/*.csv' });
      expect([code, checkout.states]).toEqual([2, ['good FINISHED', 'bad FAILED', 'after FAILED']]);
      expect(stderr).toMatch(/^study\.yaml:\d+: error: bad FAILED: exit 3\n +no input\n +\(bad\/bad\..*\.err\)$/m);
      expect(checkout.reported('good/result%3A1.csv')).toBe('1\n');
      expect(readdirSync(path.join(checkout.directory, 'report/good'))).toEqual(['result%3A1.csv']);
      const [log] = readdirSync(path.join(checkout.directory, 'report/logs'));
      expect(log).toMatch(/^bad/);
    });
  });

  it('of local steps only needs no Flux', async () => {
    const checkout = new Checkout(site, { ...site.inputs(), setup: '' }).write('study.yaml', local);
    expect(await checkout.run()).toMatchObject({ code: 0, stderr: '' });
    expect(checkout.report.study).toMatchObject({ scheduler: 'local', fluxUri: null });
  });

  describe('stages', () => {
    it('thousands of files, less .git and what is left out', async () => {
      const checkout = new Checkout(site).write('study.yaml', local).write('.git/HEAD', 'x').write('sub/.git', 'x');
      checkout.write('data/left.tmp', 'x').write('data/cache/left', 'x').write('cache', 'a file stays\n');
      for (let i = 0; i < 5000; i++) checkout.write(`data/${i % 50}/file-${i}`, `${i}\n`);
      const { code, stdout } = await checkout.run({ 'stage-exclude': '*.tmp\ncache/' });
      expect(code).toBe(0);
      expect(stdout).toMatch(/^Staged 5002 files, /m);
      const staged = path.join(checkout.studyPath!, '.conductor/stage');
      expect(readdirSync(staged).sort()).toEqual(['cache', 'data', 'study.yaml', 'sub']);
      expect(readdirSync(path.join(staged, 'sub'))).toEqual([]);
      expect(readdirSync(path.join(staged, 'data'))).toHaveLength(50);
      expect(checkout.read('.conductor/stage/data/49/file-4999')).toBe('4999\n');
    });

    it('nothing without the spec', async () => {
      const checkout = new Checkout(site).write('study.yaml', local).write('data/x', 'x');
      const before = site.server.logins;
      const { code, stderr } = await checkout.run({ stage: 'data' });
      expect(code).toBe(1);
      expect(stderr).toBe(
        `the study ${checkout.directory}/study.yaml is not in the directory to be staged, ${checkout.directory}/data\n`,
      );
      expect(checkout.studyPath).toBeUndefined();
      expect(site.server.logins - before).toBeLessThan(2);
    });

    it('no dependency that is outside of it', async () => {
      const dependencies = { paths: [{ name: 'BASE', path: 'base.txt' }] };
      const study = yamlOf({ dependencies, steps: [{ name: 'only', cmd: 'cat $(BASE)' }] });
      const checkout = new Checkout(site).write('study/study.yaml', study).write('base.txt', 'x');
      const { code, stderr } = await checkout.start(['run', 'study/study.yaml'], {}).ended;
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /^study\/study\.yaml:\d+:\d+: the path of dependency 'BASE' is not in what is copied to .*: .*base\.txt \(choose with `stage` a directory that has it, /,
      );
      expect(checkout.studyPath).toBeUndefined();
    });
  });

  describe('says plainly', () => {
    it('that there is no flux, and how it would be found', async () => {
      const checkout = new Checkout(site, { ...site.inputs(), setup: withoutFlux }).write('study.yaml', job);
      const { code, stderr } = await checkout.run({ flux: `slurm:${allocation}` });
      expect(code).toBe(1);
      expect(stderr).toMatch(/there is no `flux` on PATH/);
      expect(stderr).toMatch(/with `setup` \(`module load flux`\)/);
      expect(checkout.studyPath).toBeUndefined();
    });

    it('what `flux uri` says of a job that is not there', async () => {
      const checkout = new Checkout(site).write('study.yaml', job);
      const { code, stderr } = await checkout.run({ flux: 'slurm:999999' });
      expect(code).toBe(1);
      expect(stderr).toContain("cannot find the Flux broker 'slurm:999999': ");
      expect(stderr).toMatch(/flux-uri: ERROR: .*999999/);
    });

    it('that the home of the user cannot be written to', async () => {
      // Not by root either.
      const server = await SshServer.forTest({ home: '/sys' });
      const { text } = await server.newKey();
      const there = { host: server.hostPort, 'ssh-known-hosts': server.knownHosts, 'ssh-key': text };
      const checkout = new Checkout(site, { ...site.inputs(), ...there }).write('study.yaml', local);
      const { code, stderr } = await checkout.run();
      expect(code).toBe(1);
      expect(stderr).toMatch(
        /^cannot create the study directory \/sys\/maestro-studies\/.* on \S+: mkdir: cannot create directory .*\n$/,
      );
    });

    it('that the host key is another', async () => {
      const other = await site.server.newKey();
      const knownHosts = `[127.0.0.1]:${site.server.port} ${other.publicKey}\n`;
      const checkout = new Checkout(site, { ...site.inputs(), 'ssh-known-hosts': knownHosts }).write(
        'study.yaml',
        local,
      );
      const { code, stderr } = await checkout.run();
      expect(code).toBe(1);
      expect(stderr).toContain('host key');
    });
  });

  describe('is looked into beforehand by doctor', () => {
    it('which finds all that is there', async () => {
      const checkout = new Checkout(site);
      const { code, stdout, stderr } = await checkout.start(['doctor'], { flux: `slurm:${allocation}` }).ended;
      expect(stderr).toBe('');
      for (const name of ['connection', 'bash', 'tar', 'studies', 'flux', 'broker', 'a job']) {
        expect(stdout).toMatch(new RegExp(`^ok {4}${name}: `, 'm'));
      }
      expect(stdout).toContain(`ok    a job: it ran, and can write to ${checkout.root}\n`);
      expect([code, stdout.includes('FAIL')]).toEqual([0, false]);
    });

    it('which finds what is wrong, and says what to do', async () => {
      const checkout = new Checkout(site, { ...site.inputs(), setup: withoutFlux }).write('study.yaml', job);
      const { code, stdout } = await checkout.start(['doctor', 'study.yaml'], {
        flux: `slurm:${allocation}`,
        'output-path': '/sys/studies/one',
      }).ended;
      expect(code).toBe(1);
      expect(stdout).toMatch(/^ok {4}connection: /m);
      expect(stdout).toMatch(
        /^FAIL {2}studies: \/sys\/studies cannot be written to \(choose another place with output-path\)/m,
      );
      expect(stdout).toMatch(/^FAIL {2}broker: .*there is no `flux` on PATH .*\(`module load flux`\)/m);
    });

    it('which tells why it cannot connect', async () => {
      const stranger = await site.server.newKey({ authorized: false });
      const checkout = new Checkout(site, { ...site.inputs(), 'ssh-key': stranger.text });
      const { code, stdout } = await checkout.start(['doctor']).ended;
      expect(code).toBe(1);
      expect(stdout).toMatch(/^FAIL {2}connection: /m);
    });
  });
});
