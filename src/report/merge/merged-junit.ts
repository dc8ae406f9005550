import { type Suite, suiteOf, suitesXml } from '../junit.js';
import { emptinessOf, type Leg, type MergedResults } from './merge.js';

/** The text of the junit.xml of a merged result: a test suite for each machine. */
export function mergedJunit(merged: MergedResults): string {
  return suitesXml(merged.legs.map((leg) => legSuite(leg, merged)));
}

function legSuite({ name, results }: Leg, merged: MergedResults): Suite {
  if (results !== undefined) return suiteOf(results, results.steps, name, `${results.name}.${name}`);
  const study = merged.studies[0] ?? 'study';
  const empty = emptinessOf(merged);
  const message = 'it was not run: there is no report of it';
  return {
    ...{ name, package: study, hostname: name, properties: { study, status: 'NOTRUN' } },
    // The format wants a time, and there is none.
    began: merged.legs.find((leg) => leg.results !== undefined)?.results?.started ?? 0,
    cases: [
      {
        ...{ name: 'not run', classname: `${study}.${name}`, time: 0 },
        // Readers take what is skipped for green.
        verdict:
          empty === ''
            ? { kind: 'skipped', message }
            : { kind: 'error', type: 'NOTRUN', message, text: `It is no success that ${empty}.` },
      },
    ],
  };
}
