import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { Desk } from '../support/desk.js';
import { plainEnvironment } from '../support/hosts.js';
import { yamlOf } from '../support/plan.js';
import { SshServer } from '../support/ssh-server.js';
import { until } from '../support/wait.js';

const slow = yamlOf({
  steps: [
    {
      name: 'wait',
      cmd: 'while [ ! -e $(OUTPUT_PATH)/../go ]; do sleep 0.1; done; cat $(SPECROOT)/data; echo "$SECRET"',
    },
    { name: 'after', cmd: 'echo over', depends: ['wait'] },
  ],
});

describe('run --detach', () => {
  it('ends once the study runs, which goes on until it is over', async () => {
    const desk = new Desk(slow, { data: 'staged\n' });
    const { code, stdout, stderr } = await desk.run('run', 'study.yaml', '--detach', '-o', 'out', '--env', 'SECRET=x1');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('The study of 2 steps runs detached on this machine: its steps have begun');
    // What it needs of the working directory it has by now.
    writeFileSync(path.join(desk.directory, 'data'), 'changed\n');
    writeFileSync(path.join(desk.directory, 'go'), '');
    expect(await desk.ended('out')).toMatch(/^Study demo FINISHED in /m);
    const [output] = readdirSync(path.join(desk.directory, 'out/wait')).filter((name) => name.endsWith('.out'));
    expect(desk.read(`out/wait/${output}`)).toBe('staged\nx1\n');
  });

  it('keeps what may be secret from others while the study runs, and from the disk once it is over', async () => {
    const desk = new Desk(slow, { data: '' });
    await desk.run('run', 'study.yaml', '--detach', '-o', 'out', '--env', 'SECRET=hunter2');
    const startDirectory = desk.startDirectory('out');
    expect(statSync(startDirectory).mode & 0o777).toBe(0o700);
    expect(statSync(path.join(startDirectory, 'secrets.json')).mode & 0o777).toBe(0o600);
    expect(readFileSync(path.join(startDirectory, 'secrets.json'), 'utf8')).toContain('hunter2');
    expect(readFileSync(path.join(startDirectory, 'order.json'), 'utf8')).not.toContain('hunter2');
    writeFileSync(path.join(desk.directory, 'go'), '');
    await desk.ended('out');
    expect(readdirSync(startDirectory).sort()).toEqual([
      'conductor.log',
      'order.json',
      'started',
      'state.json',
      'tree.digest',
    ]);
  });

  it('keeps overlays with the study, for its owner alone, and takes their secrets out of all that is said of it', async () => {
    const cmd = 'echo "no account for $(API_TOKEN)" >&2; exit 3';
    const desk = new Desk(yamlOf({ variables: { API_TOKEN: 'none' }, steps: [{ name: 'one', cmd }] }));
    const overlay = '{API_TOKEN: s3cretvalue, N: 2}';
    const { code } = await desk.run('run', 'study.yaml', '--detach', '-o', 'out', '--variables', overlay);
    expect([0, 2]).toContain(code);
    expect(await desk.ended('out')).toContain('no account for ***');
    const files = readdirSync(desk.path('out'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(desk.path('out'), path.join(entry.parentPath, entry.name)))
      .filter((name) => desk.read(`out/${name}`).includes('s3cretvalue'));
    // What the step runs, what it prints and what the study is planned with again; nothing that is told of it.
    expect(files.map((name) => name.replace(/\.\d+\.err$/, '.err')).sort()).toEqual([
      '.conductor/inputs.json',
      '.conductor/report/logs/one.err',
      'one/one.err',
      'one/one.sh',
    ]);
    expect(statSync(desk.path('out/.conductor/inputs.json')).mode & 0o777).toBe(0o600);
    expect(desk.read('out/.conductor/report/report.json')).toContain('no account for ***');
  });

  it('is refused with all that is wrong with the study, and starts nothing', async () => {
    const desk = new Desk(yamlOf({ steps: [{ name: 'one', cmd: 'true', depends: ['wiat'] }] }));
    const { code, stderr } = await desk.run('run', 'study.yaml', '--detach', '-o', 'out');
    expect(code).toBe(1);
    expect(stderr).toContain('wiat');
    expect(existsSync(path.join(desk.directory, 'out'))).toBe(false);
  });

  it('is confirmed if it is started again, and has one conductor', async () => {
    const desk = new Desk(slow, { data: '' });
    await desk.run('run', 'study.yaml', '--detach', '-o', 'out', '--study-key', 'one');
    const { code, stdout } = await desk.run('run', 'study.yaml', '--detach', '-o', 'out', '--study-key', 'one');
    expect(code).toBe(0);
    expect(stdout).toContain('was started before, and runs detached');
    expect(desk.conductors).toHaveLength(1);
    writeFileSync(path.join(desk.directory, 'go'), '');
    await desk.ended('out');
  });

  it('needs a Node on the host, and says how to get one there', async () => {
    const desk = new Desk(slow, { data: '' });
    const { code, stderr } = await desk.run('run', 'study.yaml', '--detach', '-o', 'out', '--detach-node', '/no/node');
    expect(code).toBe(1);
    expect(stderr).toBe(
      '/no/node on this machine is not a working Node; a detached study needs 20 or newer: put one on PATH with --setup (module load nodejs), or name it with --detach-node\n',
    );
    expect(existsSync(path.join(desk.directory, 'out'))).toBe(false);
  });

  it('asks a parameter generator where it was started, and not on the host', async () => {
    const generator =
      'from maestrowf.datastructures.core import ParameterGenerator\n' +
      'def get_custom_generator(env, **kwargs):\n' +
      '    open("asked", "a").write("x")\n' +
      '    p = ParameterGenerator()\n' +
      '    p.add_parameter("N", [1, 2, 3], "N.%%")\n' +
      '    return p\n';
    const cmd = 'until [ -e $(OUTPUT_PATH)/../go ]; do sleep 0.1; done; echo $(N)';
    const study = yamlOf({ steps: [{ name: 'one', cmd }] });
    const desk = new Desk(study, { 'gen.py': generator });
    const { code, stdout, stderr } = await desk.run('run', 'study.yaml', '--detach', '-o', 'out', '--pgen', 'gen.py');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('The study of 3 steps runs detached');
    desk.write('go');
    expect(await desk.ended('out')).toMatch(/^Study demo FINISHED in .*: 3 steps, 3 finished$/m);
    expect(desk.read('asked')).toBe('x');
  });

  it('runs on a host by SSH, on a copy, though the process that started it is killed as it starts', async () => {
    const PATH = `${path.dirname(process.execPath)}:${plainEnvironment.PATH}`;
    const server = await SshServer.forTest({ environment: { PATH } });
    const key = await server.newKey();
    const desk = new Desk(slow, { data: 'copied\n' });
    const ssh = ['--host', server.hostPort, '--ssh-key', `@${key.path}`, '--ssh-known-hosts', server.knownHosts];
    const far = path.join(desk.directory, 'far');
    const { process: driver, ended } = desk.start('run', 'study.yaml', '--detach', '-o', far, ...ssh);
    await until('the conductor drives the study', () => existsSync(path.join(far, '.conductor/fences')));
    driver.kill('SIGKILL');
    await ended;
    writeFileSync(path.join(desk.directory, 'go'), '');
    expect(await desk.ended('far')).toMatch(/^Study demo FINISHED in /m);
  });
});
