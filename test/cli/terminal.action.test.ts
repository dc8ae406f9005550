import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { plainEnvironment } from '../support/hosts.js';
import { temporaryDirectory } from '../support/temporary.js';
import { inTerminal } from '../support/terminal.js';

const study = `description:
  name: slow
  description: One step takes its time, one fails.
study:
  - name: waits
    description: Waits.
    run:
      cmd: sleep 1.2
  - name: fails
    description: Fails.
    run:
      cmd: |
        echo '::error::of a step'; echo nope >&2; exit 3
`;

let directory: string;
beforeEach(() => {
  directory = temporaryDirectory();
  writeFileSync(path.join(directory, 'study.yaml'), study);
});

const env = { ...plainEnvironment };
const run = (more: Record<string, string> = {}, columns = 80) =>
  inTerminal(['run', 'study.yaml', '--output-path', 'out'], {
    cwd: directory,
    env: { ...env, HOME: directory, ...more },
    columns,
  });

const hasColor = (written: string) => /\u001b\[[0-9]+m/.test(written);
const liveLines = (written: string) =>
  [...written.matchAll(/\r\u001b\[K(\[\d\/2\][^\r\n\u001b]*)/g)].map(([, line]) => line!);

describe('in a terminal', () => {
  it('states have colours, and a last line tells how far the study is and is gone in the end', async () => {
    const { code, written, screen } = await run();
    expect(code).toBe(2);
    expect(written).toContain('\u001b[32mFINISHED\u001b[0m');
    expect(written).toContain('\u001b[31mFAILED\u001b[0m');
    const lines = liveLines(written);
    expect(lines.length).toBeGreaterThan(3);
    // Once for each line that is printed, and four times a second.
    expect(lines.length).toBeLessThan(30);
    expect(lines).toContainEqual(expect.stringMatching(/^\[1\/2\] 1 running, 1 failed {2}[0-9.]+s$/));
    expect(screen.filter((line) => / (running|pending)/.test(line))).toEqual([]);
    expect(screen.at(-2)).toMatch(/^Study slow FAILURE in .*: 2 steps, 1 finished, 1 failed$/);
    expect(screen.at(-1)).toBe('');
  });

  it('the last line is cut to the width', async () => {
    const { written } = await run({}, 20);
    expect(liveLines(written).length).toBeGreaterThan(3);
    expect(Math.max(...liveLines(written).map((line) => line.length))).toBe(19);
  });

  it.each([
    ['NO_COLOR', { NO_COLOR: '1' }, false, true],
    ['TERM=dumb', { TERM: 'dumb' }, false, false],
    ['CI', { CI: 'true' }, false, false],
    ['CI and FORCE_COLOR', { CI: 'true', FORCE_COLOR: '1' }, true, false],
    ['FORCE_COLOR=0', { FORCE_COLOR: '0' }, false, true],
  ])('%s is honoured', async (_, given, isColored, isLive) => {
    const { written } = await run(given);
    expect([hasColor(written), liveLines(written).length > 0]).toEqual([isColored, isLive]);
  });

  it('what is cancelled by a signal leaves no line behind', async () => {
    // A shell makes what it starts in the background ignore ^C's own signal.
    const shell = '$COMMAND & until [ -e out/waits/up ]; do sleep 0.1; done; sleep 0.6; kill -TERM $!; wait $!';
    const long = ['run', 'study.yaml', '--output-path', 'out'];
    writeFileSync(path.join(directory, 'study.yaml'), study.replace('sleep 1.2', 'touch up; exec sleep 50'));
    const { code, written, screen } = await inTerminal(long, {
      cwd: directory,
      env: { ...env, HOME: directory },
      shell,
    });
    expect(code).toBe(3);
    expect(liveLines(written).length).toBeGreaterThan(0);
    expect(screen.filter((line) => / running/.test(line))).toEqual([]);
    expect(screen.join('\n')).toContain('Study slow CANCELLED in');
  });

  it('texts can be copied as they are, unless a runner of workflows may read them', async () => {
    const options = { cwd: directory, env: { ...env, HOME: directory } };
    const spec = '::warning::.yaml';
    const shown = (written: string) => written.split('\n').find((line) => line.includes('warning'));
    const { written } = await inTerminal(['validate', spec], options);
    expect(shown(written)).toBe(`cannot read the study ${spec}: there is no such file`);
    writeFileSync(path.join(directory, spec), study);
    const valid = await inTerminal(['validate', spec], options);
    expect(valid.written).toBe(`${spec} is valid: 2 steps\n`);
    const inWorkflow = await inTerminal(['validate', spec], {
      ...options,
      env: { ...options.env, GITHUB_ACTIONS: 'x' },
    });
    expect(inWorkflow.written).toBe(`:\u200b${spec.slice(1)} is valid: 2 steps\n`);
  });

  it('help is as wide as that', async () => {
    const { written } = await inTerminal(['run', '--help'], { cwd: directory, env, columns: 60 });
    const lines = written.split('\n').filter((line) => line.startsWith('        '));
    expect(Math.max(...lines.map((line) => line.length))).toBeGreaterThan(50);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
  });

  it('a study can be typed', async () => {
    const options = { cwd: directory, env: { ...env, HOME: directory } };
    const { code, screen } = await inTerminal(['validate', '-'], { ...options, typed: study });
    expect([code, screen.at(-2)]).toEqual([0, 'stdin is valid: 2 steps']);
    expect(screen.join('\n')).toContain('note: type the study, and end it with Ctrl-D');
    const wrong = await inTerminal(['validate', '-', '--throttle=x'], { ...options, typed: '' });
    expect(wrong.screen.join('\n')).toContain("--throttle must be a whole number from 0 up, not 'x'");
    expect(wrong.screen.join('\n')).not.toContain('Ctrl-D');
  });
});
