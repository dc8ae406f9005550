import { isFailure, isOver, isSkipped, lastJob } from '../study/state.js';
import { oneLine, printable } from '../util/log/plain-text.js';
import { byStep, lastWords, reasonOf, type StepResult, type StudyResults } from './results.js';

/** What a reader of JUnit's format makes of an instance. */
type Verdict =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failure' | 'error'; readonly type: string; readonly message: string; readonly text: string }
  | { readonly kind: 'skipped'; readonly message: string };

/** A test suite, as both schemas in use allow it. */
export interface Suite {
  readonly name: string;
  readonly package: string;
  /** Milliseconds since the epoch. */
  readonly began: number;
  readonly hostname: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly cases: readonly Case[];
}

export interface Case {
  readonly name: string;
  readonly classname: string;
  /** Milliseconds. */
  readonly time: number;
  readonly verdict: Verdict;
}

/** The text of junit.xml: a test suite for each step of the spec, a test case for each of its instances. */
export function junitXml(results: StudyResults): string {
  return suitesXml(
    [...byStep(results.steps).values()].map((steps) => {
      const { step, at } = steps[0]!.step;
      const suite = suiteOf(results, steps, step);
      return { ...suite, properties: { ...suite.properties, place: `${results.spec}:${at.line}` } };
    }),
  );
}

/**
 * It has what both schemas in use allow, Ant's and that of Jenkins' xunit plugin, and nothing else: so no attributes on
 * `testsuites`, no output in a test case, and times without a zone (they are UTC).
 */
export function suitesXml(suites: readonly Suite[]): string {
  return ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites>', ...suites.map(suiteXml), '</testsuites>', ''].join(
    '\n',
  );
}

/** A suite of instances. Jenkins groups test cases by what is before the last dot of `within` and the step's name, and shows what follows it. */
export function suiteOf(
  results: StudyResults,
  steps: readonly StepResult[],
  name: string,
  within = results.name,
): Suite {
  const starts = steps.flatMap(({ record }) => record.started ?? record.submitted ?? []);
  return {
    name,
    package: results.name,
    began: starts.reduce((first, time) => Math.min(first, time), starts[0] ?? results.started),
    hostname: results.host,
    properties: {
      study: results.name,
      status: results.status,
      directory: results.path,
      scheduler: results.scheduler,
    },
    cases: steps.map((result) => ({
      name: result.step.name,
      classname: `${within}.${result.step.step}`,
      time: runTime(result, results),
      verdict: verdictOf(result, results),
    })),
  };
}

function suiteXml(suite: Suite, id: number): string {
  const { cases } = suite;
  const count = (kind: Verdict['kind']) => String(cases.filter(({ verdict }) => verdict.kind === kind).length);
  const attributes = {
    id: String(id),
    name: nameOf(suite.name),
    package: nameOf(suite.package),
    timestamp: new Date(suite.began).toISOString().slice(0, 19),
    hostname: nameOf(suite.hostname),
    tests: String(cases.length),
    failures: count('failure'),
    errors: count('error'),
    skipped: count('skipped'),
    time: seconds(cases.reduce((sum, { time }) => sum + time, 0)),
  };
  return [
    ` <testsuite${attributesXml(attributes)}>`,
    '  <properties>',
    ...Object.entries(suite.properties).map(([name, value]) => `   <property${attributesXml({ name, value })}/>`),
    '  </properties>',
    ...cases.map(caseXml),
    '  <system-out/>',
    '  <system-err/>',
    ' </testsuite>',
  ].join('\n');
}

function caseXml({ name, classname, time, verdict }: Case): string {
  const attributes = attributesXml({ name: nameOf(name), classname: nameOf(classname), time: seconds(time) });
  switch (verdict.kind) {
    case 'passed':
      return `  <testcase${attributes}/>`;
    case 'skipped':
      return `  <testcase${attributes}>\n   <skipped${attributesXml({ message: verdict.message })}/>\n  </testcase>`;
    case 'failure':
    case 'error': {
      const { kind, type, message, text } = verdict;
      const element = `<${kind}${attributesXml({ type, message })}>${escapeXml(text)}</${kind}>`;
      return `  <testcase${attributes}>\n   ${element}\n  </testcase>`;
    }
  }
}

function verdictOf(result: StepResult, results: StudyResults): Verdict {
  const { step, record, outputs } = result;
  if (record.state === 'DRYRUN') return { kind: 'skipped', message: 'a dry run: it was staged only' };
  const place = `${results.spec}:${step.at.line}`;
  // A step that is not over has no verdict. Skipped, it would let a study that was cut short look as if it had passed.
  if (!isOver(record)) {
    const message = `${record.state} when the study was interrupted`;
    return { kind: 'error', type: 'INTERRUPTED', message, text: [place, results.interruption].join('\n').trimEnd() };
  }
  if (isSkipped(record)) return { kind: 'skipped', message: oneLine(reasonOf(record)) || 'it was not run' };
  if (record.state === 'CANCELLED') return { kind: 'skipped', message: oneLine(record.reason) || 'cancelled' };
  if (!isFailure(record.state)) return { kind: 'passed' };
  const reason = oneLine(reasonOf(record)) || record.state.toLowerCase();
  // A failure that may be must not fail a check, but did not pass either: readers show why a test was skipped.
  if (record.tolerated) return { kind: 'skipped', message: reason };
  const text = [place, ...(outputs === null ? [] : [`${results.path}/${outputs.stderr}`]), lastWords(result)].join(
    '\n',
  );
  return { kind: 'failure', type: record.state, message: reason, text };
}

/** How long its last job ran, or has run so far. Milliseconds. */
function runTime({ record }: StepResult, { ended }: StudyResults): number {
  const job = lastJob(record);
  return job?.started == null ? 0 : Math.max(0, (job.ended ?? ended) - job.started);
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}

/** A name: the schemas want one that is more than blanks. */
function nameOf(text: string): string {
  return oneLine(text).trim() || 'unnamed';
}

function attributesXml(attributes: Readonly<Record<string, string>>): string {
  let text = '';
  for (const name in attributes) text += ` ${name}="${escapeXml(oneLine(attributes[name]!))}"`;
  return text;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
};

/** Text that XML 1.0 can hold: of the characters that it cannot, none is left, not even as a reference. */
function escapeXml(text: string): string {
  if (/^[\w.,:;/ -]*$/.test(text)) return text;
  return printable(text)
    .replace(/[\ud800-\udfff\ufffe\uffff]/gu, '\ufffd')
    .replace(/[&<>"\t]/g, (character) => entities[character]!);
}
