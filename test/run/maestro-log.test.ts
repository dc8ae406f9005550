import { expect, it } from 'vitest';
import { MaestroLog } from '../../src/run/maestro-log.js';

function shown(lines: readonly string[]): string[] {
  const seen: string[] = [];
  const log = new MaestroLog({ info: (line) => seen.push(line), warning: (line) => seen.push(`warning: ${line}`) });
  for (const line of lines) log.add(line);
  log.end();
  return seen;
}

it('picks warnings and errors out of the log of Maestro', () =>
  expect(
    shown(['[10:00: INFO] Logging Level -- Enabled', '[10:00: INFO] a', '', '[10:00: WARNING] b', '[10:00: ERROR] c']),
  ).toEqual(['[10:00: INFO] a', 'warning: [10:00: WARNING] b', 'warning: [10:00: ERROR] c']));

it('has no more than a few of them as warnings, and counts the others', () => {
  const lines = [1, 2, 3, 4, 5, 6, 7, 8].map((number) => `[10:00: WARNING] ${number}`);
  expect(shown(lines)).toEqual([
    ...lines.slice(0, 5).map((line) => `warning: ${line}`),
    ...lines.slice(5),
    "warning: Maestro's log has 3 more warnings and errors",
  ]);
});

it('cuts a line that is very long', () => {
  const [line] = shown([`[10:00: INFO] ${'x'.repeat(1_000_000)}`]);
  expect(line).toMatch(/x\.\.\. \(996014 more characters\)$/);
});
