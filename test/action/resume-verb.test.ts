import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Desk } from '../support/desk.js';
import { yamlOf } from '../support/plan.js';

const breaking = yamlOf({
  steps: [
    { name: 'one', cmd: 'echo $(N) >> $(OUTPUT_PATH)/ran' },
    {
      name: 'two',
      cmd: 'cd $(OUTPUT_PATH); echo two >> ran; while [ -e held ]; do sleep 0.1; done; test -e fixed',
      depends: ['one_*'],
    },
  ],
  parameters: { N: [1, 2] },
});

describe('resume', () => {
  it('runs what has not finished, with the overlay and the options of before, though the spec is gone', async () => {
    const desk = new Desk(breaking);
    const { code } = await desk.run('run', 'study.yaml', '-o', 'out', '--parameters', 'N: {values: [7], label: N.%%}');
    expect(code).toBe(2);
    desk.write('out/fixed');
    writeFileSync(desk.path('study.yaml'), 'gone');
    const { code: again, stdout, stderr } = await desk.run('resume', 'out');
    expect({ again, stderr }).toEqual({ again: 0, stderr: '' });
    expect(stdout).toMatch(/^Study demo FINISHED/m);
    expect(desk.read('out/ran')).toBe('7\ntwo\ntwo\n');
  });

  it('adds to the history of the study, and compares with it', async () => {
    const desk = new Desk(breaking);
    expect(await desk.run('run', 'study.yaml', '-o', 'out', '--history', 'nights')).toMatchObject({ code: 2 });
    desk.write('out/fixed');
    const { code, stderr } = await desk.run('resume', 'out');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const [directory, ...others] = readdirSync(desk.path('nights'));
    expect(others).toEqual([]);
    expect(readdirSync(desk.path(`nights/${directory}`))).toHaveLength(2);
    expect(desk.read('out/.conductor/report/summary.md')).toContain('Compared with 1 earlier run');
  });

  it('says which inputs have to be given again, because they may be secrets and are not kept', async () => {
    const desk = new Desk(breaking);
    await desk.run('run', 'study.yaml', '-o', 'out', '--env', 'TOKEN=hunter2', '--setup', 'true');
    const refused = await desk.run('resume', 'out');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      "it was run with --env and --setup, which may hold secrets and are not kept: give them again ('' for none)",
    );
    expect(readFileSync(desk.path('out/.conductor/inputs.json'), 'utf8')).not.toContain('hunter2');
    desk.write('out/fixed');
    const { code } = await desk.run('resume', 'out', '--env', 'TOKEN=other', '--setup', '');
    expect(code).toBe(0);
  });

  it('--detach leaves it to itself again', async () => {
    const desk = new Desk(breaking);
    await desk.run('run', 'study.yaml', '-o', 'out');
    desk.write('out/fixed');
    desk.write('out/held');
    const { code, stdout, stderr } = await desk.run('resume', 'out', '--detach');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('The study of 3 steps runs detached');
    rmSync(desk.path('out/held'));
    expect(await desk.ended('out')).toMatch(/^Study demo FINISHED/m);
    expect(
      desk
        .read('out/ran')
        .split('\n')
        .filter((line) => line === 'two'),
    ).toHaveLength(2);
    expect((await desk.run('collect')).stdout).toContain('FINISHED');
  });

  it('--detach gives the conductor the overlay of before, whose secrets it does not tell', async () => {
    const desk = new Desk(breaking);
    const overlay = 'N: {values: [7], label: N.%%}';
    await desk.run('run', 'study.yaml', '-o', 'out', '--parameters', overlay, '--variables', '{TOKEN: s3cretvalue}');
    desk.write('out/fixed');
    await desk.run('resume', 'out', '--detach');
    expect(await desk.ended('out')).toMatch(/^Study demo FINISHED in .*: 2 steps/m);
    expect(desk.read('out/ran')).toBe('7\ntwo\ntwo\n');
    expect(desk.log('out')).not.toContain('s3cretvalue');
  });

  it('goes on with a detached study that was left, by the answer that its generator gave', async () => {
    const generator =
      'from maestrowf.datastructures.core import ParameterGenerator\n' +
      'def get_custom_generator(env, **kwargs):\n' +
      '    p = ParameterGenerator()\n' +
      '    p.add_parameter("N", [4, int(kwargs["LAST"])], "N.%%")\n' +
      '    return p\n';
    const desk = new Desk(breaking, { 'gen.py': generator });
    await desk.run('run', 'study.yaml', '-o', 'out', '--detach', '--pgen', 'gen.py', '--pargs', 'LAST:5');
    expect(await desk.ended('out')).toMatch(/^Study demo FAILURE/m);
    desk.write('gen.py', 'raise Exception("asked again")');
    desk.write('out/fixed');
    const { code, stderr } = await desk.run('resume', 'out');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(desk.read('out/ran').split('\n').sort()).toEqual(['', '4', '5', 'two', 'two']);
  });

  it('is refused for a study whose inputs were not kept, with what does go on with it', async () => {
    const desk = new Desk(breaking);
    await desk.run('run', 'study.yaml', '-o', 'out');
    const kept = JSON.parse(desk.read('out/.conductor/inputs.json'));
    desk.write('out/.conductor/inputs.json', JSON.stringify({ ...kept, inputs: undefined }));
    const { code, stderr } = await desk.run('resume', 'out');
    expect(code).toBe(1);
    expect(stderr).toContain('`run` with --output-path continues it');
    expect(readdirSync(desk.path('out'))).toContain('one');
  });
});
