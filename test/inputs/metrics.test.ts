import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { readableMetrics, withMetricsText } from '../../src/inputs/metrics.js';
import { preflight } from '../../src/inputs/preflight.js';
import { type InputName, inputsSchema } from '../../src/inputs/schema.js';
import { Mistakes } from '../../src/run/mistakes.js';
import { temporaryDirectory } from '../support/temporary.js';

const nameOf = (name: string) => `--${name}`;
const time = "time:\n  pattern: 'time = (\\S+)'\n";

/** The message of what is thrown; '' if nothing is. */
async function refusal(metrics: string, directory = '/nonexistent'): Promise<string> {
  try {
    await readableMetrics({ metrics }, { nameOf, directory });
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('the input metrics', () => {
  it('is a text', async () => {
    const { metrics, warnings } = await readableMetrics({ metrics: time }, { nameOf, directory: '/nonexistent' });
    expect(metrics.map(({ name, pattern }) => [name, pattern])).toEqual([['time', 'time = (\\S+)']]);
    expect(warnings).toEqual([]);
  });

  it('is the path of a file, if it is one line without a colon', async () => {
    const directory = temporaryDirectory();
    writeFileSync(path.join(directory, 'figures.yaml'), `${time}  unit: [s]\n`);
    expect(await refusal('figures.yaml\n', directory)).toBe(
      "figures.yaml:3:9: 'unit' of metric 'time' must be a text that is not empty",
    );
  });

  it.each([
    ['gone.yaml', '--metrics: cannot read gone.yaml: there is no such file'],
    ['.', '--metrics: cannot read .: it is a directory'],
    ['latin1', '--metrics: cannot read latin1: it is not UTF-8'],
  ])('cannot be the path %s of no such file', async (given, message) => {
    const directory = temporaryDirectory();
    writeFileSync(path.join(directory, 'latin1'), Buffer.from([0xe4]));
    expect(await refusal(given, directory)).toBe(message);
  });

  it.each([
    [
      'time:\n  pattern: "("',
      "--metrics:2:12: 'pattern' of metric 'time' is not a valid regular expression: /(/: Unterminated group",
    ],
    ['# nothing:', '--metrics:1:1: there are no metrics'],
  ])('is refused with the place of what is wrong: %j', async (text, message) =>
    expect(await refusal(text)).toBe(message),
  );

  it('is left out if it is empty', async () => expect(await refusal('\n')).toBe(''));

  it('is passed on as its text to those who have no file of it', () => {
    const directory = temporaryDirectory();
    writeFileSync(path.join(directory, 'figures.yaml'), time);
    const texts = (metrics: string) => [...withMetricsText(new Map([['metrics', metrics]]), { metrics }, directory)];
    expect(texts('figures.yaml')).toEqual([['metrics', time]]);
    expect(texts(time)).toEqual([['metrics', time]]);
    // That it is missing is said elsewhere.
    expect(texts('gone.yaml')).toEqual([['metrics', 'gone.yaml']]);
  });
});

describe('before a start', () => {
  async function mistakesOf(given: Partial<Record<InputName, string>>): Promise<string> {
    const mistakes = new Mistakes(['--throttle is wrong']);
    const inputs = inputsSchema.parse(given);
    await preflight(undefined, inputs, mistakes, { nameOf, directory: temporaryDirectory(), warn: () => {} });
    try {
      mistakes.refuse();
      return '';
    } catch (error) {
      return (error as Error).message;
    }
  }

  it('what is wrong with the metrics is told with all else that is wrong', async () =>
    expect((await mistakesOf({ metrics: 'time: {patern: x}' })).split('\n')).toEqual([
      '--throttle is wrong',
      "--metrics:1:1: 'pattern' is missing from metric 'time'",
      "--metrics:1:8: unknown key 'patern' of metric 'time' (did you mean 'pattern'?)",
    ]));
});
