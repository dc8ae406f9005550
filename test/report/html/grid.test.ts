import { describe, expect, it } from 'vitest';
import { gridAxes } from '../../../src/report/html/grid.js';
import { reportHtml } from '../../../src/report/html/report-html.js';
import { nightlyResults } from '../../support/nightly-results.js';
import { ran, resultsOf, type Told } from '../../support/results.js';

/** Instances for each combination of the values of parameters. */
function crossed(values: Readonly<Record<string, readonly string[]>>, isBad: (params: Told['params']) => boolean) {
  const combinations = Object.entries(values).reduce<Record<string, string>[]>(
    (all, [name, some]) => all.flatMap((params) => some.map((value) => ({ ...params, [name]: value }))),
    [{}],
  );
  return resultsOf(
    combinations.map((params) => ({
      name: `run_${Object.values(params).join('.')}`,
      step: 'run',
      params,
      record: ran(1000, isBad(params) ? { state: 'FAILED', reason: 'exit 1' } : {}),
    })),
  ).steps;
}

const letters = ['a', 'b', 'c', 'd', 'e'];
const never = () => false;

describe('the parameters that the grid begins with', () => {
  it('are none without a parameter that has two values', () => {
    expect(gridAxes(resultsOf([{ name: 'make' }]).steps)).toBeUndefined();
    expect(gridAxes(crossed({ A: ['1'] }, never))).toBeUndefined();
  });

  it('are one for a study that has only one: the grid has one row', () => {
    expect(gridAxes(crossed({ A: ['1', '2'], B: ['same'] }, never))).toEqual([null, 'A']);
  });

  it('have more values across than down', () => {
    expect(gridAxes(crossed({ A: letters, B: ['1', '2'] }, never))).toEqual(['B', 'A']);
    expect(gridAxes(crossed({ A: ['1', '2'], B: letters }, never))).toEqual(['A', 'B']);
  });

  it('are those that the failures depend on', () => {
    const values = { A: letters, B: letters, C: ['1', '2', '3'], D: ['1', '2', '3'] };
    expect(gridAxes(crossed(values, never))).toEqual(['A', 'B']);
    expect(gridAxes(crossed(values, (params) => params!.C === '3' && params!.D !== '1'))).toEqual(['C', 'D']);
  });

  it('are not two that change together, which make a diagonal', () => {
    const steps = resultsOf(
      letters.map((letter, i) => ({ name: `run_${letter}`, params: { A: letter, B: String(i) }, record: ran(1) })),
    ).steps;
    expect(gridAxes(steps)).toEqual([null, 'A']);
  });
});

describe('the data of the grid', () => {
  const dataOf = (page: string) =>
    JSON.parse(/<script type="application\/json" id="data">([\s\S]*?)<\/script>/.exec(page)![1]!);

  it('has the axes as places among the parameters, and the metrics of each instance', () => {
    const page = reportHtml(nightlyResults());
    const data = dataOf(page);
    expect(data).toMatchObject({
      params: ['SIZE', 'TRIAL'],
      axes: [0, 1],
      metrics: [{ name: 'grind-time', unit: 'ns/zone', better: 'lower' }],
      causes: ['code'],
    });
    const row = (name: string) => data.rows.find((one: { name: string }) => one.name === name);
    expect(row('make')).toMatchObject({ values: [null] });
    expect(row('run_SIZE.40.TRIAL.3').values[0]).toBeCloseTo(3.31, 1);
    expect(row('run_SIZE.40.TRIAL.3').worse).toEqual([0]);
    expect(row('run_SIZE.40.TRIAL.4').worse).toBeUndefined();
    expect(row('run_SIZE.70.TRIAL.7')).toMatchObject({ cause: 0, values: [null] });
    expect(page).toContain('<h2 id="grid">Grid</h2>');
    expect(page).toContain('The grid of outcomes is made by a script, which does not run here.');
  });

  it('is not there where nothing has two values', () => {
    const page = reportHtml(resultsOf([{ name: 'make', record: ran(1) }]));
    expect(dataOf(page)).toMatchObject({ metrics: [], causes: [] });
    expect(dataOf(page).axes).toBeUndefined();
    expect(page).not.toContain('id="grid"');
  });
});
